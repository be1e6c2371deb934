"""Ends that do more to a handshake than a Listener and a Client: several connections, each with its own steps, and the
attacks that need more than one flow. Python 3.

Workloads: auth-dialogue (a list of steps for each connection), auth-relay (the server's side has the listener and the
victim, the client's side the man in the middle), auth-reflect (the server has no key).
"""
import hashlib
import hmac
import os
import socket
import struct
import sys
import threading
import time

CHALLENGE, WELCOME, FAILURE = b"#CHALLENGE#", b"#WELCOME#", b"#FAILURE#"
VICTIM = "10.99.0.3"            # a second address of the server's side
RELAY_WAITS_S = 1.0
MAX_FRAME = 1 << 16


def peer():
    return sys.modules["__main__"]


def send_frame(s, body):
    s.sendall(struct.pack("!i", len(body)) + body)


def read_exactly(s, size):
    data = b""
    while len(data) < size:
        more = s.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def recv_frame(s):
    size, = struct.unpack("!i", read_exactly(s, 4))
    if size > MAX_FRAME:
        raise ValueError(size)
    return read_exactly(s, size)


class State:
    """What one connection's steps know of each other."""
    challenge = b""
    own = b""


def step(conn, key, state, name, *arguments):
    """Beside the steps of peer.py; those named here put handshake messages together by hand."""
    if name == "challenge":        # PREFIX BYTES
        state.own = arguments[0].encode() + os.urandom(arguments[1])
        conn.send_bytes(CHALLENGE + state.own)
    elif name == "same-challenge":  # the same each time
        conn.send_bytes(CHALLENGE + b"{sha256}" + b"0123456789" * 4)
    elif name == "read-challenge":
        state.challenge = conn.recv_bytes()[len(CHALLENGE):]
    elif name == "reply":          # DIGEST PREFIX: the right answer in a form of one's own
        mac = hmac.new(key, state.challenge, getattr(hashlib, arguments[0])).digest()
        conn.send_bytes(arguments[1].encode() + mac)
    elif name == "say":            # TEXT
        conn.send_bytes(arguments[0].encode())
    elif name == "garbage":        # BYTES, of no pickle
        conn.send_bytes(b"?" * arguments[0])
    elif name == "read":
        conn.recv_bytes()
    elif name == "connect":        # deliver and answer as a Client does, with this key
        peer().mp.answer_challenge(conn, arguments[0].encode())
        peer().mp.deliver_challenge(conn, arguments[0].encode())
    elif name == "accept":         # as a Listener does
        peer().mp.deliver_challenge(conn, key)
        peer().mp.answer_challenge(conn, key)
    else:
        peer().step(conn, key, name, *arguments)


def play(conn, key, steps):
    state = State()
    try:
        for s in steps:
            step(conn, key, state, *s)
    except Exception as e:  # a refused key is what many of these are about
        peer().say("stopped by", repr(e)[:200])


def auth_dialogue_server(task, key):
    listening = peer().mp.Listener(tuple(task["address"]))
    peer().say("ready")
    for steps in task["steps"]:
        conn = listening.accept()
        play(conn, key, steps)
        peer().until_end(conn)
        conn.close()
    listening.close()


def auth_dialogue_client(task, key):
    for steps in task["steps"]:
        s = socket.socket()
        if task.get("from"):
            s.bind((task["from"], 0))
        s.connect(tuple(task["address"]))
        conn = peer().mp.Connection(s.detach())
        play(conn, key, steps)
        conn.close()
        time.sleep(task.get("pause", 0.05))


# ---- A man in the middle

def victim(address, key):
    """A Client that was led to the man in the middle."""
    time.sleep(RELAY_WAITS_S)
    s = socket.socket()
    s.bind((VICTIM, 0))
    s.connect((peer_address(address), address[1]))
    conn = peer().mp.Connection(s.detach())
    peer().mp.answer_challenge(conn, key)
    peer().mp.deliver_challenge(conn, key)
    conn.send(["for the server", 1])
    conn.close()


def peer_address(address):
    return "10.99.0.2" if address[0] == "10.99.0.1" else "10.99.0.1"


def auth_relay_server(task, key):
    listening = peer().mp.Listener(tuple(task["address"]), authkey=key)
    peer().say("ready")
    led_astray = threading.Thread(target=victim, args=(task["address"], key))
    led_astray.start()
    conn = listening.accept()
    peer().say("received", conn.recv())
    peer().until_end(conn)
    led_astray.join()


def pump(source, sink):
    while True:
        data = source.recv(4096)
        if not data:
            sink.shutdown(socket.SHUT_WR)
            return
        sink.sendall(data)


def auth_relay_client(task, key):
    """Knows no key: passes on what it reads."""
    trap = socket.socket()
    trap.bind((peer_address(task["address"]), task["address"][1]))
    trap.listen(1)
    caught, _ = trap.accept()
    onward = socket.socket()
    onward.connect(tuple(task["address"]))
    back = threading.Thread(target=pump, args=(onward, caught))
    back.start()
    pump(caught, onward)
    back.join()


# ---- A server without the key

def auth_reflect_server(task, key):
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(tuple(task["address"]))
    listening.listen(2)
    peer().say("ready")
    first, _ = listening.accept()
    second, _ = listening.accept()
    send_frame(first, CHALLENGE + b"{sha256}" + os.urandom(40))
    recv_frame(first)               # the answer, whatever it is worth
    send_frame(first, WELCOME)
    asked = recv_frame(first)       # the client's challenge: let the client itself answer it
    send_frame(second, asked)
    send_frame(first, recv_frame(second))
    peer().say("first said", recv_frame(first))
    peer().say("and sent", recv_frame(first)[:40])
    second.close()
    first.close()


def auth_reflect_client(task, key):
    def talk(sends):
        try:
            conn = peer().mp.Client(tuple(task["address"]), authkey=key)
            if sends:
                conn.send(["meant for the real server", 2])
            conn.close()
        except (EOFError, OSError, peer().AuthenticationError) as e:
            peer().say("ended by", repr(e))
    threads = [threading.Thread(target=talk, args=(sends,)) for sends in (True, False)]
    for thread in threads:
        thread.start()
        time.sleep(0.3)
    for thread in threads:
        thread.join()
