"""Loads pickles for real, each in a throw-away process, and says what they did. Runs in every Python, 2.7 to 3.13.

Reads one JSON object a line ({"id", "pickle" in base64, "role", "probe", "import"}), answers one a line. Run it in
the sandbox of
run.py alone: what is loaded executes. Roles: "load" is loads(); "task" does with the result what a Pool worker does
with a task (multiprocessing/pool.py `worker`); "request" what a manager's server does after it read a request.

Seen as an effect, strongest first: the file `executed` in the working directory, which only code of the pickle's own
makes; other files made, changed or removed; the `probe`, an expression about the interpreter's state; the process gone
(exit, a signal); an audit event that loading caused (3.8 on), imports of modules and their files left out.
"""
from __future__ import print_function

import base64
import io
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import oracle  # noqa: E402

PY2 = sys.version_info[0] == 2
SECONDS = 3
PREFIXES = tuple(set(os.path.realpath(p) for p in (sys.prefix, getattr(sys, "base_prefix", sys.prefix), "/usr/lib")))
QUIET = (
    "import",
    "marshal.",
    "object.__",
    "sys._getframe",
    "pickle.find_class",
    "code.__new__",
    "cpython.",
    "builtins.id",
    "os.putenv",
    "time.sleep",
    "_thread.",
    "setopencodehook",
    "mmap.__new__",
)

STARTS = ("subprocess.", "os.posix_spawn", "os.fork", "os.startfile", "pty.", "os.popen")

FILES = {
    "data.txt": "some text\n",
    "victim.txt": "to be changed\n",
    "script.py": "open('executed', 'w').close()\n",
    "markermod.py": "open('executed', 'w').close()\nclass run(object):\n    pass\n",
    "command.sh": "#!/bin/sh\ntouch executed\n",
}


NESTED = b"cposix\nsystem\n(Vtouch executed\ntR."


def furnish():
    for name, content in FILES.items():
        with open(name, "w") as out:
            out.write(content)
    os.chmod("command.sh", 0o755)
    with open("nested.pkl", "wb") as out:
        out.write(NESTED)
    os.mkdir("emptydir")


def listing():
    seen = {}
    for folder, folders, names in os.walk("."):
        for name in names + folders:
            path = os.path.join(folder, name)
            try:
                info = os.lstat(path)
                seen[path] = (
                    info.st_mode,
                    info.st_nlink,
                    info.st_size if name in names else 0,
                    info.st_mtime if name in names else 0,
                )
            except OSError:
                seen[path] = None
    return seen


def difference(before, after):
    """Names of what changed; byte code that an import writes is no effect of the pickle's."""
    changed = [p for p in set(before) | set(after) if before.get(p) != after.get(p)]
    return sorted(p[2:] for p in changed if "__pycache__" not in p and not p.endswith(".pyc"))


def loud(event, args):
    """Is this audit event an effect? Files of the interpreter and byte code of its modules are not."""
    if event.startswith(QUIET):
        return False
    if event in ("open", "os.listdir", "os.scandir", "compile", "exec"):
        try:
            if event == "compile":
                path = args[1]
            elif event == "exec":
                path = args[0].co_filename
            else:
                path = args[0]
            path = path.decode() if isinstance(path, bytes) else path
            if not isinstance(path, str):
                return event != "os.listdir" and event != "open"
            if path.startswith("<frozen"):
                return False
            real = os.path.realpath(path)
            return not (
                real.startswith(PREFIXES)
                or path.endswith((".py", ".pyc", ".so"))
                or (event == "open" and not path)
                or real == os.getcwd()
                and event != "open"
            )
        except Exception:
            return False
    return True


def run_role(value, role):
    if role == "task":
        job, i, func, args, kwds = value
        func(*args, **kwds)
    elif role == "request":
        ident, name, args, kwds = value
        {}.get(ident)


def load(data):
    if PY2:
        import cPickle

        return cPickle.loads(data)
    import pickle

    return pickle.loads(data)


def plain(value):
    """An argument as the machine writes it, where it is plain data; else None."""
    kind = type(value).__name__
    if value is None or kind in ("bool",):
        return repr(value)
    if kind in ("int", "long") and -(2**47) < value < 2**47:
        return "%d" % value
    if kind in ("str", "unicode"):
        if kind == "unicode" or not PY2:
            try:
                value = value.encode("ascii").decode("ascii")
            except UnicodeError:
                return None
        if len(value) > 200 or any(not " " <= c <= "~" and c not in "\n\r\t" for c in value):
            return None
        return repr(value)[1:] if kind == "unicode" else repr(value)
    if kind == "bytes" and len(value) <= 200:
        return repr(value)
    return None


def traced(data):
    found = oracle.trace(data)
    calls = []
    for callee, args, kwargs in found.calls:
        if args == "__setstate__":
            continue
        callee = oracle.name_of(callee)
        args = [plain(a) for a in args] + ([None] if kwargs else [])
        calls.append([callee, args])
    return {"globals": found.globals, "calls": calls, "traced": found.end}


def child(job, out):
    """In a process of its own: trace, then load for real; writes lines to `out`."""
    data = base64.b64decode(job["pickle"])

    def say(**what):
        os.write(out, (json.dumps(what) + "\n").encode("ascii"))

    names = []
    try:
        found = traced(data)
        names = found["globals"]
        say(**found)
    except BaseException as error:  # noqa: B902
        say(globals=[], calls=[], traced="oracle: %s %s" % (type(error).__name__, error))
    modules = [] if job.get("import") else [n.rsplit(".", 1)[0] for n in names]
    for module in modules:
        try:
            while module and module not in sys.modules:
                try:
                    __import__(module)
                    break
                except ImportError:
                    module = module.rpartition(".")[0]
        except BaseException:  # noqa: B902
            pass
    events = []
    before = listing()
    state = {"on": True}
    if sys.version_info >= (3, 8):

        def hook(event, args):
            if state["on"]:
                state["on"] = False
                try:
                    if len(events) < 20 and loud(event, args):
                        events.append(event)
                finally:
                    state["on"] = True

        sys.addaudithook(hook)
    end = "stop"
    try:
        value = load(data)
        run_role(value, job.get("role"))
        del value
    except BaseException as error:  # noqa: B902
        state["on"] = False
        try:
            end = ("%s: %s" % (type(error).__name__, error))[:120]
        except BaseException:  # noqa: B902
            end = type(error).__name__
    state["on"] = False
    time.sleep(0.001)
    probe = None
    if job.get("probe"):
        try:
            probe = bool(eval(job["probe"], {"sys": sys, "os": os}))
        except BaseException as error:  # noqa: B902
            probe = "%s: %s" % (type(error).__name__, error)
    os.chdir(HOME)
    say(end=end, events=sorted(set(events)), probe=probe, files=difference(before, listing()))


HOME = None


def collect(descriptor, pid, seconds):
    """What the child wrote until it ended; kills its whole session when the time is up."""
    text, deadline, late = b"", time.time() + seconds, False
    while True:
        left = deadline - time.time()
        ready = select.select([descriptor], [], [], max(left, 0))[0]
        if not ready:
            late = True
            break
        piece = os.read(descriptor, 65536)
        if not piece:
            break
        text += piece
        if text.count(b"\n") >= 2:
            break
    if not late:
        for _ in range(100):  # what it started may take a moment
            if os.waitpid(pid, os.WNOHANG)[0]:
                pid = None
                break
            time.sleep(0.002)
    try:
        if pid:
            os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
        os.waitpid(pid, 0)
    return text, late


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def execute(job, seconds=SECONDS):
    """Runs one job; the answer as a dict."""
    global HOME
    HOME = folder = tempfile.mkdtemp(prefix="load")
    reader, writer = os.pipe()
    if hasattr(os, "set_inheritable"):
        os.set_inheritable(writer, False)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            os.chdir(folder)
            os.environ["HOME"] = os.environ["TMPDIR"] = folder
            tempfile.tempdir = None
            sys.argv[:] = ["pickle"]
            sys.path.insert(0, "")
            limits()
            furnish()
            child(job, writer)
        finally:
            os._exit(0)
    os.close(writer)
    text, late = collect(reader, pid, seconds)
    os.close(reader)
    answer = {"id": job["id"], "globals": [], "calls": []}
    for part in text.split(b"\n"):
        if part:
            answer.update(json.loads(part.decode("ascii")))
    before_end = "end" not in answer
    if before_end:
        answer.update(end="late" if late else "gone", events=[], probe=None, files=[])
    started = [n for n in os.listdir(folder)]
    waited = 0
    spawned = any(event.startswith(STARTS) for event in answer["events"])
    while "executed" not in started and spawned and waited < 20:
        time.sleep(0.01)  # a process it started
        waited += 1
        started = os.listdir(folder)
    answer["executed"] = "executed" in started
    if before_end:
        answer["files"] = sorted(set(started) ^ (set(FILES) | set(["nested.pkl", "emptydir"])))
    shutil.rmtree(folder, ignore_errors=True)
    return answer


def main():
    sys.stdout.write(json.dumps({"version": "%d.%d" % sys.version_info[:2]}) + "\n")
    sys.stdout.flush()
    source = io.open(0, "r", encoding="ascii")
    for each in source:
        answer = execute(json.loads(each))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
