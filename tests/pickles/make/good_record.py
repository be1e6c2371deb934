"""Notes every pickle a Python process writes, and every one it loads without an error.

`install(path)` patches pickle, _pickle and cPickle so that each pickle becomes one line of the file: {"source": of what
(the environment variable GOOD_SOURCE), "how": "dump" or "load", "python", "data": base64}. Runs on Python 2.7 and 3.
As a sitecustomize module (good_cpython_tests.py makes one) it does so from the start of the process and of every
process that one starts. Lines are appended in one write each, so that processes can share the file.
"""
from __future__ import print_function

import base64
import hashlib
import json
import os
import pickle
import sys

PY2 = sys.version_info[0] == 2
MAX_BYTES = 1 << 20  # longer ones are of the tests for big data
MAX_KEPT = 20000  # a process; tests repeat themselves

state = {"fd": None, "seen": set()}


def note(how, data):
    try:
        data = bytes(data)
    except Exception:
        return
    key = hashlib.md5(data).digest()
    if (
        state["fd"] is None
        or not data
        or len(data) > MAX_BYTES
        or key in state["seen"]
        or len(state["seen"]) > MAX_KEPT
    ):
        return
    state["seen"].add(key)
    line = (
        json.dumps(
            {
                "source": os.environ.get("GOOD_SOURCE", ""),
                "how": how,
                "python": "%d.%d" % sys.version_info[:2],
                "data": base64.b64encode(data).decode("ascii"),
            }
        )
        + "\n"
    )
    try:
        os.write(state["fd"], line.encode("ascii"))
    except OSError:  # a test that closes every descriptor
        state["fd"] = None


class Tee(object):
    """Stands between a pickler and its file."""

    def __init__(self, file):
        self.file, self.kept, self.size = file, [], 0

    def write(self, data):
        if self.size < MAX_BYTES:
            self.kept.append(bytes(data))
        self.size += len(data)
        return self.file.write(data)

    def take(self):
        data = b"".join(self.kept) if self.size < MAX_BYTES else b""
        self.kept, self.size = [], 0
        return data

    def __getattr__(self, name):
        return getattr(self.file, name)


def recording_class(base):
    class Pickler(base):
        def __init__(self, file, *args, **kwargs):
            self.good_tee = Tee(file)
            base.__init__(self, self.good_tee if hasattr(file, "write") else file, *args, **kwargs)

        def dump(self, obj):
            result = base.dump(self, obj)
            tee = self.__dict__.get("good_tee")
            if tee is not None:
                note("dump", tee.take())
            return result

    Pickler.__module__, Pickler.__name__ = base.__module__, base.__name__
    Pickler.__qualname__ = getattr(base, "__qualname__", base.__name__)
    return Pickler


class RecordingOld(object):
    """cPickle.Pickler of Python 2 is no class: a stand-in that hands everything on."""

    def __init__(self, make, file, *args, **kwargs):
        tee = Tee(file)
        self.__dict__.update(good_tee=tee, good_pickler=make(tee, *args, **kwargs))

    def dump(self, *args):
        self.good_pickler.dump(*args)
        note("dump", self.good_tee.take())
        return self

    def __getattr__(self, name):
        return getattr(self.good_pickler, name)

    def __setattr__(self, name, value):
        setattr(self.good_pickler, name, value)


def wrap_functions(module, names):
    for name in names:
        real = getattr(module, name, None)
        if real is None:
            continue
        if name.endswith("dumps"):

            def wrapped(obj, *args, **kwargs):
                data = kwargs.pop("good_real")(obj, *args, **kwargs)
                note("dump", data)
                return data

        elif name.endswith("dump"):

            def wrapped(obj, file, *args, **kwargs):
                tee = Tee(file)
                result = kwargs.pop("good_real")(obj, tee if hasattr(file, "write") else file, *args, **kwargs)
                note("dump", tee.take())
                return result

        else:

            def wrapped(data, *args, **kwargs):
                result = kwargs.pop("good_real")(data, *args, **kwargs)
                note("load", data)
                return result

        setattr(module, name, _bind(wrapped, real))


def _bind(wrapped, real):
    def call(*args, **kwargs):
        return wrapped(*args, good_real=real, **kwargs)

    call.__name__, call.__module__ = real.__name__, real.__module__
    return call


def install(path):
    """Appends to the file `path` from now on."""
    state["fd"] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if PY2:
        import cPickle

        make = cPickle.Pickler
        cPickle.Pickler = lambda file=None, *args, **kwargs: (
            RecordingOld(make, file, *args, **kwargs) if hasattr(file, "write") else make(file, *args, **kwargs)
        )
        wrap_functions(cPickle, ("dumps", "loads"))
        wrap_functions(pickle, ("dumps", "loads"))
        # a classic class: patched in place
        real_init, real_dump = pickle.Pickler.__init__, pickle.Pickler.dump

        def init(self, file, *args, **kwargs):
            self.good_tee = Tee(file)
            real_init.__func__(self, self.good_tee, *args, **kwargs)

        def dump(self, obj):
            real_dump.__func__(self, obj)
            note("dump", self.good_tee.take())

        pickle.Pickler.__init__, pickle.Pickler.dump = init, dump
        return
    pickle._Pickler = recording_class(pickle._Pickler)
    wrap_functions(pickle, ("_dumps", "_dump", "_loads"))
    try:
        import _pickle
    except ImportError:
        return
    _pickle.Pickler = pickle.Pickler = recording_class(_pickle.Pickler)
    wrap_functions(_pickle, ("dumps", "dump", "loads"))
    pickle.dumps, pickle.dump, pickle.loads = _pickle.dumps, _pickle.dump, _pickle.loads


if os.environ.get("GOOD_RECORD") and __name__ != "__main__":
    install(os.environ["GOOD_RECORD"])
