#!/usr/bin/env python
"""Pickles of ordinary objects: the standard types, and what programs build of their own classes.

    good_objects.py OUTPUT.jsonl

Appends lines as good_record.py does, with `source` naming the group. Every object goes through every pickler of this
Python (C, pure, ForkingPickler) and every protocol, and through pickletools.optimize. The standard types are the
list that the policy is measured with (config/policy/make/samples.txt). Runs unchanged on Python 2.7 and 3.
"""
from __future__ import print_function

import array
import collections
import datetime
import decimal
import fractions
import functools
import importlib
import io
import itertools
import logging
import operator
import os
import pickle
import pickletools
import re
import socket
import sys
import threading
import traceback
import uuid
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, os.pardir, os.pardir, os.pardir, "config", "policy", "make"))
sys.path.insert(0, HERE)
import good_classes as user  # noqa: E402
import good_record  # noqa: E402
import measure_safe  # noqa: E402

PY2 = sys.version_info[0] == 2


def write(group, data):
    os.environ["GOOD_SOURCE"] = group
    good_record.note("dump", data)
    try:
        good_record.note("dump", pickletools.optimize(data))
    except Exception:  # 2.7's optimize knows no protocol 0 PUT of some strings
        pass


def dump(group, obj):
    """Through every pickler and protocol; how many worked."""
    done = 0
    for _, dumps in measure_safe.picklers():
        try:
            data = dumps(obj)
        except Exception:
            continue
        write(group, data)
        done += 1
    return done


# ---------------------------------------------------------------- groups
def standard_types():
    names = measure_safe.Names(M=importlib.import_module)
    for section in ("data", "multiprocessing"):
        for line in measure_safe.load_samples(section):
            try:
                yield "standard-types" if section == "data" else "multiprocessing", eval(
                    line, vars(measure_safe), names
                )
            except Exception:
                continue


def shapes():
    """Data as programs send it: nested, shared, recursive, every size of string, integer and container."""
    for size in (0, 1, 5, 255, 256, 300, 1000):
        yield [("k%d" % i, i) for i in range(size)]
        yield dict((i, str(i)) for i in range(size))
        yield "x" * size, "\u20ac" * size, b"\x80" * size, bytearray(size)
        yield set(range(size)), frozenset(range(size)), tuple(range(size))
    yield [
        0,
        -1,
        1,
        255,
        256,
        65535,
        65536,
        2**31 - 1,
        2**31,
        -(2**31),
        2**63,
        -(2**63),
        2**64,
        1 << 2040,
        1 << 3000,
    ]
    yield [0.0, -0.0, 1.5, 1e300, float("inf"), float("-inf"), float("nan"), 1j]
    yield "\ud800\udfff\x00\n\\u\u20ac\U0001f600", "quo'te\"\n", b"\x00\xff\n\\"
    shared = {"a": [1]}
    yield [shared] * 4, (shared, shared), {"x": shared, "y": shared}
    recursive = []
    recursive.append(recursive)
    yield recursive
    loop = {}
    loop["self"] = (loop, [loop])
    yield loop
    deep = []
    for _ in range(40):
        deep = [deep, {"d": (deep,)}]
    yield deep
    point = user.Node("a")
    point.next = user.Node("b", point)
    yield point
    yield (user.Node("x"),) * 3
    yield ["unicode", "text", None, True, False, Ellipsis, NotImplemented]
    yield {("host", 8080): {"status": "up", "load": [0.1, 0.2]}, "when": datetime.datetime(2026, 1, 2, 3, 4, 5, 6)}
    yield [
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=5),
        array.array("d", [1.5]),
        array.array("l", [1]),
    ]
    yield collections.OrderedDict([("b", 1), ("a", [1, 2])]), collections.Counter("hello"), collections.deque([1], 3)
    yield collections.defaultdict(list, a=[1]), collections.defaultdict(int), collections.defaultdict(user.make_default)
    for graphite in ([("servers.a.cpu", (1700000000, 0.5))], [("a.b", (1, 2)), ("c.d", (3, 4.0))] * 200):
        yield graphite


def callables():
    """What goes into task slots, callbacks and sort keys."""
    yield functools.partial(user.work, 1, scale=2)
    yield functools.partial(functools.partial(user.work, 1), 2)
    yield functools.partial(max, 1), functools.partial(int, base=16)
    yield operator.itemgetter("a", "b"), operator.attrgetter("name", "next.name"), operator.methodcaller("upper")
    yield operator.methodcaller("split", ",", maxsplit=1)
    yield user.work, user.Plain, user.Plain("a").method, user.Plain.make, user.Outer.Inner, user.Outer.Inner(1)
    yield [1, 2].append, "a".join, {}.get, (1,).index, b"x".join
    yield map(user.work, [1, 2]), filter(None, [0, 1]), zip([1], [2]), enumerate("ab"), reversed([1, 2])
    yield itertools.starmap(user.work, [(1, 2)]), itertools.takewhile(user.work, [1]), itertools.count(
        3
    ), itertools.cycle("a")
    yield map, filter, len, sorted, print, math_names()


def math_names():
    return [importlib.import_module("math").sqrt, operator.add, operator.mul, os.path.join, re.escape]


def user_classes():
    for make in user.MAKERS:
        try:
            yield make()
        except Exception:
            continue


def failures():
    """Exceptions as workers report them."""
    kinds = [
        ValueError("bad", 3),
        KeyError("k"),
        OSError(2, "No such file", "name"),
        ZeroDivisionError(),
        StopIteration(5),
        socket.timeout("timed out"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        SystemExit(1),
        KeyboardInterrupt(),
        UnicodeEncodeError("ascii", "\xff", 0, 1, "bad"),
        SyntaxError("m", ("f", 1, 2, "text")),
        user.AppError("x", code=3),
        user.ReducedError("x", 4),
        RuntimeError(("nested", [ValueError(1)])),
        ImportError("no module"),
    ]
    for module, name, args in (
        ("builtins", "ModuleNotFoundError", ("x",)),
        ("json", "JSONDecodeError", ("m", "doc", 0)),
        ("subprocess", "CalledProcessError", (1, "ls", b"out")),
        ("queue", "Empty", ()),
        ("subprocess", "TimeoutExpired", ("ls", 3)),
        ("configparser", "NoOptionError", ("o", "s")),
        ("builtins", "UnicodeTranslateError", ("\xff", 0, 1, "bad")),
        ("asyncio", "TimeoutError", ()),
    ):
        try:
            kinds.append(getattr(importlib.import_module(module), name)(*args))
        except Exception:
            continue
    if not PY2:
        kinds.append(user.with_cause())
        if sys.version_info >= (3, 11):
            kinds.append(
                vars(importlib.import_module("builtins"))["ExceptionGroup"]("many", [ValueError(1), user.AppError("y")])
            )
    for error in kinds:
        yield error
        yield (False, error)
        try:
            raise error
        except BaseException as caught:
            trace = getattr(caught, "__traceback__", sys.exc_info()[2])
            for module, name in (
                ("multiprocessing.pool", "ExceptionWithTraceback"),
                ("concurrent.futures.process", "_ExceptionWithTraceback"),
            ):
                try:
                    wrap = getattr(importlib.import_module(module), name)
                    yield (3, 0, (False, wrap(caught, trace)))
                    yield importlib.import_module("concurrent.futures.process")._ResultItem(
                        4, exception=wrap(caught, trace)
                    )
                except Exception:
                    continue
    yield ("#ERROR", ValueError("x")), ("#TRACEBACK", "Traceback (most recent call last):\n..."), ("#RETURN", None)


def log_records():
    """What SocketHandler, QueueHandler and their users send."""
    for message, args in (("done", ()), ("done %d", (1,)), ("%s: %d", ("a", 2)), ("%s", (user.Plain("in args"),))):
        record = logging.LogRecord(
            "app.worker", logging.INFO, "/srv/app/worker.py", 10, message, args, None, func="run"
        )
        yield record
        yield dict(record.__dict__)
    try:
        raise user.AppError("x", code=3)
    except user.AppError:
        record = logging.LogRecord("app", logging.ERROR, "/srv/app.py", 3, "failed", (), sys.exc_info())
    record.exc_text, record.exc_info = logging.Formatter().formatException(record.exc_info), None
    record.extra = {"request": [1, 2]}
    yield dict(record.__dict__, args=None), logging.makeLogRecord({"msg": "a", "levelno": 20, "extra": {}})
    made = []
    try:
        handler_type = importlib.import_module("logging.handlers").SocketHandler
        handler = handler_type("localhost", 1)
        made = [handler.makePickle(r) for r in (record, logging.LogRecord("a", 10, "p", 1, "%d", (1,), None))]
    except ImportError:
        pass
    for data in made:
        write("logging", data[4:])
    try:
        yield importlib.import_module("logging.handlers").QueueHandler(None).prepare(record)
    except AttributeError:
        pass


def tasks():
    """Messages of Pool, of ProcessPoolExecutor and of managers, as they stand in their pipes."""
    pool = importlib.import_module("multiprocessing.pool")
    point = user.Plain("a")
    for function, args in (
        (user.work, (1,)),
        (user.Plain("b").method, (2,)),
        (functools.partial(user.work, 1), (2,)),
        (len, ("abc",)),
        (operator.add, (1, 2)),
        (os.path.basename, ("/a/b",)),
        (user.Plain, ("n",)),
        (str.upper, ("a",)),
        (user.Outer.Inner, (3,)),
        (importlib.import_module("json").dumps, ([1],)),
    ):
        yield (0, None, function, args, {})
        yield (0, 1, pool.mapstar, ((function, ((1,), (2,))),), {})
        if hasattr(pool, "starmapstar"):
            yield (0, 1, pool.starmapstar, ((function, ((1, 2), (3, 4))),), {})
        try:
            process = importlib.import_module("concurrent.futures.process")
            yield process._CallItem(0, function, args, {"key": point})
            yield process._CallItem(1, functools.partial(process._process_chunk, function), ([(1,), (2,)],), {})
        except Exception:
            pass
    yield (0, 3, (True, [point, {"r": 1}])), (5, None, (True, None)), None, "stop", b"bytes"
    for method, args in (
        ("append", (1,)),
        ("__getitem__", ("k",)),
        ("update", ({"a": point},)),
        ("put", (point, True, None)),
        ("get", ()),
        ("acquire", (True,)),
        ("_callmethod", ("x",)),
    ):
        yield ("7f00deadbeef", method, args, {})
    for function in (
        "create",
        "incref",
        "decref",
        "accept_connection",
        "dummy",
        "debug_info",
        "number_of_objects",
        "shutdown",
    ):
        yield (None, function, ("7f00deadbeef",), {})
    yield (None, "create", ("Queue", 10), {}), ("#RETURN", ("7f00deadbeef", ("put", "get", "qsize")))


def extension_codes():
    """Objects whose class is registered with copyreg as a number."""
    registry = importlib.import_module("copy_reg" if PY2 else "copyreg")
    for code in (1, 0xFF, 0x100, 0xFFFF, 0x10000, 0x7FFFFFFF):
        registry.add_extension(user.__name__, "Plain", code)
        try:
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
                write("extension-code", pickle.dumps([user.Plain("x"), user.Plain], protocol))
        finally:
            registry.remove_extension(user.__name__, "Plain", code)


def persistent_ids():
    """Objects kept elsewhere, named by a string or a tuple (ZODB, torch)."""

    class Base(pickle.Pickler):
        pass

    def named(obj):
        return (
            ("storage", "FloatStorage", "0", "cpu", 4)
            if isinstance(obj, user.Node)
            else "plain-7"
            if isinstance(obj, user.Plain)
            else None
        )

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for obj in ([user.Plain("x"), 1], user.Plain("x")) + (([user.Node("y"), user.Node("z")],) if protocol else ()):
            out = io.BytesIO()
            pickler = Base(out, protocol)
            pickler.persistent_id = named
            pickler.dump(obj)
            write("persistent-id", out.getvalue())
            if protocol == 5:
                kept = []
                write(
                    "out-of-band",
                    pickle.dumps(
                        [pickle.PickleBuffer(b"abc" * 30), pickle.PickleBuffer(bytearray(9))],
                        5,
                        buffer_callback=kept.append,
                    ),
                )


def run(path):
    warnings.simplefilter("ignore")
    good_record.state["fd"] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    counts = collections.Counter()
    for group, obj in standard_types():
        counts[group] += dump(group, obj)
    for group, objects in (
        ("shapes", shapes),
        ("callables", callables),
        ("user-classes", user_classes),
        ("exceptions", failures),
        ("logging", log_records),
        ("tasks", tasks),
    ):
        made = objects()
        while True:
            try:
                obj = next(made)
            except StopIteration:
                break
            counts[group] += dump(group, obj)
            if isinstance(obj, tuple):
                for item in obj:
                    counts[group] += dump(group, item)
    extension_codes()
    persistent_ids()
    print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], dict(counts)))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    threading.Timer(240, os._exit, (2,)).start()
    try:
        run(sys.argv[1])
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)  # managers and their servers
