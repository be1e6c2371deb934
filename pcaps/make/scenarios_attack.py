"""Attacks (each only leaves a marker file), bytecode, broken and oversized frames."""
from scenario import alert, executes, keyed, keyless, malformed, pickle_alert


def attack(name, story, server, client, what, protocol, callables, args="touch", ran=True, more_alerts=(), **more):
    """One exploit from a client to a server without a key."""
    return keyless(name, story, server, client, [["tryrecv"], ["sleep", 0.2]],
                   [["frame", "exploit:" + what, protocol], ["sleep", 0.4]],
                   [executes(callables, args)] + list(more_alerts), may_fail=True, victim="server", executes=ran, **more)


BY_SPELLING = [
    attack("attack-posix-system-p0", "A 2.7 client runs a command on a 3.8 server without a key, protocol 0.", "3.8", "2.7",
           "posix-system", 0, "posix.system"),
    attack("attack-posix-system-p2", "posix.system in protocol 2 against 2.7.", "2.7", "3.11", "posix-system", 2,
           "posix.system"),
    attack("attack-posix-system-p4", "posix.system in protocol 4.", "3.13", "3.13", "posix-system", 4, "posix.system"),
    attack("attack-popen", "subprocess.Popen with an argument list.", "3.12", "3.8", "popen", 4, "subprocess.Popen"),
    attack("attack-check-output", "subprocess.check_output of a shell.", "3.8", "3.6", "check-output", 3,
           "subprocess.check_output", "id > "),
    attack("attack-eval", "builtins.eval of an expression.", "3.13", "3.12", "eval", 4, "builtins.eval"),
    attack("attack-exec", "builtins.exec of statements, protocol 3.", "3.6", "3.6", "exec", 3, "builtins.exec"),
    attack("attack-py2-eval", "__builtin__.eval in protocol 2 against 2.7.", "2.7", "2.7", "py2-eval", 2, "builtins.eval"),
    attack("attack-py2-eval-to-38", "The same against 3.8, which maps the Python 2 name.", "3.8", "2.7", "py2-eval", 2,
           "builtins.eval"),
    attack("attack-inst", "os.system by INST.", "3.12", "3.12", "inst", 0, "os.system", "id > "),
    attack("attack-inst-27", "os.system by INST against 2.7.", "2.7", "2.7", "inst", 0, "os.system", "id > "),
    attack("attack-obj", "os.system by OBJ.", "3.11", "3.12", "obj", 2, "os.system"),
    attack("attack-memo-names", "os.system by STACK_GLOBAL whose names come from the memo.", "3.12", "3.9", "memo-names", 4,
           "os.system"),
    attack("attack-nt-system", "nt.system against Linux: the import fails.", "3.13", "3.13", "nt-system", 4, "nt.system",
           ran=False),
    attack("attack-getoutput", "commands.getoutput in protocol 0: 3.12 maps it to subprocess.getoutput.", "3.12", "2.7",
           "getoutput", 0, "subprocess.getoutput"),
    attack("attack-no-stop", "An exploit cut right after its call: it runs all the same.", "3.8", "3.12", "no-stop", 2,
           "posix.system", more_alerts=[malformed()]),
    attack("attack-trailing", "An exploit with bytes after STOP.", "3.12", "3.13", "trailing", 4, "posix.system",
           more_alerts=[malformed()]),
]

LINKS = [
    attack("attack-ipv6", "posix.system over IPv6.", "3.12", "3.13", "posix-system", 4, "posix.system", v6=True),
    attack("attack-vlan", "posix.system in a tagged VLAN.", "3.8", "3.8", "posix-system", 2, "posix.system", link="vlan",
           note="The 802.1Q tag (VLAN 7, priority 3) was put in by rewriting: the kernel at hand had no 8021q."),
    attack("attack-any-sll2", "posix.system, captured with -i any (SLL2).", "3.11", "3.13", "posix-system", 4,
           "posix.system", link="any"),
    attack("attack-sll1", "posix.system, captured with -i any as SLL version 1.", "3.12", "3.8", "posix-system", 4,
           "posix.system", link="sll1"),
    attack("attack-loopback", "posix.system over lo, where checksums are never finished.", "3.8", "3.8", "posix-system", 0,
           "posix.system", link="lo"),
    attack("attack-raw-ip", "posix.system in a raw IP capture (DLT_RAW).", "3.13", "2.7", "posix-system", 0,
           "posix.system", link="raw", note="Rewritten from an Ethernet capture."),
    attack("attack-null", "posix.system in a BSD loopback capture (DLT_NULL).", "3.6", "3.8", "posix-system", 3,
           "posix.system", link="null", note="Rewritten from an Ethernet capture."),
    attack("attack-nano", "eval with nanosecond stamps.", "3.9", "3.10", "eval", 4, "builtins.eval", link="nano"),
    attack("attack-pcapng", "Popen in a pcapng file.", "3.10", "3.7", "popen", 3, "subprocess.Popen", link="pcapng"),
]

BY_WAY = [
    keyless("attack-server-to-client", "A malicious server without a key attacks a client that connects.", "3.8", "3.12",
            [["frame", "exploit:posix-system", 4], ["sleep", 0.4]], [["tryrecv"]],
            [executes("posix.system", by="server")], first="server", victim="client", executes=True),
    keyless("attack-server-reply", "A server without a key answers a harmless request with an exploit.", "3.6", "2.7",
            [["recv"], ["frame", "exploit:os-system", 0], ["sleep", 0.4]], [["send", "none"], ["tryrecv"]],
            [executes("os.system", "id > ", by="server")], victim="client", executes=True),
    keyed("attack-leaked-key-312", "A client that knows the leaked key attacks after the handshake.", "3.12", "3.12",
          [["recv"], ["tryrecv"]], [["send", "text"], ["frame", "exploit:posix-system", 4], ["sleep", 0.4]],
          [executes("posix.system")], victim="server", executes=True),
    keyed("attack-leaked-key-27", "The same against 2.7, HMAC-MD5 and protocol 0.", "2.7", "3.13", [["tryrecv"]],
          [["frame", "exploit:posix-system", 0], ["sleep", 0.4]], [executes("posix.system")], victim="server",
          executes=True),
    keyless("attack-second-frame", "A harmless frame first, then an exploit.", "3.11", "3.8", [["recv"], ["tryrecv"]],
            [["send", "result"], ["frame", "exploit:popen", 4], ["sleep", 0.4]], [executes("subprocess.Popen")],
            victim="server", executes=True),
    keyless("attack-two-frames", "Two exploits on one connection, harmless frames between.", "3.13", "3.9",
            [["tryrecv"]] * 4, [["frame", "exploit:posix-system", 4], ["send", "int"], ["frame", "exploit:posix-system", 2],
                                ["send", "text"], ["sleep", 0.4]],
            [executes("posix.system", count=2)], victim="server", executes=True),
    keyless("attack-long-header-38", "An exploit under the long header against 3.8.", "3.8", "3.12", [["tryrecv"]],
            [["long", "exploit:posix-system", 4], ["sleep", 0.4]], [executes("posix.system")], victim="server",
            executes=True),
    keyless("attack-long-header-36", "The same against 3.6: two empty messages, then the exploit runs.", "3.6", "3.12",
            [["tryrecv"]] * 3, [["long", "exploit:posix-system", 3], ["sleep", 0.4]], [executes("posix.system")],
            victim="server", executes=True),
    keyless("attack-bytewise", "An exploit one byte a segment.", "3.12", "3.11", [["tryrecv"]],
            [["bytewise", "exploit:posix-system", 4], ["sleep", 0.4]], [executes("posix.system")], victim="server",
            executes=True),
    keyless("attack-header-apart", "An exploit's header and payload in separate segments.", "3.8", "3.8", [["tryrecv"]],
            [["apart", "exploit:eval", 2], ["sleep", 0.4]], [executes("builtins.eval")], victim="server", executes=True),
]


def bytecode(name, story, version, what, protocol, alerts, note="", **more):
    return keyless(name, story, version, version, [["tryrecv"]], [["frame", "exploit:" + what, protocol], ["sleep", 0.4]],
                   alerts, note=note, **more)


CODE = [
    bytecode("code-marshal", "marshal.loads of a code object, which is not called.", "3.12", "marshal", 4,
             [pickle_alert("pickle.code-object", "marshal.loads")], victim="server", executes=False),
    bytecode("code-marshal-27", "The same in 2.7, protocol 2.", "2.7", "marshal", 2,
             [pickle_alert("pickle.code-object", "marshal.loads")], victim="server", executes=False),
    bytecode("code-type", "types.CodeType called with all its arguments.", "3.8", "code-type", 4,
             [pickle_alert("pickle.code-object", "types.CodeType")], victim="server", executes=False),
    bytecode("code-function-type", "types.FunctionType around types.CodeType; the function is not called.", "3.13",
             "function-type", 4, [pickle_alert("pickle.code-object", ["types.CodeType", "types.FunctionType"])],
             victim="server", executes=False),
    bytecode("code-function-called", "A function rebuilt from marshalled bytecode and called at once.", "3.11",
             "function-called", 4,
             [pickle_alert("pickle.code-execution", ["marshal.loads", "types.FunctionType"]),
              pickle_alert("pickle.code-object", ["marshal.loads", "types.FunctionType"])],
             "Doubts: whether code-object is raised beside code-execution (here: yes), and which names code-execution "
             "lists, as the callee is a value and not a name.", victim="server", executes=True),
    bytecode("code-cloudpickle", "A function in cloudpickle's style; the receiver has no cloudpickle.", "3.12",
             "cloudpickle", 4, [pickle_alert("pickle.code-object", ["cloudpickle.cloudpickle._make_function"])],
             "As real cloudpickle does, it takes the code class from cloudpickle.cloudpickle._builtin_type('CodeType') "
             "and calls it; that helper is taken as part of the code-object finding, no unknown-call.",
             victim="server", executes=False),
]

BROKEN = [
    keyed("malformed-cut", "With a key, a protocol 4 pickle that ends before STOP.", "3.12", "3.12",
          [["recv"], ["tryrecv"], ["recv"]], [["send", "text"], ["frame", "exploit:cut", 4], ["send", "list"]],
          [malformed()]),
    keyed("malformed-trailing", "With a key, a harmless pickle with bytes after STOP.", "3.8", "3.11",
          [["recv"], ["recv"]], [["frame", "exploit:extra", 4], ["send", "text"]], [malformed()]),
    keyless("oversized-2g", "After a valid pickle a frame of 2 GB is announced, begun and broken off.", "3.8", "3.12",
            [["recv"], ["tryrecv"]], [["send", "text"], ["announce", "exploit:cut", 4, 0x7FFFFFFF, "short"], ["sleep", 0.2]],
            [alert("frame.oversized")], may_fail=True),
    keyless("oversized-8g", "The same with 8 GB under the long header.", "3.12", "3.13",
            [["recv"], ["tryrecv"]], [["send", "text"], ["announce", "exploit:cut", 4, 8 << 30, "long"], ["sleep", 0.2]],
            [alert("frame.oversized")], may_fail=True),
    keyed("oversized-keyed", "A 2 GB frame announced after a handshake.", "3.11", "3.13",
          [["recv"], ["tryrecv"]], [["send", "list"], ["announce", "exploit:cut", 4, 0x7FFFFFFF, "short"], ["sleep", 0.2]],
          [alert("frame.oversized")], server_more={"may_fail": True}),
]

SCENARIOS = BY_SPELLING + LINKS + BY_WAY + CODE + BROKEN
