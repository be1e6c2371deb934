"""Rewrites a finished Ethernet capture as another link type or file format, keeping packets and times."""
import os
import struct
import subprocess

DLT_NULL, DLT_EN10MB, DLT_RAW = 0, 1, 101
VLAN_ID = 7
AF_INET = 2
MAX_RECORD = 262144


def to_pcapng(path):
    subprocess.run(["editcap", "-F", "pcapng", path, path + ".ng"], check=True, timeout=20)
    os.replace(path + ".ng", path)


def to_raw(path):
    _rewrite(path, DLT_RAW, lambda frame: frame[14:])


def to_null(path):
    # BSD loopback: the address family in the byte order of the machine that captured
    _rewrite(path, DLT_NULL, lambda frame: struct.pack("=I", AF_INET) + frame[14:])


def to_vlan(path):
    # By rewriting because not every kernel has 802.1Q; the priority bits are set, as on real trunks
    tag = struct.pack("!HH", 0x8100, 3 << 13 | VLAN_ID)
    _rewrite(path, DLT_EN10MB, lambda frame: frame[:12] + tag + frame[12:])


def _rewrite(path, link_type, change):
    with open(path, "rb") as f:
        data = f.read()
    magic, _, _, _, _, snaplen, old_type = struct.unpack("=IHHiIII", data[:24])
    assert magic == 0xA1B2C3D4 and old_type == DLT_EN10MB, "expected an Ethernet pcap of this machine"
    out = [struct.pack("=IHHiIII", magic, 2, 4, 0, 0, snaplen, link_type)]
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, kept, length = struct.unpack("=IIII", data[at:at + 16])
        assert kept == length <= MAX_RECORD
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        if link_type != DLT_EN10MB and frame[12:14] != b"\x08\x00":
            continue
        frame = change(frame)
        out.append(struct.pack("=IIII", seconds, fraction, len(frame), len(frame)) + frame)
    with open(path, "wb") as f:
        f.write(b"".join(out))
