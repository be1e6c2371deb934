#!/usr/bin/env python3
"""Write stdlib.yaml and safe.yaml from measurements, and check all policy files.

    make_policy.py make PYTHON...    measure in each Python, merge with review.yaml, write
    make_policy.py check PYTHON...   do the names exist, are the files consistent

Needs PyYAML. Exit status 1 when a measured name is reviewed nowhere, or a check fails.
"""
import _compat_pickle as compat
import collections
import fnmatch
import json
import os
import subprocess
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
POLICY = os.path.dirname(HERE)
SELF_DESCRIBING = {"exception", "enum", "namedtuple", "structseq", "ast"}
REFERENCED, BUILT, CALLED = range(3)
EXTRA = (
    ("reference_extra", "reference_only"),
    ("value_extra", "value_only"),
    ("new_only_extra", "new_only"),
    ("safe_extra", "safe"),
)


def load(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as source:
        return yaml.safe_load(source)


def run(python, mode, text=None):
    """measure_safe.py in one Python; its output lines."""
    script = os.path.join(HERE, "measure_safe.py")
    result = subprocess.run(
        [python, script, mode],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=300,
    )
    return result.stdout.splitlines()


def mapped(module, name):
    """A name of protocols 0 to 2 as fix_imports reads it."""
    if (module, name) in compat.NAME_MAPPING:
        return compat.NAME_MAPPING[module, name]
    return compat.IMPORT_MAPPING.get(module, module), name


class Review:
    """review.yaml: patterns looked up by full name."""

    def __init__(self):
        self.data = load(HERE, "review.yaml")
        self.used = set()

    def has(self, section, name):
        for pattern in self.data[section]:
            if fnmatch.fnmatchcase(name, pattern):
                self.used.add((section, pattern))
                return True
        return False


def measure(pythons):
    """(module, name) -> (strongest use seen, kinds of object it was seen for)."""
    seen = {}
    for python in pythons:
        for line in run(python, "globals"):
            entry = json.loads(line)
            key = entry["module"], entry["name"]
            key = mapped(*key) if entry["old"] else key
            used, kinds = seen.get(key, (REFERENCED, set()))
            seen[key] = max(used, entry["used"]), kinds | {entry["kind"]}
    return seen


def classify(seen, review, decided):
    """Section of safe.yaml -> set of (module, name), and the names nobody decided."""
    sections = collections.defaultdict(set)
    unreviewed = []
    extra = set(name for section, _ in EXTRA for name in review.data[section])
    for (module, name), (used, kinds) in sorted(seen.items()):
        full = module + "." + name
        if full in decided or review.has("excluded", full):
            continue
        if kinds & SELF_DESCRIBING:
            if not review.has("auto_excluded", full):
                sections["safe" if used else "value_only"].add((module, name))
                if "enum" in kinds and used:
                    sections["shared"].add((module, name))
        elif review.has("safe", full):
            sections["safe"].add((module, name))
        elif review.has("new_only", full):
            sections["new_only"].add((module, name))
        elif module in review.data["reference_families"] + review.data["value_families"] and not used:
            continue
        elif (full in extra or review.has("reference_only", full)) and not used:
            sections["reference_only"].add((module, name))
        elif (full in extra or review.has("value_only", full)) and not used:
            sections["value_only"].add((module, name))
        else:
            unreviewed.append("%s (%s)" % (full, ("referenced", "built", "called")[used]))
    for key, section in EXTRA:
        for full in review.data[key]:
            for names in sections.values():
                names -= set(pair for pair in names if ".".join(pair) == full)
            if full not in decided:
                sections[section].add(split_full(full))
    sections["shared"].update(map(split_full, review.data["shared"]))
    return sections, unreviewed


def split_full(full):
    return split_name(*full.rpartition(".")[::2])


def split_name(module, name):
    """`zoneinfo.ZoneInfo` + `no_cache` is a name of module zoneinfo."""
    head, _, last = module.rpartition(".")
    return (head, last + "." + name) if head and last[:1].isupper() and not name[:1].isupper() else (module, name)


def decided_names():
    """Exact names of conditional.yaml and dangerous.yaml."""
    names = set(load(POLICY, "conditional.yaml")["callables"])
    for group in load(POLICY, "dangerous.yaml")["callables"].values():
        names.update(n for n in group if not n.endswith(".*"))
    return names


def write_names(out, title, comment, names):
    out.write("\n%s%s:\n" % ("".join("# %s\n" % c for c in comment), title))
    by_module = collections.defaultdict(set)
    for module, name in names:
        by_module[module].add(name)
    for module in sorted(by_module):
        line = "  %s: [" % module
        for name in sorted(by_module[module]):
            if len(line.rsplit("\n", 1)[-1]) + len(name) > 110:
                line = line.rstrip() + "\n    "
            line += name + ", "
        out.write(line.rstrip(", ") + "]\n")


HEAD = "# Written by make/make_policy.py; decisions belong into make/review.yaml.\n"


def write_safe(sections, review):
    with open(os.path.join(POLICY, "safe.yaml"), "w", encoding="utf-8") as out:
        out.write("# Names that harmless pickles resolve, measured in CPython 2.7 to 3.13 and reviewed.\n" + HEAD)
        out.write("# A name not listed here, in conditional.yaml or in dangerous.yaml gets the default verdict.\n")
        out.write("version: 1\n")
        write_names(out, "safe", ["May be called and referenced, with any arguments."], sections["safe"])
        write_names(
            out,
            "new_only",
            [
                "May be referenced, and built without __init__ (NEWOBJ, NEWOBJ_EX, the rule",
                "`reconstruct`, INST and OBJ without arguments). A call (REDUCE) is denied.",
            ],
            sections["new_only"],
        )
        write_names(
            out,
            "reference_only",
            [
                "Harmless as a value and as the function of a pool task or a map(): they only compute.",
                "No pickle calls them, so a call is denied.",
            ],
            sections["reference_only"],
        )
        write_names(out, "value_only", ["Harmless as a value; called by whatever, denied."], sections["value_only"])
        write_names(
            out,
            "plain_classes",
            [
                "Classes whose methods only compute: they are as reference_only, those of other",
                "classes as value_only.",
            ],
            map(split_full, review.data["plain_classes"]),
        )
        write_names(
            out,
            "shared",
            [
                "What these return is the program's own (members of enums, loggers): a pickle that",
                "writes into it changes the program.",
            ],
            sections["shared"],
        )
        out.write(
            "\n# Modules of which every name of one component may be called and referenced.\n"
            "# Empty on purpose: a module's names include whatever it imports.\nfamilies: []\n"
        )
        for key, text in (
            ("reference_families", "only computes: as reference_only"),
            ("value_families", "is harmless as a value: as value_only"),
        ):
            out.write("\n# Modules of which every name of one component (no dots in it) %s.\n" % text)
            out.write(key + ":\n" + "".join("  - %s\n" % m for m in sorted(review.data[key])))


def write_stdlib(pythons, review):
    names = set()
    for python in pythons:
        names.update(run(python, "stdlib"))
    for extra in review.data["stdlib_extra"].values():
        names.update(extra)
    names = sorted(n for n in names if n not in review.data["stdlib_not"] and not n.startswith("_sysconfigdata_"))
    with open(os.path.join(POLICY, "stdlib.yaml"), "w", encoding="utf-8") as out:
        out.write(
            "# Top-level modules of the standard library, CPython 2.7 to 3.13, with those of other platforms,\n"
            "# of PyPy and of versions to come. What they contain is denied unless a list says otherwise.\n"
        )
        out.write(HEAD + "version: 1\nmodules:\n" + "".join("  - %s\n" % n for n in names))
    return names


def make(pythons):
    review = Review()
    sections, unreviewed = classify(measure(pythons), review, decided_names())
    for name in unreviewed:
        print("not reviewed: " + name)
    for section in ("safe", "new_only", "reference_only", "value_only", "excluded", "auto_excluded"):
        for pattern in review.data[section]:
            if (section, pattern) not in review.used:
                print("note: %s: %s matches nothing measured" % (section, pattern))
    write_safe(sections, review)
    stdlib = write_stdlib(pythons, review)
    print("modules %d, %s" % (len(stdlib), ", ".join("%s %d" % (k, len(v)) for k, v in sorted(sections.items()))))
    return bool(unreviewed)


# ---------------------------------------------------------------- checks
def resolvable(names, pythons):
    """Of the names, those that some Python resolves, also under their Python 2 names."""
    asked = collections.defaultdict(set)  # a spelling -> the names it may stand for
    for name in names:
        module, _, attribute = name.rpartition(".")
        head, _, tail = name.partition(".")
        old = compat.REVERSE_NAME_MAPPING.get((module, attribute), (module, attribute))
        for spelling in (
            name,
            ".".join(old),
            "%s.%s" % (compat.REVERSE_IMPORT_MAPPING.get(module, module), attribute),
            "%s.%s" % (compat.REVERSE_IMPORT_MAPPING.get(head, head), tail),
        ):
            asked[spelling].add(name)
    found = set()
    for python in pythons:
        for line in run(python, "resolve", "\n".join(sorted(asked)) + "\n"):
            found |= asked[line]
    return found


def check(pythons):
    review = Review()
    stdlib = set(load(POLICY, "stdlib.yaml")["modules"])
    safe, dangerous = load(POLICY, "safe.yaml"), load(POLICY, "dangerous.yaml")
    conditional = load(POLICY, "conditional.yaml")
    problems = []

    owners = collections.defaultdict(list)  # exact or family name -> where it is listed
    for section in ("safe", "new_only", "reference_only", "value_only"):
        for module, names in safe[section].items():
            for name in names:
                owners[module + "." + name].append(section)
    for section in ("plain_classes", "shared"):
        problems += [
            "%s: %s.%s is no harmless name" % (section, module, name)
            for module, names in safe[section].items()
            for name in names
            if module + "." + name not in owners and module + "." + name not in conditional["callables"]
        ]
    for name, entry in conditional["callables"].items():
        owners[name].append("conditional")
        if entry["rule"] not in conditional["rules"]:
            problems.append("conditional: %s has an unknown rule" % name)
    for category, names in dangerous["callables"].items():
        if category not in dangerous["categories"]:
            problems.append("dangerous: no category " + category)
        if names != sorted(set(names)):
            problems.append("dangerous: %s is not sorted and unique" % category)
        for name in names:
            owners[name].append(category)
    problems += ["%s is listed in %s" % (name, " and ".join(where)) for name, where in owners.items() if len(where) > 1]

    # a family has its module, a name itself, to resolve; third parties cannot
    targets = {}
    for name in owners:
        target = name[:-2] if name.endswith(".*") else name
        if target.split(".")[0] in stdlib and not review.has("unresolvable", name):
            targets[name] = target + ".__name__" if name != target else target
    found = resolvable(sorted(set(targets.values())), pythons)
    problems += [
        "%s (%s) resolves in no Python given" % (name, owners[name][0])
        for name, target in sorted(targets.items())
        if target not in found
    ]
    for problem in problems:
        print(problem)
    print("%d names, %d checked against Pythons, %d problems" % (len(owners), len(targets), len(problems)))
    return bool(problems)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("make", "check"):
        sys.exit(__doc__)
    sys.exit({"make": make, "check": check}[sys.argv[1]](sys.argv[2:]))
