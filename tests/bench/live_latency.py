#!/usr/bin/env python3
"""Time from an attack's packet to its EVE line and to its metric, on an otherwise idle sensor.

    live_latency.py BINARY [--attacks 1000]

The packet's time is taken right before it is sent; the line's when a reader that follows the file has it, the metric's
when a scrape that shows the new count is complete (scrapes follow each other without a pause).
"""
import argparse
import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import time

import live_lab

FIRST_PORT = 20000


def send(interface, attacks):
    """In the source's namespace: prints the time of each attack's packet."""
    out = live_lab.sender(interface)
    dice = random.Random(1)
    for i in range(attacks):
        *before, attack = live_lab.attack_frames("10.99.0.2", FIRST_PORT + i)
        for frame in before:
            out.send(frame)
        time.sleep(0.02 + dice.random() * 0.02)
        print(i, time.time_ns(), flush=True)
        out.send(attack)
        if i == 0:
            time.sleep(2)  # the listener is known from here on: its alerts wait for no answer of it


def watch(eve, port, attacks):
    """In the tap's namespace: prints when each line and each count was there."""
    seen = []

    def follow_file():
        while not os.path.exists(eve):
            time.sleep(0.01)
        with open(eve) as file:
            rest = ""
            while len([1 for what, *_ in seen if what == "line"]) < attacks:
                rest += file.read()
                now = time.time_ns()
                *lines, rest = rest.split("\n")
                for line in lines:
                    event = json.loads(line)
                    if event["event_type"] == "alert" and event["alert"]["rule"] == live_lab.RULE:
                        seen.append(("line", event["src_port"] - FIRST_PORT, now))
                time.sleep(0.0002)

    def follow_metric():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        shown = 0
        while shown < attacks:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            now = time.time_ns()
            count = int(float(re.search(r'pickletap_alerts_total\{rule="%s",[^}]*\} (\S+)' % live_lab.RULE, text).group(1)))
            for i in range(shown, count):
                seen.append(("metric", i, now))
            shown = count

    threads = [threading.Thread(target=follow_file, daemon=True), threading.Thread(target=follow_metric, daemon=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=attacks * 0.2 + 60)
    json.dump(seen, sys.stdout)


def main():
    if sys.argv[1] == "--send":
        return send(sys.argv[2], int(sys.argv[3]))
    if sys.argv[1] == "--watch":
        return watch(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("--attacks", type=int, default=1000)
    given = options.parse_args()
    with live_lab.Lab() as lab:
        sensor = live_lab.Sensor(lab, given.binary)
        me = os.path.abspath(__file__)
        watcher = lab.start(lab.tap, [sys.executable, me, "--watch", sensor.eve, str(sensor.port), str(given.attacks)],
                            stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        source = lab.start(lab.source, [sys.executable, me, "--send", lab.source_if, str(given.attacks)],
                           stdout=subprocess.PIPE, text=True)
        sent = dict(map(int, line.split()) for line in source.communicate(timeout=given.attacks + 60)[0].splitlines())
        seen = json.loads(watcher.communicate(timeout=given.attacks + 120)[0])
        for what in ("line", "metric"):
            times = [(at - sent[i]) / 1e6 for kind, i, at in seen if kind == what and i > 0]
            print("%-6s %4d of %d  median %6.2f ms  p90 %6.2f ms  p99 %6.2f ms  max %6.2f ms" % (
                what, len(times) + 1, given.attacks, live_lab.percentile(times, 0.5), live_lab.percentile(times, 0.9),
                live_lab.percentile(times, 0.99), max(times)))
        first = {what: (at - sent[0]) / 1e6 for what, i, at in seen if i == 0}
        print("the first, of a listener not known yet: line %.0f ms, metric %.0f ms" % (first["line"], first["metric"]))
        sensor.stop()


if __name__ == "__main__":
    main()
