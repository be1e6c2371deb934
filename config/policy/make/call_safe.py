#!/usr/bin/env python
"""Calls every name of safe.yaml with what an attacker could pass, and tells what the interpreter then did.

    call_safe.py NAMES.txt    one "module name" a line; "module name new" for what is only built without __init__

Each call runs in a forked child with little time and memory, in an empty directory: path and source strings, bytes,
numbers, containers, a marker function in every place. Prints "NAME ARGUMENTS: what" for each event of the kinds exec,
compile, import, open, subprocess, socket, ctypes (sys.audit, Python 3.8 on), for each call of the marker function and
for each change of the directory. A review looks at every line. Runs on Python 2.7 (marker and directory only) and 3.
"""
from __future__ import print_function

import functools
import itertools
import os
import resource
import shutil
import signal
import sys
import tempfile

WATCHED = (
    "exec",
    "compile",
    "open",
    "subprocess.",
    "os.",
    "socket.",
    "ctypes.",
    "import",
    "pickle.",
    "marshal.",
    "builtins.input",
    "code.",
    "shutil.",
    "sqlite3.",
    "urllib.",
    "webbrowser.",
    "tempfile.",
    "mmap.",
    "glob.",
)


def values(marker):
    return [
        "marker_file",
        "open('marker_file','w').close()",
        b"marker",
        0,
        1,
        -1,
        1.5,
        None,
        ("marker_file",),
        ["a", "b"],
        {"a": 1},
        {"marker_file": marker},
        marker,
        [marker],
        (marker, ("a",)),
        "os.system",
        "touch marker_file",
        "UTC",
    ]


def resolve(module, name):
    __import__(module)
    found = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part)
    return found


def child(found, arguments, out):
    events, watching = [], [False]

    def marker(*args, **kwargs):
        events.append("calls its argument")
        return 1

    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
    if hasattr(sys, "addaudithook"):

        def hook(event, args):
            if watching[0] and event.startswith(WATCHED) and len(events) < 20:
                events.append("%s %.60r" % (event, args[:1]))

        sys.addaudithook(hook)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    watching[0] = True
    try:
        result = found(*[v if v != "marker" else marker for v in arguments(marker)])
        for use in (repr, hash, bool, str):  # what freeing, printing and using as a key do
            try:
                use(result)
            except Exception:
                pass
        try:
            list(itertools.islice(iter(result), 3))
        except Exception:
            pass
        del result
    except BaseException:
        pass
    watching[0] = False
    changed = os.listdir(".")
    if changed:
        events.append("makes %s" % changed)
    os.write(out, "\n".join(sorted(set(events))).encode("ascii", "replace"))


def call(found, arguments):
    """The events of one call."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(4)
            folder = tempfile.mkdtemp()
            os.chdir(folder)
            child(found, arguments, writing)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os._exit(0)
    os.close(writing)
    text = b""
    while True:
        block = os.read(reading, 65536)
        if not block:
            break
        text += block
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    events = text.decode("ascii").split("\n") if text else []
    return events + (["ends by signal %d" % (status & 127)] if status & 127 else [])


def main():
    count = len(values(None))
    with open(sys.argv[1]) as lines:
        names = [line.split() for line in lines if line.strip()]
    for entry in names:
        module, name = entry[:2]
        try:
            found = resolve(module, name)
        except BaseException:
            continue
        if isinstance(found, type) and issubclass(found, BaseException) and found.__init__ is BaseException.__init__:
            continue  # keeps its arguments
        if len(entry) == 3:
            found = functools.partial(found.__new__, found)
        seen = set()
        one, two = [(i,) for i in range(count)], [(i, j) for i in (0, 1, 3, 9, 11, 12, 13) for j in (0, 9, 12)]
        for indices in [()] + one + two + [(i, j, k) for i in (0, 12) for j in (0, 12) for k in (0, 12)]:
            for event in call(found, lambda marker, at=indices: [values(marker)[i] for i in at]):
                if event not in seen:
                    seen.add(event)
                    print("%s.%s %s: %s" % (module, name, indices, event))
                    sys.stdout.flush()


if __name__ == "__main__":
    main()
