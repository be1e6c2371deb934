"""What the live measurements share: two network namespaces with a veth pair, a sensor in one of them, attacks as frames.

Needs root, iproute2 and Debian's python3. Everything made here is removed at the end; only processes started here are
ended, by their pid.
"""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ATTACK = os.path.join(ROOT, "pcaps", "attack-posix-system-p4.pcap")
RULE = "pickle.code-execution"


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def read_pcap(path):
    """(time_ns, frame) of each record of a little-endian classic pcap."""
    with open(path, "rb") as file:
        data = file.read()
    magic = struct.unpack_from("<I", data)[0]
    assert magic in (0xA1B2C3D4, 0xA1B23C4D), path + ": not a little-endian pcap"
    unit = 1000 if magic == 0xA1B2C3D4 else 1
    at, records = 24, []
    while at + 16 <= len(data):
        seconds, fraction, captured, _ = struct.unpack_from("<IIII", data, at)
        records.append((seconds * 10**9 + fraction * unit, data[at + 16:at + 16 + captured]))
        at += 16 + captured
    return records


def attack_frames(client_ip, client_port, server_port=None):
    """The frames of one attack up to the one with its pickle, from another client. Checksums are put right."""
    frames = []
    for _, frame in read_pcap(ATTACK):
        frame = bytearray(frame)
        from_client = frame[26:30] == bytes([10, 99, 0, 2])
        ip_at, port_at = (26, 34) if from_client else (30, 36)
        frame[ip_at:ip_at + 4] = socket.inet_aton(client_ip)
        struct.pack_into("!H", frame, port_at, client_port)
        if server_port:
            struct.pack_into("!H", frame, 70 - port_at, server_port)
        frames.append(bytes(with_checksums(frame)))
        if len(frame) > 120:
            break
    return frames


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_checksums(frame):
    length = struct.unpack_from("!H", frame, 16)[0]
    struct.pack_into("!H", frame, 24, 0)
    struct.pack_into("!H", frame, 24, checksum(bytes(frame[14:34])))
    struct.pack_into("!H", frame, 50, 0)
    tcp = bytes(frame[34:14 + length])
    pseudo = bytes(frame[26:34]) + struct.pack("!BBH", 0, 6, len(tcp))
    struct.pack_into("!H", frame, 50, checksum(pseudo + tcp))
    return frame


class Lab(contextlib.AbstractContextManager):
    """Namespaces `source` and `tap`; what is sent on self.source_if arrives on self.tap_if."""

    def __init__(self, mtu=65535):
        self.tag = str(os.getpid())
        self.source, self.tap = "ptsrc" + self.tag, "pttap" + self.tag
        self.source_if, self.tap_if = "s" + self.tag, "t" + self.tag
        self.folder = tempfile.mkdtemp(prefix="pickletap-live-")
        os.chmod(self.folder, 0o777)
        self.processes = []
        for ns in (self.source, self.tap):
            run("ip", "netns", "add", ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
            run("ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        run("ip", "-n", self.source, "link", "add", self.source_if, "mtu", str(mtu), "type", "veth", "peer", "name",
            self.tap_if, "mtu", str(mtu), "netns", self.tap)
        run("ip", "-n", self.source, "addr", "add", "10.99.1.2/24", "dev", self.source_if)
        run("ip", "-n", self.tap, "addr", "add", "10.99.1.1/24", "dev", self.tap_if)
        run("ip", "-n", self.source, "link", "set", self.source_if, "up")
        run("ip", "-n", self.tap, "link", "set", self.tap_if, "up")

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for ns in (self.source, self.tap):
            subprocess.run(["ip", "netns", "del", ns], check=False)
        subprocess.run(["rm", "-rf", self.folder], check=False)

    def start(self, ns, command, **options):
        process = subprocess.Popen(["ip", "netns", "exec", ns, *command], **options)
        self.processes.append(process)
        return process


class Sensor:
    """`pickletap run` on the tap, ready when the constructor returns."""

    def __init__(self, lab, binary, name="sensor", workers=1, port=9502, settings=(), environment=None):
        self.lab, self.port = lab, port
        self.eve = os.path.join(lab.folder, name + ".json")
        self.log = os.path.join(lab.folder, name + ".log")
        command = [binary, "run", "-i", lab.tap_if, "-o", self.eve, "--workers", str(workers),
                   "--set", "http.listen=127.0.0.1:%d" % port, "--set", "sandbox.user=nobody",
                   "--set", "alerts.collapse_window=0"]  # each alert is counted
        for setting in settings:
            command += ["--set", setting]
        self.process = lab.start(lab.tap, command, stderr=open(self.log, "w"), env=environment)
        for _ in range(300):
            if self.get("/readyz") == "ready\n":
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit("the sensor did not get ready:\n" + open(self.log).read())

    def get(self, path):
        done = subprocess.run(["ip", "netns", "exec", self.lab.tap, "curl", "-s", "-m", "5",
                               "http://127.0.0.1:%d%s" % (self.port, path)], capture_output=True, text=True)
        return done.stdout

    def stop(self):
        """Ends it as an operator does; the last `stats` event."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            raise SystemExit("the sensor ended with %d:\n%s" % (self.process.returncode, open(self.log).read()))
        return [event for event in self.events() if event["event_type"] == "stats"][-1]["stats"]

    def events(self):
        with open(self.eve) as file:
            return [json.loads(line) for line in file]

    def alerts(self):
        return [event for event in self.events() if event["event_type"] == "alert" and event["alert"]["rule"] == RULE]


def sender(interface):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    return out


def percentile(values, fraction):
    values = sorted(values)
    return values[min(len(values) - 1, int(fraction * len(values)))]
