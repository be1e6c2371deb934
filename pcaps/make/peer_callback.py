"""Ends of which one is sent a pickle that makes it turn to the other: what the attacker's side listens on, and what else
the victim's host does. Runs under Python 2.7 and 3.

The client's task: "listen" TCP ports, "udp" ports, "dns" names and their addresses, "frames" to send, "wait" seconds.
The server's task: "before" and "after" the first message, each a list of [HOST, PORT] that the host connects to;
"kept": those of before stay open and say something afterwards.
"""
import socket
import struct
import sys
import threading
import time
from multiprocessing import connection as mp


def peer():
    return sys.modules["__main__"]


def in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.daemon = True
    thread.start()


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def bound(kind, port, v6):
    s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::" if v6 else "0.0.0.0", port))
    return s


def take_connections(s):
    """Reads a little of each and hangs up."""
    while True:
        conn = s.accept()[0]
        conn.settimeout(0.3)
        try:
            data = conn.recv(200)
            peer().say("called back", repr(data)[:60])
            if data.startswith(b"GET "):
                conn.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
        except (OSError, IOError):
            pass
        conn.close()


def take_datagrams(s):
    while True:
        peer().say("datagram", repr(s.recvfrom(1000)[0])[:60])


def answer_dns(s, names):
    """A for the names it knows, none for all others (RFC 1035)."""
    while True:
        query, source = s.recvfrom(512)
        at, labels = 12, []
        while ord(query[at:at + 1]):
            size = ord(query[at:at + 1])
            labels.append(query[at + 1:at + 1 + size].decode("ascii"))
            at += 1 + size
        question = query[12:at + 5]
        kind, = struct.unpack("!H", query[at + 1:at + 3])
        name = ".".join(labels).lower()
        peer().say("asked", name, kind)
        records = [socket.inet_aton(names[name])] if kind == 1 and name in names else []
        s.sendto(query[:2] + b"\x81\x80" + struct.pack("!HHHH", 1, len(records), 0, 0) + question
                 + b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + r for r in records), source)


def callback_client(task, key):
    v6 = ":" in task["address"][0]
    for port in task.get("listen", ()):
        s = bound(socket.SOCK_STREAM, port, v6)
        s.listen(5)
        in_background(take_connections, s)
    for port in task.get("udp", ()):
        in_background(take_datagrams, bound(socket.SOCK_DGRAM, port, v6))
    if task.get("dns"):
        in_background(answer_dns, bound(socket.SOCK_DGRAM, 53, v6), task["dns"])
    conn = peer().connect(task["address"])
    for name, protocol in task["frames"]:
        conn.send_bytes(peer().payload(name, protocol))
        time.sleep(task.get("pause", 0.3))
    time.sleep(task.get("wait", 0.7))
    conn.close()


def connect_all(addresses, source):
    """From the address that the listener has; another one of the host's would be another host to who watches."""
    sockets = []
    for host, port in addresses:
        s = socket.socket(family_of(host))
        s.settimeout(2)
        s.bind((source, 0))
        try:
            s.connect((str(host), port))
        except (OSError, IOError) as e:
            peer().say("connect", repr(e)[:60])
        sockets.append(s)
    return sockets


def callback_server(task, key):
    # The attacker's side listens only when the client has come: so what is before is after accept().
    listening = mp.Listener(tuple(task["address"]), family="AF_INET6" if ":" in task["address"][0] else "AF_INET",
                            authkey=key if task["handshake"] else None)
    peer().say("ready")
    before, conn = [], None
    try:
        conn = listening.accept()
        before = connect_all(task.get("before", ()), task["address"][0])
        time.sleep(0.1 if before else 0)
        peer().receive(conn, True)
    except (mp.AuthenticationError, EOFError, OSError, IOError) as e:
        peer().say("stopped by", type(e).__name__)
    for s in before:
        if task.get("kept"):
            s.sendall(b"still here\n")
    after = connect_all(task.get("after", ()), task["address"][0])
    try:
        while conn is not None:
            peer().receive(conn, True)
    except (EOFError, OSError, IOError) as e:
        peer().say("end", repr(e)[:60])
    time.sleep(task.get("linger", 0.3))
    for s in before + after:
        s.close()
    listening.close()
