"""What a scenario is, and the helpers that the tables of scenarios are written with.

The helpers put in what follows from the rules alone (the digest of a pair of versions, the alert on HMAC-MD5, the alert
on pickles without a handshake); everything else that ought to be raised is said in the tables.
"""
from dataclasses import dataclass, field

SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
FAR = "203.0.113.5"  # of the client as well, outside the private networks
SERVER6, CLIENT6 = "fd99::1", "fd99::2"
FULL = {"2.7": "2.7.18", "3.6": "3.6.15", "3.7": "3.7.16", "3.8": "3.8.18", "3.9": "3.9.18", "3.10": "3.10.13",
        "3.11": "3.11.7", "3.12": "3.12.1", "3.13": "3.13.0"}
KEY = "b3e9-not-on-any-list-71fd"
OTHER_KEY = "8a2c-some-other-key-0d54"
WEAK_KEY = "secret password"  # of the documentation of multiprocessing


@dataclass
class Scenario:
    name: str
    story: str
    server: str                     # short version
    client: str
    server_key: str = "none"        # none | set | wrong | weak | empty
    client_key: str = "none"
    kind: str = "listener"
    server_task: dict = field(default_factory=dict)
    client_task: dict = field(default_factory=dict)
    link: str = "ether"
    v6: bool = False
    listeners: list = field(default_factory=list)
    app_proto: str = "python-mp"
    alerts: list = field(default_factory=list)
    victim: str = ""                # server | client: whose directory is watched for the marker
    executes: bool = None           # what must be observed there
    stop_server: bool = False       # it serves for ever
    note: str = ""
    place: int = None               # of the port, where it is not the scenario's own in its table
    port: int = 0                   # from its place in the table

    @property
    def suffix(self):
        return ".pcapng" if self.link in ("pcapng", "editcap") else ".pcap"

    @property
    def addresses(self):
        if self.link == "lo":
            return "127.0.0.1", "127.0.0.1"
        return (SERVER6, CLIENT6) if self.v6 else (SERVER, CLIENT)


def version(short):
    return tuple(int(n) for n in short.split("."))


def digest_of(server, client):
    """Of the client's answer: before 3.12 there is only HMAC-MD5, and either end can hold the other down to it."""
    return "sha256" if min(version(server), version(client)) >= (3, 12) else "md5"


# Alerts. Addresses are filled in by finish().
def alert(rule, by="client", count=1, **more):
    return {"rule": rule, "count": count, "src": by, **more}


def pickle_alert(rule, callables, by="client", count=1, outcome="attempted", args=None):
    more = {"outcome": outcome, "callables": [callables] if isinstance(callables, str) else list(callables)}
    if args:
        more["args_contain"] = args
    return alert(rule, by, count, **more)


def executes(callables, args="touch", **more):
    return pickle_alert("pickle.code-execution", callables, args=args, **more)


# A manager's answer proves that it was loaded.
RAN = [executes("posix.system"), executes("posix.system", outcome="executed")]


def unknown(*callables, by="client"):
    return [pickle_alert("pickle.unknown-call", c, by=by) for c in callables]


def malformed(by="client", count=1):
    return alert("pickle.malformed", by, count, outcome="attempted")


def exposed(by="client", count=1):
    return alert("exposure.unauthenticated", by, count)


def refused(count=1):
    return alert("auth.failed", "client", count)


def legacy():
    return alert("auth.legacy-digest")


def finish(s, auth=None, digest=None, application="connection"):
    """Fills in the listener entry and real addresses."""
    server, client = s.addresses
    if auth:
        entry = {"address": server, "port": None, "auth": auth}
        if digest:
            entry["digest"] = digest
        entry["application"] = application
        s.listeners = [entry]
    order = ("rule", "count", "of", "src", "outcome", "callables", "args_contain")
    by = {"server": server, "client": client, "far": FAR}
    s.alerts = [{k: (by[a[k]] if k == "src" else a[k]) for k in order if k in a} for a in s.alerts]
    return s


def task(workload="dialogue", handshake=False, steps=(), **more):
    return {"workload": workload, "handshake": handshake, "steps": list(steps), **more}


def keyed(name, story, server, client, server_steps, client_steps, alerts=(), server_more=None, **more):
    """Both know the key; a Listener and a Client."""
    digest = digest_of(server, client)
    s = Scenario(name, story, server, client, "set", "set",
                 server_task=task(handshake=True, steps=server_steps, **(server_more or {})),
                 client_task=task(handshake=True, steps=client_steps),
                 alerts=([legacy()] if digest == "md5" else []) + list(alerts), **more)
    return finish(s, "mutual", digest)


def keyless(name, story, server, client, server_steps, client_steps, alerts=(), first="client", connections=1,
            may_fail=False, exposure=True, **more):
    """Nobody has a key. `first` sends the first pickle."""
    s = Scenario(name, story, server, client,
                 server_task=task(steps=server_steps, connections=connections, may_fail=may_fail),
                 client_task=task(steps=client_steps, connections=connections, may_fail=may_fail),
                 alerts=([exposed(first, connections)] if exposure else []) + list(alerts), **more)
    return finish(s, "none")


def by_hand(name, story, server, client, server_steps, client_steps, auth, digest, alerts=(), client_handshake=False,
            may_fail=False, **more):
    """Handshakes other than Listener's, made step by step by the server (and the client, unless `client_handshake`)."""
    s = Scenario(name, story, server, client, "set", "set", server_task=task(steps=server_steps, may_fail=may_fail),
                 client_task=task(handshake=client_handshake, steps=client_steps, may_fail=may_fail),
                 alerts=([legacy()] if digest == "md5" else []) + list(alerts), **more)
    return finish(s, auth, digest)


def rejected(name, story, server, client, client_key, client_task, auth, digest=None, alerts=(), **more):
    """A keyed Listener and a client that does not get through."""
    s = Scenario(name, story, server, client, "set", client_key, server_task=task(handshake=True),
                 client_task=dict(client_task, may_fail=True), alerts=list(alerts), **more)
    return finish(s, auth, digest)


def manager(name, story, server, client, tours, which="sync", client_key="set", alerts=(), auth="mutual", note="",
            serializer="pickle", exploit=None, **more):
    digest = digest_of(server, client)
    shared = {"manager": which, "serializer": serializer}
    s = Scenario(name, story, server, client, "set", client_key, kind="manager",
                 server_task=task("manager", **shared),
                 client_task=task("manager", tours=tours, exploit=exploit, **shared), stop_server=True, note=note,
                 alerts=([legacy()] if digest == "md5" else []) + list(alerts), **more)
    return finish(s, auth, digest, "manager")


def other(name, story, workload, server, client, kind="other", app_proto="none", alerts=(), exploit=None, **more):
    """Not multiprocessing."""
    s = Scenario(name, story, server, client, kind=kind, server_task=task(workload),
                 client_task=task(workload, exploit=exploit), app_proto=app_proto, alerts=list(alerts), **more)
    return finish(s)
