#!/usr/bin/env python3
"""The pickle machine against CPython's C unpickler: runs judge_bench and prints a table of ratios by CPU time.

    judge_ratio.py BENCHMARKS [--input REGEX] [--repetitions 5]

BENCHMARKS is the program that `cmake --build --preset release --target benchmarks` makes. Of the repetitions, which are
run in turn, the fastest of each row counts: what else the machine does can only slow a row down.
"""
import argparse
import json
import subprocess
import sys

KINDS = ("machine", "segments", "cpython")


def amount(bytes_per_second):
    for unit in ("B", "kB", "MB", "GB"):
        if bytes_per_second < 10000:
            break
        bytes_per_second /= 1000
    return "%.0f %s/s" % (bytes_per_second, unit)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("benchmarks")
    options.add_argument("--input", default=".*")
    options.add_argument("--repetitions", type=int, default=5)
    given = options.parse_args()
    done = subprocess.run(
        [given.benchmarks, "--benchmark_filter=^(%s)/(%s)$" % ("|".join(KINDS), given.input), "--benchmark_format=json",
         "--benchmark_repetitions=%d" % given.repetitions, "--benchmark_enable_random_interleaving=true"],
        stdout=subprocess.PIPE, text=True, check=True)
    best, failed = {}, []
    for row in json.loads(done.stdout)["benchmarks"]:
        if row.get("error_occurred"):
            failed.append("%s: %s" % (row["name"], row["error_message"]))
        elif row["run_type"] == "iteration":
            kind, name = row["run_name"].split("/")
            of_input = best.setdefault(name, {})
            if kind not in of_input or row["bytes_per_second"] > of_input[kind]["bytes_per_second"]:
                of_input[kind] = row
    print("%-12s %12s %12s %12s %8s %8s %9s %12s %12s" % ("input", "machine", "in segments", "CPython", "times",
                                                          "segments", "M ops/s", "machine KiB", "CPython KiB"))
    for name, row in sorted(best.items()):
        speed = {kind: row[kind]["bytes_per_second"] for kind in KINDS if kind in row}
        ratio = ["%.1f" % (speed[kind] / speed["cpython"]) if kind in speed and "cpython" in speed else "-"
                 for kind in ("machine", "segments")]
        memory = ["%.0f" % row[kind]["peak_KiB"] if kind in row else "-" for kind in ("machine", "cpython")]
        rate = "%.0f" % (row["machine"]["ops/s"] / 1e6) if "machine" in row else "-"
        print("%-12s %12s %12s %12s %8s %8s %9s %12s %12s" % (
            name, *(amount(speed[kind]) if kind in speed else "-" for kind in KINDS), *ratio, rate, *memory))
    print("\n".join(failed), end="\n" if failed else "")
    return 1 if failed or not best else 0


if __name__ == "__main__":
    sys.exit(main())
