"""Where pickles may do what they like: namespaces of their own for mounts, processes and network (no interface at all),
the file system read-only but for an empty /tmp, no capabilities, nothing of the caller's environment. Needs root."""
import json
import os
import subprocess
import threading

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "BROWSER": "/bin/true",
    "PYTHONWARNINGS": "ignore",
}
SETUP = """
mount --make-rprivate / && mount -o remount,bind,ro / && mount -t tmpfs -o size=512m tmpfs /tmp &&
mount -t tmpfs -o size=16m tmpfs /dev/shm && mount -t proc proc /proc && cd /tmp &&
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""


def start(python, *args):
    """A program of that Python in the sandbox, with pipes for its standard input and output."""
    command = [
        "unshare",
        "--net",
        "--pid",
        "--mount",
        "--ipc",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        SETUP,
        "sh",
        python,
    ]
    return subprocess.Popen(
        command + list(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def converse(python, script, jobs, *args):
    """Sends each job as a line and yields each answer."""
    process = start(python, script, *args)

    def feed():
        try:
            for job in jobs:
                process.stdin.write(json.dumps(job) + "\n")
            process.stdin.close()
        except BrokenPipeError:
            pass

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    for answer in process.stdout:
        yield json.loads(answer)
    process.wait()


def pythons(arguments):
    """Interpreters by version "3.11", newest last; a second one of a version is "3.11+" (one with packages, say)."""
    found = {}
    for path in arguments:
        version = subprocess.run(
            [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
        found[version + "+" if version in found else version] = os.path.abspath(path)
    return dict(sorted(found.items(), key=lambda item: [int(n) for n in item[0].rstrip("+").split(".")]))
