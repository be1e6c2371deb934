"""Managers, the look-alikes (logging, Graphite) and traffic that is none of ours."""
from scenario import RAN, Scenario, alert, executes, finish, manager, other, refused, task, unknown

def sync(server, client, tours, story, **more):
    name = "sync-manager-s%s-c%s" % (server.replace(".", ""), client.replace(".", ""))
    return manager(name, story, server, client, tours, **more)


MANAGERS = [
    sync("2.7", "2.7", ["sync", "nested"], "A tour through a 2.7 SyncManager: dict, list, queue, lock, value, nested."),
    sync("3.8", "3.8", ["sync", "nested"], "A 3.8 SyncManager tour with proxies inside proxies."),
    sync("3.12", "3.12", ["sync", "nested", "queue"], "A 3.12 SyncManager tour with proxies inside proxies."),
    sync("3.13", "3.13", ["sync", "nested", "queue"], "A 3.13 SyncManager tour with nested proxies, an AutoProxy inside a dict.", link="pcapng"),
    sync("3.11", "3.12", ["sync"], "A 3.12 client with a 3.11 SyncManager: HMAC-MD5."),
    manager("base-manager-312", "A user's own BaseManager with a registered class.", "3.12", "3.13", ["office"], "office"),
    manager("base-manager-27", "The same with 2.7.", "2.7", "2.7", ["office"], "office"),
    manager("base-manager-user-argument", "A registered class is given an instance of a user's class.", "3.8", "3.8",
            ["measure"], "office", alerts=unknown("shapes.Circle")),
    manager("manager-wrong-key-312", "A wrong key: #FAILURE# and then a pickled traceback.", "3.12", "3.12",
            ["refused-reads-on"], client_key="wrong", alerts=[refused()], auth="failed"),
    manager("manager-wrong-key-38", "The same with 3.8, by connect(), which does not read on.", "3.8", "3.8",
            ["refused", "refused-reads-on"], client_key="wrong", alerts=[refused(2)], auth="failed"),
    manager("manager-shutdown-313", "A client calls a manager and then shuts it down.", "3.13", "3.13",
            ["office", "shutdown"], "office", alerts=[alert("manager.shutdown")]),
    manager("manager-shutdown-27", "The same with 2.7.", "2.7", "2.7", ["dummy", "shutdown"], "office",
            alerts=[alert("manager.shutdown")]),
    manager("manager-attack-38", "CVE-2020-10796: who knows a SyncManager's key sends an exploit for a request.", "3.8",
            "3.12", ["dummy", "exploit"], exploit=["posix-system", 4], alerts=RAN,
            victim="server", executes=True),
    manager("manager-attack-313", "An exploit for a request to a BaseManager in use.", "3.13", "3.13",
            ["office", "exploit"], "office", exploit=["eval", 4], alerts=[executes("builtins.eval"), executes("builtins.eval", outcome="executed")],
            victim="server", executes=True),
    manager("manager-xmlrpc-38", "A manager that serializes with XML-RPC: a handshake and no pickles.", "3.8", "3.8",
            ["office-xml"], "office", serializer="xmlrpclib",
            note="application manager rests on reading the XML requests; a sensor may well say connection."),
    manager("manager-xmlrpc-313", "The same with 3.13.", "3.13", "3.13", ["office-xml"], "office", serializer="xmlrpclib",
            note="application manager rests on reading the XML requests; a sensor may well say connection."),
]

JSON_NO_KEY = Scenario(
    "json-no-key", "JSON by send_bytes over an unauthenticated multiprocessing connection: no pickle, no handshake.",
    "3.11", "3.8", server_task=task(steps=[["recv_bytes"], ["frame", "json:reply", 4], ["recv_bytes"]]),
    client_task=task(steps=[["frame", "json:resize", 4], ["recv_bytes"], ["frame", "json:done", 4]]), app_proto="none",
    note="On the wire the same as not-ours-json-framed, hence no listener and app_proto none.")


def logs(version, **more):
    return other("logging-%s" % version.replace(".", ""), "logging.handlers.SocketHandler of %s to a receiver." % version,
                 "logging", version, version, "logging", "python-logging", **more)


LOOK_ALIKES = [
    logs("2.7"), logs("3.8"), logs("3.13"),
    other("logging-attack", "A log record with an exploit for its arguments.", "logging", "3.12", "3.8", "logging",
          "python-logging", [executes("os.system", "id > ")], exploit=["log-record", 2], victim="server", executes=True),
    other("carbon", "Graphite metrics to a receiver.", "carbon", "3.11", "2.7", "carbon", "carbon-pickle"),
    other("carbon-313", "Graphite metrics from 3.13.", "carbon", "3.8", "3.13", "carbon", "carbon-pickle"),
    other("carbon-attack", "A list of metrics with an exploit for a path.", "carbon", "3.12", "3.12", "carbon",
          "carbon-pickle", [executes("os.system", "id > ")], exploit=["carbon", 2], victim="server", executes=True),
]


def foreign(workload, story, version="3.12", **more):
    return other("not-ours-" + workload, story, workload, version, version, **more)


NOT_OURS = [
    foreign("http", "HTTP, with the word posix system in a URL."),
    foreign("json-framed", "JSON messages with a 4-byte length before them."),
    foreign("protobuf", "Binary messages with a 4-byte length before them."),
    foreign("pickle8", "Pickles under an 8-byte length, a protocol of somebody's own.",
            note="Each message reads like an empty frame and a pickle; only that it always does tells it apart. If the "
                 "sensor cannot, it would report a listener and exposure.unauthenticated."),
    foreign("redis", "A few Redis commands."),
    foreign("tls", "TLS with a pickle inside."),
    foreign("xmlrpc", "XML-RPC over HTTP."),
    foreign("chat", "Lines of text that mention #CHALLENGE#."),
]

SCENARIOS = MANAGERS + [finish(JSON_NO_KEY)] + LOOK_ALIKES + NOT_OURS
