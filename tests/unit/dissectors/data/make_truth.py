#!/usr/bin/env python
"""Writes the truth files of tests/unit/dissectors from real Pythons, 2.7 to 3.x; the tests read them and need none.

    make_truth.py make PYTHON...    oldest first; the last one also gives the opcode table

  opcodes.txt   pickletools.opcodes: NAME CODE PROTOCOL SHAPE WIDTH
  ops.txt       pickles of every Python and protocol, each followed by pickletools.genops' NAME@POSITION
  literals.txt  lines of the text opcodes and what the unpicklers read: OPCODE HEX VALUE...
  mapping.txt   the names of Python 2 that _compat_pickle maps, of all Pythons: OLD NEW
  hostile.txt   the pickles of hostile.py: NAME HEX,HEX*COUNT..., the globals the pure Python unpickler fetched, and which Pythons ran
                the command in it (os.system and the like are replaced by recorders; nothing is executed)
  harmless.txt  base64 pickles of config/policy/make/samples.txt (section data), one Python and protocol each way
Runs unchanged on 2.7 and 3. Hand-made changes to the truth files are lost.
"""
from __future__ import print_function

import base64
import binascii
import collections
import importlib
import json
import os
import pickle
import pickletools
import re
import subprocess
import sys
import warnings

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
POLICY = os.path.join(HERE, "..", "..", "..", "..", "config", "policy", "make")
PY2 = sys.version_info[0] == 2
LOADS = importlib.import_module("cPickle" if PY2 else "pickle").loads
VERSION = "%d.%d" % sys.version_info[:2]


def to_hex(data):
    return binascii.hexlify(data).decode("ascii")


def to_short_hex(data):
    """Hex in pieces; one that is repeated stands as HEX*COUNT."""
    pieces, rest = [], 0
    for run in re.finditer(br"(..?)\1{63,}", data, re.DOTALL):
        pieces += [to_hex(data[rest:run.start()]), "%s*%d" % (to_hex(run.group(1)), len(run.group(0)) // len(run.group(1)))]
        rest = run.end()
    return ",".join(piece for piece in pieces + [to_hex(data[rest:])] if piece)


# ---------------------------------------------------------------- opcodes and operations
def opcode_rows():
    if PY2:  # has no protocols above 2
        return
    for op in sorted(pickletools.opcodes, key=lambda o: o.code):
        shape, width = "nothing", 0
        if op.arg is not None:
            counted = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: -4,
                       pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}
            if op.arg.n in counted:  # a width below 0: the length is signed
                shape, width = "counted", counted[op.arg.n]
            elif op.arg.n == pickletools.UP_TO_NEWLINE:
                shape = "two-lines" if op.arg.name.endswith("_pair") else "line"
            else:
                shape, width = "fixed", op.arg.n
        yield "%s %d %d %s %d" % (op.name, ord(op.code), op.proto, shape, width)


class Point(object):
    def __init__(self, x):
        self.x = x

    def method(self):
        return self.x


def objects():
    shared = ["shared", b"bytes \x00\xff", u"snow\u2603", 1.5, -1, 255, 65536, -2 ** 40, 2 ** 70, True, None]
    yield [shared, shared, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {"a": shared}, [], set([1, 2])]
    yield [Point(1), Point(shared), Point, collections.OrderedDict(a=1), complex(1, 2)]
    yield ["x" * 300, b"y" * 300, u"z\n\\" * 10, list(range(300)), 2 ** 3000, "it's \"quoted\"\n\r\t\0"]
    yield {"frozen": frozenset([1]), "float": 1e300, "text": u"\U0001f40d\u00e9", "deep": [[[[[[]]]]]]}
    yield ("#RETURN", (None, "create", ("dict",), {}))


def operations():
    for obj in objects():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps(obj, protocol).replace(b"__main__", b"mod_main")
            yield [to_hex(data), " ".join("%s@%d" % (op.name, pos) for op, _, pos in pickletools.genops(data))]


# ---------------------------------------------------------------- literals
INTEGERS = [b"5", b"-5", b"+5", b" 5", b"5 ", b"\t5\x0b\x0c\r", b"00", b"01", b"0", b"1", b"000", b"001", b"-0", b"0x10",
            b"0X1f", b"-0x10", b"010", b"0o17", b"0b101", b"0B11", b"08", b"09", b"5\0junk", b"5\0", b"\0", b"\0junk",
            b"", b" ", b"-", b"+", b"1_000", b"0x_1f", b"_1", b"5L", b"5l", b"0x10L", b"5LL", b"L", b"5.0", b"1e3",
            b"0x", b"- 5", b"--5", b"2147483648", b"-2147483649", b"36028797018963967", b"-36028797018963968",
            b"36028797018963968", b"9223372036854775807", b"9223372036854775808", b"9" * 60, b"0" * 40 + b"7", b"0_7",
            b"0_0", b"\xa05", b"5\x1c", b"0777777777", b"abc", b"True"]
FLOATS = [b"1.5", b"-1.5", b"+1.5", b"1", b".5", b"5.", b"1e10", b"1E-5", b"inf", b"-inf", b"nan", b"infinity", b"1e400",
          b"0x1p3", b" 1.5", b"1.5 ", b"", b"abc", b"1.5\0junk", b"\0", b"1_0.5", b"1,5", b"0" * 70 + b"1.5", b"1.5e",
          b"1" * 100, b"-0.0", b" " * 70 + b"2.5"]
STRINGS = [b"'abc'", b"\"abc\"", b"''", b"'", b"abc", b"'abc\"", b"'it\\'s'", b"'a\\nb\\tc\\rd'", b"'\\x41\\x7e'", b"'\\x4'",
           b"'\\101\\60\\7'", b"'\\0'", b"'\\778'", b"'\\a\\b\\f\\v\\\\'", b"'\\\"'", b"'\\q'", b"'a'b'", b"'abc' ", b"'abc'\r",
           b"'abc'\t ", b" 'abc'", b"'abc'\x01", b"'abc'\x81\xff", b"'abc'x", b"'a\\'", b"'\\N{x}'", b"'\\u0041'", b"'a\0b'",
           b"'\x7f'", b"'abc'\0", b"\"it's\"", b"'\\8'"]
UNICODES = [b"abc", b"", b"\\u0041", b"\\u00e9", b"\xe9", b"\\U0001f40d", b"\\u004", b"\\\\u0041", b"\\\\\\u0041", b"\\x41",
            b"\\n", b"a\\", b"\\ud800", b"\\U00110000", b"\\u", b"'quoted'", b"a\0b", b"\\U0000004", b"\\", b"\\u0041\\u0042"]
INDICES = [b"7", b"007", b"+7", b" 7", b"7 ", b"0_7", b"7\0x", b"7L", b"0x7", b"-7", b"", b"\0", b"\x0b7", b"seven", b"7.0",
           b"010", b"08"]


def describe(value):
    if isinstance(value, (bool, type(None))):
        return repr(value)
    if isinstance(value, float):
        return "float:%.12g" % value
    if isinstance(value, (bytes, str, u"".__class__)):
        raw = value if isinstance(value, bytes) else value.encode("utf-8", "replace" if PY2 else "surrogatepass")
        return "text:" + to_hex(raw)
    return "int:%d" % value


def literals():
    tables = [(b"I", INTEGERS), (b"L", INTEGERS), (b"F", FLOATS), (b"S", STRINGS), (b"V", UNICODES)]
    for code, lines in tables:
        for line in lines:
            yield code, line, code + line + b"\n."
    for line in INDICES:  # fetched as 7 or as written: the same entry?
        yield b"p", line, b"K\x01p" + line + b"\n0g7\n."
        yield b"g", line, b"K\x01p" + line + b"\n0g" + line + b"\n."


def read_literals():
    for code, line, data in literals():
        try:
            yield [code.decode("ascii"), to_hex(line), describe(LOADS(data))]
        except Exception:
            yield [code.decode("ascii"), to_hex(line), "-"]


# ---------------------------------------------------------------- harmless and hostile
# Not plain data: what is judged by its arguments or denied on purpose (config/policy/make/review.yaml, `excluded`), and
# JSONDecodeError, on which no list has decided.
NOT_PLAIN = re.compile(
    r"turtle|tkinter|Tix|__add__|timeit|tempfile|netrc|imaplib|importlib|ModuleSpec|Bastion|compiler|CodecInfo|mimetools|rfc822|buffer|"
    r"file|new_class|methodcaller|map\(|filter|accumulate|dropwhile|takewhile|starmap|groupby|JSONDecodeError|reduce")


def harmless():
    sys.path.insert(0, POLICY)
    measure = importlib.import_module("measure_safe")
    names = measure.Names(M=importlib.import_module)
    wanted = {"2.7": (0, 2), "3.6": (1, 3), "3.9": (4,), "3.13": (0, 2, 5)}.get(VERSION, ())
    for line in measure.load_samples("data"):
        if NOT_PLAIN.search(line):
            continue
        try:
            obj = eval(line, vars(measure), names)
        except Exception:
            continue
        for protocol in wanted:
            try:
                data = pickle.dumps(obj, protocol)
            except Exception:
                continue
            if not NOT_PLAIN.search(data.decode("latin-1")) and b"measure_safe" not in data and len(data) < 400:
                yield base64.b64encode(data).decode("ascii")


def mapping():
    if PY2:
        return
    compat = importlib.import_module("_compat_pickle")
    for (module, name), new in compat.NAME_MAPPING.items():
        yield ["%s.%s" % (module, name), ".".join(new)]
    for module, new in compat.IMPORT_MAPPING.items():
        yield [module, new]


def record(out):
    import hostile
    for name, data in hostile.pickles():
        ran = hostile.run(LOADS, data)
        pure, globals_ = [], []
        if not PY2:
            pure, globals_ = hostile.trace(data)
        out.append([name, to_short_hex(data), ran, pure, globals_])


def part():
    warnings.simplefilter("ignore")
    out = {"version": VERSION, "opcodes": list(opcode_rows()), "ops": list(operations()),
           "literals": list(read_literals()), "mapping": list(mapping()), "hostile": []}
    stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
    record(out["hostile"])
    out["harmless"] = list(harmless())
    sys.stdout = stdout
    sys.stdout.write(json.dumps(out))
    sys.stdout.flush()
    os._exit(0)


# ---------------------------------------------------------------- put together
def unique(lines):
    return list(collections.OrderedDict((tuple(line) if isinstance(line, list) else line, None) for line in lines))


def write(name, lines):
    with open(os.path.join(HERE, name), "w") as out:
        out.write("".join(line + "\n" for line in ["# Written by make_truth.py; do not edit."] + list(lines)))


def make(pythons):
    environment = dict(os.environ, PYTHONHASHSEED="0", TZ="UTC")
    parts = [json.loads(subprocess.check_output([p, os.path.abspath(__file__), "part"], env=environment))
             for p in pythons]
    joined = lambda key: [line for one in parts for line in one[key]]
    write("opcodes.txt", parts[-1]["opcodes"])
    write("ops.txt", ["%s %s" % pair for pair in unique(joined("ops"))])
    write("mapping.txt", sorted("%s %s" % pair for pair in unique(joined("mapping"))))
    write("harmless.txt", unique(joined("harmless")))
    write("literals.txt", ("%s %s %s" % (code or "-", line or "-", " ".join(unique(p["literals"][i][2] for p in parts)))
                           for i, (code, line, _) in enumerate(parts[0]["literals"])))
    rows = []
    for i, (name, data, _, _, _) in enumerate(parts[0]["hostile"]):
        ran = [p["version"] for p in parts if p["hostile"][i][2]] + (["pure"] if parts[-1]["hostile"][i][3] else [])
        fetched = parts[-1]["hostile"][i][4]
        rows.append("%s\t%s\t%s\t%s" % (name, data, " ".join(fetched) or "-", " ".join(ran) or "-"))
    write("hostile.txt", rows)


if __name__ == "__main__":
    sys.path.insert(0, HERE)
    if sys.argv[1] == "make":
        make(sys.argv[2:])
    else:
        part()
