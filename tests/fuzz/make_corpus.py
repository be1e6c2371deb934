#!/usr/bin/env python3
"""Makes corpus/ out of what is there and of what long runs found: libFuzzer's merge keeps the inputs that reach what no
other reaches, and of those the smallest are taken, as far as the budget goes. `raw` is found.py's and stays.

  make_corpus.py BUILD [GROWN]

BUILD: the folder of the libFuzzer programs (build/fuzz/tests/fuzz). GROWN: a folder with one folder a target, as left by
a run of NAME_fuzz."""
import hashlib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUDGET = 28 << 10  # bytes a target
KMAX_FILE = 2048
GENERATED = ("raw",)


def merged(program, folders):
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([program, "-merge=1", "-max_len=%d" % KMAX_FILE, out] + folders, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        inputs = []
        for name in os.listdir(out):
            with open(os.path.join(out, name), "rb") as file:
                inputs.append(file.read())
    return sorted(inputs, key=lambda data: (len(data), data))


def main():
    build, grown = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    subprocess.run([sys.executable, os.path.join(HERE, "found.py")], check=True)
    for target in sorted(os.listdir(os.path.join(HERE, "corpus"))):
        program = os.path.join(build, target + "_fuzz")
        corpus = os.path.join(HERE, "corpus", target)
        if not os.path.exists(program):
            print("%s: not built, left as it is" % target)
            continue
        folders = [corpus]
        if grown and os.path.isdir(os.path.join(grown, target)):
            folders.append(os.path.join(grown, target))
        inputs, kept, size = merged(program, folders), 0, 0
        for name in os.listdir(corpus):
            if name not in GENERATED:
                os.remove(os.path.join(corpus, name))
        for data in inputs:
            if size + len(data) > BUDGET:
                break
            with open(os.path.join(corpus, hashlib.sha1(data).hexdigest()[:12]), "wb") as file:
                file.write(data)
            kept, size = kept + 1, size + len(data)
        print("%s: %d of %d inputs, %d bytes" % (target, kept, len(inputs), size))


if __name__ == "__main__":
    main()
