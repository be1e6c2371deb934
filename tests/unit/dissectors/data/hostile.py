"""Pickles that try to run a command past a reader, written opcode by opcode; and what real unpicklers make of them.

Runs on 2.7 and 3. Nothing is executed: the functions in RECORDED are replaced by recorders first.
"""
import io
import os
import pickle
import struct
import subprocess
import sys

COMMAND = "run-me"
RUNS = []


class Recorder(object):
    """Stands for a function: says that it was called with COMMAND somewhere in its arguments."""

    def __init__(self, name):
        self.name = name

    def __call__(self, *args, **kwargs):
        if COMMAND in repr((args, kwargs)):
            RUNS.append(self.name)
        return 0


def install():
    import posix
    system = Recorder("system")
    os.system = posix.system = system
    subprocess.getoutput = subprocess.call = Recorder("subprocess")
    popen = Recorder("Popen")
    subprocess.Popen = type("Popen", (object,), {"__init__": lambda self, *args, **kwargs: popen(*args, **kwargs)})
    if sys.version_info[0] == 2:
        import commands
        commands.getoutput = Recorder("getoutput")
    lab = type(os)("lab")
    lab.TEXT, lab.CONFIG, lab.call_it = "os", {}, lambda function, *args: function(*args)
    lab.proxy = lambda token, serializer, incref=True, **kwds: os.system(token)
    lab.Box = type("Box", (object,), {"__module__": "lab"})
    lab.os = os
    for i in range(1100):
        setattr(lab, "n%d" % i, i)
    sys.modules["lab"] = lab


def run(loads, data):
    install()
    del RUNS[:]
    try:
        loads(data)
    except BaseException:
        pass
    return bool(RUNS)


def trace(data):
    """Whether the pure Python unpickler (PyPy's) runs it, and what it fetches by name."""
    import _compat_pickle
    fetched = []

    class Tracer(pickle._Unpickler):
        def find_class(self, module, name):
            mapped = module, name
            if self.proto < 3 and self.fix_imports:
                mapped = _compat_pickle.NAME_MAPPING.get(
                    mapped, (_compat_pickle.IMPORT_MAPPING.get(module, module), name))
            found = super().find_class(module, name)
            full = ".".join(mapped)
            if full not in fetched:
                fetched.append(full)
            return found

    ran = run(lambda d: Tracer(io.BytesIO(d)).load(), data)
    return ran, [name for name in fetched if name and " " not in name]


# ---------------------------------------------------------------- a small assembler
def text(value):
    return b"\x8c" + struct.pack("<B", len(value)) + value


def string(value):
    return b"S'" + value + b"'\n"


def get(module, name):
    return text(module) + text(name) + b"\x93"


SYSTEM = b"cos\nsystem\n"
ARG = string(COMMAND.encode())
CALL = ARG + b"\x85R"
P4 = b"\x80\x04"
ATTR = b"c__builtin__\ngetattr\n"
ATTR4 = b"cbuiltins\ngetattr\n"


def frame(length):
    return b"\x95" + struct.pack("<Q", length)


def framed(body):
    return frame(len(body)) + body


def unsized(count):
    return b"".join(b"K%c" % (i % 256) if sys.version_info[0] > 2 else b"K" + chr(i % 256) for i in range(count))


def pickles():
    yield "reduce", SYSTEM + CALL + b"."
    yield "protocol-2", b"\x80\x02" + SYSTEM + CALL + b"."
    yield "protocol-4", P4 + get(b"os", b"system") + CALL + b"."
    yield "protocol-5-framed", b"\x80\x05" + framed(get(b"os", b"system") + CALL + b".")
    yield "inst", b"(" + ARG + b"ios\nsystem\n."
    yield "obj", b"(" + SYSTEM + ARG + b"o."
    yield "name-memoized", P4 + text(b"system") + b"\x940" + text(b"os") + b"h\x00\x93" + CALL + b"."
    yield "python-2-name", b"\x80\x02ccommands\ngetoutput\n" + CALL + b"."
    yield "python-2-name-protocol-3", b"\x80\x03ccommands\ngetoutput\n" + CALL + b"."
    yield "protocol-lowered", b"\x80\x04N0\x80\x00ccommands\ngetoutput\n" + CALL + b"."
    yield "protocol-raised", b"\x80\x00N0\x80\x04" + get(b"shutil", b"os.system") + CALL + b"."
    yield "dotted", P4 + get(b"shutil", b"os.system") + CALL + b"."
    yield "dotted-unknown", P4 + get(b"lab", b"os.system") + CALL + b"."
    yield "getattr", ATTR + b"(clab\nos\n" + string(b"system") + b"tR" + CALL + b"."
    yield "getattr-of-object", P4 + ATTR4 + b"(clab\nos\n" + string(b"system") + b"\x94tR" + CALL + b"."
    yield "reduce-with-functools", b"cfunctools\nreduce\n(" + SYSTEM + b"(" + ARG + b"I1\nltR."
    yield "called-through-another", b"clab\ncall_it\n(" + SYSTEM + ARG + b"tR."
    yield "name-by-codec", P4 + b"c_codecs\nencode\n" + text(b"os") + text(b"rot13") + b"\x86R0" + \
        get(b"os", b"system") + CALL + b"."
    yield "name-is-a-global", P4 + b"clab\nTEXT\n" + text(b"system") + b"\x93" + CALL + b"."
    yield "name-is-a-global-no-header", b"clab\nTEXT\n" + text(b"system") + b"\x93" + CALL
    yield "name-is-an-item", P4 + b"c_operator\ngetitem\n(" + b"(" + text(b"os") + b"lK\x00tR" + text(b"system") + \
        b"\x93" + CALL + b"."
    yield "junk-below", unsized(600) + SYSTEM + CALL + b"."
    yield "popped", SYSTEM + CALL + b"0N."
    yield "pop-mark", b"(" + SYSTEM + CALL + b"1N."
    yield "dup", SYSTEM + b"2" + CALL + b"."
    yield "no-stop", SYSTEM + CALL
    yield "unknown-opcode-after", SYSTEM + CALL + b"\xff\xff"
    yield "bytes-after-stop", SYSTEM + CALL + b".rest"
    yield "memo-miss-after", SYSTEM + CALL + b"h\x63."
    yield "frame-lies-after", P4 + SYSTEM + CALL + frame(9999) + b"."
    yield "frame-lies-before", P4 + frame(9999) + SYSTEM + CALL + b"."
    yield "frame-short", P4 + frame(3) + SYSTEM + CALL + b"."
    yield "frame-empty", frame(0) + frame(0) + SYSTEM + CALL + b"."
    yield "memo-text-index", SYSTEM + b"p010\n0g10\n" + CALL + b"."
    yield "memo-text-index-9", SYSTEM + b"p09\n0g9\n" + CALL + b"."
    yield "memo-text-then-binary", SYSTEM + b"p10\n0h\x0a" + CALL + b"."
    yield "memo-words", SYSTEM + b"pfoo\n0gfoo\n" + CALL + b"."
    yield "memo-negative", SYSTEM + b"p-1\n0g-1\n" + CALL + b"."
    yield "memo-two-spellings", SYSTEM + b"p1\n0clab\nBox\np01\n0g1\n" + CALL + b"."
    yield "memo-two-forms", SYSTEM + b"p1\n0clab\nBox\nq\x010g1\n" + CALL + b"."
    yield "memo-name-two-forms", ATTR + b"(clab\nos\n" + string(b"system") + b"p1\n0" + string(b"name") + \
        b"q\x010g1\ntR" + CALL + b"."
    yield "memo-overwritten", SYSTEM + b"q\x010clab\nBox\nq\x010h\x01" + CALL + b"."
    yield "memo-far", SYSTEM + b"r\x00\x00\x01\x000j\x00\x00\x01\x00" + CALL + b"."
    yield "memo-far-put-twice", P4 + text(b"a") + b"r@\x9c\x00\x00r@\x9c\x00\x00" + text(b"system") + b"\x940N" + \
        text(b"os") + b"h\x01\x93" + CALL + b"."
    yield "integer-is-nul", b"I\x00zz\n0" + SYSTEM + CALL + b"."
    yield "integer-has-underscore", b"I1_0\n0" + SYSTEM + CALL + b"."
    yield "integer-huge", b"I" + b"9" * 5000 + b"\n0" + SYSTEM + CALL + b"."
    yield "integer-tail-L", b"I5L\n0" + SYSTEM + CALL + b"."
    yield "float-long", b"F" + b"0" * 80 + b"1\n0" + SYSTEM + CALL + b"."
    yield "float-after-blanks", b"F" + b" " * 80 + b"1\n0" + SYSTEM + CALL + b"."
    yield "string-tail-control", b"S'x'\x01\n0" + SYSTEM + CALL + b"."
    yield "string-tail-high", b"S'x'\x81\n0" + SYSTEM + CALL + b"."
    yield "string-high", b"S'\xff'\n0" + SYSTEM + CALL + b"."
    yield "mark-between", SYSTEM + ARG + b"\x85(R."
    yield "mark-below-tuple", SYSTEM + ARG + b"(\x85R."
    yield "mark-below-stop", SYSTEM + CALL + b"(."
    yield "values-taken-from-below-mark", b"(" + SYSTEM + b"(" + ARG + b"\x85RN."
    yield "dict-odd", b"(Nd0" + SYSTEM + CALL + b"."
    yield "setitems-none", b"}(u0" + SYSTEM + CALL + b"."
    yield "appends-on-none", b"N(e0" + SYSTEM + CALL + b"."
    yield "inst-cut-at-end", b"(" + ARG + b"ios\nsystemX"
    yield "global-cut-at-end", SYSTEM + CALL + b"cos\nsystemX"
    yield "args-are-a-list", SYSTEM + b"(" + ARG + b"lR."
    yield "many-marks", b"(" * 40000 + SYSTEM + CALL + b"."
    yield "marks-and-values", b"(N" * 40000 + SYSTEM + CALL + b"."
    yield "marks-unwound", b"(N" * 40000 + b"1" * 39990 + SYSTEM + CALL + b"."
    yield "deep-lists", b"]" * 40000 + b"a" * 39999 + b"0" + SYSTEM + CALL + b"."
    yield "under-many-marks", SYSTEM + b"(N" * 40000 + b"1" * 40000 + CALL + b"."
    yield "under-many-values", SYSTEM + b"(" + b"N" * 90000 + b"1" + CALL + b"."
    yield "values-then-names", P4 + b"(" + text(b"os") + text(b"system") + b"N" * 90000 + b"0" * 90000 + b"\x93" + CALL
    yield "deep-tuple-unwound", SYSTEM + ARG + b"(N" * 40000 + b"t" * 40000 + b"0\x85R."
    yield "setstate", b"\x80\x02clab\nBox\n)\x81(dS'__setstate__'\n" + SYSTEM + b"sb" + ARG + b"b."
    yield "setstate-ninth", b"\x80\x02clab\nBox\n)\x81(d" + b"".join(string(b"k%d" % i) + b"Ns" for i in range(9)) + \
        b"S'__setstate__'\n" + SYSTEM + b"sb" + ARG + b"b."
    yield "append-attribute", b"\x80\x02clab\nBox\n)\x81(dS'append'\n" + SYSTEM + b"sb" + ARG + b"a."
    names = b"".join(("clab\nn%d\n0" % i).encode() for i in range(1100))
    yield "names-1100", names + SYSTEM + CALL + b"."
    yield "names-1100-then-two-conditional", b"\x80\x02" + names + b"c__builtin__\nfilter\nq\x000cfunctools\npartial\nq\x010" + \
        b"c__builtin__\nlist\n(h\x00(" + ATTR + b"(clab\nos\n" + string(b"system") + b"tR" + b"(" + ARG + b"ltRtR."
    partial = b"cfunctools\npartial\n(" + SYSTEM + ARG + b"tR"
    yield "partial-called", partial + b")R."
    yield "factory-called-by-an-item", b"c_operator\ngetitem\n(ccollections\ndefaultdict\n(" + partial + b"tRN" + b"tR."
    yield "method-called-by-an-item", b"c_operator\ngetitem\n(ccollections\ndefaultdict\n(ctypes\nMethodType\n(" + \
        SYSTEM + ARG + b"tRtRNtR."
    yield "map-by-newobj", b"c__builtin__\nlist\n(ccopy_reg\n__newobj__\n(c__builtin__\nfilter\n" + SYSTEM + b"(" + ARG + \
        b"ltRtR."
    yield "map-of-an-attribute-by-newobj", P4 + b"cbuiltins\nlist\n(ccopyreg\n__newobj__\n(cbuiltins\nmap\n" + ATTR4 + \
        b"(clab\nos\n" + string(b"system") + b"tR(" + ARG + b"ltRtR."
    yield "base-called", b"ccopy_reg\n_reconstructor\n(csubprocess\nPopen\ncsubprocess\nPopen\n(" + ARG + b"ltR."
    yield "methodcaller-mapped", P4 + b"cbuiltins\nlist\n(cbuiltins\nmap\n(coperator\nmethodcaller\n(" + \
        string(b"system") + ARG + b"tR(clab\nos\nltRtR."
    yield "iterator-until", b"c__builtin__\nlist\n(c__builtin__\niter\n(" + partial + b"I0\ntRtR."
    yield "reduce-of-reduce", b"cfunctools\nreduce\n(cfunctools\nreduce\n((" + SYSTEM + b"(" + ARG + b"I1\nlltR."
    yield "rebuilt-proxy", b"cmultiprocessing.managers\nRebuildProxy\n(clab\nproxy\n" + ARG + b"N}tR."
    yield "pool-task-reference", P4 + SYSTEM + ARG + b"\x85\x86."
    yield "extension-code", b"\x82\x05" + CALL + b"."
    yield "persistent-id", b"Pos.system\n" + CALL + b"."
    yield "stack-empty", b"R" + SYSTEM + CALL + b"."
    yield "bytes-only", P4 + b"C\x06system."
