"""What the pickle machine reported, beside what CPython resolved and called when it loaded the same bytes.

`compare(data, fields)`: "pure" or nothing (the pure Python unpickler is asked as well), PickleEnd, its reason, the
number of calls in all, the number of globals, the globals, then callable, arguments and opcode of each recorded call.
Returns b"", or what differs.

What must hold:
- What CPython resolved and called stands at the front of what the machine reports, in order: the same names, the same
  callables, the same arguments as far as they are plain (text of the machine parsed as Python).
- Where CPython reached STOP the machine did, and has nothing more.
- Where CPython raised the machine may go on only as one that another Python follows: it ends refused or truncated.
  TOLERATED lists the errors that it does not see.
- The calls of the pure unpickler are at the front as well: where it goes on, the machine must.

Not meant to be equal:
- Extension codes: the machine does not know the receiver's registry. Those of EXTENSIONS are registered here.
- What is beyond a bound of the text (depth, items, length) shows as "…", which agrees with anything; so does a memo entry
  written in two forms (PUT and BINPUT): Python 2.7 has another value there.
- A text in a memo entry beyond those that are kept directly (DissectorLimits) is forgotten: "?" where it is a name; so is
  which container stands there: what is put into it by way of that entry is not shown.
- A text line is read as far as it is kept: what its end is not (a quote, the rest of an escape) goes unnoticed.
- An attribute of something fetched by name (`getattr`) is a callable of its own to the machine, a result to the trace.
- Unpaired surrogates, which the machine replaces, and the lower bits of floats.
- BUILD is compared where the machine lists it as a call.
- Arguments among which stands what was fetched by a name that no Python program could write.
"""
import ast
import copyreg
import gc
import keyword
import math
import re

import oracle

STOP = 0  # PickleEnd
EXTENSIONS = (1, 2, 3, 256, 257, 65536, 65537)
ACCESSORS = {"builtins.getattr", "__builtin__.getattr"}
KMAX_DEPTH, KMAX_ITEMS, KMAX_LITERAL, KMAX_CALLEE = 12, 16, 1024, 256  # PseudoPython, ValueStore, callee_text
FAR_ENTRY = re.compile(br"[rj].\x80\x00\x00|[pg][0-9]{5}", re.DOTALL)  # of the memo, beyond pickle_memo_entries
LONG_LINE = re.compile(br"[SIVLF][^\n]{4096}")  # OpReader::kMaxText
KMAX_HARMLESS = 24  # calls that are recorded one after the other; then some are left out (CallLog)
KMAX_NAME = 512  # Policy::kMaxNameBytes, with the dot
KMAX_NODES = 1500  # of one call's arguments: the text of the machine is shorter
RUNS_BETWEEN_COLLECTIONS = 400
UNKNOWN = "___"  # stands for "…" in what is parsed

# Errors of CPython after which the machine may report that STOP was reached: pattern of the message, and why.
TOLERATED = [re.compile(pattern) for pattern in (
    # Whether an object has what an opcode asks of it depends on more than its kind.
    r"^(Type|Attribute|Key|Index|Overflow|Memory|Recursion)Error",
    r"state is not a dictionary", r"class argument", r"args? argument", r"expected an arg", r"NEWOBJ",
    r"EXT specifies code <= 0",
    # A loader with another encoding, and Python 2.7, take these bytes.
    r"^UnicodeDecodeError", r"^UnicodeEncodeError", r"persistent IDs in protocol 0 must be ASCII",
    # What is a number to the machine is one to some Python (literals.h).
    r"^ValueError: (could not convert|invalid literal|could not|embedded null)", r"string to (int|float)",
    r"^ValueError: unregistered extension code",
    # What is stored in a bytearray.
    r"^ValueError: byte must be in range",
    # What a call returned may be a string.
    r"STACK_GLOBAL requires str",
    # Buffers come beside the pickle.
    r"out-of-band",
)]

RESULT = re.compile(r"#\d+\Z")  # of oracle.name_of


class _Beyond(object):
    pass


BEYOND = _Beyond()


def _snapshot(root):
    """The value as it is now: nested tuples (kind, items), at most KMAX_NODES of them."""
    left = [KMAX_NODES]

    def take(value, depth):
        left[0] -= 1
        if left[0] < 0 or depth > KMAX_DEPTH:
            return BEYOND
        kind = type(value)
        if kind in (list, tuple):
            return kind.__name__, len(value), [take(item, depth + 1) for item in value[:KMAX_ITEMS]]
        if kind in (set, frozenset):
            return kind.__name__, len(value), [take(item, depth + 1) for item in value]
        if kind is dict:
            return "dict", len(value), [(take(key, depth + 1), take(item, depth + 1)) for key, item in value.items()]
        if kind is bytearray:
            return "bytearray", len(value), bytes(value)
        name = oracle.name_of(value)
        return value if name is None else ("name", 0, name)

    return take(root, 0)


def _text(value):
    return re.sub(u"[\ud800-\udfff]", u"\ufffd", value).replace(u"\u2026", UNKNOWN)


def _printable(name):
    """As pseudo_python.h `printable`: on one line."""
    return re.sub(u"[\0-\x1f\x7f]", lambda c: repr(str(c.group()))[1:-1], name)


def _is_wild(node):
    return isinstance(node, ast.Name) and node.id == UNKNOWN


def _starts(shown, whole):
    """Is `shown` the text, or the beginning of it where it was cut?"""
    mark = UNKNOWN if isinstance(whole, str) else UNKNOWN.encode()
    return shown == whole or (len(whole) > KMAX_LITERAL // 4 and whole.startswith(shown[:shown.rfind(mark)]))


class _Matcher(object):
    """Text of the machine beside a snapshot. `numbers`: which recorded call has which index in the trace. `pure`: what C
    reads as a bool in INT (` 1`, `-0`) is a number to that unpickler. `far`: a container may have more than is shown."""

    def __init__(self, calls, numbers, pure, far):
        self.calls, self.numbers, self.pure, self.far = calls, numbers, pure, far

    def result(self, node, index):
        if self.calls[index][0] in ACCESSORS:
            return True
        return isinstance(node, ast.Name) and node.id == "v%d" % self.numbers[index]

    def number(self, node, value):
        negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        node = node.operand if negative else node
        if isinstance(node, ast.Name) and node.id in ("inf", "nan"):
            shown = float(node.id)
        elif isinstance(node, ast.Name) and node.id == "BIG":
            return isinstance(value, int)  # or a small one in many bytes
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            shown = node.value
        else:
            return False
        shown = -shown if negative else shown
        if isinstance(value, float) != isinstance(shown, float):
            return False
        if isinstance(value, bool) != isinstance(shown, bool) and not self.pure:
            return False
        if isinstance(value, float):
            both_nan = math.isnan(shown) and math.isnan(value)
            return both_nan or math.isclose(shown, value, rel_tol=1e-10)
        return shown == value

    def equal_number(self, node, value):
        """Keys are kept as they came first: 1, 1.0 and True are one."""
        for kind in (int, float, bool):
            try:
                if kind(value) == value and self.number(node, kind(value)):
                    return True
            except (OverflowError, ValueError):
                pass
        return False

    def match(self, node, value, loose=False):
        if value is BEYOND or _is_wild(node):
            return True
        if isinstance(value, str):
            return isinstance(node, ast.Constant) and isinstance(node.value, str) and _starts(node.value, _text(value))
        if isinstance(value, bytes):
            return isinstance(node, ast.Constant) and isinstance(node.value, bytes) and _starts(node.value, value)
        if value is None:
            return isinstance(node, ast.Constant) and node.value is None
        if isinstance(value, (bool, int, float)):
            return self.number(node, value) or (loose and self.equal_number(node, value))
        if not isinstance(value, tuple):
            return True  # a buffer, an object of Python's own
        kind, count, items = value
        if self.far and kind in ("list", "dict", "set", "bytearray"):
            return True
        if kind == "name":
            if items == "persistent.load":
                return isinstance(node, ast.Name) and node.id == "PERSISTENT"
            return self.result(node, int(items[1:])) if RESULT.match(items) else _dotted(node) == _text(items)
        if kind == "bytearray":
            return isinstance(node, ast.Call) and _dotted(node.func) == "bytearray" and self.match(node.args[0], items)
        if kind == "arguments":  # the pure unpickler takes anything that is iterable
            return not isinstance(node, (ast.Tuple, ast.List)) or self.sequence(node.elts, count, items)
        if kind in ("list", "tuple"):
            shown = node.elts if isinstance(node, ast.List if kind == "list" else ast.Tuple) else None
            return shown is not None and self.sequence(shown, count, items)
        if kind == "frozenset":
            if not isinstance(node, ast.Call) or _dotted(node.func) != "frozenset":
                return False
            node = node.args[0] if node.args else ast.Dict([], [])
        if kind == "dict":
            return isinstance(node, ast.Dict) and self.pairs(node, items)
        if isinstance(node, ast.Dict):  # `{}` is how the machine shows an empty set
            return not node.keys and count == 0
        return isinstance(node, ast.Set) and (_has_wild(node.elts) or all(
            any(self.match(one, item, True) for item in items) for one in node.elts) and all(
                any(self.match(one, item, True) for one in node.elts) for item in items))

    def sequence(self, shown, count, items):
        cut = shown and _is_wild(shown[-1])
        if cut and (len(shown) == KMAX_ITEMS + 1 or len(shown) == 1):
            shown = shown[:-1]
        elif len(shown) != count:
            return False
        return all(self.match(one, item) for one, item in zip(shown, items))

    def pairs(self, node, items):
        rows = list(zip(node.keys, node.values))
        if any(key is None or _is_wild(key) for key, _ in rows):
            return True
        for key, value in items:
            hits = [shown for name, shown in rows if self.match(name, key, True)]
            if isinstance(key, tuple) and key[0] == "name":  # what getattr returned agrees with any key
                hits = [shown for shown in hits if self.match(shown, value)] or hits
            if not hits or not self.match(hits[-1], value):
                return False
        return all(any(self.match(name, key, True) for key, _ in items) for name, _ in rows)


def _has_wild(nodes):
    return any(_is_wild(node) for node in nodes)


def _is_clipped(name, want):
    """Of names that the policy finds too long the log keeps the beginning."""
    return UNKNOWN in name and len(want.encode("utf-8", "replace")) > KMAX_NAME and want.startswith(name.split(UNKNOWN)[0])


def _same_names(wanted, names, data):
    """Are the wanted ones the first of them?"""
    names = [want if _is_clipped(name, want) else name for name, want in zip(names, wanted)] + names[len(wanted):]
    if names[:len(wanted)] == wanted:
        return True
    if not FAR_ENTRY.search(data) or len(names) < len(wanted):
        return False
    return all(re.fullmatch(".*".join(map(re.escape, name.split("?"))), want) for want, name in zip(wanted, names))


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id] + parts[::-1]) if isinstance(node, ast.Name) else None


def _parsed(text):
    """Arguments as the machine writes them; None where they were cut so that they are no expression any more."""
    for shown, name in (("<big int>", "BIG"), ("<persistent id>", "PERSISTENT"), ("<out-of-band buffer>", UNKNOWN)):
        text = text.replace(shown, name)
    text = re.sub(r"copyreg\._inverted_registry\[(\d+)\]", r"extension.e\1", text)
    for wild in (UNKNOWN, "**" + UNKNOWN):
        try:
            source = text.replace(u", \u2026}", ", " + wild + "}").replace(u"\u2026", UNKNOWN)
            return ast.parse(source, mode="eval").body
        except (SyntaxError, ValueError):
            pass
    return None


def _decoded(field):
    try:
        return re.sub(u"[\ud800-\udfff]", u"\ufffd", field.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return field.decode("utf-8", "replace")


def _plain_name(name):
    return _text(re.sub(r"\Acopyreg\._inverted_registry\[(\d+)\]\Z", r"extension.e\1", name))


def _trace(data, pure):
    copyreg.clear_extension_cache()
    found = oracle.trace(data, pure, _snapshot)
    # The module '' cannot be imported, whoever asks.
    names = [_text(name) for name in found.globals if name != "persistent.load" and not name.startswith(".")]
    calls = []
    for callee, args, kwargs in found.calls:
        if args == "__setstate__":
            calls.append((oracle.name_of(callee), kwargs, True))
        else:
            kind, count, items = args
            args = "arguments" if pure else kind, count, items
            if kwargs[1]:
                args = args[0], count + 1, items + [kwargs]
            calls.append((oracle.name_of(callee), args, False))
    return found.end, names, calls


def _differences(data, pure, end, total, names, recorded):
    ended, wanted_names, wanted = _trace(data, pure)
    stopped = ended == "stop"
    # As Python they read otherwise, `o*s.x` and `or.x`: what they stand in is not looked at.
    odd_names = [_printable(name) for name in names
                 if not all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))]
    names = [name for name in names if not name.startswith(".")]
    if not _same_names(wanted_names, names, data) or (stopped and not pure and len(names) != len(wanted_names)):
        return "globals", wanted_names, names, ended
    lists_build = any(opcode == "BUILD" for _, _, opcode in recorded)
    numbers, kept = {}, []
    for index, (name, args, is_build) in enumerate(wanted):
        if not is_build or lists_build:
            numbers[index] = len(kept)
            kept.append((name, args, is_build))
    if total < len(kept) or (stopped and not pure and total != len(kept)):
        return "calls", [call[0] for call in kept], [call[0] for call in recorded], total, ended
    matcher = _Matcher(wanted, numbers, pure, FAR_ENTRY.search(data))
    two_forms = b"p" in data or b"g" in data
    in_a_row = recorded if len(recorded) == total else recorded[:KMAX_HARMLESS]
    for (name, args, is_build), (callee, text, opcode) in zip(kept, in_a_row):
        if is_build != (opcode == "BUILD"):
            return "call", name, args, "machine", callee, text, opcode, ended
        if name == "persistent.load":
            same = "persistent" in callee
        elif RESULT.match(name):
            maker = numbers[int(name[1:])]
            made = recorded[maker][0] + recorded[maker][1]
            cut = len(made.encode("utf-8", "replace")) > KMAX_CALLEE
            same = wanted[int(name[1:])][0] in ACCESSORS or cut or callee in (made, "v%d" % maker)
        else:
            same = _same_names([_printable(name)], [_plain_name(callee)], data)
        same = same or (callee == u"\u2026" and two_forms)
        node = _parsed(text)
        cut = node is None and len(text) > KMAX_LITERAL // 2 or any(name in text for name in odd_names)
        if not same or (not cut and (node is None or not matcher.match(node, args))):
            return "call", name, args, "machine", callee, text, opcode, ended
    if pure or stopped == (end == STOP):
        return None
    tolerated = not stopped and any(pattern.search(ended) for pattern in TOLERATED)
    unseen_end = re.search("must be quoted|escape|Trailing", ended) and LONG_LINE.search(data)
    tolerated = tolerated or (not stopped and unseen_end)
    return None if tolerated else ("end", ended, "machine", end)


runs = 0
gc.disable()  # every class is a cycle: collected in one go
for _code in EXTENSIONS:
    copyreg.add_extension("extension", "e%d" % _code, _code)


def compare(data, fields):
    global runs
    runs += 1
    if runs % RUNS_BETWEEN_COLLECTIONS == 0:
        gc.collect()
    asks_pure, end, reason, total, count = fields[:5]
    count = int(count)
    names = [_plain_name(_decoded(name)) for name in fields[5:5 + count]]
    texts = [_decoded(field) for field in fields[5 + count:]]
    recorded = list(zip(texts[0::3], texts[1::3], texts[2::3]))
    for pure in (False, True)[:1 + bool(asks_pure)]:
        found = _differences(data, pure, int(end), int(total), names, recorded)
        if found is not None:
            return repr(("pure" if pure else "C", found, reason)).encode("utf-8", "backslashreplace")
    return b""
