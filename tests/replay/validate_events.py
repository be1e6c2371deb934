#!/usr/bin/env python3
"""Checks JSON lines against a JSON Schema: validate_events.py SCHEMA [FILE...] (standard input without FILE).

Prints one line a violation, FILE:LINE: where: what, and "N passed, N failed" at the end. Exit 0: every line passed;
1: some did not; 2: bad usage or an unusable schema. Besides the schema a line must be one JSON object in valid UTF-8,
of at most 65,536 bytes, without a name given twice and without a control character (the program escapes those).
"""

import json
import sys
import unicodedata

try:
    import jsonschema
except ImportError:
    sys.exit("validate_events.py needs python3-jsonschema")

MAX_LINE_BYTES = 65536
MAX_SHOWN = 200


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError("name given twice: " + ", ".join(twice))
    return dict(pairs)


def no_constant(word):
    raise ValueError(f"{word} is no JSON")


def troubles_of(line, validator, bounded):
    """What is wrong with one line, as text; nothing when it is right."""
    if bounded and len(line) > MAX_LINE_BYTES:
        yield f"{len(line)} bytes, more than {MAX_LINE_BYTES}"
    if not line.endswith(b"\n"):
        yield "no newline at the end"
    try:
        text = line.rstrip(b"\n").decode("utf-8")
        value = json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        yield f"not JSON: {error}"
        return
    raw = sorted({f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in ("Cc", "Zl", "Zp")})
    if raw:
        yield "unescaped control characters: " + " ".join(raw)
    for error in sorted(validator.iter_errors(value), key=lambda e: list(map(str, e.absolute_path))):
        where = ".".join(map(str, error.absolute_path)) or "(line)"
        yield f"{where}: {error.message[:MAX_SHOWN]}"


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as stream:
            schema = json.load(stream)
        cls = jsonschema.validators.validator_for(schema)
        cls.check_schema(schema)
    except (OSError, ValueError, jsonschema.SchemaError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 2
    validator = cls(schema)
    bounded = "explain" not in schema.get("$id", "")  # a line of `explain --json` is as long as its file has pickles
    passed = failed = 0
    for name in arguments[1:] or ["-"]:
        try:
            with sys.stdin.buffer if name == "-" else open(name, "rb") as stream:
                for number, line in enumerate(stream, 1):
                    troubles = list(troubles_of(line, validator, bounded))
                    for trouble in troubles:
                        print(f"{'<stdin>' if name == '-' else name}:{number}: {trouble}")
                    failed += bool(troubles)
                    passed += not troubles
        except OSError as error:
            print(f"{name}: {error.strerror}")
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
