#!/usr/bin/env python3
"""Runs the tests of CPython that have to do with pickle, in each Python given, and records the pickles they make.

    good_cpython_tests.py OUTPUT.jsonl [--seconds N] [--only GLOB] [--without GLOB] PYTHON...

The modules are those of Lib/test whose source says "pickle"; each runs in a process group of its own with a time
limit, in a private directory. Whether its tests pass does not matter here. Tests that only repeat others with more
memory or need a network or a display are left out.
"""
import argparse
import fnmatch
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LEFT_OUT = (
    "test_bigmem*",
    "test_socket*",
    "test_ssl*",
    "test_tk*",
    "test_ttk*",
    "test_idle*",
    "test_urllib2net*",
    "test_dbm*",
    "test_largefile*",
    "test_gdb*",
    "test_tools*",
    "test_regrtest*",
    "test_support*",
    "test_embed*",
    "test_site*",
    "test_peg_generator*",
    "test_capi*",
    "test_venv*",
    "test_ensurepip*",
    "test_faulthandler*",
    "test_free_threading*",
    "test_cprofile*",
    "test_profile*",
    "test_pdb*",
    "test_import*",
    "test_sys",
    "test_subprocess*",
    "test_xpickle*",
)
SLOW = {"test_multiprocessing*": 150, "test_concurrent_futures*": 100, "test_pickle": 150, "test_cpickle": 100}


def test_modules(python):
    """Names under Lib/test whose sources mention pickle; a package counts as one."""
    code = "import os, test; print(os.path.dirname(test.__file__))"
    folder = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    found = set()
    for root, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f.startswith("test_")]
        for name in files:
            top = os.path.relpath(os.path.join(root, name), folder).split(os.sep)[0]
            if not top.startswith("test_") or not name.endswith(".py"):
                continue
            with open(os.path.join(root, name), "rb") as source:
                if b"ickle" in source.read():
                    found.add(top[:-3] if top.endswith(".py") else top)
    found.discard("test_support")
    return sorted(n for n in found if not any(fnmatch.fnmatch(n, p) for p in LEFT_OUT))


def run(python, module, output, seconds):
    with tempfile.TemporaryDirectory(prefix="good-") as private:
        with open(os.path.join(private, "sitecustomize.py"), "w", encoding="ascii") as site:
            site.write("import sys\nsys.path.insert(0, %r)\nimport good_record\nsys.path.pop(0)\n" % HERE)
        environment = dict(
            os.environ,
            PYTHONPATH=private,
            GOOD_RECORD=output,
            GOOD_SOURCE=module,
            TMPDIR=private,
            PYTHONDONTWRITEBYTECODE="1",
            HOME=private,
        )
        is_old = b"2.7" in subprocess.run([python, "-V"], stderr=subprocess.STDOUT, stdout=subprocess.PIPE).stdout
        process = subprocess.Popen(
            [python, "-m", "test.regrtest" if is_old else "test", module],
            cwd=private,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return str(process.wait(timeout=seconds))
        except subprocess.TimeoutExpired:
            return "time limit"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("output")
    options.add_argument("pythons", nargs="+")
    options.add_argument("--seconds", type=int, default=40)
    options.add_argument("--only", default="*", help="modules to run")
    options.add_argument("--without", default="", help="modules not to run")
    options = options.parse_args()
    output = os.path.abspath(options.output)
    for python in options.pythons:
        for module in test_modules(python):
            if not fnmatch.fnmatch(module, options.only) or fnmatch.fnmatch(module, options.without):
                continue
            seconds = next((s for p, s in SLOW.items() if fnmatch.fnmatch(module, p)), options.seconds)
            before = os.path.getsize(output) if os.path.exists(output) else 0
            end = run(python, module, output, seconds)
            after = os.path.getsize(output) if os.path.exists(output) else 0
            print("%s %s: %s, %d bytes recorded" % (python, module, end, after - before), flush=True)


if __name__ == "__main__":
    sys.exit(main())
