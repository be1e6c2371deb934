"""The part of walk.py that runs in the sandbox: every module of the standard library, every callable in it, every kind.

A process a module imports it and forks for each callable; that one tries the kinds in order and writes those after
which the working directory looks different, or an audit event of the strong sort was seen. Python 2.7 to 3.13.
"""
from __future__ import print_function

import functools
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loader  # noqa: E402

SECONDS, MODULE_SECONDS = 3, 120
CMD, CODE = "touch executed", "open('executed','w').close()"
SKIP = (
    "antigravity",
    "this",
    "__phello__",
    "idlelib.idle",
    "test.",
    "lib2to3.tests",
    "ctypes.test",
    "distutils.tests",
    "unittest.test",
    "tkinter.test",
    "sqlite3.test",
    "json.tests",
    "email.test",
    "bsddb.test",
    "turtledemo",
)
STRONG = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "pty.spawn",
    "subprocess.Popen",
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "ctypes.dlopen",
    "sys.settrace",
    "sys.setprofile",
    "os.kill",
    "signal.",
    "urllib.",
    "webbrowser.",
    "shutil.",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.chmod",
)


def kinds():
    bound, system = functools.partial(os.system, CMD), os.system
    return [
        ("nothing", ()),
        ("code", (CODE,)),
        ("command", (CMD,)),
        ("argv", (["touch", "executed"],)),
        ("new", ("new.txt",)),
        ("victim", ("victim.txt",)),
        ("new-w", ("new.txt", "w")),
        ("victim-new", ("victim.txt", "new.txt")),
        ("script", ("script.py",)),
        ("module", ("markermod",)),
        ("folder", ("emptydir",)),
        ("newdir", ("newdir",)),
        ("pickle", ("nested.pkl",)),
        ("bound", (bound,)),
        ("call", (system, CMD)),
        ("call-list", (system, [CMD])),
        ("call-tuple", (system, (CMD,))),
        ("data-call", (CMD, system)),
        ("code-dicts", (CODE, {}, {})),
        ("none-code", (None, CODE)),
    ]


def package_names(package):
    """The modules of one package, found without importing more than the package itself."""
    import pkgutil

    names, todo = [package], [(__import__(package).__path__, package + ".")]
    while todo:
        where, prefix = todo.pop()
        for _, name, is_package in pkgutil.iter_modules(where):
            if name in ("tests", "testing_data", "conftest", "__main__", "setup"):
                continue
            names.append(prefix + name)
            if is_package:
                todo.append(([os.path.join(each, name) for each in where], prefix + name + "."))
    return sorted(names)


def module_names():
    """Modules of the standard library, found on its own paths, and the built-in ones."""
    import pkgutil

    library = os.path.dirname(os.__file__)
    paths = [library, os.path.join(library, "lib-dynload")]
    names = set(sys.builtin_module_names)
    todo = [(paths, "")]
    while todo:
        where, prefix = todo.pop()
        for _, name, is_package in pkgutil.iter_modules(where):
            full = prefix + name
            if (
                full.startswith(SKIP)
                or full == "test"
                or name == "__main__"
                or full.split(".")[0] in ("site-packages", "pip")
            ):
                continue
            names.add(full)
            if is_package:
                todo.append(([os.path.join(each, name) for each in where], full + "."))
    return sorted(names)


def callables(module):
    """(dotted name, object) for what the module defines: functions, classes, class and static methods."""
    found = []
    for name in sorted(vars(module)):
        value = vars(module)[name]
        if not callable(value):
            continue
        home = getattr(value, "__module__", None)
        if (
            home is not None
            and home != module.__name__
            and home.split(".")[0] != module.__name__.split(".")[0].lstrip("_")
        ):
            continue
        found.append((name, value))
        if isinstance(value, type):
            for inner in sorted(vars(value)):
                if isinstance(vars(value)[inner], (classmethod, staticmethod)) and not inner.startswith("__"):
                    try:
                        found.append((name + "." + inner, getattr(value, inner)))
                    except Exception:
                        pass
    return found


def attempt(function, out):
    """In a process of its own: every kind, each followed by a look at the folder."""
    events = []
    if sys.version_info >= (3, 8):
        sys.addaudithook(
            lambda event, args: events.append(event) if event.startswith(STRONG) and len(events) < 50 else None
        )
    for kind, args in kinds():
        before = loader.listing()
        del events[:]
        try:
            result = function(*args)
            del result
        except BaseException:  # noqa: B902
            pass
        try:
            time.sleep(0.002 if not events else 0.05)
            seen = set(events)
            changed = loader.difference(before, loader.listing())
            effects = (["marker"] if "executed" in changed else ["files"] if changed else []) + sorted(seen)
            if effects:
                os.write(out, (json.dumps([kind, effects]) + "\n").encode("ascii"))
            if changed:
                for name in os.listdir("."):
                    shutil.rmtree(name, ignore_errors=True) if os.path.isdir(name) and not os.path.islink(
                        name
                    ) else os.unlink(name)
                loader.furnish()
        except BaseException:  # noqa: B902
            os._exit(1)


def in_child(work, seconds):
    """work(descriptor) in a forked process with a folder of its own; the lines it wrote, at most for so long."""
    folder = tempfile.mkdtemp(prefix="walk")
    reader, writer = os.pipe()
    if hasattr(os, "set_inheritable"):
        os.set_inheritable(writer, False)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            os.chdir(folder)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1,) * 2)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))
            resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
            work(writer)
        finally:
            os._exit(0)
    os.close(writer)
    text, deadline = b"", time.time() + seconds
    while True:
        if not select.select([reader], [], [], max(0, deadline - time.time()))[0]:
            break
        piece = os.read(reader, 65536)
        if not piece:
            break
        text += piece
    os.close(reader)
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except OSError:
            pass
    os.waitpid(pid, 0)
    shutil.rmtree(folder, ignore_errors=True)
    return [json.loads(line.decode("ascii")) for line in text.split(b"\n") if line.endswith(b"]")]


def walk_module(name, out):
    """In the module's process."""
    sys.argv[:] = ["walk"]
    sys.path.insert(0, "")
    try:
        __import__(name)
        module = sys.modules[name]
    except BaseException:  # noqa: B902
        return

    def work(function):
        def run(descriptor):
            loader.furnish()
            attempt(function, descriptor)

        return run

    for path, function in callables(module):
        for kind, effects in in_child(work(function), SECONDS):
            os.write(out, (json.dumps([name, path, kind, effects]) + "\n").encode("ascii"))


def main():
    names = module_names() if len(sys.argv) == 1 else [n for package in sys.argv[1:] for n in package_names(package)]
    for name in names:
        for module, path, kind, effects in in_child(lambda out: walk_module(name, out), MODULE_SECONDS):
            print(json.dumps({"module": module, "name": path, "kind": kind, "effects": effects}))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
