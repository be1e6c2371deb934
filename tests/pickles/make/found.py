"""What walk.py found (walk.txt): callables of the standard library that no list named, and that had an effect."""
import os

from assemble import Call, at
from walk import KINDS


def entries():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "walk.txt")
    if not os.path.exists(path):
        return
    with open(path) as table:
        for line in table:
            if line.startswith("#"):
                continue
            module, name, kind = line.split()
            yield "walk/%s.%s/%s" % (module, name, kind), Call(
                at(module + "." + name, module.count(".") + 1), *KINDS[kind]
            ), {}
