"""The victim of evasion.py: for every line on standard input ({"port": …}) a real Listener that receives one message.

Answers with one line of JSON a step: {"ready": port}, then, told "end", what recv() returned. Runs as root in a
namespace of its own; what the message may execute is a `touch`.
"""
import json
import os
import select
import signal
import socket
import sys
import time
from multiprocessing.connection import Connection, Listener


def receive(order, out):
    if order.get("connect"):  # simultaneous open: both sides connect
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((order["address"], order["port"]))
        s.connect((order["peer"], order["peer_port"]))
        connection = Connection(s.detach())
    else:
        listener = Listener((order["address"], order["port"]))
        if order.get("receive_buffer"):
            listener._listener._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, order["receive_buffer"])
        os.write(out, b'{"ready": true}\n')
        connection = listener.accept()
    if order.get("greet"):
        connection.send("hello")
    if order.get("half_close"):
        s = socket.socket(fileno=os.dup(connection.fileno()))
        s.shutdown(socket.SHUT_WR)
    time.sleep(order.get("delay", 0))
    for _ in range(order.get("messages", 1)):
        try:
            answer = "returned %.60r" % (connection.recv(),)
        except BaseException as error:
            answer = "raised %.60s" % type(error).__name__
            break
    os.write(out, json.dumps({"recv": answer}).encode() + b"\n")
    time.sleep(30)


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for line in sys.stdin:
        order = json.loads(line)
        incoming, out = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(incoming)
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            receive(order, out)
            os._exit(0)
        os.close(out)
        if not order.get("connect"):
            os.read(incoming, 100)
        print('{"ready": true}', flush=True)
        sys.stdin.readline()  # "end"
        answer = '{"recv": "still waiting"}'
        if select.select([incoming], [], [], 0.15)[0]:
            answer = os.read(incoming, 1000).decode().strip() or answer
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(incoming)
        print(answer, flush=True)


if __name__ == "__main__":
    main()
