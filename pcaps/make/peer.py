"""One end of a captured conversation. Runs under CPython 2.7 to 3.13.

  peer.py '{"role": "server"|"client", "workload": "dialogue"|..., "address": [HOST, PORT], ...}'

A server prints "ready" when it listens. The workload "dialogue" below does a list of steps on each connection;
managers are in peer_manager.py, everything that is not multiprocessing in peer_others.py.
"""
import json
import os
import pickle
import signal
import socket
import struct
import sys
import time
import traceback
from multiprocessing import AuthenticationError
from multiprocessing import connection as mp

import exploits
import objects

LIFETIME_S = 45


class Point(object):
    """The user's class that stands in the program itself: __main__.Point."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def norm(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5


objects.OBJECTS["point"] = lambda: Point(3, 4)
objects.OBJECTS["points"] = lambda: {"a": Point(1, 2), "b": [Point(0, 0)]}
objects.OBJECTS["point-method"] = lambda: Point(3, 4).norm


def say(*words):
    print(" ".join(str(w) for w in words))
    sys.stdout.flush()


def family_of(address):
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def connect(address):
    """A Connection to `address`, before any handshake: Client() knows no IPv6."""
    s = socket.socket(family_of(address))
    s.connect(tuple(address))
    if hasattr(mp, "Connection"):
        return mp.Connection(s.detach())
    import _multiprocessing
    fd = os.dup(s.fileno())
    s.close()
    return _multiprocessing.Connection(fd)


def payload(name, protocol):
    """The bytes of a frame by name: "exploit:NAME", "json:NAME", "empty" or the pickle of an object."""
    kind, _, rest = name.partition(":")
    if kind == "exploit":
        return exploits.make(rest, protocol)
    if kind == "json":
        return json.dumps({"job": rest, "args": [1, 2.5, None], "ok": True}).encode("ascii")
    if kind == "empty":
        return b""
    return pickle.dumps(objects.OBJECTS[name](), protocol)


def no_delay(conn):
    s = socket.fromfd(conn.fileno(), socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.close()


def write(conn, data):
    while data:
        data = data[os.write(conn.fileno(), data):]


def header(body, form, announce=None):
    length = len(body) if announce is None else announce
    return struct.pack("!i", length) if form == "short" else struct.pack("!iQ", -1, length)


def write_pieces(conn, data, size, pause):
    no_delay(conn)
    for at in range(0, len(data), size):
        write(conn, data[at:at + size])
        time.sleep(pause)


def receive(conn, tolerant):
    try:
        got = conn.recv()
    except EOFError as e:
        # an empty frame is an EOFError of the unpickler, the end of the stream one without words
        if tolerant and "input" in str(e):
            return say("recv raised", repr(e))
        raise
    except Exception as e:
        if not tolerant:
            raise
        return say("recv raised", repr(e)[:200])
    say("received", repr(got)[:100])


def until_end(conn):
    try:
        while True:
            conn.recv_bytes()
    except (EOFError, OSError, IOError) as e:
        say("end", repr(e)[:80])


def step(conn, key, name, *arguments):
    """One step of a dialogue; NAME is of payload(), PROTO a pickle protocol."""
    arguments = list(arguments)
    if name == "send":             # OBJECT: with conn.send, hence the version's own default protocol
        conn.send(objects.OBJECTS[arguments[0]]())
    elif name == "frame":          # NAME PROTO: with conn.send_bytes
        conn.send_bytes(payload(*arguments))
    elif name == "long":           # NAME PROTO: under the long header whatever the length
        body = payload(*arguments)
        write(conn, header(body, "long") + body)
    elif name == "bytewise":       # NAME PROTO: one byte a segment
        body = payload(*arguments)
        write_pieces(conn, header(body, "short") + body, 1, 0.002)
    elif name == "pieces":         # NAME PROTO SIZE: SIZE bytes a segment
        body = payload(*arguments[:2])
        write_pieces(conn, header(body, "short") + body, arguments[2], 0.0005)
    elif name == "apart":          # NAME PROTO: header and payload in separate segments
        body = payload(*arguments)
        no_delay(conn)
        write(conn, header(body, "short"))
        time.sleep(0.05)
        write(conn, body)
    elif name == "announce":       # NAME PROTO LENGTH short|long: a header that promises more than comes
        body = payload(*arguments[:2])
        write(conn, header(body, arguments[3], arguments[2]) + body)
    elif name == "recv":
        receive(conn, False)
    elif name == "tryrecv":        # the load may fail
        receive(conn, True)
    elif name == "recv_bytes":
        say("bytes", repr(conn.recv_bytes())[:60])
    elif name == "deliver":        # [DIGEST]: by hand, what Listener does first
        mp.deliver_challenge(conn, key, *arguments)
    elif name == "answer":         # by hand, what Client does first
        mp.answer_challenge(conn, key)
    elif name == "sleep":
        time.sleep(arguments[0])
    elif name == "end":            # read until the other side closes
        until_end(conn)
    else:
        raise ValueError(name)


def dialogue_server(task, key):
    listening = mp.Listener(tuple(task["address"]), family="AF_INET6" if ":" in task["address"][0] else "AF_INET",
                            authkey=key if task["handshake"] else None)
    say("ready")
    for number in range(task.get("connections", 1)):
        try:
            conn = listening.accept()
        except (AuthenticationError, EOFError, OSError, IOError) as e:
            say("accept raised", type(e).__name__)
            continue
        try:
            for s in task["steps"]:
                step(conn, key, *s)
            until_end(conn)
        except Exception:
            if not task.get("may_fail"):
                raise
            say("stopped by", traceback.format_exc(0))
        conn.close()
    listening.close()


def dialogue_client(task, key):
    for number in range(task.get("connections", 1)):
        conn = connect(task["address"])
        try:
            if task["handshake"]:
                mp.answer_challenge(conn, key)
                mp.deliver_challenge(conn, key)
            for s in task["steps"]:
                step(conn, key, *s)
        except Exception:
            if not task.get("may_fail"):
                raise
            say("stopped by", traceback.format_exc(0))
        conn.close()


def main():
    signal.alarm(LIFETIME_S)  # whatever happens, no peer outlives its scenario by much
    task = json.loads(sys.argv[1])
    task["address"][0] = str(task["address"][0])
    key = task["key"].encode("ascii") if task.get("key") is not None else None
    workload, role = task["workload"], task["role"]
    if workload == "dialogue":
        module = sys.modules[__name__]
    elif workload.startswith("auth-"):
        import peer_auth as module
    elif workload == "callback":
        import peer_callback as module
    elif workload == "manager":
        import peer_manager as module
    else:
        import peer_others as module
    function = getattr(module, workload.replace("-", "_") + "_" + role)
    function(task, key)
    say("done")


if __name__ == "__main__":
    main()
