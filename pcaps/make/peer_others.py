"""Protocols that only look like multiprocessing, and some that do not. The look-alikes run under 2.7 too."""
import json
import logging
import logging.handlers
import pickle
import socket
import struct
import sys
import time

import exploits


def ready():
    print("ready")
    sys.stdout.flush()


def listen(task):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(tuple(task["address"]))
    s.listen(5)
    ready()
    return s


def accept(task):
    s = listen(task)
    conn, peer = s.accept()
    s.close()
    return conn


def connect(task):
    return socket.create_connection(tuple(task["address"]), 10)


def exactly(conn, n):
    data = b""
    while len(data) < n:
        block = conn.recv(n - len(data))
        if not block:
            return None
        data += block
    return data


def messages(conn, prefix):
    """Length-prefixed messages until the end of the stream."""
    while True:
        head = exactly(conn, struct.calcsize(prefix))
        if head is None:
            return
        body = exactly(conn, struct.unpack(prefix, head)[0])
        if body is None:
            return
        yield body


def load_all(conn, prefix, what):
    for body in messages(conn, prefix):
        try:
            print(what, repr(pickle.loads(body))[:80])
        except Exception as e:
            print("load raised", repr(e)[:80])


def logging_server(task, key):
    """The receiver of the logging cookbook, without the socketserver around it."""
    conn = accept(task)
    for body in messages(conn, ">L"):
        record = logging.makeLogRecord(pickle.loads(body))
        print("record", record.name, record.levelname)
    conn.close()


def logging_client(task, key):
    log = logging.getLogger("billing")
    log.setLevel(logging.DEBUG)
    handler = logging.handlers.SocketHandler(*task["address"])
    log.addHandler(handler)
    log.info("service started")
    log.warning("disk %s at %d percent", "/srv", 91)
    try:
        {}["missing"]
    except KeyError:
        log.exception("lookup failed")
    if task.get("exploit"):
        body = exploits.make(*task["exploit"])
        handler.sock.sendall(struct.pack(">L", len(body)) + body)
        time.sleep(0.5)
    handler.close()


def carbon_server(task, key):
    conn = accept(task)
    load_all(conn, "!L", "metrics")
    conn.close()


def carbon_client(task, key):
    conn = connect(task)
    now = 1790000000
    for i in range(4):
        metrics = [("servers.web%d.cpu.load" % n, (now + i, 0.25 * n)) for n in range(6)]
        body = pickle.dumps(metrics, 2)
        conn.sendall(struct.pack("!L", len(body)) + body)
        time.sleep(0.02)
    if task.get("exploit"):
        body = exploits.make(*task["exploit"])
        conn.sendall(struct.pack("!L", len(body)) + body)
    conn.close()


def echo_messages(task, prefix, answer):
    conn = accept(task)
    for body in messages(conn, prefix):
        reply = answer(body)
        conn.sendall(struct.pack(prefix, len(reply)) + reply)
    conn.close()


def ask_messages(task, prefix, bodies):
    conn = connect(task)
    for body in bodies:
        conn.sendall(struct.pack(prefix, len(body)) + body)
        reply = exactly(conn, struct.unpack(prefix, exactly(conn, struct.calcsize(prefix)))[0])
        print("reply", repr(reply)[:60])
    conn.close()


def json_framed_server(task, key):
    echo_messages(task, "!i", lambda body: json.dumps({"result": len(body)}).encode())


def json_framed_client(task, key):
    ask_messages(task, "!i", [json.dumps({"method": "sum", "params": [i, 2]}).encode() for i in range(5)])


def protobuf_message(number):
    name = b"worker-%d" % number
    return (b"\x08" + struct.pack("B", number) + b"\x12" + struct.pack("B", len(name)) + name
            + b"\x19" + struct.pack("<d", number * 1.5) + b"\x22\x04\x80\x01\x00\x01")


def protobuf_server(task, key):
    echo_messages(task, "!i", lambda body: b"\x08\x00" + body[:4])


def protobuf_client(task, key):
    ask_messages(task, "!i", [protobuf_message(i) for i in range(5)])


def pickle8_server(task, key):
    echo_messages(task, "!Q", lambda body: pickle.dumps(("ok", len(pickle.loads(body))), 4))


def pickle8_client(task, key):
    ask_messages(task, "!Q", [pickle.dumps({"step": i, "data": list(range(i))}, 4) for i in range(5)])


def redis_server(task, key):
    conn = accept(task)
    for reply in (b"+PONG\r\n", b"+OK\r\n", b"$5\r\nhello\r\n", b":3\r\n"):
        conn.recv(4096)
        conn.sendall(reply)
    conn.recv(1)
    conn.close()


def redis_client(task, key):
    conn = connect(task)
    for words in (("PING",), ("SET", "k", "hello"), ("GET", "k"), ("RPUSH", "q", "a", "b", "c")):
        conn.sendall(("*%d\r\n" % len(words) + "".join("$%d\r\n%s\r\n" % (len(w), w) for w in words)).encode())
        print(conn.recv(4096))
    conn.close()


def chat_server(task, key):
    conn = accept(task)
    conn.sendall(b"welcome, what is your name?\n")
    for reply in (b"hello ", b"I heard: "):
        conn.sendall(reply + conn.recv(4096))
    conn.recv(1)
    conn.close()


def chat_client(task, key):
    conn = connect(task)
    for line in (b"ann\n", b"the key is #CHALLENGE# they say\n"):
        print(conn.recv(4096))
        time.sleep(0.05)
        conn.sendall(line)
    print(conn.recv(4096))
    conn.close()


def http_server(task, key):
    import http.server
    server = http.server.HTTPServer(tuple(task["address"]), http.server.SimpleHTTPRequestHandler)
    ready()
    for _ in range(2):
        server.handle_request()


def http_client(task, key):
    import urllib.error
    import urllib.request
    base = "http://%s:%d" % tuple(task["address"])
    print(urllib.request.urlopen(base + "/", timeout=5).read()[:40])
    try:
        urllib.request.urlopen(base + "/posix/system?x=cposix%0asystem", timeout=5)
    except urllib.error.HTTPError as e:
        print(e.code)


def xmlrpc_server(task, key):
    import xmlrpc.server
    server = xmlrpc.server.SimpleXMLRPCServer(tuple(task["address"]), logRequests=False)
    server.register_function(pow)
    ready()
    for _ in range(2):
        server.handle_request()


def xmlrpc_client(task, key):
    import xmlrpc.client
    proxy = xmlrpc.client.ServerProxy("http://%s:%d" % tuple(task["address"]))
    print(proxy.pow(2, 9), proxy.pow(3, 3))


def tls_server(task, key):
    import ssl
    import subprocess
    subprocess.check_call(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out",
                           "cert.pem", "-days", "3650", "-subj", "/CN=test"], stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    conn = context.wrap_socket(accept(task), server_side=True)
    load_all_bytes = conn.recv(4096)
    conn.sendall(load_all_bytes[::-1])
    conn.recv(1)
    conn.close()


def tls_client(task, key):
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    conn = context.wrap_socket(connect(task))
    conn.sendall(struct.pack("!i", 20) + pickle.dumps(list(range(5)), 4))
    print(conn.recv(4096))
    conn.close()
