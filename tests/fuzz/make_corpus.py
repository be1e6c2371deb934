#!/usr/bin/env python3
"""Makes corpus/ out of what is there and of what long runs found: libFuzzer's merge keeps the inputs that reach what no
other reaches, and of those some of every size are taken. `raw` is found.py's and stays.

  make_corpus.py BUILD GROWN

BUILD: the folder of the libFuzzer programs (build/fuzz/tests/fuzz). GROWN: a folder with one folder a target, as left by
a run of NAME_fuzz; the corpus of other targets stays as it is."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KMAX_FILES = 80  # of a target
KMAX_FILE = 1536
GENERATED = ("raw",)


def copied(folder, to):
    """The run that fills the folder may go on, and replaces inputs by smaller ones."""
    os.mkdir(to)
    for name in os.listdir(folder):
        try:
            shutil.copy(os.path.join(folder, name), to)
        except FileNotFoundError:
            pass
    return to


def merged(program, folders):
    with tempfile.TemporaryDirectory() as work:
        copies = [copied(folder, os.path.join(work, str(i))) for i, folder in enumerate(folders)]
        out = os.path.join(work, "out")
        os.mkdir(out)
        subprocess.run([program, "-merge=1", "-max_len=%d" % KMAX_FILE, out] + copies, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        inputs = []
        for name in os.listdir(out):
            with open(os.path.join(out, name), "rb") as file:
                inputs.append(file.read())
    return sorted(inputs, key=lambda data: (len(data), data))


def main():
    build, grown = sys.argv[1:]
    subprocess.run([sys.executable, os.path.join(HERE, "found.py")], check=True)
    for target in sorted(os.listdir(grown)):
        corpus = os.path.join(HERE, "corpus", target)
        inputs = merged(os.path.join(build, target + "_fuzz"), [corpus, os.path.join(grown, target)])
        for name in os.listdir(corpus):
            if name not in GENERATED:
                os.remove(os.path.join(corpus, name))
        step = max(1.0, len(inputs) / KMAX_FILES)
        kept = [inputs[int(i * step)] for i in range(min(KMAX_FILES, len(inputs)))]
        for data in kept:
            with open(os.path.join(corpus, hashlib.sha1(data).hexdigest()[:12]), "wb") as file:
                file.write(data)
        print("%s: %d of %d inputs, %d bytes" % (target, len(kept), len(inputs), sum(map(len, kept))))


if __name__ == "__main__":
    main()
