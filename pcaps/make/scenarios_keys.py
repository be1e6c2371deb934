"""Keys: weak ones of every digest, guessed, relayed, reflected and repeated handshakes, downgrades, steps no CPython
makes, peers from outside."""
from scenario import (FAR, OTHER_KEY, Scenario, alert, by_hand, digest_of, exposed, finish, legacy, refused, task)

WEAK = dict(server_key="weak", client_key="weak")
GUESSES = 12            # of which 5 are written, and 1 for the rest


def dialogue(name, story, version, server_steps, client_steps, auth, digest, alerts, client=None, **more):
    """Connections one after the other, steps for each."""
    source = more.pop("source", None)
    s = Scenario(name, story, version, client or version, more.pop("key", "set"), more.pop("key2", "set"),
                 server_task=task("auth-dialogue", steps=server_steps),
                 client_task=task("auth-dialogue", steps=client_steps, **({"from": source} if source else {})),
                 alerts=alerts, **more)
    return finish(s, auth, digest)


def weak_key():
    return alert("auth.weak-key")


def reuse(by="server", count=1):
    return alert("auth.challenge-reuse", by, count)


def violation(by="client", count=1):
    return alert("auth.protocol-violation", by, count)


def downgrade(by="client", count=1):
    return alert("auth.downgrade", by, count)


def weak(name, story, server, client, digest=None, key="weak"):
    """A key of the list. `digest`: asked for by name."""
    deliver = ["deliver"] + ([digest] if digest else [])
    used = digest if digest else digest_of(server, client)
    s = by_hand(name, story, server, client, [deliver, ["answer"], ["recv"]], [["send", "list"]], "mutual", used,
                [weak_key()], client_handshake=True)
    s.server_key = s.client_key = key
    return s


def guessed():
    steps = [["connect", OTHER_KEY + str(n)] for n in range(GUESSES)]
    s = dialogue("bruteforce-312", "A client guesses: twelve wrong keys within a second, then the right one.", "3.12",
                 [[["accept"]]] * (GUESSES + 1), [[one] for one in steps] + [[["answer"], ["deliver"], ["send", "list"]]],
                 "mutual", "sha256", [alert("auth.failed", count=6), alert("auth.bruteforce", count=2)],
                 note="Alerts alike are collapsed after five: the sixth stands for seven failures. The second "
                      "auth.bruteforce is the key that was guessed.")
    s.alerts[0]["of"] = GUESSES
    return s


def relayed():
    s = Scenario("relay-313", "A man in the middle without the key relays a whole handshake between a client and a server.",
                 "3.13", "3.13", "set", "none", server_task=task("auth-relay"), client_task=task("auth-relay"),
                 alerts=[reuse("client", 2)],
                 note="Both challenges come twice. The server and the victim are on one side of the tap, the man in the "
                      "middle on the other.")
    finish(s, "mutual", "sha256")
    s.listeners.append(dict(s.listeners[0], address="10.99.0.2"))
    return s


def reflected():
    s = Scenario("reflection-312", "A server without the key lets a client answer its own challenge on a second connection.",
                 "3.12", "3.12", "none", "set", server_task=task("auth-reflect"), client_task=task("auth-reflect"),
                 alerts=[reuse("server")], note="The client takes the server for one that has the key.")
    return finish(s, "mutual", "sha256")


SCENARIOS = [
    weak("weak-key-27", "Two 2.7 peers with a key of Python's documentation, HMAC-MD5.", "2.7", "2.7"),
    weak("weak-key-313", "Two 3.13 peers with a key of Python's documentation, SHA-256.", "3.13", "3.13"),
    weak("weak-key-md5-named", "A weak key, and {md5} by name.", "3.13", "3.12", "md5"),
    weak("weak-key-sha384", "A weak key with SHA-384.", "3.13", "3.13", "sha384"),
    weak("weak-key-sha3-256", "A weak key with SHA3-256.", "3.12", "3.13", "sha3_256"),
    weak("weak-key-sha3-384", "A weak key with SHA3-384.", "3.13", "3.12", "sha3_384"),
    weak("weak-key-empty", "The empty key, proved by both sides.", "3.13", "3.13", key="empty"),
    guessed(),
    relayed(),
    reflected(),
    dialogue("challenge-repeated-312", "A server that always sends the same challenge: two handshakes.", "3.12",
             [[["same-challenge"], ["read"], ["say", "#WELCOME#"], ["answer"]]] * 2,
             [[["answer"], ["deliver"]]] * 2, "mutual", "sha256", [reuse("server")]),
    dialogue("downgrade-listener-313", "A listener asks for SHA-256 first, and on the next connection for none by name.",
             "3.13", [[["accept"], ["recv"]], [["challenge", "", 20], ["read"], ["say", "#WELCOME#"], ["answer"], ["recv"]]],
             [[["answer"], ["deliver"], ["send", "list"]]] * 2, "mutual", "md5", [legacy(), downgrade("server")]),
    dialogue("downgrade-client-313", "A client proves its key by SHA-256, then by a bare MD5 as if it were an old Python.",
             "3.13", [[["accept"], ["recv"]]] * 2,
             [[["answer"], ["deliver"], ["send", "list"]],
              [["read-challenge"], ["reply", "md5", ""], ["read"], ["challenge", "", 20], ["read"], ["say", "#WELCOME#"],
               ["send", "list"]]], "mutual", "md5", [legacy(), downgrade()]),
    dialogue("downgrade-in-flow-313", "A client answers {sha256} with a bare MD5, and asks for {sha256} itself.", "3.13",
             [[["accept"], ["recv"]]],
             [[["read-challenge"], ["reply", "md5", ""], ["read"], ["deliver"], ["send", "list"]]], "mutual", "md5",
             [legacy(), downgrade()]),
    dialogue("violation-short-challenge-312", "A server sends a challenge of ten bytes.", "3.12",
             [[["challenge", "", 10]]], [[["read-challenge"], ["sleep", 0.1]]], "pending", None, [violation("server")]),
    dialogue("violation-unknown-digest-313", "A server asks for {sha1}.", "3.13", [[["challenge", "{sha1}", 40]]],
             [[["answer"]]], "pending", None, [violation("server")]),
    dialogue("violation-oversize-311", "A client sends 300 bytes where its answer is due.", "3.11", [[["deliver"]]],
             [[["read-challenge"], ["garbage", 300]]], "pending", None, [violation()]),
    dialogue("violation-data-for-answer-313", "A client sends JSON where its answer is due.", "3.13", [[["deliver"]]],
             [[["read-challenge"], ["say", '{"job": 1}'], ["read"]]], "failed", None, [refused(), violation()]),
    dialogue("violation-other-digest-313", "A client answers a challenge for {sha256} with {sha384}; 3.13 takes it.",
             "3.13", [[["accept"], ["recv"]]],
             [[["read-challenge"], ["reply", "sha384", "{sha384}"], ["read"], ["deliver"], ["send", "list"]]], "mutual",
             "sha384", [violation()]),
    dialogue("untrusted-peer-313", "A client from outside the private networks talks with a keyed listener.", "3.13",
             [[["accept"], ["recv"]]], [[["answer"], ["deliver"], ["send", "list"]]], "mutual", "sha256",
             [dict(alert("exposure.untrusted-peer"), src="far")], source=FAR),
    dialogue("untrusted-peer-no-key-38", "The same without a key.", "3.8", [[["recv"]]], [[["send", "list"]]], "none", None,
             [dict(exposed(), src="far"), dict(alert("exposure.untrusted-peer"), src="far")], source=FAR, key="none",
             key2="none"),
]
