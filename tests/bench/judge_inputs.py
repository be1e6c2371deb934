"""What judge_bench judges and CPython loads: made from fixed seeds, the same bytes on every run.

    judge_inputs.py NAME           the pickles of an input on standard output, each behind its length (8 bytes, little-endian)
    judge_inputs.py --peak NAME    bytes by which loading and dropping them one by one makes this process grow at most
"""
import gc
import pickle
import random
import struct
import sys

SIZE = 16 << 20  # bytes of an input, about


class Point:
    def __init__(self, x, y, label):
        self.x, self.y, self.label = x, y, label


class Job:
    def __init__(self, n, payload):
        self.n, self.payload = n, payload

    def __reduce__(self):
        return (Job, (self.n, self.payload))


class Slotted:
    __slots__ = ("a", "b", "tags")

    def __init__(self, a, b, tags):
        self.a, self.b, self.tags = a, b, tags

    def __getstate__(self):
        return (self.a, self.b, self.tags)

    def __setstate__(self, state):
        self.a, self.b, self.tags = state


def work(item):
    return item


def words(dice):
    letters = "abcdefghijklmnopqrstuvwxyz_"
    return ["".join(dice.choice(letters) for _ in range(dice.randint(3, 14))) for _ in range(400)]


def plain_tree(dice, known, leaves):
    """Dicts, lists, strings, integers."""
    if leaves <= 1:
        kind = dice.randrange(6)
        if kind == 0:
            return dice.randint(0, 255)
        if kind == 1:
            return dice.randint(-2**31, 2**31 - 1)
        if kind == 2:
            return dice.choice(known)
        if kind == 3:
            return dice.choice((None, True, False))
        return dice.choice(known) + str(dice.randint(0, 99999))
    n = dice.randint(2, 12)
    inner = [plain_tree(dice, known, leaves // n) for _ in range(n)]
    return inner if dice.randrange(2) else {dice.choice(known) + str(i): value for i, value in enumerate(inner)}


def mixed_tree(dice, known, leaves):
    """What applications send: also floats, long integers, bytes, tuples, instances."""
    if leaves <= 1:
        kind = dice.randrange(9)
        if kind == 0:
            return dice.randint(0, 255)
        if kind == 1:
            return dice.randint(-2**31, 2**31)
        if kind == 2:
            return dice.random()
        if kind == 3:
            return dice.choice(known)
        if kind == 4:
            return dice.choice((None, True, False))
        if kind == 5:
            return dice.choice(known) + str(dice.randint(0, 99999))
        if kind == 6:
            return 2**dice.randint(33, 90)
        if kind == 7:
            return "\u00e9\u4e16" + dice.choice(known)
        return b"\x00\x01" + dice.choice(known).encode()
    n = dice.randint(2, 12)
    kind = dice.randrange(8)
    inner = [mixed_tree(dice, known, leaves // n) for _ in range(n)]
    if kind < 3:
        return {dice.choice(known) + str(i): value for i, value in enumerate(inner)}
    if kind < 5:
        return inner
    if kind == 5:
        return tuple(inner)
    if kind == 6:
        point = Point(dice.random(), dice.randint(0, 1000), dice.choice(known))
        point.children = inner
        return point
    return Job(dice.randint(0, 9), Slotted(inner[0], inner[1:], {"t%d" % dice.randint(0, 20)}))


def nested(protocol):
    """One pickle of nested dicts, lists, strings and integers."""
    dice = random.Random(1)
    known = words(dice)
    return [pickle.dumps([plain_tree(dice, known, 100) for _ in range(6200)], protocol)]


def messages(protocol):
    """Messages of 3 kB to 1 MB as a program sends them, some more than once."""
    dice = random.Random(2)
    known = words(dice)
    pool, out, size = [], [], 0
    while size < SIZE:
        if len(pool) < 24 or dice.random() < 0.05:
            pool.append(mixed_tree(dice, known, int(100 * 200**dice.random())))
        out.append(pickle.dumps(("task", len(out), dice.choice(pool), {"seq": len(out), "t": len(out) * 0.37}), protocol))
        size += len(out[-1])
    return out


def instances():
    dice = random.Random(3)
    known = words(dice)
    return [pickle.dumps([Point(dice.random(), i, dice.choice(known)) for i in range(100000)], 4)]


def floats():
    dice = random.Random(4)
    return [pickle.dumps([dice.random() for _ in range(SIZE // 9)], 4)]


def tuples():
    dice = random.Random(5)
    return [pickle.dumps([(i, (dice.randint(0, 255), dice.randint(0, 65535)), (None, True)) for i in range(1000000)], 4)]


def tuple_keys():
    dice = random.Random(6)
    return [pickle.dumps({(i, dice.randint(0, 255), "k%d" % dice.randint(0, 999)): i for i in range(800000)}, 4)]


def bulk():
    return [pickle.dumps(random.Random(7).randbytes(1 << 20) * 64, 4)]


def tiny():
    """Small tuples, integers, short dicts, tasks and results of a Pool, requests to a manager and its answers."""
    from multiprocessing.pool import mapstar
    dice = random.Random(8)
    known = words(dice)
    out = []
    for i in range(100000):
        kind = i % 8
        if kind == 0:
            value = dice.randint(0, 2**31)
        elif kind == 1:
            value = (dice.choice(known), i, dice.random())
        elif kind == 2:
            value = {"id": i, "name": dice.choice(known), "ok": True}
        elif kind == 3:
            value = (i, 0, work, (dice.randint(0, 999),), {})
        elif kind == 4:
            value = (i, 3, mapstar, ((work, (i, i + 1, i + 2)),), {})
        elif kind == 5:
            value = (i, 0, (True, dice.choice(known)))
        elif kind == 6:
            value = ("%x" % (0x7F0000000000 + i * 64), "__setitem__", (dice.choice(known), i), {})
        else:
            value = ("#RETURN", [i, dice.choice(known)])
        out.append(pickle.dumps(value, 4))
    return out


INPUTS = {
    **{"nested-p%d" % protocol: lambda protocol=protocol: nested(protocol) for protocol in (2, 4, 5)},
    **{"messages-p%d" % protocol: lambda protocol=protocol: messages(protocol) for protocol in (2, 4, 5)},
    "instances": instances, "floats": floats, "tuples": tuples, "tuple-keys": tuple_keys, "bulk": bulk, "tiny": tiny,
}


def memory(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key + ":"))


def peak(pickles):
    gc.collect()
    gc.disable()
    before = memory("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # VmHWM from here on
    for one in pickles:
        pickle.loads(one)
    return max(memory("VmHWM") - before, 0)


def main():
    if sys.argv[1] == "--peak":
        # What making the input left behind must not count: another process loads it.
        import subprocess
        made = subprocess.run([sys.executable, "-B", __file__, sys.argv[2]], stdout=subprocess.PIPE, check=True).stdout
        at, pickles = 0, []
        while at < len(made):
            length = struct.unpack_from("<Q", made, at)[0]
            pickles.append(made[at + 8:at + 8 + length])
            at += 8 + length
        del made
        print(peak(pickles))
    else:
        for one in INPUTS[sys.argv[1]]():
            sys.stdout.buffer.write(struct.pack("<Q", len(one)) + one)


if __name__ == "__main__":
    import judge_inputs  # so that classes are pickled by a name that can be imported
    judge_inputs.main()
