"""The laboratory: two network namespaces joined by a veth pair, a capture on it, and peers that run in them.

Everything started here is ended here, by its own process id; every wait has a limit.
"""
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import relink

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER4, CLIENT4 = "10.99.0.1", "10.99.0.2"
SERVER6, CLIENT6 = "fd99::1", "fd99::2"

READY_WITHIN = 15.0
PEER_WITHIN = 60.0


def run(*command):
    subprocess.run(command, check=True, timeout=20, stdout=subprocess.DEVNULL)


class Lab:
    """Both namespaces for one run of make.py. Use as a context manager."""

    def __init__(self):
        tag = "pt%d" % (os.getpid() % 100000)
        self.ns = {"server": tag + "s", "client": tag + "c"}
        self.veth = {"server": tag + "v0", "client": tag + "v1"}
        self.children = []

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
        run("ip", "link", "add", self.veth["server"], "netns", self.ns["server"], "mtu", "1500",
            "type", "veth", "peer", "name", self.veth["client"], "netns", self.ns["client"])
        plan = {"server": (SERVER4, SERVER6), "client": (CLIENT4, CLIENT6)}
        for side, (v4, v6) in plan.items():
            ns, veth = self.ns[side], self.veth[side]
            inside = lambda *command: run("ip", "netns", "exec", ns, *command)
            # Listener ports are 50000 and up: keep the ephemeral ones below.
            inside("sysctl", "-qw", "net.ipv4.ip_local_port_range=32768 49999", "net.ipv6.conf.all.accept_dad=0")
            inside("ip", "link", "set", "lo", "up")
            inside("ip", "address", "add", v4 + "/24", "dev", veth)
            inside("ip", "-6", "address", "add", v6 + "/64", "dev", veth, "nodad")
            # More addresses: a victim beside the server, a client from outside the private networks.
            more = ["10.99.0.3/24", "203.0.113.1/24"] if side == "server" else ["203.0.113.5/24"]
            for address in more:
                inside("ip", "address", "add", address, "dev", veth)
            # Without offloads the capture shows what a wire carries: MSS-sized segments, finished checksums.
            inside(sys.executable, os.path.join(HERE, "offloads.py"), veth)
            inside("ip", "link", "set", veth, "up")
        # Both ask the client's side for names; `ip netns exec` puts this file in the place of /etc/resolv.conf.
        for ns in self.ns.values():
            os.makedirs("/etc/netns/" + ns)
            with open("/etc/netns/%s/resolv.conf" % ns, "w") as f:
                f.write("nameserver %s\noptions timeout:1 attempts:1\n" % CLIENT4)
        time.sleep(1.0)  # let neighbour discovery of the fresh link settle

    def __exit__(self, *unused):
        for child in self.children:
            stop(child, signal.SIGKILL)
        for ns in self.ns.values():
            shutil.rmtree("/etc/netns/" + ns, ignore_errors=True)
            subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL, timeout=20)

    def start(self, side, command, **options):
        child = subprocess.Popen(["ip", "netns", "exec", self.ns[side]] + command, **options)
        self.children.append(child)
        return child


def stop(child, sig=signal.SIGTERM, within=5.0):
    """Ends one process we started; `ip netns exec` has become the command itself, so the id is its own."""
    if child.poll() is None:
        child.send_signal(sig)
        try:
            child.wait(within)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(5)
    return child.returncode


def read_until(stream, pattern, within):
    """Reads a child's pipe until `pattern` appears; returns what was read, raises after `within` seconds."""
    seen, deadline = b"", time.monotonic() + within
    while time.monotonic() < deadline:
        if select.select([stream], [], [], 0.2)[0]:
            block = os.read(stream.fileno(), 65536)
            seen += block
            if re.search(pattern, seen):
                return seen
            if not block:
                break
    raise RuntimeError("no %r in time; output was: %s" % (pattern, seen.decode("utf-8", "replace")))


class Capture:
    """One capture file in the making. `link` says where and how, see LINKS."""

    # link: (program, side, interface or None for the veth, extra arguments, what is done to the file afterwards)
    LINKS = {
        "ether": ("tcpdump", "server", None, [], None),
        "client-side": ("tcpdump", "client", None, [], None),
        "nano": ("tcpdump", "server", None, ["--time-stamp-precision=nano"], None),
        "vlan": ("tcpdump", "server", None, [], relink.to_vlan),
        "any": ("tcpdump", "client", "any", ["-y", "LINUX_SLL2"], None),
        "sll1": ("tcpdump", "server", "any", ["-y", "LINUX_SLL"], None),
        "lo": ("tcpdump", "server", "lo", [], None),
        "pcapng": ("dumpcap", "server", None, [], None),
        "editcap": ("tcpdump", "server", None, [], relink.to_pcapng),
        "raw": ("tcpdump", "server", None, ["ip"], relink.to_raw),
        "null": ("tcpdump", "server", None, ["ip"], relink.to_null),
    }

    def __init__(self, lab, link, path):
        program, side, interface, extra, self.afterwards = self.LINKS[link]
        self.path = path
        interface = interface or lab.veth[side]
        if program == "tcpdump":
            command = ["tcpdump", "-Z", "root", "-n", "-U", "--immediate-mode", "-B", "16384", "-i", interface,
                       "-s", "0", "-w", path] + extra
        else:
            command = ["dumpcap", "-B", "16", "-i", interface, "-s", "0", "-w", path]
        self.child = lab.start(side, command, stderr=subprocess.PIPE)
        ready = rb"listening on" if program == "tcpdump" else rb"File: "
        self.said = read_until(self.child.stderr, ready, READY_WITHIN)

    def finish(self):
        """Stops the capture and returns the number of packets lost."""
        time.sleep(0.4)  # the last FINs and ACKs
        stop(self.child, signal.SIGINT)
        said = (self.said + self.child.stderr.read()).decode("utf-8", "replace")
        tcpdump = re.search(r"(\d+) packets? dropped by kernel", said)
        dumpcap = re.search(r"received/dropped on interface .*?: \d+/(\d+)", said)
        lost = tcpdump or dumpcap
        if not lost:
            raise RuntimeError("the capture program did not say what it lost: " + said)
        if self.afterwards:
            self.afterwards(self.path)
        return int(lost.group(1))
