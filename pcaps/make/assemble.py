"""Writes pickles by hand, opcode by opcode, so that a pickle can say what no pickler would write.

A tree of plain values, Ref and Call goes in, the bytes of a pickle come out. Runs under Python 2.7 and 3.
"""
from __future__ import unicode_literals

import struct

text = type("")
long_int = type(2 ** 80)


class Ref(object):
    """A global by name."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call(object):
    """REDUCE of a tree with arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


def value(tree, protocol):
    """The opcodes that leave `tree` on the stack."""
    sub = lambda item: value(item, protocol)
    if isinstance(tree, Ref):
        if protocol >= 4:
            return sub(tree.module) + sub(tree.name) + b"\x93"
        return b"c" + tree.module.encode() + b"\n" + tree.name.encode() + b"\n"
    if isinstance(tree, Call):
        return sub(tree.function) + sub(tree.arguments) + b"R"
    if tree is None:
        return b"N"
    if isinstance(tree, bool):
        return (b"\x88" if tree else b"\x89") if protocol >= 2 else (b"I01\n" if tree else b"I00\n")
    if isinstance(tree, (int, long_int)):
        if protocol == 0:
            return b"I" + text(tree).encode() + b"\n"
        return b"K" + struct.pack("B", tree) if 0 <= tree < 256 else b"J" + struct.pack("<i", tree)
    if isinstance(tree, text):
        raw = tree.encode("utf-8")
        if protocol == 0:
            return b"V" + tree.encode("raw_unicode_escape") + b"\n"
        if protocol >= 4 and len(raw) < 256:
            return b"\x8c" + struct.pack("B", len(raw)) + raw
        return b"X" + struct.pack("<I", len(raw)) + raw
    if isinstance(tree, bytes):
        # before protocol 3 only Python 2 has an opcode for bytes: its str
        return (b"B" if protocol >= 3 else b"T") + struct.pack("<I", len(tree)) + tree
    if isinstance(tree, tuple):
        if protocol >= 2 and len(tree) < 4:
            return b"".join(map(sub, tree)) + (b")", b"\x85", b"\x86", b"\x87")[len(tree)]
        return b"(" + b"".join(map(sub, tree)) + b"t"
    if isinstance(tree, list):
        return b"(" + b"".join(map(sub, tree)) + b"l"
    if isinstance(tree, dict):
        return b"(" + b"".join(sub(k) + sub(v) for k, v in sorted(tree.items())) + b"d"
    raise TypeError(repr(tree))


def finish(body, protocol):
    """PROTO, FRAME and STOP around opcodes."""
    body += b"."
    if protocol >= 4:
        body = b"\x95" + struct.pack("<Q", len(body)) + body
    if protocol >= 2:
        body = b"\x80" + struct.pack("B", protocol) + body
    return body


def pickle_of(tree, protocol):
    return finish(value(tree, protocol), protocol)
