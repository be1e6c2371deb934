# Completion of pickletap for fish. tests/deploy/completions_test.cc holds it against --help.
set -l commands run replay explain learn rules check-config

complete -c pickletap -f
complete -c pickletap -s h -l help -d 'Help'
complete -c pickletap -n "not __fish_seen_subcommand_from $commands" -l version -d 'Version and revision'
complete -c pickletap -n "not __fish_seen_subcommand_from $commands" -a run -d 'Capture live until a signal'
complete -c pickletap -n "not __fish_seen_subcommand_from $commands" -a replay -d 'Read captures to their end and report'
complete -c pickletap -n "not __fish_seen_subcommand_from $commands" -a explain -d 'Say what the pickles of a file would do'
complete -c pickletap -n "not __fish_seen_subcommand_from $commands" -a learn -d 'Write the allow list of captures believed good'
complete -c pickletap -n "not __fish_seen_subcommand_from $commands" -a rules -d 'List the rules'
complete -c pickletap -n "not __fish_seen_subcommand_from $commands" -a check-config -d 'Say whether a configuration is valid'

set -l on '__fish_seen_subcommand_from'
complete -c pickletap -n "$on run replay explain learn check-config" -s c -l config -r -F -d 'Configuration file'
complete -c pickletap -n "$on run replay explain learn check-config" -l set -x -d 'Set a key of the configuration'
complete -c pickletap -n "$on run replay explain learn check-config" -s q -l quiet -d 'Say less'
complete -c pickletap -n "$on run replay explain learn" -s v -l verbose -d 'Say more'
complete -c pickletap -n "$on run" -s i -l interface -x -a '(command ls /sys/class/net 2>/dev/null)' -d 'Capture on this interface'
complete -c pickletap -n "$on run" -l workers -x -d 'Threads for each interface'
complete -c pickletap -n "$on run replay learn" -s f -l filter -x -d 'BPF filter, as tcpdump takes it'
complete -c pickletap -n "$on run replay" -s o -l output -r -F -d 'Write EVE JSON lines to this file'
complete -c pickletap -n "$on run replay" -l evidence -r -F -d 'Write packets and pickle of each alert to this folder'
complete -c pickletap -n "$on learn" -s o -l output -r -F -d 'Write the allow list to this file'
complete -c pickletap -n "$on learn" -l merge -d 'Add to the list that is in the file'
complete -c pickletap -n "$on learn" -l include-dangerous -d 'Allow what is dangerous as well'
complete -c pickletap -n "$on replay explain rules check-config" -l json -d 'Machine output on standard output'
complete -c pickletap -n "$on replay explain" -l fail-on -x -a 'high medium low' -d 'Exit with 3 at or above this severity'
complete -c pickletap -n "$on check-config" -l dump -d 'Print the configuration in force'
complete -c pickletap -n "$on replay explain learn check-config" -F
