#!/usr/bin/python3
"""Makes the captures and MANIFEST.yaml. Needs root, iproute2, tcpdump, dumpcap, editcap, python3-yaml and CPythons.

  make.py                 all scenarios, one after the other
  make.py NAME...         some of them again; their manifest entries are replaced
  make.py --list
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import yaml

import scenarios
from exploits import MARKER
from lab import PEER_WITHIN, READY_WITHIN, Capture, Lab, read_until, stop
from scenario import FULL, KEY, OTHER_KEY, WEAK_KEY

HERE = os.path.dirname(os.path.abspath(__file__))
PCAPS = os.path.dirname(HERE)
MANIFEST = os.path.join(PCAPS, "MANIFEST.yaml")
ATTEMPTS = 3
EFFECT_WITHIN_S = 3.0
PEER_FILES = ("assemble.py", "exploits.py", "exploits_callback.py", "objects.py", "peer.py", "peer_auth.py",
              "peer_callback.py", "peer_manager.py", "peer_others.py", "shapes.py")
KEYS = {"none": None, "set": KEY, "wrong": OTHER_KEY, "weak": WEAK_KEY, "empty": ""}


def start_peer(lab, pythons, work, s, role):
    """Each peer has a directory of its own: the marker shows who was attacked."""
    directory = os.path.join(work, role)
    os.mkdir(directory)
    for name in PEER_FILES:
        shutil.copy(os.path.join(HERE, name), directory)
    task = dict(s.server_task if role == "server" else s.client_task, role=role, address=[s.addresses[0], s.port],
                key=KEYS[s.server_key if role == "server" else s.client_key])
    python = os.path.join(pythons, FULL[s.server if role == "server" else s.client], "bin", "python")
    # on lo both peers live in the server's namespace
    side = "server" if s.link == "lo" else role
    return lab.start(side, [python, "-B", "peer.py", json.dumps(task)], cwd=directory, stdin=subprocess.DEVNULL,
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def output_of(child, within):
    """All of a child's output, once it has ended by itself."""
    try:
        said = child.communicate(timeout=within)[0].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        stop(child)
        raise RuntimeError("a peer did not end")
    if child.returncode != 0:
        raise RuntimeError("a peer failed:\n" + said)
    return said


def effect(work, s):
    """Whether the marker appeared at the victim, and nowhere else; waits only when it ought to appear."""
    marker = os.path.join(work, s.victim, MARKER)
    deadline = time.monotonic() + (EFFECT_WITHIN_S if s.executes else 0.3)
    while not os.path.exists(marker) and time.monotonic() < deadline:
        time.sleep(0.05)
    return os.path.exists(marker)


def act(lab, pythons, work, s):
    """Runs both peers to their end; returns what they said."""
    server = start_peer(lab, pythons, work, s, "server")
    client = None
    try:
        said = read_until(server.stdout, rb"ready", READY_WITHIN).decode()
        client = start_peer(lab, pythons, work, s, "client")
        client_said = output_of(client, PEER_WITHIN)
        if s.stop_server:
            time.sleep(0.3)
            stop(server)
        else:
            said += output_of(server, PEER_WITHIN)
    finally:
        for child in (server, client):
            if child:
                stop(child)
    return said, client_said


def take(lab, pythons, s, verbose):
    """Makes one capture; again when packets were lost. Returns its manifest entry."""
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="pickletap-make-") as work:
            path = os.path.join(work, s.name + s.suffix)
            capture = Capture(lab, s.link, path)
            try:
                said = act(lab, pythons, work, s)
            finally:
                lost = capture.finish()
            if verbose:
                print("--- server\n%s--- client\n%s" % said)
            if lost:
                continue
            executed = effect(work, s) if s.victim else None
            if executed != s.executes:
                raise RuntimeError("executed is %s, expected %s\n%s\n%s" % (executed, s.executes, *said))
            os.chmod(path, 0o644)  # dumpcap makes its files private
            shutil.move(path, os.path.join(PCAPS, s.name + s.suffix))
            return entry_of(s, executed)
    raise RuntimeError("packets lost in every attempt")


def entry_of(s, executed):
    entry = {"file": s.name + s.suffix, "story": s.story, "scenario": s.name,
             "server": {"python": FULL[s.server], "key": s.server_key, "kind": s.kind},
             "client": {"python": FULL[s.client], "key": s.client_key}}
    if executed is not None and any(a["rule"] == "pickle.code-execution" for a in s.alerts):
        entry["executed"] = executed
    entry.update(listeners=s.listeners, app_proto=s.app_proto, alerts=s.alerts)
    if s.note:
        entry["note"] = s.note
    return entry


class FlowList(list):
    """A list that YAML writes on one line."""


class FlowDict(dict):
    """A mapping that YAML writes on one line."""


yaml.SafeDumper.add_representer(FlowList, lambda d, x: d.represent_sequence("tag:yaml.org,2002:seq", x, flow_style=True))
yaml.SafeDumper.add_representer(FlowDict, lambda d, x: d.represent_mapping("tag:yaml.org,2002:map", x, flow_style=True))


def write_manifest(entries):
    """Entries in the order of the table, then those that other scripts made; inner mappings on a line each."""
    order = {s.name: i for i, s in enumerate(scenarios.table())}
    captures = []
    entries = list(entries)
    ours = sorted((e for e in entries if e["scenario"] in order), key=lambda e: order[e["scenario"]])
    for entry in ours + [e for e in entries if e.get("made_by")]:
        entry = dict(entry, server=FlowDict(entry["server"]), client=FlowDict(entry["client"]))
        for key in ("listeners", "alerts"):
            items = [FlowDict((k, FlowList(v) if isinstance(v, list) else v) for k, v in item.items())
                     for item in entry[key]]
            entry[key] = items or FlowList()
        captures.append(entry)
    with open(MANIFEST + ".new", "w") as f:
        f.write("# What is true of each capture. Written by the scripts of make/; do not edit by hand.\n")
        yaml.safe_dump({"captures": captures}, f, sort_keys=False, width=200, allow_unicode=True)
    os.replace(MANIFEST + ".new", MANIFEST)


def read_manifest():
    if not os.path.exists(MANIFEST):
        return []
    with open(MANIFEST) as f:
        return yaml.safe_load(f)["captures"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--pythons", default="~/.pyenv/versions", metavar="DIR", help="holds 2.7.18/bin/python and so on")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--missing", action="store_true", help="only those whose capture is not there")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the peers said")
    a = parser.parse_args()
    table = scenarios.table()
    if a.list:
        print("\n".join("%-34s %s" % (s.name, s.story) for s in table))
        return 0
    unknown = set(a.names) - {s.name for s in table}
    if unknown:
        parser.error("no scenario " + ", ".join(sorted(unknown)))
    wanted = [s for s in table if not a.names or s.name in a.names]
    entries = {e["scenario"]: e for e in read_manifest()}
    if a.missing:
        wanted = [s for s in wanted if s.name not in entries or not os.path.exists(os.path.join(PCAPS, entries[s.name]["file"]))]
    failed = []
    with Lab() as lab:
        for s in wanted:
            try:
                entries[s.name] = take(lab, os.path.expanduser(a.pythons), s, a.verbose)
                write_manifest(entries.values())
                print("made", s.name, flush=True)
            except Exception as e:
                failed.append(s.name)
                print("FAILED", s.name, e, flush=True)
    if failed:
        print("failed:", " ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
