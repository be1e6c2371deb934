"""The opcodes that OpReader found in some bytes, beside those that pickletools.genops finds.

`compare(data, fields)`: six fields an opcode (name, offset, number, text, second, decoded text argument), then how it
ended: 0 STOP, 1 more bytes needed, 2 unknown opcode, 3 negative length. Returns b"", or where the two part.

Not meant to be equal, because genops is not the unpickler:
- It decodes every argument and raises where that fails (non-ASCII STRING and GLOBAL, bad UTF-8, numbers that int() does
  not take). The reader has no opinion on contents: the comparison goes on behind the argument.
- It resolves escapes in GLOBAL, INST and PERSID, which no unpickler does: their lines are compared as they stand.
- INT and LONG: base 10 for what C reads with the prefixes 0, 0x, 0o, 0b, and `00` means False for LONG as well. Numbers
  that are written as a pickler writes them are compared, the others by the machine's own target.
- FLOAT: the line is compared; the value by the machine's own target.
- STRING: a line that is one lone quote is a string to genops; C refuses it.
- GET and PUT: `00` and `01` are False and True.
- An announced length beyond sys.maxsize is an error of its own to genops; to the reader the bytes are not there.
"""
import io
import pickletools
import re

KMAX_TEXT = 4096  # OpReader::kMaxText
KMIN_BIG = 2 ** 54 // 16  # from here on the machine may do without the value
STOP, NEED_MORE, UNKNOWN, NEGATIVE = 0, 1, 2, 3
TRUNCATED = re.compile(
    r"exhausted before seeing STOP|not enough data|but only \d+ remain|no newline found|> sys.maxsize")
PLAIN = re.compile(br"-?(0|[1-9][0-9]*)L?\Z")


def _how_it_ended(error):
    text = str(error)
    if " unknown" in text and text.startswith("at position"):
        return UNKNOWN
    if "byte count < 0" in text:
        return NEGATIVE
    return NEED_MORE if isinstance(error, ValueError) and TRUNCATED.search(text) else None


def _opcodes(data):
    """(name, offset, argument, its first byte, its end) of each; then how it ended. `argument` is the exception where
    genops could not decode it."""
    stream = io.BytesIO(data)
    at = 0
    while True:
        try:
            for opcode, argument, offset in pickletools.genops(stream):
                at = stream.tell()
                yield opcode, offset, argument, at
            yield STOP
            return
        except (ValueError, UnicodeError) as error:
            ended = _how_it_ended(error)
            if ended is not None:
                yield ended
                return
            opcode, offset, at = pickletools.code2op[data[at:at + 1].decode("latin-1")], at, stream.tell()
            if opcode.name in ("GLOBAL", "INST"):  # it may have stopped between the two lines
                first = data.find(b"\n", offset + 1)
                second = data.find(b"\n", first + 1)
                if first < 0 or second < 0:
                    yield NEED_MORE
                    return
                at = second + 1
                stream.seek(at)
            yield opcode, offset, error, at


def _integer(decoded):
    return None if decoded in (b"?", b"big") else int(decoded)


def _agrees(opcode, body, argument, number, text, second, decoded):
    name = opcode.name
    if opcode.arg is None:
        return body == b""
    kind = opcode.arg.n
    if name in ("GLOBAL", "INST"):
        return body[:-1].split(b"\n") == [text, second] or len(body) > KMAX_TEXT
    if kind == pickletools.UP_TO_NEWLINE:
        if text != body[:-1][:KMAX_TEXT]:
            return False
        if isinstance(argument, Exception) or len(body) > KMAX_TEXT:
            return True
        if name in ("INT", "LONG") and PLAIN.match(text) and (name == "LONG" or not text.endswith(b"L")):
            is_big = decoded == b"big" and abs(argument) >= KMIN_BIG
            return is_big or _integer(decoded) == int(argument)
        if name in ("GET", "PUT") and PLAIN.match(text):
            return argument < 0 or argument >= KMIN_BIG or _integer(decoded) == argument
        if name == "STRING" and len(text) > 1:
            return decoded == argument.encode("ascii")
        if name == "UNICODE":
            return decoded == re.sub(u"[\ud800-\udfff]", u"\ufffd", argument).encode("utf-8")
        return True
    if kind > 0:  # so many bytes
        expected = int.from_bytes(body, "little")
        if name in ("BININT", "EXT4"):
            number = number - 2 ** 32 if number >= 2 ** 31 else number
        return number == (expected if name == "BINFLOAT" else argument) and len(body) == kind
    width = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT8U: 8}.get(kind, 4)
    return number == len(body) - width and text == body[width:][:KMAX_TEXT]


def compare(data, fields):
    row = 0
    for found in _opcodes(data):
        if isinstance(found, int):
            ours = int(fields[row * 6])
            return b"" if row * 6 + 1 == len(fields) and ours == found else repr(
                ("genops ends", found, "reader ends or goes on", fields[row * 6:][:7])).encode()
        opcode, offset, argument, end = found
        mine = fields[row * 6:row * 6 + 6]
        if len(mine) < 6 or mine[0].decode() != opcode.name or int(mine[1]) != offset or not _agrees(
                opcode, data[offset + 1:end], argument, int(mine[2]), *mine[3:]):
            return repr(("genops", opcode.name, offset, argument, "reader", mine)).encode()
        row += 1
