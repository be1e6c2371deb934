"""The crafting side of evasion.py: TCP segments made by hand on a packet socket, and everything that is sent and
received kept as a capture. No kernel state: nothing here answers but what a case says.
"""
import select
import socket
import struct
import time

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MSS = b"\x02\x04\x05\xb4"
SACK_OK = b"\x04\x02"
WINDOW_SCALE = b"\x03\x03\x07"
NOP = b"\x01"
MD5 = b"\x13\x12" + b"\x5a" * 16


def timestamp(value, echo):
    return b"\x08\x0a" + struct.pack("!II", value & 0xFFFFFFFF, echo & 0xFFFFFFFF)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Recorder:
    """A pcap file of what passed the packet socket, in the order in which it did."""

    def __init__(self):
        self.frames = []

    def add(self, frame):
        self.frames.append((time.time(), frame))

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for when, frame in self.frames:
                seconds = int(when)
                f.write(struct.pack("<IIII", seconds, int((when - seconds) * 1e6), len(frame), len(frame)) + frame)


class Wire:
    """One TCP tuple, spoken by hand. Numbers of segments are offsets of the stream unless named `seq`."""

    def __init__(self, link, recorder, source, destination, sport, dport, isn):
        self.link, self.recorder = link, recorder
        self.source, self.destination, self.sport, self.dport = source, destination, sport, dport
        self.isn = isn
        self.victim_isn = self.victim_next = 0  # their SYN's number, and what their next byte has
        self.victim_acked = None
        self.options = NOP * 0
        self.timestamps = False
        self.ts, self.ts_echo = 1000000, 0
        self.identification = 1
        self.resets = 0

    # ---- sending
    def segment(self, flags, seq, ack, payload=b"", *, ttl=64, options=None, window=502, urgent=0, sum=None,
                spoil=None, mac=None):
        """`sum`: the checksum to send instead; `spoil`: how ("bad", "pseudo", "other zero"; "ip": the
        checksum of the IP header)."""
        if options is None:
            options = timestamp(self.ts, self.ts_echo) if self.timestamps else b""
        options += NOP * (-len(options) % 4)
        source, destination = socket.inet_aton(self.source), socket.inet_aton(self.destination)
        offset = (5 + len(options) // 4) << 4
        head = struct.pack("!HHIIBBHHH", self.sport, self.dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset, flags,
                           window, 0, urgent) + options
        pseudo = source + destination + struct.pack("!BBH", 0, 6, len(head) + len(payload))
        value = 0xFFFF ^ checksum(pseudo + head + payload)
        if spoil == "bad":
            value ^= 0x1234
        elif spoil == "pseudo":
            value = checksum(pseudo)
        elif spoil == "other zero":
            assert value in (0, 0xFFFF), "the payload must make the sum zero"
            value ^= 0xFFFF
        if sum is not None:
            value = sum
        tcp = head[:16] + struct.pack("!H", value) + head[18:] + payload
        self.identification += 1
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), self.identification & 0xFFFF, 0x4000, ttl, 6, 0,
                         source, destination)
        ip_value = 0xFFFF ^ checksum(ip) ^ (0x1234 if spoil == "ip" else 0)
        ip = ip[:10] + struct.pack("!H", ip_value) + ip[12:]
        frame = (mac or self.link.next_hop) + self.link.own + b"\x08\x00" + ip + tcp
        self.recorder.add(frame)
        self.link.socket.send(frame)

    def data(self, offset, payload, flags=PSH | ACK, ack=None, **more):
        """`payload` at that offset of our stream. `ack`: counted from the victim's next byte."""
        number = self.victim_next + (ack or 0)
        self.segment(flags, self.isn + 1 + offset, number, payload, **more)

    def bare(self, offset, flags=ACK, ack=0, **more):
        self.segment(flags, self.isn + 1 + offset, self.victim_next + ack, b"", **more)

    # ---- receiving
    def pump(self, seconds=0.02):
        """Takes in what comes for so long; ICMP is kept in the capture as well."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.link.socket], [], [], left)[0]:
                return
            frame, address = self.link.socket.recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING or frame[12:14] != b"\x08\x00":
                continue
            if frame[23] == 6:
                tcp = frame[14 + (frame[14] & 15) * 4:]
                if struct.unpack("!HH", tcp[:4]) == (self.dport, self.sport):
                    self.recorder.add(frame)
                    self._take(tcp, struct.unpack("!H", frame[16:18])[0] - (frame[14] & 15) * 4)

    def _take(self, tcp, length):
        seq, ack = struct.unpack("!II", tcp[4:12])
        flags, header = tcp[13], (tcp[12] >> 4) * 4
        if flags & RST:
            self.resets += 1
            return
        if flags & SYN:
            self.victim_isn = seq
            self.victim_next = (seq + 1) & 0xFFFFFFFF
        end = (seq + length - header + (1 if flags & (SYN | FIN) else 0)) & 0xFFFFFFFF
        if (end - self.victim_next) & 0xFFFFFFFF < 1 << 31:
            self.victim_next = end
        if flags & ACK:
            self.victim_acked = ack
        at = 20
        while at < header and tcp[at]:
            if tcp[at] == 1:
                at += 1
                continue
            if tcp[at] == 8:
                self.ts_echo = struct.unpack("!I", tcp[at + 2:at + 6])[0]
            at += max(tcp[at + 1], 2)

    # ---- the usual
    def syn(self, payload=b"", **more):
        options = MSS + SACK_OK + (timestamp(self.ts, 0) if self.timestamps else NOP * 2) + NOP + WINDOW_SCALE
        self.segment(SYN, self.isn, 0, payload, options=options, **more)

    def handshake(self, timestamps=False, syn_payload=b""):
        self.timestamps = timestamps
        self.syn(syn_payload)
        self.wait_for_syn_ack()
        self.ts += 10
        self.bare(0)
        self.pump(0.02)

    def wait_for_syn_ack(self):
        for _ in range(50):
            self.pump(0.01)
            if self.victim_isn:
                return
        raise RuntimeError("the victim does not answer the SYN")
