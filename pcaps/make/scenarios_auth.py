"""Handshakes: wrong keys, no keys, broken off, one way, other digests."""
from scenario import alert, by_hand, digest_of, executes, keyed, legacy, refused, rejected, task


def wrong(server, client, **more):
    digest = digest_of(server, client)
    name = "wrong-key-s%s-c%s" % (server.replace(".", ""), client.replace(".", ""))
    return rejected(name, "A %s client with a wrong key is refused by a %s server." % (client, server), server, client,
                    "wrong", task(handshake=True, steps=[["send", "text"]]), "failed", digest,
                    [refused()] + ([legacy()] if digest == "md5" else []), **more)


def no_key(name, story, server, client, steps, auth, alerts, **more):
    return rejected(name, story, server, client, "none", task(steps=steps + [["end"]]), auth, None, alerts, **more)


PENDING = ("The server closes without #FAILURE#: no answer was ever judged, hence auth `pending`; `failed` would be "
           "arguable.")

SCENARIOS = [
    wrong("2.7", "2.7"),
    wrong("3.11", "3.11"),
    wrong("3.12", "3.12"),
    wrong("3.13", "3.13"),
    wrong("3.12", "2.7"),
    wrong("2.7", "3.13"),
    wrong("3.13", "3.8", v6=True),
    rejected("handshake-abandoned-312", "A client connects to a keyed 3.12 listener, reads the challenge and leaves.",
             "3.12", "3.12", "none", task(steps=[["recv_bytes"]]), "pending"),
    rejected("handshake-abandoned-27", "The same with 2.7.", "2.7", "2.7", "none", task(steps=[["recv_bytes"]]),
             "pending"),
    no_key("keyless-small-312", "A client without a key sends a small pickle to a keyed server: read as an answer, refused.",
           "3.12", "3.8", [["send", "list"]], "failed", [refused()]),
    no_key("keyless-small-27", "The same with 2.7, the pickle sent after the challenge came.", "2.7", "2.7",
           [["sleep", 0.3], ["send", "text"]], "failed", [refused()]),
    no_key("keyless-large-313", "A client without a key sends more than 256 bytes: a bare close.", "3.13", "3.13",
           [["send", "result"]], "pending", [], note=PENDING),
    no_key("keyless-large-38", "The same with 3.8, over a long message.", "3.8", "3.11",
           [["sleep", 0.3], ["send", "300k-text"]], "pending", [], note=PENDING),
    no_key("keyless-attack-small", "An exploit sent to a keyed server instead of an answer: never unpickled.", "3.12",
           "3.12", [["frame", "exploit:posix-system", 4]], "failed",
           [refused(), executes("posix.system", outcome="not-unpickled")], victim="server", executes=False),
    no_key("keyless-attack-27", "An exploit sent to a keyed 2.7 server, after its challenge: never unpickled.", "2.7",
           "3.8", [["sleep", 0.3], ["frame", "exploit:posix-system", 0]], "failed",
           [refused(), executes("posix.system", outcome="not-unpickled")], victim="server", executes=False),
    no_key("keyless-attack-large", "An exploit of more than 256 bytes to a keyed server: a bare close, never unpickled.",
           "3.11", "3.13", [["frame", "exploit:big-system", 4]], "pending",
           [executes("posix.system", outcome="not-unpickled")], victim="server", executes=False, note=PENDING),
    by_hand("digest-sha3-256", "The server challenges with sha3_256, the client back with sha256: two digests.", "3.12",
            "3.12", [["deliver", "sha3_256"], ["answer"], ["recv"], ["send", "text"]], [["send", "list"], ["recv"]],
            "mutual", "sha3_256", client_handshake=True),
    by_hand("digest-sha384", "The server challenges with sha384.", "3.13", "3.13",
            [["deliver", "sha384"], ["answer"], ["recv"]], [["send", "more-plain"]], "mutual", "sha384",
            client_handshake=True),
    by_hand("digest-md5-named", "A 3.13 server asks for {md5} by name.", "3.13", "3.12",
            [["deliver", "md5"], ["answer"], ["recv"]], [["send", "list"]], "mutual", "md5", client_handshake=True),
    by_hand("digest-sha3-384-old-client", "A 3.12 server challenges with sha3_384; a 3.8 client answers with bare MD5.",
            "3.12", "3.8", [["deliver", "sha3_384"], ["answer"], ["recv"]], [["send", "list"]], "mutual", "md5",
            client_handshake=True),
    by_hand("one-way-312", "The server challenges, the client only answers and never challenges; then pickles flow.",
            "3.12", "3.12", [["deliver"], ["recv"], ["send", "result"]], [["answer"], ["send", "plain"], ["recv"]],
            "one-way", "sha256", [alert("auth.one-way")]),
    by_hand("one-way-27", "The same between 2.7 peers.", "2.7", "2.7", [["deliver"], ["recv"]],
            [["answer"], ["send", "list"]], "one-way", "md5", [alert("auth.one-way")]),
    keyed("keyed-no-data", "A handshake succeeds and nothing follows.", "3.8", "3.8", [], []),
    keyed("json-keyed", "JSON by send_bytes over a keyed connection: authentication without pickles.", "3.12", "3.13",
          [["recv_bytes"], ["frame", "json:reply", 4], ["recv_bytes"]],
          [["frame", "json:resize", 4], ["recv_bytes"], ["frame", "json:done", 4]]),
]
