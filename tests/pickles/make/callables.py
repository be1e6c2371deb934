"""Callables of the standard library that do harm when called, with arguments that leave a mark in the working directory
of
loader.py: CMD as a shell command, CODE as Python source, the others names of the files that loader.py puts there.

A row of callables.txt is "name arguments"; the arguments are a Python expression. A `|` in the name parts the module
from a dotted name.
"""
import os

from assemble import Call, Native, at

CMD = "touch executed"
CODE = "open('executed','w').close()"
WORDS = {
    "CMD": CMD,
    "CODE": CODE,
    "N": Native,
    "at": at,
    "Call": Call,
    "ARGV": ["/usr/bin/touch", "executed"],
    "TOUCH": "/usr/bin/touch",
    "NEW": "new.txt",
    "VICTIM": "victim.txt",
    "MOD": "markermod",
    "DATA": "data.txt",
    "SCRIPT": "script.py",
    "PKL": "nested.pkl",
    "PICKLE": b"cposix\nsystem\n(Vtouch executed\ntR.",
    "SYS": at("os.system"),
    "EVAL": at("builtins.eval"),
    "BOUND": Call("functools.partial", at("os.system"), CMD),
}


def rows(table_name="callables.txt"):
    """(name, target, arguments) of each row of a table."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), table_name)) as table:
        lines = [row.strip() for row in table if not row.startswith("#")]
    for row in lines:
        name, _, arguments = row.partition(" ")
        module, bar, rest = name.partition("|")
        target = at(name) if not bar else at(module + "." + rest, module.count(".") + 1)
        spelled = name.replace("|", ".")
        if not bar:
            target = split_class(target)
        if ", locals=" in arguments:
            arguments = arguments.partition(", locals=")[0]
        yield spelled, target, eval(
            "(%s,)" % arguments if arguments else "()", dict(WORDS)
        )  # the table above, nothing else


def split_class(target):
    """`bdb.Bdb` + `run` is module bdb, name Bdb.run."""
    parts = (target.module + "." + target.name).split(".")
    for count, part in enumerate(parts[1:-1], 1):
        if part[0].isupper():
            return at(".".join(parts), count)
    return target


def entries():
    """(id, expression, options) for each callable, each way of calling it."""
    seen = {}
    for name, target, args in rows():
        number = seen[name] = seen.get(name, 0) + 1
        label = "callable/" + name + ("" if number == 1 else ".%d" % number)
        yield label + "/reduce", Call(target, *args), {}
        if number == 1:  # the other two opcodes that call, each for every other callable
            by, protocol = (("inst", 0), ("obj", 1))[len(seen) % 2]
            yield label + "/" + by, Call(target, *args, by=by), {"protocols": (protocol,)}
