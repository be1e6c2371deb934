#!/usr/bin/python3
"""Makes pcaps/evasion: odd TCP, each case sent to a real Listener, with the kernel's own answer in MANIFEST.yaml.

    sudo /usr/bin/python3 pcaps/make/evasion.py [CASE...]

Three namespaces: the crafting side (no address, so that its kernel answers nothing), a router, the victim. The tap is
on the crafting side: it sees what the router drops (TTL). Each case is run TIMES times; where the kernel's answers
differ, the manifest says so. Without names all cases are made and the manifest is written anew.
"""
import ctypes
import json
import os
import socket
import subprocess
import sys
import time

import yaml

import evasion_cases
import evasion_cases_control  # noqa: F401, registers its cases
from evasion_wire import Recorder, Wire

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "..", "evasion")
TIMES = 2
MARKER = evasion_cases.MARKER
ATTACKER, VICTIM = "10.77.1.9", "10.77.2.2"


def run(*command):
    subprocess.run(command, check=True, timeout=20, stdout=subprocess.DEVNULL)


class Link:
    """A packet socket in a namespace."""

    def __init__(self, namespace, interface, next_hop):
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as home, open("/var/run/netns/" + namespace) as there:
            if libc.setns(there.fileno(), 0):
                raise OSError(ctypes.get_errno(), "setns")
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((interface, 0))
            self.own = self.socket.getsockname()[4]
            libc.setns(home.fileno(), 0)
        self.next_hop = bytes.fromhex(next_hop.replace(":", ""))

    def drain(self):
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(65536)
        except BlockingIOError:
            pass
        self.socket.setblocking(True)


class Lab:
    def __init__(self):
        tag = "pttcp%d" % (os.getpid() % 10000)
        self.ns = {side: tag + side for side in "arv"}

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        for ns in self.ns.values():
            run("ip", "netns", "add", ns)
        a, r, v = (self.ns[side] for side in "arv")
        run("ip", "link", "add", "a0", "netns", a, "type", "veth", "peer", "name", "r0", "netns", r)
        run("ip", "link", "add", "v0", "netns", v, "type", "veth", "peer", "name", "r1", "netns", r)
        inside = lambda ns, *command: run("ip", "netns", "exec", ns, *command)
        for ns, interface in ((a, "a0"), (r, "r0"), (r, "r1"), (v, "v0")):
            inside(ns, "sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=1" % interface)
            inside(ns, sys.executable, os.path.join(HERE, "offloads.py"), interface)
            inside(ns, "ip", "link", "set", interface, "up")
        inside(r, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        inside(r, "ip", "address", "add", "10.77.1.1/24", "dev", "r0")
        inside(r, "ip", "address", "add", "10.77.2.1/24", "dev", "r1")
        inside(v, "ip", "address", "add", VICTIM + "/24", "dev", "v0")
        inside(v, "ip", "route", "add", "default", "via", "10.77.2.1")
        inside(v, "ip", "link", "set", "lo", "up")
        # Answers at once, so that a case need not wait for them.
        inside(v, "sysctl", "-qw", "net.ipv4.tcp_invalid_ratelimit=0", "net.ipv4.tcp_challenge_ack_limit=2147483647")
        own = self._mac(a, "a0")
        inside(r, "ip", "neigh", "add", ATTACKER, "lladdr", own, "dev", "r0")
        self.link = Link(a, "a0", self._mac(r, "r0"))
        self.victim = subprocess.Popen(
            ["ip", "netns", "exec", v, sys.executable, os.path.join(HERE, "evasion_peer.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _mac(self, ns, interface):
        shown = subprocess.run(["ip", "netns", "exec", ns, "ip", "-j", "link", "show", interface], check=True,
                               stdout=subprocess.PIPE, timeout=20)
        return json.loads(shown.stdout)[0]["address"]

    def __exit__(self, *unused):
        if hasattr(self, "victim"):
            self.victim.kill()
            self.victim.wait(5)
        for ns in self.ns.values():
            subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL, timeout=20)

    def ask(self, line):
        self.victim.stdin.write(line + "\n")
        self.victim.stdin.flush()
        return json.loads(self.victim.stdout.readline())

    def trial(self, case, port):
        if os.path.exists(MARKER):
            os.unlink(MARKER)
        self.link.drain()
        recorder = Recorder()
        isn = case.options.get("isn", 0x10000000 + port * 1000)
        wire = Wire(self.link, recorder, ATTACKER, VICTIM, port - 10000, port, isn)
        order = {k: v for k, v in case.options.items() if k != "isn"}
        order.update(address=VICTIM, port=port, peer=ATTACKER, peer_port=wire.sport)
        self.ask(json.dumps(order))
        case.run(wire)
        wire.pump(0.12)
        answer = self.ask("end")["recv"]
        return recorder, os.path.exists(MARKER), answer


def main():
    wanted = sys.argv[1:]
    cases = [c for c in evasion_cases.CASES if not wanted or c.name in wanted]
    entries = []
    with Lab() as lab:
        time.sleep(0.3)
        for number, case in enumerate(cases):
            answers = []
            for i in range(TIMES):
                recorder, executed, answer = lab.trial(case, 51000 + number * 4 + i)
                answers.append((executed, answer))
            recorder.write(os.path.join(FOLDER, case.name + ".pcap"))
            entry = {"file": case.name + ".pcap", "story": case.story, "executed": answers[-1][0],
                     "answer": answers[-1][1], "trials": TIMES}
            if len(set(answers)) > 1:
                entry["differed"] = ["%s, %s" % ("executed" if e else "not executed", a) for e, a in answers]
            entries.append(entry)
            print("%-44s %-5s %s%s" % (case.name, "RAN" if answers[-1][0] else "-", answers[-1][1],
                                       "   DIFFERED" if len(set(answers)) > 1 else ""), flush=True)
    if os.path.exists(MARKER):
        os.unlink(MARKER)
    path = os.path.join(FOLDER, "MANIFEST.yaml")
    if wanted and os.path.exists(path):
        with open(path) as f:
            old = yaml.safe_load(f)["captures"]
        new = {e["file"]: e for e in entries}
        entries = [new.pop(e["file"], e) for e in old] + list(new.values())
    with open(path, "w") as f:
        f.write("# What the victim's kernel (Linux %s) made of each capture. Written by make/evasion.py.\n"
                % os.uname().release.split("-")[0])
        yaml.safe_dump({"captures": entries}, f, sort_keys=False, width=120)


if __name__ == "__main__":
    main()
