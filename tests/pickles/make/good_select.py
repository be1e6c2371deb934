#!/usr/bin/env python3
"""Turns the recordings of good_*.py into ../good.jsonl: what is kept, what is set apart, what may be reported.

    good_select.py RECORDING.jsonl... [--budget BYTES] [--all FILE]

A line of good.jsonl: {"id", "group", "python": versions that wrote it (or first-last), "expect", "data": base64}.
`expect` is "quiet"
when every name the pickle resolves is of the standard library, else "unknown" (user classes, other packages: only
pickle.unknown-call may be raised, and only for those names). Equal bytes are one entry. Within the budget the smallest
pickle of every set of names (user classes are one) and protocol is kept first, then of every
sequence of opcodes. Pickles that resolve a name of
APART are counted by reason in ../good_apart.txt and not kept. `--all` writes every pickle, for a run over all of them.
"""
import argparse
import base64
import collections
import fnmatch
import hashlib
import json
import os
import pickletools
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
POLICY = os.path.join(HERE, os.pardir, os.pardir, os.pardir, "config", "policy")
sys.path.insert(0, os.path.join(POLICY, "make"))
from make_policy import mapped  # noqa: E402
from pickle_globals import Reader  # noqa: E402

MAX_SIZE = 4000  # of an entry that is kept, in base64
MAX_SIZES = {
    "cpython": 340,
    "standard": 600,
    "exceptions": 400,
    "pandas": 1800,
    "sklearn": 1500,
    "numpy": 1500,
    "tasks": 700,
}
PACKAGES = ("cloudpickle", "dill", "joblib", "numpy", "pandas", "scipy", "sklearn", "torch-shaped")

# Names that a pickle of the recordings resolves and that no data which travels needs: an alarm on them is right.
APART = [
    # a parent hands these to the child it spawns, by a pipe the child inherits and never by the network
    ("multiprocessing.context.*Process", "handed to a spawned child"),
    ("multiprocessing.popen_*", "handed to a spawned child"),
    ("multiprocessing.synchronize.*", "handed to a spawned child"),
    ("multiprocessing.queues.*", "handed to a spawned child"),
    ("multiprocessing.heap.*", "handed to a spawned child"),
    ("multiprocessing.sharedctypes.*", "handed to a spawned child"),
    ("concurrent.futures.process._SafeQueue", "handed to a spawned child"),
    ("multiprocessing.connection.Connection", "a connection pickled without its reducer: a bare descriptor number"),
    ("multiprocessing.managers.MakeProxyType", "reference to what evaluates source"),
    ("multiprocessing.managers.Server", "reference to what serves a network"),
    ("multiprocessing.managers.SharedMemoryManager", "reference to what serves a network"),
    ("multiprocessing.util.Finalize", "reference to what calls what it is given"),
    # test_pickle pickles a reference to every builtin
    ("builtins.__build_class__", "dangerous builtin by reference"),
    ("builtins.__import__", "dangerous builtin by reference"),
    ("builtins.breakpoint", "dangerous builtin by reference"),
    ("builtins.compile", "dangerous builtin by reference"),
    ("builtins.delattr", "dangerous builtin by reference"),
    ("builtins.dir", "dangerous builtin by reference"),
    ("builtins.eval", "dangerous builtin by reference"),
    ("builtins.exec", "dangerous builtin by reference"),
    ("builtins.execfile", "dangerous builtin by reference"),
    ("builtins.globals", "dangerous builtin by reference"),
    ("builtins.input", "dangerous builtin by reference"),
    ("builtins.raw_input", "dangerous builtin by reference"),
    ("builtins.locals", "dangerous builtin by reference"),
    ("builtins.open", "dangerous builtin by reference"),
    ("builtins.reload", "dangerous builtin by reference"),
    ("builtins.apply", "dangerous builtin by reference"),
    ("builtins.setattr", "dangerous builtin by reference"),
    ("builtins.vars", "dangerous builtin by reference"),
    ("builtins.file", "opens files"),
    ("_io.open", "opens files"),
    ("io.open", "opens files"),
    ("dbm.whichdb", "reads files"),
    ("_frozen_importlib.*", "import machinery"),
    ("importlib.*", "import machinery"),
    ("pkgutil.*", "import machinery"),
    ("imaplib.IMAP4", "connects"),
    ("netrc.netrc", "reads a file of passwords"),
    ("tempfile.*", "makes and removes files"),
    ("timeit.Timer", "runs source"),
    ("types.new_class", "makes classes"),
    ("parser.*", "compiles source"),
    ("compiler.*", "compiles source"),
    ("Bastion.*", "retired sandbox, runs source"),
    ("cmd.Cmd", "reads commands from standard input"),
    ("contextlib.ExitStack", "calls what was put on it"),
    ("dataclasses.dataclass", "evaluates source"),
    ("functools.total_ordering", "writes into what it is given"),
    ("functools.update_wrapper", "writes into what it is given"),
    ("functools.wraps", "writes into what it is given"),
    ("multiprocessing.dummy.Pool", "starts threads and calls its initializer"),
    ("codecs.CodecInfo", "holds functions that convert what follows"),
    # parts of test tools, debuggers and toys, that travel nowhere
    ("unittest.*", "test tools"),
    ("test.support.*", "test tools"),
    ("pickletools.*", "describes opcodes"),
    ("turtle.*", "imports a graphical toolkit"),
    ("tkinter.*", "imports a graphical toolkit"),
    ("_pyio.*", "the pure Python model of io, used by its own tests only"),
    ("builtins.buffer", "rebuilding one fails"),
    ("joblib.parallel.BatchedCalls", "a task that calls what it holds: by pipes of loky only"),
    ("dill._dill._eval_repr", "source by dill: pickle.code-object"),
]


def end_of(data):
    """Where STOP is; bytes after it are not part of the pickle."""
    end = 0
    for op, _, at in pickletools.genops(data):
        end = at
    return end + 1


def look(data):
    """(names, protocol, opcodes with runs collapsed, are there opcodes of a later protocol than it announces)."""
    reader, protocol, needed, shape, last = Reader(), 0, 0, [], None
    for op, arg, _ in pickletools.genops(data):
        if op.name == "PROTO":
            protocol = max(protocol, arg)
        needed = max(needed, op.proto if op.proto > 1 else 0)
        if op.name != last and op.name not in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "FRAME"):
            shape.append(op.code)
        last = op.name
        reader.step(op, arg)
    names = set()
    for module, name in reader.seen:
        names.add(".".join(mapped(module, name) if protocol < 3 else (module, name)))
    return names, protocol, "".join(shape), needed > protocol


def reason_apart(names):
    for pattern, reason in APART:
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            return reason
    return None


def neutral(data):
    """Without the folders of the machine that recorded it: tracebacks name them. Lengths stay."""
    for folder in sorted(
        (sys.prefix, os.path.expanduser("~"), os.path.abspath(os.path.join(HERE, "..", "..", ".."))),
        key=len,
        reverse=True,
    ):
        data = (
            data.replace(folder.encode(), b"/srv".ljust(len(folder), b"x"))
            if len(folder) > 4 and folder != "/usr"
            else data
        )
    return data


def versions_text(versions):
    """The first and the last of them, when there are more than two."""
    ordered = sorted(versions, key=lambda v: tuple(map(int, v.split("."))))
    return ",".join(ordered) if len(ordered) < 3 else ordered[0] + "-" + ordered[-1]


def read(paths):
    """data -> (group, set of versions)."""
    found, counts = {}, collections.Counter()
    for path in paths:
        with open(path, encoding="ascii") as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                    data = neutral(base64.b64decode(record["data"]))
                except ValueError:  # a process was ended in mid-line
                    continue
                counts["lines"] += 1
                if record["how"] == "load":
                    try:
                        data = data[: end_of(data)]
                    except Exception:  # what genops refuses and one unpickler loads
                        counts["loaded, but no pickle for pickletools"] += 1
                        continue
                group = record["source"]
                if group.startswith("test_"):
                    group = "cpython-tests" if record["how"] == "dump" else "cpython-handwritten"
                entry = found.setdefault(data, (group, set()))
                entry[1].add(record["python"])
    return found, counts


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("recordings", nargs="+")
    options.add_argument("--budget", type=int, default=1400000)
    options.add_argument("--all", default="")
    options = options.parse_args()
    with open(os.path.join(POLICY, "stdlib.yaml"), encoding="utf-8") as source:
        stdlib = set(yaml.safe_load(source)["modules"])
    found, counts = read(options.recordings)
    entries, apart = [], collections.Counter()
    for data, (group, versions) in found.items():
        try:
            names, protocol, shape, is_later = look(data)
        except Exception as error:
            counts["not followed: %s" % type(error).__name__] += 1
            continue
        reason = reason_apart(names)
        if is_later and group == "cpython-handwritten":
            reason = "opcode of a later protocol than it announces, by hand"
        if reason:
            apart[group, reason] += 1
            continue
        expect = "quiet" if all(name.split(".")[0] in stdlib for name in names) else "unknown"
        if any(op.name.startswith("EXT") or "PERSID" in op.name for op, _, _ in pickletools.genops(data)):
            expect = "unknown"  # names and objects that only the program knows
        own = group in PACKAGES  # their names matter; elsewhere each test has classes of its own
        entries.append(
            {
                "id": hashlib.sha256(data).hexdigest()[:12],
                "group": group,
                "python": versions_text(versions),
                "expect": expect,
                "data": base64.b64encode(data).decode("ascii"),
                "key": (frozenset(n if n.split(".")[0] in stdlib or own else "" for n in names), protocol),
                "shape": shape,
            }
        )
    entries.sort(key=lambda e: (e["group"] not in PACKAGES, len(e["data"]), e["id"]))

    def line(entry):
        return json.dumps({k: v for k, v in entry.items() if k not in ("key", "shape")}, separators=(",", ":")) + "\n"

    kept, used, seen, ids = [], 0, set(), set()
    for sort in ("key", "shape"):
        for entry in entries:
            mark = (sort, entry["group"] if sort == "key" else "", entry[sort])
            if mark in seen or len(entry["data"]) > MAX_SIZES.get(entry["group"].split("-")[0], MAX_SIZE):
                continue
            if sort == "shape" and (used + len(line(entry)) > options.budget or len(entry["data"]) > 400):
                continue
            seen.add(mark)
            if entry["id"] not in ids:
                ids.add(entry["id"])
                kept.append(entry)
                used += len(line(entry))
    kept.sort(key=lambda e: (e["group"], e["id"]))
    with open(os.path.join(HERE, os.pardir, "good.jsonl"), "w", encoding="ascii") as out:
        out.writelines(line(entry) for entry in kept)
    if options.all:
        with open(options.all, "w", encoding="ascii") as out:
            out.writelines(line(entry) for entry in entries)
    with open(os.path.join(HERE, os.pardir, "good_apart.txt"), "w", encoding="ascii") as out:
        out.write("# Pickles recorded and not held to be harmless, by good_select.py: how many, of which group, why.\n")
        out.writelines("%6d  %-20s %s\n" % (n, group, reason) for (group, reason), n in sorted(apart.items()))
        out.writelines("%6d  %s\n" % (n, what) for what, n in sorted(counts.items()))
    print("%d kept of %d, %d bytes" % (len(kept), len(entries), used))
    for group, n in sorted(collections.Counter(e["group"] for e in entries).items()):
        print("%-20s %6d recorded %6d kept" % (group, n, sum(e["group"] == group for e in kept)))


if __name__ == "__main__":
    main()
