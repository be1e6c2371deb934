#!/usr/bin/env python
"""Look at one Python from inside, for the policy files.

    measure_safe.py globals    which globals the pickles of standard objects resolve (JSON lines)
    measure_safe.py stdlib     the top-level modules of its standard library, one a line
    measure_safe.py resolve    of the dotted names on standard input, those that exist

Runs unchanged on Python 2.7 and on every Python 3; `make_policy.py` calls it.
A line of `globals` is {"old": was it a name of protocols 0 to 2, "module", "name",
"used": 0 only referenced, 1 built without its __init__ (NEWOBJ, _reconstructor, INST
without arguments), 2 called; "kind"; "sample": what was pickled}.
"""
from __future__ import print_function

import ast
import collections
import contextlib
import importlib
import io
import json
import os
import pickle
import pkgutil
import sys
import threading
import warnings

sys.dont_write_bytecode = True
from pickle_globals import Reader  # noqa: E402

PY2 = sys.version_info[0] == 2
HERE = os.path.dirname(os.path.abspath(__file__))
# Importing these opens windows, prints, or waits; `test` only tests.
NO_IMPORT = (
    "antigravity",
    "idlelib",
    "test",
    "this",
    "turtledemo",
    "lib2to3.tests",
    "distutils.tests",
    "__phello__",
    "__hello__",
    "ctypes.test",
    "tkinter.test",
    "unittest.test",
    "sqlite3.test",
    "json.tests",
    "bsddb.test",
    "email.test",
    "site-packages",
    "rlcompleter",
    "lib2to3.pgen2.conv",
)


def load_samples(what):
    """The lines of samples.txt in section `what`."""
    section = None
    with io.open(os.path.join(HERE, "samples.txt"), encoding="ascii") as lines:
        for line in lines:
            line = line.strip()
            if line.startswith("== "):
                section = line[3:]
            elif line and not line.startswith("#") and section == what:
                yield line


# ---------------------------------------------------------------- the user's own classes
class New(object):
    def method(self):
        pass

    @classmethod
    def clsmethod(cls):
        pass


class Slots(object):
    __slots__ = ("a",)


class NewArgsEx(object):
    def __new__(cls, a=1):
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"a": 2}


class Old:
    def __init__(self, a=1):
        self.a = a

    def __getinitargs__(self):
        return (1,)


def subclass(base):
    """A user's subclass of a built-in type, importable from this module."""
    cls = type("Sub_" + base.__name__, (base,), {"__module__": __name__})
    globals()[cls.__name__] = cls
    return cls


Named = collections.namedtuple("Named", "a b")


# ---------------------------------------------------------------- pickling
def forking_dumps(obj):
    """What `Connection.send` writes."""
    try:
        from multiprocessing.reduction import ForkingPickler

        return bytes(ForkingPickler.dumps(obj))
    except (ImportError, AttributeError):  # 2.7
        from multiprocessing.forking import ForkingPickler

        out = io.BytesIO()
        ForkingPickler(out, pickle.HIGHEST_PROTOCOL).dump(obj)
        return out.getvalue()


def picklers():
    modules = [pickle] + ([importlib.import_module("cPickle")] if PY2 else [])
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for module in modules:
            yield protocol, lambda obj, m=module, p=protocol: m.dumps(obj, p)
        if not PY2:
            yield protocol, lambda obj, p=protocol: pickle._dumps(obj, p)
    yield (2 if PY2 else 3), forking_dumps


@contextlib.contextmanager
def spawning():
    """Lets pickle what multiprocessing hands only to children it spawns."""
    try:
        from multiprocessing import context

        importlib.import_module("multiprocessing").set_start_method("spawn", force=True)
        child_fd = importlib.import_module("multiprocessing.popen_spawn_posix")._DupFd
        context.set_spawning_popen(
            type("Popen", (), {"duplicate_for_child": lambda self, fd: fd, "DupFd": staticmethod(child_fd)})()
        )
        yield
        context.set_spawning_popen(None)
    except ImportError:  # 2.7 on Unix only forks
        yield


class Output(object):
    def __init__(self):
        self.lines, self.failed = {}, []

    def add(self, kind, sample, obj):
        pickled = False
        for protocol, dumps in picklers():
            try:
                seen = Reader().read(dumps(obj))
            except Exception:
                continue
            pickled = True
            for (module, name), used in seen.items():
                if module in ("__main__", __name__):
                    continue
                line = self.lines.setdefault(
                    (protocol < 3, module, name),
                    {
                        "old": protocol < 3,
                        "module": module,
                        "name": name,
                        "used": used,
                        "kind": "sample",
                        "sample": sample,
                    },
                )
                if used > line["used"]:
                    line.update(used=used, sample=sample)
                if kind != "sample" and name.split(".")[-1] == type(obj).__name__:  # not what its arguments name
                    line["kind"] = kind
        if not pickled:
            self.failed.append(sample)

    def write(self, out):
        for key in sorted(self.lines):
            print(json.dumps(self.lines[key], sort_keys=True), file=out)


# ---------------------------------------------------------------- the standard library
def stdlib_tops():
    if hasattr(sys, "stdlib_module_names"):
        return set(sys.stdlib_module_names) | {"test"}
    root = os.path.dirname(os.__file__)
    names = set(sys.builtin_module_names)
    for folder in [root] + [os.path.join(root, d) for d in ("lib-dynload", "lib-tk", "plat-linux2")]:
        for entry in os.listdir(folder) if os.path.isdir(folder) else ():
            path, stem = os.path.join(folder, entry), entry.split(".")[0]
            if entry.endswith((".py", ".so")) or os.path.exists(os.path.join(path, "__init__.py")):
                names.add(stem)
    return set(n for n in names if n.isidentifier()) if not PY2 else set(n for n in names if "-" not in n)


def is_stdlib_file(module):
    path = getattr(module, "__file__", None) or ""
    return "site-packages" not in path


def walk_modules():
    """Every module of the standard library that can be imported without harm."""
    for top in sorted(stdlib_tops()):
        if top in NO_IMPORT or top.startswith(("_test", "xx", "_xx")):
            continue
        names = [top]
        try:
            package = importlib.import_module(top)
            for _, name, _ in pkgutil.walk_packages(getattr(package, "__path__", []), top + ".", lambda name: None):
                names.append(name)
        except BaseException:
            continue
        for name in names:
            if name.startswith(NO_IMPORT) or name.endswith("__main__") or ".tests" in name or ".test_" in name:
                continue
            try:
                module = importlib.import_module(name)
            except BaseException:
                continue
            if is_stdlib_file(module):
                yield module


def instances(cls):
    """Instances of a class of plain data, as far as its constructor can be guessed."""
    if issubclass(cls, BaseException):
        for args in (
            (),
            ("x",),
            ("x", 1),
            ("x", "y", 1),
            ("x", b"y", 1, 2, "z"),
            ("x", "y", 1, 2, "z"),
            ("x", 1, "y"),
            ("x", "y"),
            ("x", 0, 1, "y"),
            ("x",) * 3,
            ("x",) * 4,
        ):
            try:
                yield "exception", cls(*args)
                return
            except Exception:
                continue
    elif "enum" in sys.modules and issubclass(cls, sys.modules["enum"].Enum):
        for member in list(cls)[:1]:
            yield "enum", member
    elif issubclass(cls, tuple) and hasattr(cls, "n_sequence_fields"):
        try:
            yield "structseq", cls(range(cls.n_sequence_fields))
        except Exception:
            pass
    elif issubclass(cls, tuple) and hasattr(cls, "_make"):
        yield "namedtuple", cls._make(range(len(cls._fields)))
    elif issubclass(cls, ast.AST):
        yield "ast", cls()


def walk(output):
    done = set()
    for module in walk_modules():
        for cls in list(vars(module).values()):
            if not isinstance(cls, type) or cls in done:
                continue
            done.add(cls)
            try:
                for kind, obj in instances(cls):
                    output.add(kind, "%s.%s" % (cls.__module__, cls.__name__), obj)
            except Exception:
                continue


class Names(dict):
    """Names of the sample expressions: helpers of this file, else a module to import."""

    def __missing__(self, name):
        if name in globals() or hasattr(importlib.import_module("__builtin__" if PY2 else "builtins"), name):
            raise KeyError(name)
        return importlib.import_module(name)


def run_samples(output, section):
    names = Names(M=importlib.import_module)
    for line in load_samples(section):
        try:
            obj = eval(line, globals(), names)
        except Exception:
            output.failed.append(line)
            continue
        output.add("sample", line, obj)


def measure():
    warnings.simplefilter("ignore")
    output, out = Output(), sys.stdout
    sys.stdout = io.StringIO() if not PY2 else open(os.devnull, "w")
    run_samples(output, "data")
    run_samples(output, "multiprocessing")
    with spawning():
        run_samples(output, "spawning")
    walk(output)
    sys.stdout = out
    output.write(sys.stdout)
    for sample in output.failed:
        print("not pickled: " + sample, file=sys.stderr)
    sys.stdout.flush()
    os._exit(0)  # modules walked may have left threads


def resolve():
    for line in sys.stdin:
        parts = line.strip().split(".")
        for cut in range(len(parts) - 1, 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:cut]))
                for part in parts[cut:]:
                    found = getattr(found, part)
                print(".".join(parts))
                break
            except BaseException:
                continue
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    threading.Timer(240, os._exit, (2,)).start()
    if sys.argv[1] == "stdlib":
        print("\n".join(sorted(stdlib_tops())))
        os._exit(sys.stdout.flush() or 0)
    {"globals": measure, "resolve": resolve}[sys.argv[1]]()
