"""The bombs: pickles that make a loader use memory, time or stack out of all proportion, and large ones that do not.

    python3 bombs.py list                     what there is
    python3 bombs.py measure PYTHON... [-o F] loads each in each Python (`bombs_load.py`), adds to F (bombs.measured)
    python3 bombs.py write F                  bombs.txt and bombs.md out of the measurement F

A pickle is a list of pieces, bytes or (bytes, count); `short_hex` writes them as "HEX,HEX*COUNT", which keeps a
megabyte
of nesting in a line. kind: what the pickle is about. rule: who must see it: "watch" (the ResourceWatch), "call" (the
judge, by the callable and its arguments), "none" (harmless, or no bomb on any Python measured), "over" (harmless, and
reported: no program builds it), "missed".
For calls the measurement says which of the two.
"""
import itertools
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.dirname(HERE)
KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
MODULUS = (1 << 61) - 1  # hash(int) is modulo this prime (3.x; sys.hash_info.modulus)


def short_hex(pieces):
    pieces = [p if isinstance(p, tuple) else (p, 1) for p in pieces]
    joined = []
    for data, count in pieces:
        if count == 1 and joined and joined[-1][1] == 1:
            joined[-1] = (joined[-1][0] + data, 1)
        elif data and count:
            joined.append((data, count))
    return ",".join(data.hex() + ("*%d" % count if count > 1 else "") for data, count in joined)


def size_of(pieces):
    return sum(len(p[0]) * p[1] if isinstance(p, tuple) else len(p) for p in pieces)


def u4(number):
    return struct.pack("<I", number)


def u8(number):
    return struct.pack("<Q", number)


def i4(number):
    return struct.pack("<i", number)


def long1(number):
    body = number.to_bytes((number.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(body)]) + body


def doubled(leaf, levels, wrap=b""):
    """(x, x) of (x, x) of …: each level visits the one below twice."""
    return [leaf, (b"2\x86" + wrap, levels)]


def call(module, name, *args):
    return [b"c%s\n%s\n(" % (module, name)] + list(itertools.chain.from_iterable(args)) + [b"tR"]


def one_hash_pairs():
    """Distinct tuples of one hash, on every Python: hash(-1) == hash(-2), so a pair of such pairs has one hash as well.
    Leaves 256 of them (eight numbers deep) in memo slots 0 to 255."""
    out = [b"\x80\x02"]
    level = [b"J" + i4(-1), b"J" + i4(-2)]
    # two numbers → 4 pairs → 16 → 256, each kept in the memo
    for slot, (a, b) in enumerate(itertools.product(level, repeat=2)):
        out.append(a + b + b"\x86q" + bytes([slot]) + b"0")
    for slot, (a, b) in enumerate(itertools.product(range(4), repeat=2)):
        out.append(b"h" + bytes([a]) + b"h" + bytes([b]) + b"\x86q" + bytes([16 + slot]) + b"0")
    for slot, (a, b) in enumerate(itertools.product(range(16, 32), repeat=2)):
        out.append(b"h" + bytes([a]) + b"h" + bytes([b]) + b"\x86r" + u4(256 + slot) + b"0")
    return out


def pairs_as_keys(count):
    out = one_hash_pairs() + [b"}("]
    for a, b in itertools.islice(itertools.product(range(256), repeat=2), count):
        out.append(b"j" + u4(256 + a) + b"j" + u4(256 + b) + b"\x86N")
    return out + [b"u."]


def equal_sets(levels):
    one = [(b"(", levels), b"K\x01", (b"2\x86\x91", levels)]
    return [b"\x80\x04\x8f("] + one + one + [b"\x90."]


def all_bombs():
    """(name, kind, rule, pieces, what it is)"""
    out = []

    def add(name, kind, rule, pieces, story):
        out.append((name, kind, rule, pieces, story))

    # ---- announced sizes
    for label, size in (("1g", GB), ("2g", 2 * GB - 8)):
        add(
            "binbytes_" + label,
            "announced",
            "watch",
            [b"\x80\x03B" + u4(size) + b"xx."],
            "BINBYTES of which 3 bytes come",
        )
        add("binbytes8_" + label, "announced", "watch", [b"\x80\x04\x8e" + u8(size) + b"xx."], "BINBYTES8")
        add("bytearray8_" + label, "announced", "watch", [b"\x80\x05\x96" + u8(size) + b"xx."], "BYTEARRAY8")
        add("binunicode_" + label, "announced", "none", [b"\x80\x02X" + u4(size) + b"xx."], "BINUNICODE")
        add("binunicode8_" + label, "announced", "none", [b"\x80\x04\x8d" + u8(size) + b"xx."], "BINUNICODE8")
        add(
            "binstring_" + label, "announced", "none", [b"\x80\x02T" + i4(min(size, 2**31 - 1)) + b"xx."], "BINSTRING"
        )
        add("long4_" + label, "announced", "none", [b"\x80\x02\x8b" + i4(min(size, 2**31 - 1)) + b"xx."], "LONG4")
    for shift in (40, 62):
        add("binbytes8_2p%d" % shift, "announced", "watch", [b"\x80\x04\x8e" + u8(1 << shift) + b"xx."], "BINBYTES8")
        add("bytearray8_2p%d" % shift, "announced", "watch", [b"\x80\x05\x96" + u8(1 << shift) + b"xx."], "BYTEARRAY8")
    add("binbytes8_max", "announced", "watch", [b"\x80\x04\x8e" + u8(2**64 - 1) + b"xx."], "BINBYTES8 of 2**64-1")
    add("bytearray8_256m", "announced", "watch", [b"\x80\x05\x96" + u8(256 * MB) + b"xx."], "256 MB")
    add(
        "frame_2p40", "announced", "none", [b"\x80\x04\x95" + u8(1 << 40) + b"N."], "FRAME: nothing is allocated for it"
    )
    add("frame_1g", "announced", "none", [b"\x80\x04\x95" + u8(GB) + b"N."], "FRAME")
    add("truncated_bytes", "announced", "none", [b"\x80\x03B" + u4(MB) + b"x"], "1 MB announced: cut off")
    add("bytes_50m", "announced", "none", [b"\x80\x03B" + u4(50 * MB), (b"x", 50 * MB), b"."], "50 MB that are there")

    # ---- memo
    for shift in (12, 16, 20, 23, 24, 26, 27, 28, 31):
        add(
            "long_binput_2p%d" % shift,
            "memo",
            "watch" if shift >= 23 else "none",
            [b"\x80\x02Nr" + u4(1 << shift) + b"."],
            "LONG_BINPUT %d: the array grows to twice the index" % (1 << shift),
        )
    add("long_binput_max", "memo", "watch", [b"\x80\x02Nr" + u4(2**32 - 1) + b"."], "LONG_BINPUT 2**32-1")
    add("put_2p27", "memo", "watch", [b"Np%d\n." % (1 << 27)], "PUT, text")
    add("put_huge", "memo", "watch", [b"Np99999999999\n."], "PUT, text, beyond any memory")
    add(
        "long_binput_steps",
        "memo",
        "watch",
        [b"\x80\x02N"] + [b"r" + u4(1 << shift) for shift in range(12, 28)] + [b"."],
        "in steps of two",
    )
    add("memoize_1m", "memo", "none", [b"\x80\x04N", (b"\x94", MB), b"."], "a million times MEMOIZE")
    add(
        "long_binput_dense",
        "memo",
        "none",
        [b"\x80\x02N"] + [b"r" + u4(i) for i in range(2000)] + [b"."],
        "dense indices",
    )
    add("get_missing", "memo", "none", [b"\x80\x02j" + u4(2**32 - 1) + b"."], "LONG_BINGET beyond: a KeyError only")

    # ---- nesting
    for label, depth in (("10k", 10**4), ("100k", 10**5), ("1m", 10**6)):
        add("lists_" + label, "nesting", "none", [(b"]", depth), (b"a", depth - 1), b"."], "lists in lists")
        add("dicts_" + label, "nesting", "none", [b"}", (b"N}", depth), (b"s", depth), b"."], "dicts in dicts")
        add("tuples_" + label, "nesting", "none", [b"\x80\x02)", (b"\x85", depth), b"."], "tuples in tuples")
        add(
            "frozensets_" + label,
            "nesting",
            "none",
            [b"\x80\x04", (b"(", depth), b"N", (b"\x91", depth), b"."],
            "frozensets in frozensets",
        )
        add("marks_" + label, "nesting", "none", [(b"(", depth), b"N."], "MARKs and nothing else")
        add("marks_popped_" + label, "nesting", "none", [b"N", (b"(1", depth), b"."], "MARK, POP_MARK")
    for depth in (500, 2000, 10000, 20000, 40000, 60000, 80000, 100000, 150000, 200000, 300000, 1000000):
        add(
            "deep_key_%d" % depth,
            "hash",
            "watch" if depth >= 10000 else "none",
            [b"\x80\x02})", (b"\x85", depth), b"Ns."],
            "a tuple %d deep as a key: hashing recurses in C" % depth,
        )
    add(
        "deep_key_of_frozenset",
        "hash",
        "watch",
        [b"\x80\x04()", (b"\x85", 1000000), b"\x91."],
        "as a member of a frozenset",
    )
    add(
        "deep_key_text",
        "hash",
        "watch",
        [(b"(", 1000000), (b"t", 1000000), b"q\x000}h\x00Ns."],
        "of protocol 0 opcodes",
    )
    add(
        "deep_reduce",
        "nesting",
        "none",
        [(b"cbuiltins\nbytearray\n(", 10000), (b"tR", 10000), b"."],
        "calls in arguments: the stack is a heap array",
    )
    add(
        "deep_partial",
        "nesting",
        "none",
        [(b"cfunctools\npartial\n", 200000), b"cbuiltins\nlen\n", (b"\x85R", 200000), b"."],
        "functools.partial of partial: flattened, linear",
    )

    # ---- hash and equality
    for levels in (10, 16, 20, 22, 24, 26, 30, 60):
        add(
            "doubled_key_%d" % levels,
            "hash",
            "watch" if levels >= 24 else "none",
            [b"\x80\x02}"] + doubled(b")", levels) + [b"Ns."],
            "a tuple of 2**%d visits as a dict key" % levels,
        )
    add("doubled_member", "hash", "watch", [b"\x80\x04\x8f("] + doubled(b")", 30) + [b"\x90."], "as a set member")
    add("doubled_in_frozenset", "hash", "watch", [b"\x80\x04("] + doubled(b")", 30) + [b"\x91."], "in a frozenset")
    add("doubled_key_dict_op", "hash", "watch", [b"("] + doubled(b")", 30) + [b"Nd."], "by DICT")
    add(
        "doubled_key_memo",
        "hash",
        "watch",
        [b"\x80\x02)q\x000"] + [b"h%ch%c\x86q%c0" % (i, i, i + 1) for i in range(40)] + [b"}h(Ns."],
        "doubled by the memo",
    )
    add("tripled_key", "hash", "watch", [b"\x80\x02})", (b"22\x87", 20), b"Ns."], "3**20 visits")
    add(
        "wide_key",
        "hash",
        "watch",
        [b"\x80\x02(" + b"N" * 100 + b"tq\x000"]
        + [b"(" + b"h%c" % i * 100 + b"tq%c0" % (i + 1) for i in range(5)]
        + [b"}h\x05Ns."],
        "100**6 visits",
    )
    add(
        "repeated_key",
        "hash",
        "watch",
        [b"\x80\x02(", (b"N", 30000), b"tq\x000}", (b"h\x00Ns", 30000), b"."],
        "a tuple of 30,000 as a key 30,000 times",
    )
    add(
        "doubled_by_set_call",
        "hash",
        "watch",
        [b"\x80\x02c__builtin__\nset\n]"] + doubled(b")", 30) + [b"a\x85R."],
        "set([t])",
    )
    add(
        "doubled_by_frozenset_call",
        "hash",
        "watch",
        [b"\x80\x02c__builtin__\nfrozenset\n]"] + doubled(b")", 30) + [b"a\x85R."],
        "frozenset([t])",
    )
    add(
        "doubled_namedtuple",
        "hash",
        "missed",
        [b"\x80\x02}N", (b"q\x000ctime\nstruct_time\n(" + b"h\x00" * 9 + b"t\x85\x81", 10), b"Ns."],
        "tuple subclasses, nine items each",
    )
    add("doubled_not_hashed", "hash", "none", [b"\x80\x02"] + doubled(b")", 60) + [b"."], "never a key: costs nothing")
    add("doubled_as_value", "hash", "none", [b"\x80\x02}N"] + doubled(b")", 60) + [b"s."], "as a dict's value")
    for levels in (10, 16, 20, 24, 40):
        add(
            "equal_sets_%d" % levels,
            "equality",
            "watch" if levels >= 24 else "none",
            equal_sets(levels),
            "two equal nests of frozensets in one set: compared 2**%d times" % levels,
        )
    add(
        "equal_tuples",
        "equality",
        "watch",
        [b"\x80\x02}"] + doubled(b")", 26) + [b"Ns"] + doubled(b")", 26) + [b"Ns."],
        "two equal doubled tuples as keys",
    )
    one_set = [(b"(", 40), b"K\x01", (b"2\x86\x91", 40)]
    add(
        "same_set_twice",
        "equality",
        "over",
        [b"\x80\x04"] + one_set + [b"q\x000}h\x00Ns}h\x00Ns."],
        "the same object in two dicts: free, and taken for two equal ones",
    )
    for label, count in (("1k", 1000), ("6k", 6000), ("60k", 60000)):
        keys = [b"\x80\x02}("] + [long1((i + 1) * MODULUS) + b"N" for i in range(count)] + [b"u."]
        add("colliding_ints_" + label, "collision", "none" if count < 5000 else "watch", keys, "multiples of 2**61-1")
        add(
            "colliding_tuples_" + label,
            "collision",
            "none" if count < 5000 else "watch",
            pairs_as_keys(count),
            "tuples of -1 and -2, which hash alike",
        )
        add(
            "distinct_tuples_" + label,
            "collision",
            "none",
            [b"\x80\x02}("] + [b"M" + struct.pack("<H", i & 0xFFFF) + b"K\x01\x86N" for i in range(count)] + [b"u."],
            "tuples of small numbers, which do not",
        )

    # ---- numbers and text
    for digits in (4000, 5000, 50000, 200000, 500000, 1000000):
        add(
            "long_%d" % digits,
            "digits",
            "watch" if digits >= 200000 else "none",
            [b"L", (b"9", digits), b"L\n."],
            "LONG of %d digits: quadratic" % digits,
        )
    add("int_1000000", "digits", "watch", [b"I", (b"9", 1000000), b"\n."], "INT")
    add("many_longs", "digits", "none", [(b"L" + b"9" * 10000 + b"L\n", 200), b"."], "200 LONGs of 10,000 digits")
    add(
        "long_small_many", "digits", "none", [(b"L" + b"9" * 100 + b"L\n0", 10000), b"N."], "10,000 LONGs of 100 digits"
    )
    add("long_hex", "digits", "none", [b"L0x", (b"f", 1000000), b"L\n."], "hexadecimal: linear")
    add("float_1000000", "digits", "none", [b"F", (b"9", 1000000), b"\n."], "FLOAT of a million digits")
    add("float_tiny_1000000", "digits", "none", [b"F0.", (b"0", 1000000), b"1\n."], "FLOAT with a million zeros")
    add("long4_1m", "digits", "none", [b"\x80\x02\x8b" + i4(MB), (b"\x7f", MB), b"."], "LONG4 of 1 MB: linear")
    add("unicode_1m", "digits", "none", [b"V", (b"\\u0041", 170000), b"\n."], "UNICODE, a million escapes")
    add("string_1m", "digits", "none", [b"S'", (b"\\x41", 250000), b"'\n."], "STRING")
    add("bad_utf8_1m", "digits", "none", [b"\x80\x02X" + u4(MB), (b"\xff", MB), b"."], "bad UTF-8")
    add(
        "repeated_int_key",
        "hash",
        "watch",
        [b"\x80\x02\x8b" + i4(500000), (b"\x7f", 500000), b"q\x000}", (b"h\x00Ns", 125000), b"."],
        "an int of 500 kB as a key: its hash is not kept",
    )

    # ---- growth inside the load
    add(
        "list_of_itself",
        "growth",
        "none",
        [b"]q\x00", (b"(" + b"h\x00" * 100 + b"e", 100), b"."],
        "a list appended to itself",
    )
    add("setitems_many", "growth", "none", [b"}(", (b"K\x01N", 300000), b"u."], "SETITEMS, one key")
    add("appends_many", "growth", "none", [b"](", (b"N", 1000000), b"e."], "APPENDS of a million")
    add("ext_4", "growth", "none", [b"\x80\x02\x84" + u4(0x7FFFFFFF) + b"."], "EXT4: not registered")
    add("lists_many", "growth", "none", [b"](", (b"]", 1000000), b"e."], "a million empty lists: 56 bytes each")
    add(
        "dicts_many",
        "growth",
        "none",
        [b"](", (b"}", 1000000), b"e."],
        "a million empty dicts: 64 bytes each (2.7: 280)",
    )
    add(
        "sets_many",
        "growth",
        "none",
        [b"\x80\x04](", (b"\x8f", 1000000), b"e."],
        "a million empty sets: 216 bytes each",
    )

    # ---- calls
    number = lambda n: [b"J" + i4(n)]
    text = lambda t: [b"X" + u4(len(t)) + t]
    attribute = lambda owner, name: call(b"builtins", b"getattr", owner, text(name))
    apply = lambda callee, *args: callee + [b"("] + list(itertools.chain.from_iterable(args)) + [b"tR"]
    pack = lambda parts: [b"\x80\x03"] + parts + [b"."]
    billion = number(10**9)
    endless = call(b"itertools", b"repeat", [b"N"])
    spread = lambda n: call(b"builtins", b"range", number(n))
    for name, parts in (
        ("bytes", call(b"builtins", b"bytes", billion)),
        ("bytearray", call(b"builtins", b"bytearray", billion)),
        ("bytearray_subclass", [b"cbuiltins\nbytearray\n", b"J" + i4(10**9), b"\x85\x81"]),
        ("list_range", call(b"builtins", b"list", spread(10**9))),
        ("tuple_range", call(b"builtins", b"tuple", spread(10**9))),
        ("set_range", call(b"builtins", b"set", spread(10**9))),
        ("frozenset_range", call(b"builtins", b"frozenset", spread(10**9))),
        ("dict_zip", call(b"builtins", b"dict", call(b"builtins", b"zip", spread(10**9), spread(10**9)))),
        ("sorted_range", call(b"builtins", b"sorted", spread(10**9))),
        ("sum_range", call(b"builtins", b"sum", spread(10**9))),
        ("max_range", call(b"builtins", b"max", spread(10**9))),
        ("all_repeat", call(b"builtins", b"all", call(b"itertools", b"repeat", number(1)))),
        ("any_repeat", call(b"builtins", b"any", endless)),
        ("list_repeat", call(b"builtins", b"list", endless)),
        ("list_count", call(b"builtins", b"list", call(b"itertools", b"count"))),
        ("list_cycle", call(b"builtins", b"list", call(b"itertools", b"cycle", [b"(Nl"]))),
        ("deque_repeat", call(b"collections", b"deque", endless)),
        ("deque_maxlen_repeat", call(b"collections", b"deque", endless, number(0))),
        ("counter_repeat", call(b"collections", b"Counter", endless)),
        ("counter_range", call(b"collections", b"Counter", spread(10**9))),
        (
            "ordereddict_zip",
            call(b"collections", b"OrderedDict", call(b"builtins", b"zip", spread(10**9), spread(10**9))),
        ),
        ("array_range", call(b"array", b"array", text(b"q"), spread(10**9))),
        ("struct_time_repeat", call(b"time", b"struct_time", endless)),
        ("product", call(b"itertools", b"product", spread(10**9))),
        ("product_repeat", call(b"builtins", b"list", call(b"itertools", b"product", *[spread(100)] * 6))),
        ("permutations", call(b"itertools", b"permutations", spread(10**9))),
        ("combinations", call(b"itertools", b"combinations", spread(30000000), number(30000000))),
        ("zip_longest", call(b"builtins", b"list", call(b"itertools", b"zip_longest", endless))),
        ("chain_repeat", call(b"collections", b"deque", call(b"itertools", b"chain", endless), number(0))),
        ("islice", call(b"itertools", b"islice", spread(1), number(10**9))),
        ("fraction", call(b"fractions", b"Fraction", text(b"1e9999999"))),
        ("decimal_to_int", call(b"builtins", b"int", call(b"decimal", b"Decimal", text(b"1e99999999")))),
        ("int_text", call(b"builtins", b"int", [b"X" + u4(1000000), (b"9", 1000000)])),
        ("int_base_36", call(b"builtins", b"int", [b"X" + u4(1000000), (b"z", 1000000)], number(36))),
        ("float_text", call(b"builtins", b"float", [b"X" + u4(1000000), (b"9", 1000000)])),
        ("pow", call(b"builtins", b"pow", number(3), number(50000000))),
        ("operator_pow", call(b"operator", b"pow", number(3), number(50000000))),
        ("math_factorial", call(b"math", b"factorial", number(3000000))),
        ("math_comb", call(b"math", b"comb", number(10000000), number(5000000))),
        ("lshift", call(b"operator", b"lshift", number(1), [b"\x8a\x05" + (16 * 10**9).to_bytes(5, "little")])),
        ("int_to_bytes", apply(attribute([b"cbuiltins\nint\n"], b"to_bytes"), number(1), billion, text(b"big"))),
        ("mul_text", call(b"operator", b"mul", text(b"x"), billion)),
        ("mul_list", call(b"operator", b"mul", [b"(Nl"], billion)),
        ("imul_tuple", call(b"operator", b"imul", [b"(Nt"], billion)),
        (
            "repeat_concat",
            [b"cbuiltins\nlen\n0"]
            + text(b"x" * 64)
            + [b"q\x000"]
            + [b"coperator\nadd\nh%ch%c\x86Rq%c0" % (i, i, i + 1) for i in range(24)]
            + [b"h\x18"],
        ),
        ("str_ljust", apply(attribute(text(b"x"), b"ljust"), billion)),
        ("str_zfill", apply(attribute(text(b"x"), b"zfill"), billion)),
        ("str_expandtabs", apply(attribute(text(b"\t"), b"expandtabs"), billion)),
        ("str_format", apply(attribute(text(b"{:1000000000}"), b"format"), number(1))),
        ("builtins_format", call(b"builtins", b"format", number(1), text(b"1000000000"))),
        ("mod_format", call(b"operator", b"mod", text(b"%1000000000d"), number(1))),
        (
            "str_join",
            apply(
                attribute([b"X" + u4(65536), (b"x", 65536)], b"join"),
                call(b"itertools", b"repeat", text(b""), number(16384)),
            ),
        ),
        (
            "str_replace",
            apply(
                attribute([b"X" + u4(32768), (b"x", 32768)], b"replace"), text(b"x"), [b"X" + u4(32768), (b"y", 32768)]
            ),
        ),
        ("random_seed", call(b"random", b"Random", [b"\x8b" + i4(60000), (b"\x7f", 60000)])),
        ("range_huge", spread(2**31 - 1)),
        ("range_hash", [b"}"] + spread(10**9) + [b"Ns"]),
        ("re_compile", call(b"re", b"compile", [b"X" + u4(60000), (b"(?:", 15000), (b")", 15000)])),
        ("ast_literal", call(b"ast", b"literal_eval", [b"X" + u4(60000), (b"-", 60000)])),
        (
            "nested_chain",
            [(b"citertools\nchain\n", 60000), b"]", (b"\x85R", 60000), b"q\x000cbuiltins\nlist\nh\x00\x85R"],
        ),
        (
            "nested_reversed_iter",
            [b"cbuiltins\nlist\n", (b"cbuiltins\nenumerate\n", 60000), b"]", (b"\x85R", 60000), b"\x85R"],
        ),
        (
            "nested_map",
            [b"cbuiltins\nlist\n", (b"cbuiltins\nmap\ncbuiltins\nlen\n", 60000), b"]", (b"\x86R", 60000), b"\x85R"],
        ),
        ("nested_zip", [b"cbuiltins\nlist\n", (b"cbuiltins\nzip\n", 60000), b"]", (b"\x85R", 60000), b"\x85R"]),
        ("nested_slice_key", [b"}", (b"cbuiltins\nslice\n", 200000), b"N", (b"\x85R", 200000), b"Ns"]),
        ("nested_alias", [b"}", (b"ctypes\nGenericAlias\ncbuiltins\nlist\n", 60000), b"N", (b"\x86R", 60000), b"Ns"]),
        ("doubled_alias_key", [b"}N", (b"q\x000ctypes\nGenericAlias\nh\x00h\x00\x86R", 30), b"Ns"]),
        ("doubled_slice_key", [b"}N", (b"q\x000cbuiltins\nslice\nh\x00h\x00\x86R", 30), b"Ns"]),
        ("nested_partial_args", [(b"cfunctools\npartial\ncbuiltins\nlen\n", 60000), b"N", (b"\x86R", 60000)]),
        ("nested_bytesio", [(b"cbuiltins\nmemoryview\n", 60000), b"C\x01x", (b"\x85R", 60000)]),
        ("nested_property", [(b"cbuiltins\nproperty\n", 200000), b"N", (b"\x85R", 200000)]),
        ("nested_staticmethod", [(b"cbuiltins\nstaticmethod\n", 200000), b"cbuiltins\nlen\n", (b"\x85R", 200000)]),
        ("nested_repeat", [(b"citertools\nrepeat\n", 200000), b"N", (b"\x85R", 200000)]),
        ("nested_exceptions", [(b"cbuiltins\nValueError\n", 200000), b"N", (b"\x85R", 200000)]),
        ("nested_proxies", [(b"ctypes\nMappingProxyType\n", 200000), b"}", (b"\x85R", 200000)]),
        ("ctypes_array", call(b"ctypes", b"create_string_buffer", billion)),
    ):
        add("call_" + name, "call", "call", pack(parts), "")
    return out


def measure(pythons, target, only):
    here = os.path.join(HERE, "bombs_load.py")
    lines = ["%s %s\n" % (name, short_hex(pieces)) for name, _, _, pieces, _ in all_bombs() if not only or name in only]
    with open(target, "a") as out:
        for python in pythons:
            version = subprocess.check_output(
                [python, "-c", "import platform; print(platform.python_version())"], text=True
            ).strip()
            run = subprocess.Popen([python, here], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            answer, _ = run.communicate("".join(lines))
            out.write("".join("%s %s\n" % (version, line) for line in answer.splitlines()))
            out.flush()
            sys.stderr.write("%s: %d\n" % (version, len(answer.splitlines())))


def read_measured(target):
    """name → version → (outcome, cpu_ms, touched_mb, reserved_mb); a later line replaces an earlier one."""
    found = {}
    with open(target) as lines:
        for line in lines:
            version, name, outcome, cpu, touched, reserved = line.split()
            reserved = int(touched) if reserved == "-" else int(reserved)
            found.setdefault(name, {})[version] = (outcome, int(cpu), int(touched), reserved)
    return found


def is_bomb(size, figures):
    """Did this load take what nobody would pay for so many bytes?"""
    outcome, cpu, touched, reserved = figures
    if outcome.startswith("signal") or outcome in ("too-long", "MemoryError"):
        return True
    if max(touched, reserved) >= 64 and max(touched, reserved) * MB >= 1000 * size:
        return True
    return cpu >= 50 and cpu * 1e6 >= 500 * size


def write(target):
    measured = read_measured(target)
    versions = sorted({v for row in measured.values() for v in row}, key=lambda v: [int(p) for p in v.split(".")])
    text = [
        "# NAME KIND RULE BOMB-ON PICKLE, written by make/bombs.py: see there and bombs.md.",
        "# BOMB-ON: Pythons on which it took too much, - for none. PICKLE: HEX and HEX*COUNT, commas between them.",
    ]
    table = []
    for name, kind, rule, pieces, story in all_bombs():
        row, size = measured.get(name, {}), size_of(pieces)
        on = [v for v in versions if v in row and is_bomb(size, row[v])]
        if kind == "call":
            rule = "call" if on else "none"
        if len(short_hex(pieces)) < 200000:
            text.append(" ".join((name, kind, rule, ",".join(on) or "-", short_hex(pieces))))
        cells = []
        for v in versions:
            outcome, cpu, touched, reserved = row.get(v, ("?", 0, 0, 0))
            short = {"loads": "", "too-long": "**too long** ", "MemoryError": "**MemoryError** "}.get(outcome)
            if short is None:
                short = "**crash** " if outcome == "signal-11" else "error "
            memory = "%d" % touched if touched == reserved else "%d/%d" % (touched, reserved)
            cells.append("%s%d ms %s MB" % (short, cpu, memory))
        table.append("| %s | %d | %s | %s | %s |" % (name, size, rule, story, " | ".join(cells)))
        if bool(on) != (rule in ("watch", "missed", "call")):
            sys.stderr.write("look: %s is %s, bomb on %s\n" % (name, rule, on))
    with open(os.path.join(FOLDER, "bombs.txt"), "w") as out:
        out.write("\n".join(text) + "\n")
    path = os.path.join(FOLDER, "bombs.md")
    with open(path) as old:
        head = old.read().split("<!-- written by make/bombs.py -->")[0]
    with open(path, "w") as out:
        out.write(head + "<!-- written by make/bombs.py -->\n")
        out.write("| pickle | bytes | seen by | what it is | %s |\n" % " | ".join(versions))
        out.write("|---" * (4 + len(versions)) + "|\n" + "\n".join(table) + "\n")


def main():
    command, rest = sys.argv[1], sys.argv[2:]
    if command == "list":
        for name, kind, rule, pieces, story in all_bombs():
            print("%-28s %-10s %-6s %9d  %s" % (name, kind, rule, size_of(pieces), story))
    elif command == "measure":
        target, only = os.path.join(FOLDER, "bombs.measured"), set()
        if "-o" in rest:
            target = rest.pop(rest.index("-o") + 1)
            rest.remove("-o")
        if "--only" in rest:
            only = set(rest.pop(rest.index("--only") + 1).split(","))
            rest.remove("--only")
        measure(rest, target, only)
    elif command == "write":
        write(rest[0])


if __name__ == "__main__":
    main()
