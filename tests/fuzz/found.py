#!/usr/bin/env python3
"""Writes corpus/*/raw, the seed of machine_unpickler_fuzz and op_reader_genops_fuzz that is pickles as they are: the
rows of found.txt, and probes, where one wrong turn of a reader shows at once. Run it after a change of either."""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def _call(arguments):
    """os.x(*arguments), as a protocol 0 pickle; the arguments are opcodes."""
    return b"cos\nx\n(" + arguments + b"tR."


def _probes():
    for line in (b"0", b"00", b"01", b"010", b"-010", b"0x10", b"-0x1f", b"0b11", b"0o17", b"1_000", b" 7", b"7 ",
                 b"5\0junk", b"\0", b"+3", b"36028797018963967", b"36028797018963968", b"-36028797018963968",
                 b"9" * 40, b"", b"1L", b"08", b"1.5", b" 1", b"-0", b"1\0", b"0_0", b"01_0", b"0x", b"- 1",
                 b"0" + b"7" * 21, b"0" + b"7" * 22):
        yield _call(b"I" + line + b"\n")
        yield _call(b"L" + line + b"\n")
        yield _call(b"L" + line + b"L\n")
    for line in (b"1.5", b"-0.0", b"1e308", b"1e309", b"nan", b"-inf", b" 2", b"2 ", b"1_0", b"0x1p3", b"5\0x", b""):
        yield _call(b"F" + line + b"\n")
    for line in (b"1e400", b"1e-400", b"+.5e+1", b"5.", b".", b"1_0.5_0", b"1__0", b"1_", b"_1", b"-iNf", b"nan(1)"):
        yield _call(b"F" + line + b"\n")
    for line in (b"'a'", b"\"a\"", b"'a\\'", b"'a\\\\'", b" 'a'", b"'a'\xff", b"'a\"", b"''", b"'",
                 b"'\\x41\\101\\n'", b"'\\x4'", b"'\\400'", b"'\xe9'",
                 b"'it's'"):
        yield _call(b"S" + line + b"\n")
    for line in (b"", b"\\u0041", b"\\\\u0041", b"\\\\\\u0041", b"\\u00", b"\\U0001f600", b"\\ud83d\\ude00", b"\xe9"):
        yield _call(b"V" + line + b"\n")
    for width, letter, code in ((1, "B", b"\x8a"), (4, "<I", b"\x8b")):
        for body in (b"\x01" + bytes(9), b"\xff" * 7 + b"\0", b"\0" * 6 + b"\x80\xff\xff", b"", b"\0", b"\xff",
                     b"\x80", b"\xff\x7f", b"\0\0\0\0\0\0\0\x80", b"\xff" * 9):
            yield _call(code + struct.pack(letter, len(body)) + body)
    for protocol in range(7):
        yield b"\x80" + bytes([protocol]) + b"c__builtin__\nreduce\n(N)tRccommands\nx\n)R."
        yield b"N\x80" + bytes([protocol]) + b"0(i__builtin__\nxrange\n."
    for index in (b"0", b"00", b"01", b"010", b"+1", b" 1", b"1 ", b"1_0", b"-1", b"x", b"", b"1\0"):
        yield b"cos\nx\np" + index + b"\n0cos\ny\nq\x0a0cos\nz\nq\x08g" + index + b"\n)R."
    for code in (b"s", b"u"):
        for index in (b"K\0", b"K\x02", b"I-1\n", b"I-3\n", b"\x88", b"N", b"cos\nx\n", b"U\x01a", b"G" + bytes(8)):
            for target in (b"](NNe", b"(lNaNa", b"\x96\x02\0\0\0\0\0\0\0ab", b"}", b")", b"\x8f"):
                pair = index + b"K\x41"
                yield _call(target + (b"(" + pair + b"u" if code != b"s" else pair + b"s"))
    for target in (b"]", b"\x96\x02\0\0\0\0\0\0\0ab", b"}", b"\x8f"):
        for items in (b"K\x41a", b"(K\x41K\x42e", b"(e", b"(u", b"(K\x41u", b"(K\x41\x90", b"(Ne", b"NaK\x41a"):
            yield _call(target + items)
    yield b"cos\nx\n(0)R."  # POP takes the MARK
    yield b"cos\nx\n((NN0(00tR."
    yield b"cos\nx\n(N1(K\x01tR."
    yield b"cos\nx\n(20)R."
    yield b"cos\nx\n\x94q\x050cos\ny\n\x940j\x01\0\0\0)R."  # MEMOIZE counts the slots that are used
    yield b"cos\nx\nr\x00\x01\0\x000cos\ny\n\x940h\x01)R."
    yield b"cos\nx\n(N(cos\ny\nK\x01oK\x02etR."
    for code in (b"T", b"\x8b"):
        yield code + b"\xff\xff\xff\xff" + b"N."
        yield code + b"\x00\x00\x00\x80" + b"N."
        yield code + b"\xff\xff\x00\x00" + b"N."
    for code, width in ((b"B", 4), (b"X", 4), (b"\x8d", 8), (b"\x8e", 8), (b"\x96", 8), (b"C", 1), (b"U", 1)):
        yield code + (3).to_bytes(width, "little") + b"abc."
        yield code + (5).to_bytes(width, "little") + b"abc."
        yield code + (3).to_bytes(width, "little")[:width - 1]
    for length in (0, 1, 9, 10, 2 ** 20, 2 ** 63):
        yield b"\x80\x04\x95" + struct.pack("<Q", length) + b"cos\nx\n)R."


def main():
    with open(os.path.join(HERE, "found.txt"), encoding="utf-8") as rows:
        pickles = [bytes.fromhex(row.split()[1]) for row in rows if row.strip() and not row.startswith("#")]
    pickles += _probes()
    for target in ("machine_unpickler", "op_reader_genops"):
        with open(os.path.join(HERE, "corpus", target, "raw"), "wb") as seed:
            seed.write(b"\x1f" + b"".join(len(pickle).to_bytes(2, "little") + pickle for pickle in pickles))


if __name__ == "__main__":
    main()
