#!/usr/bin/python3
"""Holds the captures against MANIFEST.yaml by reading the packets, knowing nothing of the scenarios (needs scapy).

  check.py [-v] [FILE...]     says what does not agree; -v also prints every frame
"""
import argparse
import collections
import logging
import os
import pickletools
import re
import struct
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
import yaml
from scapy.all import IP, IPv6, TCP, PcapReader

PCAPS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GIB = 1 << 30
MAX_FRAMES = 100000
LISTENERS_FROM = 50000
PY2 = {"__builtin__": "builtins", "copy_reg": "copyreg", "commands": "subprocess", "exceptions": "builtins"}


def flows(path):
    """Each TCP connection as [client, server, bytes sent by client, bytes sent by server, who spoke first in time]."""
    found = collections.OrderedDict()
    with PcapReader(path) as packets:
        for number, p in enumerate(packets):
            if TCP not in p:
                continue
            ip, t = (p[IP] if IP in p else p[IPv6]), p[TCP]
            here, there = (ip.src, t.sport), (ip.dst, t.dport)
            if t.flags.S and not t.flags.A:
                found[(here, there)] = {here: (t.seq + 1, {}), there: None}
                continue
            key = (here, there) if (here, there) in found else (there, here)
            if key not in found:
                continue
            if t.flags.S:
                found[key][here] = (t.seq + 1, {})
                continue
            # the IP length, so that padding is not data
            size = (ip.len - ip.ihl * 4 if IP in p else ip.plen) - t.dataofs * 4
            if size > 0 and found[key][here]:
                start, pieces = found[key][here]
                pieces.setdefault((t.seq - start) & 0xFFFFFFFF, (bytes(t.payload)[:size], number))
    for (client, server), sides in found.items():
        yield client, server, stream(sides[client]), stream(sides[server])


def stream(side):
    """[bytes, [(offset, packet number)]]; a hole is an error."""
    data, marks = b"", []
    for offset, (piece, number) in sorted(side[1].items() if side else ()):
        if offset > len(data):
            raise ValueError("hole in the stream")
        marks.append((len(data), number))
        data += piece[len(data) - offset:]
    return data, marks


def frames(side):
    """(packet number, announced length, body) of each frame; the last may be short of its length."""
    data, marks = side
    at, out = 0, []
    while at + 4 <= len(data) and len(out) < MAX_FRAMES:
        begin = at
        length, = struct.unpack_from("!i", data, at)
        at += 4
        if length == -1 and at + 8 <= len(data):
            length, = struct.unpack_from("!Q", data, at)
            at += 8
        length = max(length, 0)
        number = max(n for o, n in marks if o <= begin)
        out.append((number, length, data[at:at + length]))
        at += length
    return out


def pickle_of(body):
    """None when it is no pickle by its start, else (globals, complete, bytes after STOP)."""
    if not (re.match(rb"\x80[\x02-\x05]", body) or (body[-1:] == b"." and body[:1] in b"(]}IFLSVXUKJGcN)")
            or re.match(rb"(c|\(i?)[\w.]+\n|\((?:d|l|S|V|X)|\(.*i\w+\n", body, re.S)):
        return None
    # pickletools wants ASCII in a string opcode; the str of Python 2 may hold anything, escaped
    if body[:1] != b"\x80":
        body = re.sub(rb"\\x[89a-f][0-9a-f]", b"....", body)
    names, strings, memo, end, last = [], [], {}, None, None
    protocol = body[1] if body[:1] == b"\x80" else 0
    try:
        for op, arg, position in pickletools.genops(body):
            if op.name in ("GLOBAL", "INST"):
                names.append(mapped(arg.replace(" ", "."), protocol))
            elif op.name == "STACK_GLOBAL":
                names.append(".".join(strings[-2:]))
            elif "UNICODE" in op.name:
                strings.append(arg)
                last = arg
            elif op.name == "MEMOIZE":
                memo[len(memo)] = last
            elif op.name in ("BINPUT", "LONG_BINPUT"):
                memo[arg] = last
            elif op.name in ("BINGET", "LONG_BINGET"):
                strings.append(memo.get(arg))
            end = position
            if op.name not in ("MEMOIZE", "BINPUT", "LONG_BINPUT") and "UNICODE" not in op.name:
                last = None
        return names, True, len(body) - end - 1
    except Exception:
        return names, False, 0


def mapped(name, protocol):
    module, _, rest = name.rpartition(".")
    return PY2.get(module, module) + "." + rest if protocol < 3 else name


def digest(answer):
    named = re.match(rb"\{(\w+)\}", answer)
    return named.group(1).decode() if named else "md5" if len(answer) == 16 else None


def observe(path, verbose):
    """What the packets say, as counts and sets."""
    seen = collections.Counter()
    names, digests, servers = set(), set(), set()
    for client, server, up, down in flows(path):
        if server[1] < LISTENERS_FROM:
            continue  # where a victim calls back is no listener
        servers.add((server[0], server[1]))
        merged = sorted([(n, 0, size, body) for n, size, body in frames(up)]
                        + [(n, 1, size, body) for n, size, body in frames(down)], key=lambda f: f[0])
        challenged = any(f[3].startswith(b"#CHALLENGE#") for f in merged)
        pickles = 0
        answered = False
        for number, by, size, body in merged:
            seen["oversized"] += size > GIB
            seen["failure"] += body == b"#FAILURE#"
            seen["welcome-by-server"] += by == 1 and body == b"#WELCOME#"
            seen["welcome-by-client"] += by == 0 and body == b"#WELCOME#"
            seen["challenge"] += body.startswith(b"#CHALLENGE#")
            if challenged and by == 0 and not answered and not body.startswith(b"#") and digest(body):
                digests.add(digest(body))
                answered = True
                continue
            if body.startswith(b"#") or (challenged and digest(body)):
                continue
            found = pickle_of(body)
            if verbose:
                print("  %s packet %d, %d bytes %r %s" % ("<>"[1 - by], number, size, body[:40], found))
            if found and len(body) == size:
                pickles += 1
                names.update(found[0])
                seen["malformed"] += not found[1] or found[2] > 0
        seen["exposed"] += bool(pickles) and not challenged
    return seen, names, digests, servers


def complaints(entry, verbose):
    seen, names, digests, servers = observe(os.path.join(PCAPS, entry["file"]), verbose)
    counted = collections.Counter()
    for a in entry["alerts"]:
        counted[a["rule"]] += a.get("of", a["count"])
    if entry["app_proto"] == "python-mp":
        for rule, fact in (("auth.failed", "failure"), ("exposure.unauthenticated", "exposed"),
                           ("pickle.malformed", "malformed"), ("frame.oversized", "oversized")):
            if counted[rule] != seen[fact]:
                yield "%s is expected %d times, seen %d" % (rule, counted[rule], seen[fact])
        said = {(l["address"], l["port"]) for l in entry["listeners"]}
        if said != servers:
            yield "listeners %s, seen %s" % (said, servers)
        for l in entry["listeners"]:
            if (digests - {l.get("digest")} and not counted["auth.downgrade"]) or (l.get("digest") and not digests):
                yield "digest %s, seen %s" % (l.get("digest"), digests)
            way = ("none" if not seen["challenge"] else "failed" if seen["failure"] else "mutual"
                   if seen["welcome-by-client"] else "one-way" if seen["welcome-by-server"] else "pending")
            # Of several peers each did something else.
            mixed = counted["auth.bruteforce"] or counted["auth.downgrade"]
            if l["auth"] != way and not mixed:
                yield "auth %s, seen %s" % (l["auth"], way)
        if ("md5" in digests) != bool(counted["auth.legacy-digest"]):
            yield "legacy digest"
    for a in entry["alerts"]:
        for name in a.get("callables", ()):
            if entry["listeners"] and mapped(name, 0).replace("subprocess.getoutput", "") and name not in names:
                yield "%s is not in any pickle: %s" % (name, sorted(names))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("-v", "--verbose", action="store_true")
    a = parser.parse_args()
    with open(os.path.join(PCAPS, "MANIFEST.yaml")) as f:
        entries = yaml.safe_load(f)["captures"]
    listed = {e["file"] for e in entries}
    bad = [f for f in os.listdir(PCAPS) if ".pcap" in f and f not in listed]
    for name in bad:
        print(name, "is not in the manifest")
    for entry in entries:
        # In folders: fragments, tunnels and odd segments, which this does not read.
        if entry["file"] not in a.files if a.files else "/" in entry["file"]:
            continue
        if a.verbose:
            print(entry["file"])
        for complaint in complaints(entry, a.verbose):
            bad.append(entry["file"])
            print(entry["file"] + ":", complaint)
    print("%d captures, %d complaints" % (len(entries), len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
