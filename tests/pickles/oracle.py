"""What an unpickler resolves and calls, told by the unpickler itself, with nothing executed.

`trace(data)` loads a pickle with the C unpickler of the Python that runs this (2.7: cPickle), whose `find_class` hands
out stand-ins: each class is one that notes who calls it and how, and so is whatever a call returns. The order of the
calls, the arguments, the opcodes that mean a call and the point where loading fails are thus CPython's own.
`trace(data, pure=True)` asks the pure Python unpickler, which PyPy uses.

What is asked is `loads`, which has no `find_class` to replace: the C unpickler of a file reads the whole pickle by its
first `peek` here. Read in pieces it would lose the rest of a frame when a line crosses its end (3.13 Modules/_pickle.c
_Unpickler_Readline).

A stand-in, and what a call returns, is a class, hashable, callable, has attributes to set, items to append and a
`__setstate__`; a real object that has fewer of these makes the load fail earlier, so the trace is what happens at most.
Only a string cannot be stood in for: STACK_GLOBAL with what a call returned fails here.

`snapshot`, if given, is applied to arguments and states when the call is made: later opcodes may change them.
"""
import io
import pickle
import sys

PY2 = sys.version_info[0] == 2
if PY2:
    import cPickle
    import __builtin__ as builtins
else:
    import builtins
    import _compat_pickle

MAX_CALLS = 10000


class Trace(object):
    """globals: "module.name" in order, each once. calls: (callable, positional, keywords); a callable is the name of a
    global, or the index of the call whose result is called; BUILD stands as (target, "__setstate__", state)."""

    def __init__(self):
        self.globals, self.calls, self.end, self.value = [], [], None, None


class _Asked(Exception):
    pass


class _Whole(object):
    """A file that is read as one piece."""

    def __init__(self, data):
        self.data = data

    def peek(self, size):
        data, self.data = self.data, b""
        return data

    def read(self, size):
        return b""

    def readline(self):
        return b""


def _mapped(unpickler, module, name):
    """The name after `fix_imports`, which the unpickler applies below protocol 3: seen by what it would import (3.7 on:
    3.6 does not ask for what is imported already)."""
    if PY2:
        return module, name
    pair = _compat_pickle.NAME_MAPPING.get((module, name))
    if pair is None and module in _compat_pickle.IMPORT_MAPPING:
        pair = (_compat_pickle.IMPORT_MAPPING[module], name)
    if pair is None or pair == (module, name):
        return module, name
    asked = []

    def note(wanted, *rest, **more):
        asked.append(wanted)
        raise _Asked()

    real, builtins.__import__ = builtins.__import__, note
    try:
        unpickler.__class__.__mro__[1].find_class(unpickler, module, name)
    except _Asked:
        pass
    finally:
        builtins.__import__ = real
    return pair if asked and asked[0] == pair[0] else (module, name)


def _stand_ins(trace, snapshot):
    def note(callee, args, kwargs):
        if len(trace.calls) >= MAX_CALLS:
            raise RuntimeError("too many calls")
        trace.calls.append((callee, snapshot(args), snapshot(kwargs)))
        return _Meta("_Result", (_Stand,), {"index": len(trace.calls) - 1, "full_name": None})

    class _SetState(object):
        def __get__(self, instance, cls):
            return lambda state: trace.calls.append((cls, "__setstate__", snapshot(state))) and None

    class _Meta(type):
        def __call__(cls, *args, **kwargs):
            return note(cls, args, kwargs)

        def __setitem__(cls, key, value):
            pass

        def append(cls, item):
            pass

        def extend(cls, items):
            pass

        def add(cls, item):
            pass

    class _Stand(object):
        def __new__(cls, *args, **kwargs):
            return note(cls, args, kwargs)

        __setstate__ = _SetState()

    made = {}

    def stand_in(module, name):
        if (module, name) not in made:
            made[module, name] = _Meta("Stand", (_Stand,), {"full_name": "%s.%s" % (module, name), "is_global": True})
            trace.globals.append("%s.%s" % (module, name))
        return made[module, name]

    return stand_in


def name_of(value):
    """A stand-in as text: the global's name, or "#3" for the result of call 3. Anything else: None."""
    if not isinstance(value, type):
        return None
    return "#%d" % value.index if value.__name__ == "_Result" else getattr(value, "full_name", None)


def trace(data, pure=False, snapshot=lambda value: value):
    """Loads `data`; never raises what loading raises: `end` is "stop" or the exception's name and text."""
    found = Trace()
    stand_in = _stand_ins(found, snapshot)
    try:
        if PY2 and not pure:
            unpickler = cPickle.Unpickler(io.BytesIO(data))
            unpickler.find_global = stand_in
            unpickler.persistent_load = lambda pid: stand_in("persistent", "load")
        else:
            base = pickle.Unpickler if PY2 or not pure else pickle._Unpickler

            class Traced(base):
                def find_class(self, module, name):
                    return stand_in(*_mapped(self, module, name))

                def persistent_load(self, pid):
                    return stand_in("persistent", "load")

            unpickler = Traced(io.BytesIO(data) if pure or PY2 else _Whole(data))
        found.value = unpickler.load()
        found.end = "stop"
    except RecursionError if not PY2 else RuntimeError as error:
        found.end = "RecursionError: %s" % error
    except Exception as error:
        found.end = "%s: %s" % (type(error).__name__, error)
    return found
