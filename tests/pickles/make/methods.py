"""Roads that name nothing dangerous: methods of harmless classes, called by what harmless functions do with their
arguments, and objects of the program's own, changed by what returns them."""
from assemble import Build, Call, Items, at

CODE = "open('executed','w').close()"


def inst(cls, state=None):
    made = Call(cls, by="newobj")
    return made if state is None else Build(made, state)


def get(owner, name):
    return Call("builtins.getattr", owner, name)


def each(function, *iterables):
    return Call("builtins.list", Call("builtins.map", function, *iterables))


def partial(function, *args, **keywords):
    return Build(Call("functools.partial", function), (function, args, keywords, None))


def tree():
    return inst("xml.etree.ElementTree.ElementTree", {"_root": Call("xml.etree.ElementTree.Element", "r")})


WRITE = at("xml.etree.ElementTree.ElementTree.write", 3)
LOGGER = Call("logging.getLogger", "a")
LOGGED = "sys.modules['logging'].getLogger('a')"


def methods():
    caller = Call("operator.methodcaller", "write", "out.xml")
    yield "map", each(WRITE, [tree()], ["out.xml"])
    yield "starmap", Call("builtins.list", Call("itertools.starmap", WRITE, [(tree(), "out.xml")]))
    yield "bound", each(get(tree(), "write"), ["out.xml"])
    yield "caller", each(caller, [tree()])
    yield "caller-iter", each(caller, Call("builtins.iter", [tree()]))
    yield "caller-starmap", Call("builtins.list", Call("itertools.starmap", caller, [(tree(),)]))
    yield "caller-repeat", each(caller, Call("itertools.repeat", tree(), 1))
    yield "caller-zip", Call("builtins.list", Call("itertools.starmap", caller, Call("builtins.zip", [tree()])))
    yield "caller-of-map", each(
        Call("operator.methodcaller", "touch"), Call("builtins.map", at("pathlib.Path"), ["new.txt"])
    )
    yield "sort-key", each(partial(at("builtins.sorted"), key=get(tree(), "write")), [["out.xml"]])
    yield "list-sort-key", each(partial(at("builtins.list.sort", 1), key=get(tree(), "write")), [["out.xml"]])
    yield "max-key", each(partial(at("builtins.max"), key=get(tree(), "write")), [["out.xml", "b.xml"]])
    yield "re-sub", each(at("re.sub"), ["a"], [get(tree(), "write")], ["a"])
    yield "reduce", Call("functools.reduce", WRITE, [tree(), "out.xml"])
    yield "dump-to", each(at("json.dump"), ["name"], [tree()])
    yield "print-to", each(partial(at("builtins.print"), file=tree()), ["name"])
    yield "task", (0, 0, WRITE, (tree(), "out.xml"), {}), {"role": "task"}
    yield "task-list", ["a", "b", WRITE, (tree(), "out.xml"), {}], {"role": "task"}
    yield "task-caller", (0, 0, caller, (tree(),), {}), {"role": "task"}
    yield "hints", each(at("typing.get_type_hints"), [inst("types.SimpleNamespace", {"__annotations__": {"x": CODE}})])
    yield "install", each(at("gettext.NullTranslations.install", 1), [inst("gettext.NullTranslations")]), {
        "probe": "'_' in sys.modules['builtins'].__dict__"
    }


def shared():
    yield "logger-build", Build(LOGGER, {"disabled": True}), {"probe": LOGGED + ".disabled"}
    yield "logger-items", Items(get(LOGGER, "filters"), items=["x"]), {"probe": "'x' in %s.filters" % LOGGED}
    yield "logger-append", each(at("builtins.list.append", 1), [get(LOGGER, "filters")], ["x"]), {
        "probe": "'x' in %s.filters" % LOGGED
    }
    yield "logger-attrgetter", each(
        at("builtins.list.append", 1), Call("builtins.map", Call("operator.attrgetter", "filters"), [LOGGER]), ["x"]
    ), {"probe": "'x' in %s.filters" % LOGGED}
    yield "logger-caller", each(Call("operator.methodcaller", "setLevel", 77), [LOGGER]), {
        "probe": LOGGED + ".level == 77"
    }
    yield "enum-build", Build(Call("http.HTTPStatus", 200), {"phrase": "x"}), {
        "probe": "sys.modules['http'].HTTPStatus.OK.phrase == 'x'"
    }
    yield "enum-newobj", Build(Call("http.HTTPStatus", 200, by="newobj"), {"phrase": "x"}), {
        "probe": "sys.modules['http'].HTTPStatus.OK.phrase == 'x'"
    }
    yield "enum-copyreg", Build(Call("copyreg.__newobj__", at("http.HTTPStatus"), 200), {"phrase": "x"}), {
        "probe": "sys.modules['http'].HTTPStatus.OK.phrase == 'x'"
    }


def wrapped():
    """Written through what holds it."""
    modules = at("sys.modules")
    hidden = {"probe": "'hidden' in sys.modules"}
    chain = Call("collections.ChainMap", modules)

    def write(target):
        return Items(target, [("hidden", 1)], one=True)

    yield "chain-of-chain", write(Call("collections.ChainMap", chain)), hidden
    yield "userdict-of-chain", write(Build(Call("collections.UserDict"), {"data": chain})), hidden
    yield "chain-maps", write(Build(Call("collections.ChainMap", by="newobj"), {"maps": [modules]})), hidden
    yield "chain-maps-chain", write(Build(Call("collections.ChainMap", by="newobj"), {"maps": [chain]})), hidden
    yield "update", each(at("collections.ChainMap.update", 1), [chain], [{"hidden": 1}]), hidden


def entries():
    for name, parts in (("method", methods), ("shared", shared), ("wrapped", wrapped)):
        for entry in parts():
            yield "%s/%s" % (name, entry[0]), entry[1], entry[2] if len(entry) > 2 else {}
