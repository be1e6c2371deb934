"""Harmless pickles: plain objects in many pairs of versions, the standard library's types, user classes, sizes."""
from scenario import keyed, keyless, pickle_alert, unknown

ASK = [["send", "plain"], ["recv"], ["send", "more-plain"], ["recv"]]
# what a 2.7 client can load
ANSWER_27 = [["recv"], ["frame", "result", 2], ["recv"], ["frame", "none", 2]]
ANSWER = [["recv"], ["send", "result"], ["recv"], ["send", "none"]]


def pair(server, client, answer=ANSWER, **more):
    name = "plain-keyed-s%s-c%s" % (server.replace(".", ""), client.replace(".", ""))
    return keyed(name, "A %s client and a %s server with one key exchange plain objects." % (client, server), server,
                 client, answer, ASK, **more)


def user(name, version_pair, story, steps, callables, alerts=(), by="client"):
    """User classes one way over a keyed connection."""
    server, client = version_pair
    return keyed(name, story, server, client, [["recv"]] * len(steps), steps, list(alerts) + unknown(*callables, by=by))


PAIRS = [
    pair("2.7", "2.7"),
    # the bytes are plain ASCII: a 2.7 str with others would not load in Python 3
    pair("3.13", "2.7", ANSWER_27),
    pair("3.6", "3.6"),
    pair("3.8", "3.11"),
    pair("3.11", "3.12"),
    pair("3.12", "3.11"),
    pair("3.12", "3.12"),
    pair("3.13", "3.13", link="editcap"),
    pair("3.13", "3.6"),
    pair("3.7", "3.9", link="client-side"),
    keyed("plain-keyed-s27-c313", "A 3.13 client sends protocol 2 by hand so that its 2.7 server can load it.", "2.7",
          "3.13", [["recv"], ["send", "result"], ["recv"]], [["frame", "plain", 2], ["recv"], ["frame", "more-plain", 2]]),
    keyed("plain-keyed-ipv6", "Two 3.12 peers exchange plain objects over IPv6.", "3.12", "3.12", ANSWER, ASK, v6=True),
    keyed("plain-keyed-nano", "A 3.10 server and a 3.8 client, captured with nanosecond stamps.", "3.10", "3.8", ANSWER,
          ASK, link="nano"),
]

WITHOUT_KEY = [
    keyless("no-key-27", "Two 2.7 peers exchange plain objects without a key.", "2.7", "2.7", ANSWER, ASK),
    keyless("no-key-38", "Two 3.8 peers exchange plain objects without a key.", "3.8", "3.8", ANSWER, ASK),
    keyless("no-key-313", "Two 3.13 peers exchange plain objects without a key.", "3.13", "3.13", ANSWER, ASK,
            link="pcapng"),
    keyless("no-key-s312-c27", "A 2.7 client talks to a 3.12 server, no key.", "3.12", "2.7", ANSWER_27, ASK),
    keyless("no-key-receive-only", "A server without a key only receives and never sends.", "3.11", "3.6",
            [["recv"]] * 3, [["send", "int"], ["send", "text"], ["send", "list"]]),
    keyless("no-key-server-first", "A server without a key greets with a pickle; the client answers.", "3.6", "3.13",
            [["send", "more-plain"], ["recv"]], [["recv"], ["send", "text"]], first="server"),
    keyless("no-key-server-only", "A server without a key feeds its client and never hears from it.", "3.8", "3.12",
            [["send", "list"], ["send", "result"], ["send", "none"]], [["recv"]] * 3, first="server"),
    keyless("no-key-three-connections", "Three connections one after the other, none with a key.", "3.9", "3.10",
            [["recv"], ["send", "text"]], [["send", "list"], ["recv"]], connections=3),
    keyless("no-key-ipv6", "Plain objects without a key over IPv6.", "3.13", "3.8", ANSWER, ASK, v6=True),
]

TYPES = ("Beside the brief's types these call builtins.type(None), types.SimpleNamespace, collections.ChainMap, "
         "socket.AddressFamily and (protocol 0 to 2) _codecs.encode: all must count as harmless.")

STANDARD = [
    keyed("standard-types-s312-c312", "Dates, decimals, containers, UUIDs and the like, protocol 4.", "3.12", "3.12",
          [["recv"]] * 3, [["send", "std-basic"], ["send", "std-new"], ["send", "errors"]], note=TYPES),
    keyed("standard-types-s38-c36", "The standard types from 3.6 (protocol 3) to 3.8.", "3.8", "3.6",
          [["recv"]] * 3, [["send", "std-basic"], ["send", "std-new"], ["send", "errors"]], note=TYPES),
    keyed("standard-types-s313-c313-both", "The standard types there and back in protocols 2, 4 and 5.", "3.13", "3.13",
          [["recv"], ["frame", "std-basic", 5], ["recv"], ["frame", "std-new", 2]],
          [["frame", "std-new", 5], ["recv"], ["frame", "errors", 2], ["recv"]], note=TYPES),
    keyed("standard-types-s27-c27", "The standard types of 2.7, protocols 0, 1 and 2.", "2.7", "2.7", [["recv"]] * 4,
          [["frame", "std-basic", 0], ["frame", "std-basic", 1], ["send", "std-basic"], ["send", "errors"]]),
    keyed("standard-types-s312-c38-p0", "The standard types from 3.8 in protocols 0 and 1.", "3.12", "3.8",
          [["recv"]] * 4, [["frame", "std-basic", 0], ["frame", "std-new", 0], ["frame", "std-basic", 1],
                           ["frame", "errors", 0]], note=TYPES),
    keyed("regex", "A compiled regular expression: a call of re._compile.", "3.11", "3.8", [["recv"]] * 2,
          [["send", "regex"], ["frame", "regex", 2]], note="re._compile must count as harmless for this to be right."),
    keyed("partial", "functools.partial of int, by conn.send (multiprocessing's _rebuild_partial) and by pickle.dumps.",
          "3.12", "3.12", [["recv"]] * 2, [["send", "partial"], ["frame", "partial", 4]],
          note="functools.partial of a harmless builtin must count as harmless for this to be right."),
]

USERS = [
    user("user-main-point", ("3.13", "3.13"), "Instances of a class of the program itself.",
         [["send", "point"], ["send", "points"]], ["__main__.Point"]),
    user("user-bound-method", ("3.8", "3.8"), "A bound method of a user's object: a call of getattr.",
         [["send", "point-method"], ["send", "area-method"]], ["__main__.Point", "shapes.Circle"]),
    user("user-protocols-0-to-5", ("3.12", "3.11"), "One class in all six protocols: copyreg._reconstructor, then NEWOBJ.",
         [["frame", "circle", p] for p in range(6)], ["shapes.Circle"]),
    user("user-classes-27", ("2.7", "2.7"), "New-style and classic classes of 2.7 (INST, OBJ), protocols 0 to 2.",
         [["frame", "circle", 0], ["frame", "old", 0], ["frame", "old", 1], ["send", "old"], ["send", "square"]],
         ["shapes.Circle", "shapes.Old", "shapes.square"]),
    user("user-classes-27-to-313", ("3.13", "2.7"), "A 2.7 client's classes arrive at a 3.13 server.",
         [["frame", "circle", 0], ["frame", "circle", 1], ["send", "circles"], ["send", "reduced"]],
         ["shapes.Circle", "shapes.Reduced"]),
    user("user-classes-ways", ("3.12", "3.12"), "__reduce__, a factory, __slots__, __setstate__, NEWOBJ_EX, a list subclass.",
         [["send", "reduced"], ["send", "square"], ["send", "slotted"], ["send", "stateful"], ["send", "keyword"],
          ["send", "bag"]],
         ["shapes.Reduced", "shapes.square", "shapes.Slotted", "shapes.Stateful", "shapes.Keyword", "shapes.Bag"]),
    user("user-class-by-name", ("3.6", "3.6"), "A user's class itself, not an instance: a plain reference.",
         [["send", "circle-class"]], []),
    keyless("user-no-key", "A server without a key sends instances of a user's class, twice.", "3.8", "3.13",
            [["send", "circle"], ["send", "circles"]], [["recv"]] * 2, unknown("shapes.Circle", by="server"),
            first="server"),
]

REFERENCES = [
    keyed("reference-shutil-copy", "The function shutil.copy by name, protocol 0, from 2.7; nobody calls it.", "2.7", "2.7",
          [["recv"]], [["frame", "shutil.copy", 0]], [pickle_alert("pickle.dangerous-reference", "shutil.copy")]),
    keyed("reference-os-system", "The function os.system by name in protocols 2 and 4; nobody calls it.", "3.8", "3.12",
          [["recv"]] * 2, [["frame", "os.system", 2], ["frame", "os.system", 4]],
          [pickle_alert("pickle.dangerous-reference", "posix.system", count=2)]),
]

SIZES = [
    keyed("size-20k", "A 20 KB message: its header travels alone.", "3.12", "3.12", [["recv"], ["send", "20k"]],
          [["send", "20k"], ["recv"]]),
    keyed("size-20k-27", "A 20 KB message between 2.7 peers.", "2.7", "2.7", [["recv"]], [["send", "20k"]]),
    keyed("size-300k", "300 KB of bytes one way and 300 KB of text back.", "3.8", "3.8", [["recv"], ["send", "300k-text"]],
          [["send", "300k-bytes"], ["recv"]]),
    keyless("size-1m-nested", "A megabyte of nested objects without a key.", "3.11", "3.13", [["recv"], ["send", "int"]],
            [["send", "deep"], ["recv"]]),
    keyed("frames-empty", "Empty frames between pickles.", "3.13", "3.12",
          [["recv"], ["recv_bytes"], ["recv_bytes"], ["recv"], ["frame", "empty", 4]],
          [["send", "text"], ["frame", "empty", 4], ["frame", "empty", 4], ["send", "list"], ["recv_bytes"]]),
    keyed("segments-header-apart", "Header and payload in separate segments.", "3.8", "3.13", [["recv"]] * 3,
          [["apart", "text", 4], ["apart", "more-plain", 4], ["apart", "list", 2]]),
    keyed("segments-many", "A payload in segments of 100 bytes.", "3.12", "3.8", [["recv"]],
          [["pieces", "result", 4, 100]]),
    keyed("segments-bytewise", "A small pickle one byte a segment: every opcode is cut.", "3.11", "3.11",
          [["recv"], ["recv"]], [["bytewise", "plain", 4], ["bytewise", "text", 0]]),
    keyless("long-header-38", "Short messages under the long header (-1 and 64 bits), which 3.8 accepts.", "3.8", "3.8",
            [["recv"]] * 3, [["long", "text", 4], ["send", "int"], ["long", "list", 4]]),
    keyless("long-header-36", "The long header to a 3.6 server: two empty messages and then the pickle.", "3.6", "3.12",
            [["tryrecv"]] * 3, [["long", "list", 3], ["sleep", 0.2]]),
    keyed("bytes-look-like-exploit", "A harmless dict whose bytes and text values hold the bytes of an exploit.", "3.12",
          "3.12", [["recv"]], [["send", "exploit-inside"]],
          note="The inner pickle is data; an alert on pickles nested in bytes would be a new decision."),
]

SCENARIOS = PAIRS + WITHOUT_KEY + STANDARD + USERS + REFERENCES + SIZES
