"""Turns the offloads of one interface off, by the ioctl that ethtool uses (ethtool itself may not be installed)."""
import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
# linux/ethtool.h: the "set" commands of receive and transmit checksums, TSO, GSO and GRO; scatter-gather last,
# since the others lean on it
SETTERS = {"rx": 0x15, "tx": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C, "sg": 0x19}


def offloads_off(interface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for setter in SETTERS.values():
            value = array.array("B", struct.pack("=II", setter, 0))
            request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
            fcntl.ioctl(s.fileno(), SIOCETHTOOL, request)


if __name__ == "__main__":
    offloads_off(sys.argv[1])
