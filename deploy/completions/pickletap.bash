# Completion of pickletap for bash. tests/deploy/completions_test.cc holds it against --help.

# The files below the word being typed; with a second argument, those that match this pattern, and folders. One a line,
# as names have spaces.
_pickletap_files() {
  local IFS=$'\n'
  compopt -o filenames 2>/dev/null
  if [ $# -eq 1 ]; then
    COMPREPLY=($(compgen -f -- "$1"))
  else
    COMPREPLY=($(compgen -f -X "!$2" -- "$1") $(compgen -d -- "$1"))
  fi
}

# Words of a fixed set, or files, for the value of an option. False: this option takes none.
_pickletap_value() {
  case "$1" in
    -i | --interface) COMPREPLY=($(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$2")) ;;
    --fail-on) COMPREPLY=($(compgen -W 'high medium low' -- "$2")) ;;
    -c | --config) _pickletap_files "$2" '*.yaml' ;;
    -o | --output | --evidence) _pickletap_files "$2" ;;
    -f | --filter | --workers | --set) COMPREPLY=() ;;
    *) return 1 ;;
  esac
  return 0
}

_pickletap() {
  local IFS=$' \t\n'
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}"
  local command="" word options=""
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      run | replay | explain | learn | rules | check-config)
        command="$word"
        break
        ;;
    esac
  done
  local common='-h --help'
  local configured="$common -c --config --set -q --quiet -v --verbose"
  case "$command" in
    '')
      COMPREPLY=($(compgen -W "run replay explain learn rules check-config $common --version" -- "$current"))
      return
      ;;
    run) options="$configured -i --interface -f --filter -o --output --evidence --workers" ;;
    replay) options="$configured --json -f --filter -o --output --evidence --fail-on" ;;
    explain) options="$configured --json --fail-on" ;;
    learn) options="$configured -f --filter -o --output --merge --include-dangerous" ;;
    rules) options="$common --json" ;;
    check-config) options="$common -c --config --dump --json --set -q --quiet" ;;
  esac
  _pickletap_value "$previous" "$current" && return
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
    return
  fi
  case "$command" in
    replay | explain | learn) _pickletap_files "$current" ;;
    check-config) _pickletap_files "$current" '*.yaml' ;;
  esac
}

complete -F _pickletap pickletap
