"""Harmless objects by name, made with whatever Python runs this (2.7 to 3.13)."""
from __future__ import unicode_literals

import array
import collections
import datetime
import decimal
import fractions
import functools
import re
import shutil
import os
import sys
import time
import uuid

import shapes

PY3 = sys.version_info[0] == 3




def plain():
    return [1, -5, 2 ** 40, 3.25, None, True, "snow \u2603", b"raw", ("a", 2), ["x", ["y"]], {"k": {"n": 1}}]


def more_plain():
    return {"big": 2 ** 80, "small": -2 ** 33, "float": -1e300, "text": "abc" * 40, "empty": [(), [], {}, ""]}


def result():
    return {"status": "ok", "rows": [[i, "row %d" % i, i * 0.5] for i in range(30)]}


def std_basic():
    """Standard types every version has."""
    day = datetime.datetime(2026, 11, 21, 10, 0, 0, 123456)
    counter = collections.Counter("pickletap")
    default = collections.defaultdict(list)
    default["a"].append(1)
    return [day, day.date(), day.time(), datetime.timedelta(days=1, seconds=2), decimal.Decimal("1.10"),
            fractions.Fraction(1, 3), collections.OrderedDict([("a", 1), ("b", 2)]), default, counter,
            collections.deque([1, 2], 5), uuid.UUID(int=7), complex(1, 2), set([1, 2]), frozenset([3]),
            bytearray(b"ba"), range(3), slice(1, 2, 3), time.gmtime(0), int, dict, len]


def std_new():
    """Standard types of Python 3 alone."""
    import http, ipaddress, pathlib, queue, socket, types, urllib.parse
    zone = datetime.timezone(datetime.timedelta(hours=2))
    return [datetime.datetime(2026, 11, 21, tzinfo=zone), pathlib.PurePosixPath("/srv/data/x"), pathlib.Path("a/b"),
            ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_address("fd99::1"),
            range(0, 10, 2), array.array("i", [1, 2, 3]), urllib.parse.urlparse("http://a/b?c#d"),
            http.HTTPStatus.NOT_FOUND, socket.AF_INET, types.SimpleNamespace(a=1), queue.Empty(),
            collections.ChainMap({"a": 1}), Ellipsis, NotImplemented, type(None)]


def errors():
    return [ValueError("bad value"), KeyError("k"), OSError(2, "No such file", "x.txt"), IndexError(),
            UnicodeDecodeError(str("utf-8"), b"\xff", 0, 1, str("why")), StopIteration(), SystemExit(3)]


def deep():
    """About a megabyte of nested objects."""
    return [{"id": i, "name": "item %d" % i, "tags": ["red", "green", str(i)], "where": {"x": i * 0.5, "y": (i, -i)},
             "history": [[i, j, "step"] for j in range(5)]} for i in range(5200)]


def big_bytes(size):
    """Not compressible, the same every time, cheap in every version."""
    import hashlib
    out = [hashlib.sha256(b"%d" % i if PY3 else str(i).encode()).digest() for i in range(size // 32 + 1)]
    return b"".join(out)[:size]


def big_text(size):
    return ("The quick brown fox jumps over the lazy dog \u2603 " * (size // 45 + 1))[:size]


def exploit_inside():
    import exploits
    blob = exploits.make("posix-system", 0)
    return {"sample": blob, "text": "cposix\nsystem\n(S'id'\ntR.", "note": "evidence, never to be loaded"}


OBJECTS = {
    "plain": plain, "more-plain": more_plain, "result": result, "std-basic": std_basic, "std-new": std_new,
    "errors": errors, "deep": deep,
    "none": lambda: None, "int": lambda: 42, "text": lambda: "hello", "list": lambda: list(range(20)),
    "20k": lambda: "x" * 20480, "300k-bytes": lambda: big_bytes(300000), "300k-text": lambda: big_text(300000),
    "regex": lambda: re.compile("a+b", re.I), "partial": lambda: functools.partial(int, base=2),
    "shutil.copy": lambda: shutil.copy, "os.system": lambda: os.system,
    "circle": lambda: shapes.Circle(2), "old": shapes.Old, "reduced": lambda: shapes.Reduced(1, "b"),
    "square": lambda: shapes.Square(3), "slotted": lambda: shapes.Slotted(1, 2), "stateful": shapes.Stateful,
    "keyword": lambda: shapes.Keyword(colour="red"),
    "bag": lambda: shapes.Bag([1, 2]), "circles": lambda: [shapes.Circle(i) for i in range(3)],
    "circle-class": lambda: shapes.Circle, "area-method": lambda: shapes.Circle(2).area,
    "exploit-inside": exploit_inside,
}
