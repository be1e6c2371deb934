#!/usr/bin/env python3
"""The sensor against the bare libpcap loop: runs replay_bench and prints a table of ratios by CPU time, with peak memory.

    replay_ratio.py BENCHMARKS FOLDER [--capture REGEX] [--rounds 3]

BENCHMARKS is the program that `cmake --build --preset release --target benchmarks` makes, FOLDER holds the captures.
Each round measures both in turn; the ratio is the median of the rounds'.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

KINDS = ("bare", "sensor")


def one_round(given):
    done = subprocess.run(
        [given.benchmarks, "--benchmark_filter=^(%s)/(%s)$" % ("|".join(KINDS), given.capture), "--benchmark_format=json"],
        env=dict(os.environ, PICKLETAP_BENCH_CAPTURES=given.folder), stdout=subprocess.PIPE, text=True, check=True)
    rows, failed = {}, []
    for row in json.loads(done.stdout)["benchmarks"]:
        kind, name = row["name"].split("/")[:2]
        if row.get("error_occurred"):
            failed.append("%s: %s" % (row["name"], row["error_message"]))
        else:
            rows.setdefault(name, {})[kind] = (row["real_time"], row["peak_MiB"])
    return rows, failed


def main():
    options = argparse.ArgumentParser()
    options.add_argument("benchmarks")
    options.add_argument("folder")
    options.add_argument("--capture", default=".*")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    rounds, failed = [], []
    for _ in range(given.rounds):
        rows, trouble = one_round(given)
        rounds.append(rows)
        failed += trouble
    print("%-14s %10s %10s %8s %15s %12s %12s" % ("capture", "bare ms", "sensor ms", "ratio", "from to", "bare MiB",
                                                 "sensor MiB"))
    for name in sorted(set.union(*(set(rows) for rows in rounds))):
        pairs = [(rows[name]["bare"], rows[name]["sensor"]) for rows in rounds if len(rows.get(name, ())) == 2]
        if not pairs:
            continue
        ratios = sorted(sensor[0] / bare[0] for bare, sensor in pairs)
        print("%-14s %10.0f %10.0f %8.2f %15s %12.0f %12.0f" % (
            name, statistics.median(bare[0] for bare, _ in pairs), statistics.median(sensor[0] for _, sensor in pairs),
            statistics.median(ratios), "%.2f %.2f" % (ratios[0], ratios[-1]), max(bare[1] for bare, _ in pairs),
            max(sensor[1] for _, sensor in pairs)))
    print("\n".join(failed), end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
