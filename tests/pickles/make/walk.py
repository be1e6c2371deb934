#!/usr/bin/env python3
"""Tries every callable of a Python's standard library with arguments of hostile kinds, and lists those with an effect.

    walk.py PYTHON [PACKAGE...] > lines "module name kind effects"    (the kinds are KINDS below)

With names of packages, those instead of the standard library. Needs root, for the sandbox.
walk_inside.py does the work in the sandbox. What it finds goes to walk.txt; run.py then makes the pickles and keeps
those that execute when loaded.
"""
import os
import sys

from assemble import Call, at

CMD = "touch executed"
CODE = "open('executed','w').close()"
SYSTEM = at("os.system")
BOUND = Call("functools.partial", SYSTEM, CMD)

# Keep in step with walk_inside.kinds().
KINDS = {
    "code": (CODE,),
    "command": (CMD,),
    "argv": (["touch", "executed"],),
    "new": ("new.txt",),
    "victim": ("victim.txt",),
    "new-w": ("new.txt", "w"),
    "victim-new": ("victim.txt", "new.txt"),
    "script": ("script.py",),
    "module": ("markermod",),
    "folder": ("emptydir",),
    "newdir": ("newdir",),
    "pickle": ("nested.pkl",),
    "bound": (BOUND,),
    "call": (SYSTEM, CMD),
    "call-list": (SYSTEM, [CMD]),
    "call-tuple": (SYSTEM, (CMD,)),
    "data-call": (CMD, SYSTEM),
    "code-dicts": (CODE, {}, {}),
    "none-code": (None, CODE),
    "nothing": (),
}


def main():
    import sandbox

    here = os.path.dirname(os.path.abspath(__file__))
    for answer in sandbox.converse(sys.argv[1], os.path.join(here, "walk_inside.py"), [], *sys.argv[2:]):
        if "name" in answer:
            print(answer["module"], answer["name"], answer["kind"], " ".join(answer["effects"]))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
