#!/usr/bin/env python3
"""How much of a flood is seen: a capture with attacks mixed in, sent as fast as tcpreplay can, to the sensor with one
and with two workers and to `tcpdump -w /dev/null`, in turn, several rounds.

    live_loss.py BINARY BACKGROUND.pcap [--attacks 200] [--rounds 3] [--pps N]

Prints, for each receiver and round: packets offered, received, dropped by the kernel, attacks alerted on, CPU seconds.
"""
import argparse
import os
import re
import signal
import struct
import subprocess
import time

import live_lab


def write_mix(background, attacks, path):
    """The background with `attacks` attacks at even distances, each from an address of its own. Returns the packets."""
    records = live_lab.read_pcap(background)
    frames = []
    step = max(len(records) // attacks, 1)
    for i, (_, frame) in enumerate(records):
        if i % step == 0 and i // step < attacks:
            k = i // step
            frames += live_lab.attack_frames("10.%d.%d.%d" % (100 + k // 65536, k // 256 % 256, k % 256), 20000 + k % 40000)
        frames.append(frame)
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for i, frame in enumerate(frames):
            out.write(struct.pack("<IIII", i // 10**6, i % 10**6, len(frame), len(frame)) + frame)
    return len(frames)


def flood(lab, mix, pps):
    speed = ["--pps", str(pps)] if pps else ["--topspeed"]
    done = subprocess.run(["ip", "netns", "exec", lab.source, "tcpreplay", "-q", "--preload-pcap", *speed, "-i",
                           lab.source_if, mix], capture_output=True, text=True, check=True)
    sent = int(re.search(r"Actual: (\d+) packets", done.stdout).group(1))
    rate = re.search(r"Rated: .*, ([\d.]+) pps", done.stdout).group(1)
    return sent, float(rate)


def cpu_of(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def with_tcpdump(lab, mix, pps):
    receiver = lab.start(lab.tap, ["tcpdump", "-n", "-i", lab.tap_if, "-B", "65536", "-w", "/dev/null"],
                         stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    sent, rate = flood(lab, mix, pps)
    time.sleep(2)
    cpu = cpu_of(receiver.pid)
    receiver.send_signal(signal.SIGINT)
    said = receiver.communicate(timeout=60)[1]
    number = lambda words: int(re.search(r"(\d+) packets? " + words, said).group(1))
    return sent, rate, number("captured"), number("dropped by kernel"), None, cpu


def with_sensor(lab, binary, workers, mix, pps, name):
    sensor = live_lab.Sensor(lab, binary, name, workers)
    cpu_before = cpu_of(sensor.process.pid)
    sent, rate = flood(lab, mix, pps)
    time.sleep(2)
    cpu = cpu_of(sensor.process.pid) - cpu_before
    stats = sensor.stop()
    dropped = sum(reasons["kernel"] for reasons in stats["capture_dropped_packets_total"].values())
    alerts = len({alert["src_ip"] for alert in sensor.alerts()})
    return sent, rate, stats["packets_total"], dropped, alerts, cpu


def main():
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("background")
    options.add_argument("--attacks", type=int, default=200)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--pps", type=int, default=0)
    given = options.parse_args()
    with live_lab.Lab() as lab:
        mix = os.path.join(lab.folder, "mix.pcap")
        packets = write_mix(given.background, given.attacks, mix)
        print("%d packets, %d attacks among them, %s" % (packets, given.attacks,
                                                         "%d pps" % given.pps if given.pps else "topspeed"))
        print("%-22s %9s %11s %9s %9s %7s %6s" % ("receiver", "offered", "pps", "received", "dropped", "alerts", "CPU s"))
        for number in range(given.rounds):
            for label, measure in (
                    ("tcpdump -w /dev/null", lambda: with_tcpdump(lab, mix, given.pps)),
                    ("sensor, 1 worker", lambda: with_sensor(lab, given.binary, 1, mix, given.pps, "one%d" % number)),
                    ("sensor, 2 workers", lambda: with_sensor(lab, given.binary, 2, mix, given.pps, "two%d" % number))):
                sent, rate, received, dropped, alerts, cpu = measure()
                print("%-22s %9d %11.0f %9d %9d %7s %6.2f" % (label, sent, rate, received, dropped,
                                                              "-" if alerts is None else alerts, cpu), flush=True)


if __name__ == "__main__":
    main()
