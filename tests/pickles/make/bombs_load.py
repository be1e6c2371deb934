"""Loads pickles in throw-away children and says what each load cost: run inside each Python, 2.7 and 3.

Standard input: lines "NAME HEX" (HEX as `bombs.short_hex` writes it). Standard output, one line each:
"NAME outcome cpu_ms touched_mb reserved_mb". `touched` is the growth of VmHWM, `reserved` that of VmPeak, both over
what the child had before the load; the object loaded is freed before the figures are taken. outcome: "loads", the name
of the exception, "signal N" (11: the C stack overflowed) or "too long" (CPU limit).
"""
import os
import resource
import signal
import sys
import threading

try:
    import cPickle as pickle
except ImportError:
    import pickle

ADDRESS_SPACE = int(os.environ.get("BOMBS_ADDRESS_SPACE", 3 << 30))
CPU_SECONDS = int(os.environ.get("BOMBS_CPU_SECONDS", 10))
THREAD_STACK = int(os.environ.get("BOMBS_THREAD_STACK", 0))  # 0: in the main thread


def from_short_hex(pieces):
    out = []
    for piece in pieces.split(","):
        once, _, count = piece.partition("*")
        out.append(bytes(bytearray.fromhex(once)) * int(count or 1))
    return b"".join(out)


def status_kb(key):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    return 0


def cpu_ms():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000


def measure(data):
    before = status_kb("VmHWM"), status_kb("VmPeak"), cpu_ms()
    outcome = "loads"
    try:
        value = pickle.loads(data)
        del value
    except BaseException as error:
        outcome = type(error).__name__
        del error
    cpu = cpu_ms() - before[2]
    touched = (status_kb("VmHWM") - before[0]) // 1024
    reserved = (status_kb("VmPeak") - before[1]) // 1024
    return "%s %d %d %d" % (outcome, cpu, touched, reserved)


def in_child(data):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        answer = []
        if THREAD_STACK:
            threading.stack_size(THREAD_STACK)
            thread = threading.Thread(target=lambda: answer.append(measure(data)))
            thread.start()
            thread.join()
        else:
            answer.append(measure(data))
        os.write(writer, answer[0].encode())
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 4096).decode()
    os.close(reader)
    _, status, used = os.wait4(child, 0)
    if answer:
        return answer
    spent = (used.ru_utime + used.ru_stime) * 1000
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1
    outcome = "too-long" if number in (signal.SIGXCPU, signal.SIGKILL) else "signal-%d" % number
    return "%s %d %d -" % (outcome, spent, used.ru_maxrss // 1024)


def main():
    for line in sys.stdin:
        name, pieces = line.split()
        sys.stdout.write("%s %s\n" % (name, in_child(from_short_hex(pieces))))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
