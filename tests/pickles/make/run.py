#!/usr/bin/env python3
"""Writes ../executed.jsonl: hostile pickles that really executed, with what CPython resolved and called.

    run.py [-o FILE] [--only TEXT] [--all FILE] [--cache FOLDER] PYTHON2.7 PYTHON3.6 ... PYTHON3.13

Makes every pickle of the modules beside it and of walk.txt, loads each in each Python (loader.py, in
the sandbox) and keeps those that had an effect. `--only` runs the entries whose id contains TEXT; `--all` also writes
what was not executed, and why. Needs root, for the sandbox.
"""
import _compat_pickle
import argparse
import base64
import concurrent.futures
import json
import os
import sys

import callables
import found
import gadgets
import hiding
import methods
import nested
import packages
import sandbox
import state
from assemble import Raw, assemble

HERE = os.path.dirname(os.path.abspath(__file__))
MAX_ENTRY = 20000
# Events that importing and compiling raise too: alone they prove nothing.
WEAK = {"compile", "exec", "socket.gethostname", "os.listdir", "os.scandir", "array.__new__", "gc.get_objects"}


def jobs(only):
    """Every pickle once: a low protocol and a high one for each expression, so that all six occur."""
    seen = {}
    for module in (callables, gadgets, state, methods, nested, packages, hiding, found):
        for number, (name, expression, options) in enumerate(module.entries()):
            if only and only not in name:
                continue
            whole = isinstance(expression, Raw)
            for protocol in (None,) if whole else options.get("protocols", (number % 3, 3 + number % 3)):
                data = expression.data if whole else assemble(expression, protocol)
                label = name if whole else "%s/p%d" % (name, protocol)
                if data in seen or len(data) > MAX_ENTRY:
                    continue
                job = {"id": label, "pickle": base64.b64encode(data).decode("ascii")}
                job.update((key, options[key]) for key in ("role", "probe", "import") if key in options)
                seen[data] = job
    return list(seen.values())


def effect(answer):
    """What shows that it ran; None when nothing does."""
    if answer["executed"]:
        return "marker"
    if answer["files"]:
        return "files"
    if answer["probe"] is True:
        return "probe"
    if answer["end"] == "gone" or answer["end"].startswith("SystemExit"):
        return "exit"
    strong = [event for event in answer["events"] if event not in WEAK]
    return "audit:" + strong[0] if strong else None


def cached(path):
    """pickle -> answer, of an earlier run."""
    if not path or not os.path.exists(path):
        return {}
    with open(path) as lines:
        return {tuple(key): answer for key, answer in map(json.loads, lines)}


def key_of(job):
    return job["pickle"], job.get("role", ""), job.get("probe", "")


def run(version, python, todo, folder):
    """id -> what happened; with a folder, what was loaded before is not loaded again."""
    path = os.path.join(folder, version + ".jsonl") if folder else None
    known = cached(path)
    answers = {job["id"]: known[key_of(job)] for job in todo if key_of(job) in known}
    rest = {job["id"]: job for job in todo if job["id"] not in answers}
    with open(path or os.devnull, "a") as out:
        for answer in sandbox.converse(python, os.path.join(HERE, "loader.py"), rest.values()):
            if "id" in answer:
                answers[answer["id"]] = answer
                out.write(json.dumps([key_of(rest[answer["id"]]), answer]) + "\n")
    print(version, len(rest), "loaded", file=sys.stderr)
    return answers


def mapped(name):
    """A name of Python 2 as `fix_imports` maps it, and reports write it."""
    for cut in range(len(name) - 1, 0, -1):
        pair = (name[:cut], name[cut + 1 :])
        if name[cut] == "." and pair in _compat_pickle.NAME_MAPPING:
            return ".".join(_compat_pickle.NAME_MAPPING[pair])
        if name[cut] == "." and pair[0] in _compat_pickle.IMPORT_MAPPING:
            return _compat_pickle.IMPORT_MAPPING[pair[0]] + "." + pair[1]
    return name


def entry(job, answers):
    """The line of one pickle; None when it executed nowhere. The newest Python that executed it tells the trace."""
    executed = {version: effect(answer) for version, answer in answers.items() if effect(answer)}
    if not executed:
        return None
    newest = answers[list(executed)[-1]]
    if list(executed)[-1] == "2.7":
        newest = dict(
            newest,
            globals=list(dict.fromkeys(map(mapped, newest["globals"]))),
            calls=[[mapped(name) if name else name, args] for name, args in newest["calls"]],
        )
    line = {"id": job["id"], "by": " ".join(executed), "effect": executed[list(executed)[-1]]}
    if "role" in job:
        line["role"] = job["role"]
    line.update(
        {
            "end": "stop" if newest["traced"] == "stop" else "fails",
            "globals": newest["globals"],
            "calls": newest["calls"],
            "pickle": job["pickle"],
        }
    )
    return line


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--output", default=os.path.join(HERE, "..", "executed.jsonl"))
    parser.add_argument("--only")
    parser.add_argument("--again", help="only what this earlier output lists: in more Pythons")
    parser.add_argument("--all")
    parser.add_argument("--cache", help="folder that keeps what each Python answered")
    parser.add_argument("pythons", nargs="+")
    options = parser.parse_args()
    interpreters = sandbox.pythons(options.pythons)
    todo = jobs(options.only)
    if options.again:
        with open(options.again) as lines:
            ids = set(json.loads(line)["id"] for line in lines)
        todo = [job for job in todo if job["id"] in ids]
    print("%d pickles, %s" % (len(todo), " ".join(interpreters)), file=sys.stderr)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = {
            version: pool.submit(run, version, path, todo, options.cache) for version, path in interpreters.items()
        }
        results = {version: each.result() for version, each in waiting.items()}
    lines, rest = [], []
    for job in todo:
        answers = {v: results[v][job["id"]] for v in results if job["id"] in results[v]}
        line = entry(job, answers)
        if line:
            lines.append(line)
        else:
            rest.append({"id": job["id"], "ends": {v: [a["end"], a["events"], a["probe"]] for v, a in answers.items()}})
    with open(options.output, "w") as out:
        for line in sorted(lines, key=lambda each: each["id"]):
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    if options.all:
        with open(options.all, "w") as out:
            for line in rest:
                out.write(json.dumps(line) + "\n")
    print("%d executed, %d not" % (len(lines), len(rest)), file=sys.stderr)


if __name__ == "__main__":
    main()
