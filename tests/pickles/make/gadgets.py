"""Code reached without naming it outright: attributes, operators, callbacks, state, classes whose methods call.

Each entry is (id, expression, options); options: `role` and `probe` of loader.py, `protocols` other than the usual.
"""
from assemble import Build, Call, Global, Items, Native, Several, Spread, at

CMD = "touch executed"
CODE = "open('executed','w').close()"
SYSTEM = at("os.system")
EVAL = at("builtins.eval")
PICKLE = b"cposix\nsystem\n(Vtouch executed\ntR."
BOUND = Call("functools.partial", SYSTEM, CMD)


def get(owner, name):
    return Call("builtins.getattr", at(owner, 1) if isinstance(owner, str) else owner, name)


def attributes():
    module_os = Call("importlib.import_module", "os")
    yield "getattr/import", Call(get(module_os, "system"), CMD)
    yield "getattr/__import__", Call(get(Call("builtins.__import__", "os"), "system"), CMD)
    yield "getattr/py2/__import__", Call(
        Call("__builtin__.getattr", Call("__builtin__.__import__", Native("os")), Native("system")), Native(CMD)
    )
    yield "getattr/module-attribute", Call(get("shutil.os", "system"), CMD)
    yield "getattr/chain", Call(get(get("logging.handlers", "os"), "system"), CMD)
    yield "getattr/chain-long", Call(
        get(get(get(get("concurrent.futures", "thread"), "threading"), "_os"), "system"), CMD
    )
    yield "getattr/builtins-dict", Call(Call("operator.getitem", at("shutil.__builtins__"), "eval"), CODE)
    yield "getattr/globals", Call(Call("operator.getitem", get("shutil.copy", "__globals__"), "os"))
    yield "getattr/globals-get", Call(get(Call(get(get("shutil.copy", "__globals__"), "get"), "os"), "system"), CMD)
    yield "getattr/mro", Call(get(Call(get("builtins.type", "mro"), at("builtins.int")), "append"), 1)
    yield "getattr/subclasses", Call(get("builtins.object", "__subclasses__"))
    yield "getattr/subclasses-pick", Call(
        Call(get(Call(get("builtins.object", "__subclasses__")), "__getitem__"), 100), 1
    )
    yield "getattr/self-module", Call(get(get("builtins.print", "__self__"), "eval"), CODE)
    yield "getattr/self-module-len", Call(get(get("builtins.len", "__self__"), "exec"), CODE)
    yield "getattr/class-then-method", Call(
        get("code.InteractiveInterpreter", "runsource"), Call("code.InteractiveInterpreter"), CODE
    )
    yield "getattr/instance-method", Call(get(Call("code.InteractiveInterpreter"), "runsource"), CODE)
    yield "getattr/console-push", Call(get(Call("code.InteractiveConsole"), "push"), CODE)
    yield "getattr/timer", Call(get(Call("timeit.Timer", CODE), "timeit"), 1)
    yield "getattr/path-touch", Call(get(Call("pathlib.Path", "new.txt"), "touch"))
    yield "getattr/path-unlink", Call(get(Call("pathlib.PosixPath", "victim.txt"), "unlink"))
    yield "getattr/path-write", Call(get(Call("pathlib.Path", "new.txt"), "write_text"), "x")
    yield "getattr/thread-run", Call(get(Call("threading.Thread", None, SYSTEM, "n", (CMD,)), "run"))
    yield "getattr/open-write", Call(get(Call("io.open", "new.txt", "w"), "write"), "x")
    yield "getattr/partial-func", Call(get(BOUND, "func"), CMD)
    yield "getattr/call-dunder", Call(get(SYSTEM, "__call__"), CMD)
    yield "getattr/default", Call(Call("builtins.getattr", at("os.path"), "nothing", SYSTEM), CMD)
    yield "getattr/format-leak", Call(get("{0.__globals__[os]}", "format"), at("shutil.copy"))
    yield "getattr/str-method-name", Call(
        Call("builtins.getattr", Call("importlib.import_module", "os"), Call(get("SYSTEM", "lower"))), CMD
    )
    yield "getattr/object-getattribute", Call(
        Call(at("builtins.object.__getattribute__", 1), Call("importlib.import_module", "os"), "system"), CMD
    )
    yield "getattr/type-dict", Call(
        Call("operator.getitem", get("timeit.Timer", "__dict__"), "timeit"), Call("timeit.Timer", CODE), 1
    )
    yield "getattr/inspect", Call(Call("inspect.getattr_static", Call("importlib.import_module", "os"), "system"), CMD)
    yield "getattr/vars", Call(
        Call("operator.getitem", Call("builtins.vars", Call("importlib.import_module", "os")), "system"), CMD
    )
    yield "getattr/globals-call", Call(Call(get(Call("builtins.globals"), "get"), "x"))
    yield "getattr/py2/instance", Call(
        Call("__builtin__.getattr", Call("code.InteractiveInterpreter"), Native("runsource")), Native(CODE)
    )


def dotted():
    for owner, rest in (
        ("shutil", "os.system"),
        ("logging", "os.system"),
        ("tempfile", "_os.system"),
        ("uuid", "os.system"),
        ("random", "_os.system"),
        ("collections", "_sys.modules.get"),
        ("glob", "os.system"),
        ("fnmatch", "os.system"),
        ("asyncio", "base_events.os.system"),
        ("json", "decoder.scanner.re._compile"),
        ("datetime", "sys.modules.get"),
        ("enum", "sys.exit"),
        ("decimal", "Decimal.__class__"),
        ("os.path", "os.system"),
        ("posixpath", "os.system"),
        ("argparse", "_os.system"),
        ("statistics", "random._os.system"),
        ("pathlib", "os.system"),
        ("zoneinfo", "os.system"),
        ("ipaddress", "functools.partial"),
        ("email.utils", "os.system"),
        ("fractions", "sys.exit"),
        ("multiprocessing.managers", "os.system"),
        ("multiprocessing.reduction", "os.system"),
        ("multiprocessing.pool", "os.system"),
        ("concurrent.futures.process", "os.system"),
    ):
        yield "dotted/%s/%s" % (owner, rest), Call(Global(owner, rest), CMD)
    for owner, rest in (
        ("builtins", "__import__"),
        ("collections", "abc.sys.modules.__class__.fromkeys"),
        ("os", "__builtins__.get"),
        ("codecs", "builtins.eval"),
        ("bdb", "__builtins__.get"),
        ("io", "open"),
        ("tokenize", "builtins.open"),
        ("gzip", "builtins.open"),
        ("reprlib", "builtins.eval"),
        ("tarfile", "bltn_open"),
        ("dis", "sys.modules.get"),
    ):
        yield "dotted/%s/%s" % (owner, rest), Call(Global(owner, rest), CODE)
    yield "dotted/type-call", Call(Global("timeit", "Timer.timeit"), Call("timeit.Timer", CODE), 1)
    yield "dotted/class-dunder", Call(Global("os", "system.__call__"), CMD)
    yield "dotted/get-then-call", Call(Call(Global("codecs", "__builtins__.get"), "eval"), CODE)
    yield "dotted/getitem", Call(Call(Global("shutil", "__builtins__.__getitem__"), "exec"), CODE)
    yield "dotted/modules", Call(Call("builtins.getattr", Call(Global("sys", "modules.get"), "os"), "system"), CMD)
    yield "dotted/function-globals", Call(
        "builtins.getattr", Call(Global("shutil", "copy.__globals__.__getitem__"), "os"), "x"
    )


def operators():
    for module in ("operator", "_operator"):
        name = "operators/" + module + "/"
        yield name + "attrgetter", Call(
            Call(Call(module + ".attrgetter", "system"), Call("importlib.import_module", "os")), CMD
        )
        yield name + "attrgetter-on-global", Call(
            Call(Call(module + ".attrgetter", "os.system"), at("logging.handlers", 1)), CMD
        )
        yield name + "methodcaller", Call(
            Call(module + ".methodcaller", "system", CMD), Call("importlib.import_module", "os")
        )
        yield name + "methodcaller-on-global", Call(Call(module + ".methodcaller", "system", CMD), at("shutil.os"))
        yield name + "methodcaller-instance", Call(
            Call(module + ".methodcaller", "runsource", CODE), Call("code.InteractiveInterpreter")
        )
        yield name + "methodcaller-map", Call(
            "builtins.list",
            Call("builtins.map", Call(module + ".methodcaller", "touch"), [Call("pathlib.Path", "new.txt")]),
        )
        yield name + "itemgetter", Call(Call(Call(module + ".itemgetter", "eval"), at("shutil.__builtins__")), CODE)
        yield name + "itemgetter-modules", Call(
            get(Call(Call(module + ".itemgetter", "posix"), at("sys.modules")), "system"), CMD
        )
        yield name + "getitem", Call(Call(module + ".getitem", at("builtins.__dict__"), "eval"), CODE)
        yield name + "getitem-modules", Call(get(Call(module + ".getitem", at("sys.modules"), "os"), "system"), CMD)
        yield name + "call", Call(module + ".call", SYSTEM, CMD), {"protocols": (2, 4)}
        yield name + "setitem", Call(module + ".setitem", at("sys.modules"), "hidden", None), {
            "probe": "'hidden' in sys.modules"
        }
        yield name + "delitem", Call(module + ".delitem", at("sys.modules"), "posix"), {
            "probe": "'posix' not in sys.modules"
        }
        yield name + "iadd", Call(module + ".iadd", at("sys.path"), ["hidden"]), {"probe": "'hidden' in sys.path"}
        yield name + "iconcat", Call(module + ".iconcat", at("sys.path"), ["hidden"]), {"probe": "'hidden' in sys.path"}
        yield name + "imul", Call(module + ".imul", at("sys.path"), 0), {"probe": "not sys.path"}
        yield name + "ior", Call(module + ".ior", at("sys.modules"), {"hidden": None}), {
            "probe": "'hidden' in sys.modules"
        }
        yield name + "contains", Call(module + ".contains", Call("builtins.map", SYSTEM, [CMD]), 1)
        yield name + "countOf", Call(module + ".countOf", Call("builtins.map", SYSTEM, [CMD]), 1)
        yield name + "indexOf", Call(module + ".indexOf", Call("builtins.map", SYSTEM, [CMD]), 0)
        yield name + "length_hint", Call(module + ".length_hint", Call("builtins.map", SYSTEM, [CMD]), 0)
        yield name + "getitem-defaultdict", Call(module + ".getitem", Call("collections.defaultdict", BOUND), 1)
        yield name + "eq-cmp_to_key", Call(
            module + ".lt",
            Call(Call("functools.cmp_to_key", SYSTEM), CMD),
            Call(Call("functools.cmp_to_key", SYSTEM), CMD),
        )
    yield "operators/isCallable-map", Call(
        "operator.sequenceIncludes", Call("__builtin__.map", SYSTEM, [Native(CMD)]), 1
    )


def functional():
    three = {
        "map-list": lambda f, a: Call("builtins.list", Call("builtins.map", f, [a])),
        "map-tuple": lambda f, a: Call("builtins.tuple", Call("builtins.map", f, [a])),
        "map-set": lambda f, a: Call("builtins.set", Call("builtins.map", f, [a])),
        "map-frozenset": lambda f, a: Call("builtins.frozenset", Call("builtins.map", f, [a])),
        "map-dict": lambda f, a: Call("builtins.dict", Call("builtins.map", f, [a])),
        "map-bytes": lambda f, a: Call("builtins.bytes", Call("builtins.map", f, [a])),
        "map-bytes-new": lambda f, a: Call("builtins.bytes", Call("builtins.map", f, [a]), by="newobj"),
        "map-tuple-new": lambda f, a: Call("builtins.tuple", Call("builtins.map", f, [a]), by="newobj"),
        "map-bytearray": lambda f, a: Call("builtins.bytearray", Call("builtins.map", f, [a])),
        "map-sum": lambda f, a: Call("builtins.sum", Call("builtins.map", f, [a])),
        "map-any": lambda f, a: Call("builtins.any", Call("builtins.map", f, [a])),
        "map-all": lambda f, a: Call("builtins.all", Call("builtins.map", f, [a])),
        "map-max": lambda f, a: Call("builtins.max", Call("builtins.map", f, [a])),
        "map-min": lambda f, a: Call("builtins.min", Call("builtins.map", f, [a])),
        "map-sorted": lambda f, a: Call("builtins.sorted", Call("builtins.map", f, [a])),
        "map-next": lambda f, a: Call("builtins.next", Call("builtins.map", f, [a])),
        "map-deque": lambda f, a: Call("collections.deque", Call("builtins.map", f, [a])),
        "map-counter": lambda f, a: Call("collections.Counter", Call("builtins.map", f, [a])),
        "map-ordereddict": lambda f, a: Call("collections.OrderedDict", Call("builtins.map", f, [a])),
        "map-array": lambda f, a: Call("array.array", "b", Call("builtins.map", f, [a])),
        "map-struct_time": lambda f, a: Call("time.struct_time", Call("builtins.map", f, [a])),
        "map-product": lambda f, a: Call("itertools.product", Call("builtins.map", f, [a])),
        "map-combinations": lambda f, a: Call("itertools.combinations", Call("builtins.map", f, [a]), 1),
        "map-permutations": lambda f, a: Call("itertools.permutations", Call("builtins.map", f, [a])),
        "map-chain-list": lambda f, a: Call("builtins.list", Call("itertools.chain", Call("builtins.map", f, [a]))),
        "map-enumerate": lambda f, a: Call("builtins.dict", Call("builtins.enumerate", Call("builtins.map", f, [a]))),
        "map-zip": lambda f, a: Call("builtins.list", Call("builtins.zip", Call("builtins.map", f, [a]))),
        "map-join": lambda f, a: Call(get("", "join"), Call("builtins.map", f, [a])),
        "map-list-extend": lambda f, a: Call(get([], "extend"), Call("builtins.map", f, [a])),
        "map-appends-iter": lambda f, a: Spread("builtins.len", Call("builtins.tuple", Call("builtins.map", f, [a]))),
        "filter-list": lambda f, a: Call("builtins.list", Call("builtins.filter", f, [a])),
        "filter-tuple": lambda f, a: Call("builtins.tuple", Call("builtins.filter", f, [a])),
        "starmap": lambda f, a: Call("builtins.list", Call("itertools.starmap", f, [(a,)])),
        "takewhile": lambda f, a: Call("builtins.list", Call("itertools.takewhile", f, [a])),
        "dropwhile": lambda f, a: Call("builtins.list", Call("itertools.dropwhile", f, [a])),
        "filterfalse": lambda f, a: Call("builtins.list", Call("itertools.filterfalse", f, [a])),
        "groupby": lambda f, a: Call("builtins.list", Call("itertools.groupby", [a], f)),
        "accumulate": lambda f, a: Call("builtins.list", Call("itertools.accumulate", [a, {}], f)),
        "iter-callable": lambda f, a: Call("builtins.list", Call("builtins.iter", Call("functools.partial", f, a), 0)),
        "iter-callable-none": lambda f, a: Call(
            "builtins.next", Call("builtins.iter", Call("functools.partial", f, a), 7)
        ),
        "partial": lambda f, a: Call(Call("functools.partial", f, a)),
        "partial-args": lambda f, a: Call(Call("functools.partial", f), a),
        "partial-nested": lambda f, a: Call(Call("functools.partial", Call("functools.partial", f), a)),
        "partial-list": lambda f, a: Call("builtins.list", Call("builtins.map", Call("functools.partial", f), [a])),
        "partial-state": lambda f, a: Call(Build(Call("functools.partial", at("builtins.int")), (f, (a,), {}, {}))),
        "rebuild_partial": lambda f, a: Call(Call("multiprocessing.reduction._rebuild_partial", f, (a,), {})),
        "reduce": lambda f, a: Call("functools.reduce", f, [a, {}]),
        "reduce-_functools": lambda f, a: Call("_functools.reduce", f, [a, {}]),
        "cmp_to_key-sorted": lambda f, a: Call(
            "builtins.sorted", [Call(Call("functools.cmp_to_key", f), a), Call(Call("functools.cmp_to_key", f), {})]
        ),
        "cmp_to_key-max": lambda f, a: Call(
            "builtins.max", Call(Call("functools.cmp_to_key", f), {}), Call(Call("functools.cmp_to_key", f), a)
        ),
        "cmp_to_key-heap": lambda f, a: Call(
            "heapq.heapify", [Call(Call("functools.cmp_to_key", f), a), Call(Call("functools.cmp_to_key", f), {})]
        ),
        "cmp_to_key-bisect": lambda f, a: Call(
            "bisect.bisect", [Call(Call("functools.cmp_to_key", f), a)], Call(Call("functools.cmp_to_key", f), {})
        ),
        "cached_property": lambda f, a: Call(
            Call(at("functools.cached_property.__get__", 1), Call("functools.cached_property", f), a)
        ),
        "lru_cache": lambda f, a: Call(Call(Call("functools.lru_cache", 1), f), a),
        "wraps": lambda f, a: Call(
            Call("functools.update_wrapper", Call("functools.partial", f, a), at("builtins.len"))
        ),
        "singledispatch": lambda f, a: Call(Call("functools.singledispatch", f), a),
        "partialmethod": lambda f, a: Call(get(Call("functools.partialmethod", f, a), "func"), a),
        "defaultdict-getitem": lambda f, a: Call(
            get(Call("collections.defaultdict", Call("functools.partial", f, a)), "__missing__"), 1
        ),
        "defaultdict-missing": lambda f, a: Call(
            at("collections.defaultdict.__missing__", 1),
            Call("collections.defaultdict", Call("functools.partial", f, a)),
            1,
        ),
        "chainmap": lambda f, a: Call(
            at("collections.ChainMap.__getitem__", 1),
            Call("collections.ChainMap", Call("collections.defaultdict", Call("functools.partial", f, a))),
            1,
        ),
        "property-fget": lambda f, a: Call(at("builtins.property.__get__", 1), Call("builtins.property", f), a),
        "methodtype": lambda f, a: Call(Call("types.MethodType", f, a)),
        "namespace-fget": lambda f, a: Call(get(Call("types.SimpleNamespace"), "__init__")),
        "userdict": lambda f, a: Call(
            at("collections.UserDict.__init__", 1), Call("collections.UserDict"), Call("builtins.map", f, [a])
        ),
        "weakref-callback": lambda f, a: Several(Call("weakref.ref", Call("builtins.set"), f), 1),
        "concurrent-submit": lambda f, a: Call(
            at("concurrent.futures.ThreadPoolExecutor.submit", 2),
            Call("concurrent.futures.ThreadPoolExecutor", 1),
            f,
            a,
        ),
        "add_done_callback": lambda f, a: Call(
            at("concurrent.futures.Future.add_done_callback", 2),
            Build(Call("concurrent.futures.Future"), {"_state": "FINISHED"}),
            Call("functools.partial", f, a),
        ),
        "simplequeue-iter": lambda f, a: Call("statistics.mean", Call("builtins.map", f, [a])),
        "string-template": lambda f, a: Call("re.sub", "x", Call("functools.partial", f, a), "x"),
        "re-sub": lambda f, a: Call("re.sub", ".*", f, "x"),
        "re-scanner": lambda f, a: Call(get(Call("re.Scanner", [("x", f)]), "scan"), "x"),
        "json-hook": lambda f, a: Call(get(Call("json.JSONDecoder", f), "decode"), "{}"),
        "csv-map": lambda f, a: Call("builtins.next", Call("csv.reader", Call("builtins.map", f, [a]))),
        "struct-iter": lambda f, a: Call("builtins.str", Call("builtins.map", f, [a])),
        "nlargest": lambda f, a: Call("heapq.nlargest", 1, [a], f),
        "groupby-key": lambda f, a: Call("heapq.nsmallest", 1, [a], f),
        "tee": lambda f, a: Call("builtins.list", Call("itertools.islice", Call("builtins.map", f, [a]), 1)),
        "fromkeys": lambda f, a: Call(at("builtins.dict.fromkeys", 1), Call("builtins.map", f, [a])),
        "int-from-bytes": lambda f, a: Call(at("builtins.int.from_bytes", 1), Call("builtins.map", f, [a]), "big"),
        "str-maketrans": lambda f, a: Call(at("builtins.bytes.join", 1), b"", Call("builtins.map", f, [a])),
        "random-choices": lambda f, a: Call("random.Random", Call("builtins.map", f, [a])),
        "set-update": lambda f, a: Call(
            at("builtins.set.update", 1), Call("builtins.set"), Call("builtins.map", f, [a])
        ),
        "pool-mapstar": lambda f, a: Call("multiprocessing.pool.mapstar", (f, [a])),
        "pool-starmapstar": lambda f, a: Call("multiprocessing.pool.starmapstar", (f, [(a,)])),
        "process-chunk": lambda f, a: Call("concurrent.futures.process._process_chunk", f, [(a,)]),
        "helper-reraises": lambda f, a: Call("multiprocessing.pool._helper_reraises_exception", Call(f, a)),
        "newobj-func": lambda f, a: Call("copyreg.__newobj__", at("builtins.map"), f, [a]),
        "newobj-list": lambda f, a: Call("builtins.list", Call("copyreg.__newobj__", at("builtins.map"), f, [a])),
        "newobj-opcode": lambda f, a: Call("builtins.list", Call("builtins.map", f, [a], by="newobj")),
        "newobj-ex": lambda f, a: Call("builtins.list", Call("builtins.map", f, [a], by="newobj_ex")),
        "reconstructor-list": lambda f, a: Call(
            "copyreg._reconstructor", at("builtins.list"), at("builtins.list"), Call("builtins.map", f, [a])
        ),
        "reconstructor-str": lambda f, a: Call(
            "copyreg._reconstructor", at("collections.UserDict"), at("builtins.dict"), Call("builtins.map", f, [a])
        ),
        "build-dict-map": lambda f, a: Build(Call("collections.OrderedDict"), Call("builtins.map", f, [a])),
        "build-deque": lambda f, a: Build(Call("collections.deque"), Call("builtins.map", f, [a])),
        "build-slots": lambda f, a: Build(
            Call("types.SimpleNamespace"), (None, Call("collections.OrderedDict", Call("builtins.map", f, [a])))
        ),
    }
    for name, make in three.items():
        yield "functional/%s/system" % name, make(SYSTEM, CMD)
        yield "functional/%s/eval" % name, make(EVAL, CODE)
    two = {
        "apply": lambda f, a: Call("__builtin__.apply", f, (a,)),
        "map": lambda f, a: Call("__builtin__.map", f, [a]),
        "filter": lambda f, a: Call("__builtin__.filter", f, [a]),
        "reduce": lambda f, a: Call("__builtin__.reduce", f, [a, {}]),
        "imap": lambda f, a: Call("__builtin__.list", Call("itertools.imap", f, [a])),
        "ifilter": lambda f, a: Call("__builtin__.list", Call("itertools.ifilter", f, [a])),
        "sorted-cmp": lambda f, a: Call("__builtin__.sorted", [a], None, f),
        "max-key": lambda f, a: Call("__builtin__.list", Call("itertools.starmap", f, [(a,)])),
    }
    for name, make in two.items():
        yield "functional/py2-%s" % name, make(at("__builtin__.eval"), Native(CODE)), {"protocols": (0, 2)}


def entries():
    for group in (attributes, dotted, operators, functional):
        for each in group():
            yield each[0], each[1], each[2] if len(each) > 2 else {}
