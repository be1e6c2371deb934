#!/usr/bin/env python3
"""A sensor under mixed live traffic for a while, with attacks at known times: are all found, and does it grow?

    live_soak.py BINARY BACKGROUND.pcap [--minutes 20] [--pps 20000] [--every 2] [--set KEY=VALUE]...

Background by tcpreplay at `--pps`, a real multiprocessing Listener and Client that exchange harmless objects over TCP,
an attack every `--every` seconds, a scrape every 5 s. Prints memory, descriptors and threads over time and a verdict.
"""
import argparse
import os
import subprocess
import sys
import time

import live_lab

HARMLESS = """
import sys, time
from multiprocessing.connection import Client, Listener
if sys.argv[1] == "listen":
    with Listener(("10.99.1.1", 50500), authkey=b"a long enough key") as listener:
        while True:
            with listener.accept() as peer:
                try:
                    while True:
                        peer.send(peer.recv())
                except EOFError:
                    pass
else:
    while True:
        try:
            with Client(("10.99.1.1", 50500), authkey=b"a long enough key") as peer:
                for i in range(100):
                    peer.send({"id": i, "values": list(range(50)), "name": "x" * 200})
                    peer.recv()
                    time.sleep(0.005)
        except OSError:
            time.sleep(0.2)
"""


def of_process(pid):
    with open("/proc/%d/status" % pid) as file:
        status = dict(line.split(":", 1) for line in file)
    number = lambda key: int(status[key].split()[0])
    return number("VmRSS"), len(os.listdir("/proc/%d/fd" % pid)), number("Threads")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("background")
    options.add_argument("--minutes", type=float, default=20)
    options.add_argument("--pps", type=int, default=20000)
    options.add_argument("--every", type=float, default=2)
    options.add_argument("--set", action="append", default=[])
    given = options.parse_args()
    with live_lab.Lab() as lab:
        sensor = live_lab.Sensor(lab, given.binary, settings=given.set)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        lab.start(lab.tap, [sys.executable, "-c", HARMLESS, "listen"], **quiet)
        time.sleep(0.5)
        lab.start(lab.source, [sys.executable, "-c", HARMLESS, "call"], **quiet)
        lab.start(lab.source, ["tcpreplay", "-q", "--preload-pcap", "--loop", "0", "--pps", str(given.pps), "-i",
                               lab.source_if, given.background], **quiet)
        attacker = lab.start(lab.source, [sys.executable, os.path.abspath(__file__), "--attack", lab.source_if,
                                          str(given.every)], stdout=subprocess.PIPE, text=True)
        begin = time.monotonic()
        samples = []
        print("%8s %9s %5s %8s" % ("s", "RSS KiB", "fds", "threads"))
        while time.monotonic() - begin < given.minutes * 60:
            time.sleep(5)
            if sensor.process.poll() is not None:
                raise SystemExit("the sensor died:\n" + open(sensor.log).read())
            sensor.get("/metrics")
            samples.append((time.monotonic() - begin, *of_process(sensor.process.pid)))
            if len(samples) % 12 == 0:
                print("%8.0f %9d %5d %8d" % samples[-1], flush=True)
        attacker.terminate()
        sent = {int(line) for line in attacker.communicate(timeout=10)[0].split()}
        time.sleep(2)
        stats = sensor.stop()
        found = {alert["src_port"] for alert in sensor.alerts()}
        third = len(samples) // 3
        early, late = (max(rss for _, rss, *_ in part) for part in (samples[third:2 * third], samples[2 * third:]))
        print("packets %d, dropped %s" % (stats["packets_total"], stats["capture_dropped_packets_total"]))
        print("attacks %d, found %d, missed %s" % (len(sent), len(sent & found), sorted(sent - found)))
        print("RSS: largest of the second third %d KiB, of the last %d KiB (%+.1f %%)" % (
            early, late, 100 * (late - early) / early))
        print("descriptors %s, threads %s" % tuple(sorted({row[i] for row in samples}) for i in (2, 3)))
        print("log:\n" + open(sensor.log).read())
        ok = sent and sent <= found and late <= early * 1.02
        print("held" if ok else "DID NOT HOLD")
        return 0 if ok else 1


def attack(interface, every):
    out = live_lab.sender(interface)
    port = 10000
    while port < 60000:
        for frame in live_lab.attack_frames("10.99.0.2", port):
            out.send(frame)
        print(port, flush=True)
        port += 1
        time.sleep(every)


if __name__ == "__main__":
    if sys.argv[1] == "--attack":
        attack(sys.argv[2], float(sys.argv[3]))
    else:
        sys.exit(main())
