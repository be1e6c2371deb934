#!/usr/bin/env python3
"""The ends of a multiprocessing connection for tests/live/prometheus_test.cc.

  prometheus_peer.py serve ADDRESS PORT [KEY]               a Listener; a thread a connection, loads whatever comes
  prometheus_peer.py work ADDRESS PORT [KEY]                a client: harmless messages, five a second, until its end
  prometheus_peer.py attack ADDRESS PORT COMMAND [KEY]      a client: one pickle that runs COMMAND in whoever loads it
"""
import os
import sys
import threading
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener

CONNECT_WITHIN = 20.0


class Exploit:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def answer(connection):
    try:
        with connection:
            while True:
                connection.send(("had", repr(connection.recv())))
    except (EOFError, OSError):
        pass


def serve(address, key):
    with Listener(address, authkey=key) as listener:
        while True:
            try:
                connection = listener.accept()
            except (EOFError, OSError, AuthenticationError):
                continue
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


def connect(address, key):
    deadline = time.monotonic() + CONNECT_WITHIN
    while True:
        try:
            return Client(address, authkey=key)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main(what, host, port, *rest):
    address = (host, int(port))
    command = rest[0] if what == "attack" else None
    key = dict(enumerate(rest)).get(1 if command else 0)
    key = key.encode() if key else None
    if what == "serve":
        serve(address, key)
    with connect(address, key) as connection:
        while True:
            connection.send(Exploit(command) if command else {"numbers": [1, 2, 3]})
            connection.recv()
            if command:
                return
            time.sleep(0.2)


main(*sys.argv[1:])
