"""A small pickle assembler: expressions or single opcodes to bytes, in the spelling of each protocol.

`assemble(expression, protocol)` writes what loads to the expression: plain data (str, bytes, int, float, bool, None,
tuple, list, dict) and the classes below for what a pickle resolves and calls. Protocols 0 and 1 write text opcodes,
4 and 5 frames, MEMOIZE and STACK_GLOBAL, as picklers of those protocols do. `Raw` goes in as it is.
"""
import struct

MARK, STOP, POP, POP_MARK, DUP = b"(", b".", b"0", b"1", b"2"
REDUCE, BUILD, NEWOBJ, NEWOBJ_EX, OBJ = b"R", b"b", b"\x81", b"\x92", b"o"
STACK_GLOBAL, MEMOIZE, TUPLE, EMPTY_TUPLE = b"\x93", b"\x94", b"t", b")"
TUPLE1, TUPLE2, TUPLE3 = b"\x85", b"\x86", b"\x87"


class Raw(object):
    """Opcodes as they are; they must leave one value."""

    def __init__(self, data):
        self.data = data


class Native(str):
    """Text that Python 2.7 reads as `str`: STRING opcodes in protocols 0 to 2."""


class Global(object):
    def __init__(self, module, name):
        self.module, self.name = module, name


class Call(object):
    """callee(*args) by REDUCE, INST, OBJ, NEWOBJ or NEWOBJ_EX; the callee is an expression."""

    def __init__(self, callee, *args, **how):
        self.callee = at(callee) if isinstance(callee, str) else callee
        self.args, self.by, self.keywords = args, how.pop("by", "reduce"), how


class Build(object):
    """The target with a state set by BUILD."""

    def __init__(self, target, state):
        self.target, self.state = target, state


class Items(object):
    """target[key] = value by SETITEMS, or target.append(item) by APPENDS: the target is any expression."""

    def __init__(self, target, pairs=None, items=None, one=False):
        self.target, self.pairs, self.items, self.one = target, pairs, items, one


class Spread(object):
    """callee(*args) where args is an expression of its own."""

    def __init__(self, callee, args, by="reduce"):
        self.callee = at(callee) if isinstance(callee, str) else callee
        self.args, self.by = args, by


class Several(object):
    """Expressions of which only the last is left: the others are popped."""

    def __init__(self, *parts):
        self.parts = parts


def at(path, split=None):
    """ "os.path.join" is module os.path, name join; `split` is the number of module components where that differs."""
    parts = path.split(".")
    count = split if split is not None else len(parts) - 1
    return Global(".".join(parts[:count]), ".".join(parts[count:]))


def line(text):
    return text.encode("utf-8") + b"\n"


def frame(body):
    return b"\x95" + struct.pack("<Q", len(body)) + body


def text(value, protocol):
    data = value.encode("utf-8", "surrogatepass")
    if isinstance(value, Native) and protocol <= 2:
        if protocol == 0:
            return b"S" + repr(str(value)).encode("ascii") + b"\n"
        return (
            b"U" + struct.pack("<B", len(data)) + data
            if len(data) < 256
            else b"T" + struct.pack("<i", len(data)) + data
        )
    if protocol == 0:
        return b"V" + value.replace("\\", "\\u005c").replace("\n", "\\u000a").encode("raw-unicode-escape") + b"\n"
    if protocol >= 4 and len(data) < 256:
        return b"\x8c" + struct.pack("<B", len(data)) + data + MEMOIZE
    return b"X" + struct.pack("<I", len(data)) + data + (MEMOIZE if protocol >= 4 else b"")


def bytes_(value, protocol):
    """SHORT_BINBYTES at every protocol: unpicklers do not mind, 2.7 apart."""
    short = len(value) < 256
    return (b"C" + struct.pack("<B", len(value)) if short else b"B" + struct.pack("<I", len(value))) + value


def integer(value, protocol):
    if protocol == 0:
        return b"I%d\n" % value if -(2**31) <= value < 2**31 else b"L%dL\n" % value
    if 0 <= value < 256:
        return b"K" + struct.pack("<B", value)
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + struct.pack("<B", len(data)) + data if protocol >= 2 else b"L%dL\n" % value


def tuple_(items, protocol):
    parts = b"".join(value(item, protocol) for item in items)
    if protocol == 0:
        return MARK + parts + TUPLE
    if not items:
        return EMPTY_TUPLE
    if protocol >= 2 and len(items) <= 3:
        return parts + (TUPLE1, TUPLE2, TUPLE3)[len(items) - 1]
    return MARK + parts + TUPLE


def list_(items, protocol):
    if protocol == 0:
        return b"(l" + b"".join(value(item, protocol) + b"a" for item in items)
    return b"]" + (MARK + b"".join(value(item, protocol) for item in items) + b"e" if items else b"")


def dict_(pairs, protocol):
    flat = [b"".join((value(k, protocol), value(v, protocol))) for k, v in pairs]
    if protocol == 0:
        return b"(d" + b"".join(pair + b"s" for pair in flat)
    return b"}" + (MARK + b"".join(flat) + b"u" if flat else b"")


def fetch(target, protocol):
    if protocol >= 4:
        return text(target.module, protocol) + text(target.name, protocol) + STACK_GLOBAL + MEMOIZE
    return b"c" + line(target.module) + line(target.name)


def call(made, protocol):
    args = made.args
    if made.by == "inst":
        body = b"".join(value(item, protocol) for item in args)
        return MARK + body + b"i" + line(made.callee.module) + line(made.callee.name)
    callee = value(made.callee, protocol)
    if made.by == "obj":
        return MARK + callee + b"".join(value(item, protocol) for item in args) + OBJ
    if made.by == "newobj_ex":
        return callee + tuple_(args, protocol) + dict_(sorted(made.keywords.items()), protocol) + NEWOBJ_EX
    return callee + tuple_(args, protocol) + (NEWOBJ if made.by == "newobj" else REDUCE)


def items(made, protocol):
    out = value(made.target, protocol)
    if made.pairs is not None:
        parts = [value(k, protocol) + value(v, protocol) for k, v in made.pairs]
        return out + (b"".join(p + b"s" for p in parts) if made.one else MARK + b"".join(parts) + b"u")
    parts = [value(item, protocol) for item in made.items]
    return out + (b"".join(p + b"a" for p in parts) if made.one else MARK + b"".join(parts) + b"e")


def value(it, protocol):
    """The opcodes that leave this value on the stack."""
    if it is None:
        return b"N"
    if it is True or it is False:
        return (b"\x88" if it else b"\x89") if protocol >= 2 else b"I0%d\n" % it
    if isinstance(it, Raw):
        return it.data
    if isinstance(it, Global):
        return fetch(it, protocol)
    if isinstance(it, Call):
        return call(it, protocol)
    if isinstance(it, Spread):
        by = {"reduce": REDUCE, "newobj": NEWOBJ}[it.by]
        return value(it.callee, protocol) + value(it.args, protocol) + by
    if isinstance(it, Build):
        return value(it.target, protocol) + value(it.state, protocol) + BUILD
    if isinstance(it, Items):
        return items(it, protocol)
    if isinstance(it, Several):
        return POP.join(value(part, protocol) for part in it.parts)
    if isinstance(it, str):
        return text(it, protocol)
    if isinstance(it, bytes):
        return bytes_(it, protocol)
    if isinstance(it, int):
        return integer(it, protocol)
    if isinstance(it, float):
        return b"F" + line(repr(it)) if protocol == 0 else b"G" + struct.pack(">d", it)
    if isinstance(it, tuple):
        return tuple_(it, protocol)
    if isinstance(it, list):
        return list_(it, protocol)
    if isinstance(it, dict):
        return dict_(list(it.items()), protocol)
    raise TypeError("no opcode for %r" % (it,))


def assemble(expression, protocol):
    """A whole pickle."""
    body = value(expression, protocol) + STOP
    if protocol >= 4:
        return b"\x80" + struct.pack("<B", protocol) + frame(body)
    return (b"\x80" + struct.pack("<B", protocol) if protocol >= 2 else b"") + body
