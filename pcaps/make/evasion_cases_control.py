"""More cases of evasion.py: windows, RST, FIN, SYN, urgent data, the ways a connection begins and ends."""
import struct

from evasion_cases import B, D, E, N, S, WEB, case
from evasion_wire import ACK, FIN, MD5, MSS, NOP, PSH, RST, SYN, URG, timestamp


# ---- window

@case("Harmless data far beyond the window, then the exploit.")
def beyond_window(c):
    c.handshake()
    c.data(0x20000000, B)
    c.data(0, E)


@case("Harmless data wholly before the window, then the exploit.")
def before_window(c):
    c.handshake()
    c.data(-N, B)
    c.data(0, E)


@case("A harmless copy queued half a gigabyte ahead comes first; the exploit follows in order.")
def half_space_ahead(c):
    c.handshake()
    c.data(0x7FFFFFF0, B)
    c.data(0, E)


@case("A keep-alive with a byte before the stream, then the exploit.")
def keep_alive(c):
    c.handshake()
    c.data(-1, b"\xff", flags=ACK)
    c.data(0, E)


@case("A keep-alive in the middle that repeats a delivered byte wrongly.")
def keep_alive_inside(c):
    c.handshake()
    c.data(0, E[:D + 3])
    c.pump(0.06)
    c.data(D + 2, b"x", flags=ACK)
    c.data(D + 3, E[D + 3:])


@case("The victim's window is full: garbage as a probe, then the true bytes once there is room, the exploit.",
      receive_buffer=4096, delay=0.5, messages=2)
def zero_window_probe(c):
    c.handshake()
    body = b"\x80\x02T" + struct.pack("<i", 20000) + b"x" * 20000 + b"."
    message = struct.pack("!i", len(body)) + body + E
    at = 0
    for _ in range(200):  # until all is sent: the victim sleeps first
        c.data(at, message[at:at + 500])
        c.pump(0.01)
        acked = (c.victim_acked - c.isn - 1) & 0xFFFFFFFF
        if acked == at and at < len(message):
            c.data(at, b"\xff" * 100)
            c.pump(0.3)
        at = acked
        if at >= len(message):
            return


# ---- RST, then the exploit

def reset(name, story, before=None, offset=0, timestamps=False, after=E, at=0, **how):
    def run(c):
        c.handshake(timestamps)
        if before:
            before(c)
        options = how.get("options")
        more = dict(how, options=options(c)) if callable(options) else how
        c.bare(offset, **dict({"flags": RST}, **more))
        c.pump(0.02)
        c.ts += 5
        c.data(at, after[at:])
    run.__name__ = name
    case(story)(run)


reset("rst_exact", "RST with exactly the next number, then the exploit.")
reset("rst_one_ahead", "RST one number ahead, then the exploit.", offset=1)
reset("rst_in_window", "RST in the window, then the exploit.", offset=5000)
reset("rst_behind", "RST one number behind, then the exploit.", offset=-1)
reset("rst_far", "RST beyond the window, then the exploit.", offset=0x20000000)
reset("rst_bad_sum", "RST with a wrong checksum, then the exploit.", spoil="bad")
reset("rst_bad_ip_sum", "RST with a wrong checksum of the IP header, then the exploit.", spoil="ip")
reset("rst_md5", "RST with an MD5 option, then the exploit.", options=MD5 + NOP * 2)
reset("rst_low_ttl", "RST with TTL 1, then the exploit.", ttl=1)
reset("rst_wrong_mac", "RST to another link address, then the exploit.", mac=b"\x02\0\0\0\0\x77")
reset("rst_bad_ack", "RST with the next number and an ACK number never sent, then the exploit.", flags=RST | ACK, ack=9999)
reset("rst_old_timestamp", "RST with the next number and an old timestamp, then the exploit.", timestamps=True,
      options=lambda c: NOP * 2 + timestamp(c.ts - 500000, 0))
reset("rst_syn", "SYN and RST together, then the exploit.", flags=SYN | RST)
reset("rst_fin", "FIN and RST together, then the exploit.", flags=FIN | RST | ACK)
reset("rst_sack_edge", "RST at the right edge of queued data, then the rest of the exploit.",
      lambda c: (c.data(10, E[10:]), c.pump(0.03)), offset=N)
reset("rst_inside_queue", "RST inside queued data, then the rest of the exploit.",
      lambda c: (c.data(10, E[10:]), c.pump(0.03)), offset=N - 3)
reset("rst_in_the_middle_low_ttl", "Half the exploit, a RST with TTL 1, the other half.",
      lambda c: (c.data(0, E[:D]), c.pump(0.06)), offset=D, at=D, ttl=1)
reset("rst_in_the_middle_bad_sum", "Half the exploit, a RST with a wrong checksum, the other half.",
      lambda c: (c.data(0, E[:D]), c.pump(0.06)), offset=D, at=D, spoil="bad")


@case("The whole exploit, and a RST at once: data before it is still read.")
def rst_after_data(c):
    c.handshake()
    c.data(0, E)
    c.pump(0.06)
    c.bare(N, flags=RST)


@case("A RST with data of its own (the exploit).")
def rst_with_data(c):
    c.handshake()
    c.data(0, E, flags=RST | ACK)


# ---- FIN

def fin(name, story, steps, timestamps=False, **options):
    def run(c):
        c.handshake(timestamps)
        for step in steps:
            step(c)
    run.__name__ = name
    case(story, **options)(run)


pause = lambda c: c.pump(0.06)
good = lambda c: c.data(0, E)
fin("fin_with_data", "The exploit with FIN.", [lambda c: c.data(0, E, flags=PSH | ACK | FIN)])
fin("fin_then_data", "FIN in order, then the exploit at its number.", [lambda c: c.bare(0, FIN | ACK), pause, good])
fin("fin_then_data_behind", "FIN in order, then the exploit behind it.",
    [lambda c: c.bare(0, FIN | ACK), pause, lambda c: c.data(1, E)])
fin("fin_no_ack_flag", "FIN without ACK, then the exploit.", [lambda c: c.bare(0, FIN), pause, good])
fin("fin_bad_ack", "FIN with an ACK number never sent, then the exploit.",
    [lambda c: c.bare(0, FIN | ACK, 1000), pause, good])
fin("fin_bad_sum", "FIN with a wrong checksum, then the exploit.",
    [lambda c: c.bare(0, FIN | ACK, spoil="bad"), pause, good])
fin("fin_low_ttl", "FIN with TTL 1, then the exploit.", [lambda c: c.bare(0, FIN | ACK, ttl=1), pause, good])
fin("fin_low_ttl_middle", "Half the exploit, FIN with TTL 1, the other half.",
    [lambda c: c.data(0, E[:D]), pause, lambda c: c.bare(D, FIN | ACK, ttl=1), pause, lambda c: c.data(D, E[D:])])
fin("fin_ahead", "FIN inside the frame, out of order; the data that covers it comes later.",
    [lambda c: c.bare(10, FIN | ACK), pause, good])
fin("fin_ahead_pieces", "FIN inside the frame, out of order; then data up to it and behind it.",
    [lambda c: c.bare(10, FIN | ACK), pause, lambda c: c.data(0, E[:10]), pause, lambda c: c.data(10, E[10:])])
fin("fin_queued_covered", "A queued segment with FIN, replaced by longer queued data with its start.",
    [lambda c: c.data(10, E[10:12], flags=ACK | FIN), lambda c: c.data(10, E[10:]), lambda c: c.data(0, E[:10])])
fin("fin_inside_queued", "A FIN inside data that is queued.",
    [lambda c: c.data(10, E[10:]), lambda c: c.data(12, E[12:14], flags=ACK | FIN), lambda c: c.data(0, E[:10])])
fin("fin_old_timestamp", "FIN with an old timestamp, then the exploit.",
    [lambda c: c.bare(0, FIN | ACK, options=NOP * 2 + timestamp(c.ts - 500000, 0)), pause, good], True)
fin("victim_half_closed", "The victim has closed its side; the exploit comes later.", [pause, good], half_close=True)


# ---- SYN and the ways to begin

@case("The exploit as data of the SYN, and nothing else.")
def syn_with_exploit(c):
    c.handshake(syn_payload=E)


@case("Harmless data on the SYN, then the exploit.")
def syn_with_harmless(c):
    c.handshake(syn_payload=B)
    c.data(0, E)


@case("The exploit on the SYN, then harmless data.")
def syn_with_exploit_then_harmless(c):
    c.handshake(syn_payload=E)
    c.data(0, B)


@case("A bare SYN with an in-window number inside the connection, then the exploit.")
def syn_inside(c):
    c.handshake()
    c.bare(0, SYN, -c.victim_next)
    c.pump(0.03)
    c.data(0, E)


@case("A bare SYN with a new number inside the connection, data at the new number (harmless), then the exploit.")
def syn_new_number(c):
    c.handshake()
    c.segment(SYN, c.isn + 500000, 0, options=MSS)
    c.pump(0.03)
    c.data(500000, B)
    c.data(0, E)


@case("A second SYN with another number before the handshake ends; the first stands.")
def syn_twice_far(c):
    c.syn()
    c.wait_for_syn_ack()
    c.segment(SYN, c.isn + 0x40000000, 0, options=MSS)
    c.pump(0.03)
    c.bare(0)
    c.data(0, E)


@case("Two SYNs at once, the second with a near number.")
def syn_twice_near(c):
    c.syn()
    c.segment(SYN, c.isn + 100, 0, options=MSS)
    c.wait_for_syn_ack()
    c.pump(0.02)
    c.bare(0)
    c.data(0, E)


@case("A decoy SYN with TTL 1 and another number, then the true one.")
def syn_low_ttl_first(c):
    c.segment(SYN, c.isn + 70000, 0, options=MSS, ttl=1)
    c.pump(0.02)
    c.handshake()
    c.data(0, E)


@case("The true SYN, then a decoy SYN with TTL 1 and another number before the SYN-ACK is there.")
def syn_low_ttl_second(c):
    c.syn()
    c.segment(SYN, c.isn + 70000, 0, options=MSS, ttl=1)
    c.wait_for_syn_ack()
    c.bare(0)
    c.data(0, E)


@case("RST, and the port is used again: the second connection carries the exploit.")
def port_reused(c):
    c.syn()
    c.wait_for_syn_ack()
    c.bare(0, RST)
    c.pump(0.05)
    c.isn += 100000
    c.victim_isn = 0
    c.handshake()
    c.data(0, E)


@case("Data with the ACK that ends the handshake.")
def data_with_first_ack(c):
    c.syn()
    c.wait_for_syn_ack()
    c.data(0, E)


@case("Both sides connect at once (simultaneous open).", connect=True)
def simultaneous_open(c):
    for _ in range(100):
        c.pump(0.01)
        if c.victim_isn:
            break
    c.segment(SYN, c.isn, 0, options=MSS)
    c.pump(0.03)
    c.segment(SYN | ACK, c.isn, c.victim_isn + 1, options=MSS)
    c.pump(0.02)
    c.bare(0)
    c.data(0, E)


@case("The victim speaks first; the exploit acknowledges none, half and all of it.", greet=True)
def greeted(c):
    c.handshake()
    c.pump(0.05)
    c.data(0, E[:10], ack=-5)
    c.data(10, E[10:20], ack=-3)
    c.data(20, E[20:])


# ---- urgent data

def urgent(name, story, steps):
    def run(c):
        c.handshake()
        for step in steps:
            step(c)
    run.__name__ = name
    case(story)(run)


X = E[:D + 2] + b"!" + E[D + 2:]  # one byte more, which the urgent mark takes out
urgent("urgent_one_more", "A byte too many in the name, marked urgent, in one segment.",
       [lambda c: c.data(0, X, flags=PSH | ACK | URG, urgent=D + 3)])
urgent("urgent_in_the_name", "A byte of the name is marked urgent and leaves the stream.",
       [lambda c: c.data(0, E, flags=PSH | ACK | URG, urgent=D + 3)])
urgent("urgent_alone", "The byte too many travels alone, marked urgent.",
       [lambda c: c.data(0, X[:D + 2]), lambda c: c.data(D + 2, b"!", flags=ACK | URG, urgent=1), pause,
        lambda c: c.data(D + 3, X[D + 3:])])
urgent("urgent_pointer_zero", "The byte too many alone, urgent with pointer 0.",
       [lambda c: c.data(0, X[:D + 2]), lambda c: c.data(D + 2, b"!", flags=ACK | URG, urgent=0), pause,
        lambda c: c.data(D + 3, X[D + 3:])])
urgent("urgent_mark_on_ack", "A bare ACK marks the byte too many, which comes later.",
       [lambda c: c.bare(0, ACK | URG, urgent=D + 3), pause, lambda c: c.data(0, X)])
urgent("urgent_flag_missing", "A pointer without the URG flag: the byte stays.",
       [lambda c: c.data(0, E, urgent=D + 3)])
urgent("urgent_beyond", "The pointer names a byte behind the frame.",
       [lambda c: c.data(0, E, flags=PSH | ACK | URG, urgent=N + 50)])
urgent("urgent_later_segment", "The pointer names a byte of the next segment, which is one too many.",
       [lambda c: c.data(0, X[:8], flags=ACK | URG, urgent=D + 3), pause, lambda c: c.data(8, X[8:])])
urgent("urgent_out_of_order", "The marked segment comes out of order.",
       [lambda c: c.data(8, X[8:], flags=ACK | URG, urgent=D + 3 - 8), pause, lambda c: c.data(0, X[:8])])


# ---- two decoys of different kinds

@case("TTL 1 for the first decoy, a wrong checksum for the second, then the exploit, three bytes at a time.")
def mixed_decoys(c):
    c.handshake()
    for i in range(0, N, 3):
        c.data(i, B[i:i + 3].replace(b"s", b"q"), ttl=1)
        c.data(i, B[i:i + 3].replace(b"t", b"r"), spoil="bad")
        c.data(i, E[i:i + 3])


@case("Decoys of TTL 1 after each piece of the exploit.")
def low_ttl_after(c):
    c.handshake()
    for i in range(0, N, 4):
        c.data(i, E[i:i + 4])
        c.data(i, B[i:i + 4].replace(b"s", b"q"), ttl=1)


@case("Of three bytes of the name the decoy comes first, of three the exploit does.")
def decoy_first_and_last(c):
    c.handshake()
    c.data(0, E[:D])
    c.data(D, b"abc", ttl=1)
    c.data(D, E[D:D + 3])
    c.data(D + 3, E[D + 3:S])
    c.data(D + 3, b"xyz")
    c.data(S, E[S:])


@case("A header with another length (TTL 1) comes before the true one.")
def low_ttl_header(c):
    c.handshake()
    c.data(0, struct.pack("!i", 5000), ttl=1)
    c.data(0, E[:4])
    c.data(4, E[4:])


@case("First byte true, then a decoy of a web request (TTL 1), then the rest of the exploit.")
def low_ttl_web_after_one_byte(c):
    c.handshake()
    c.data(0, E[:1])
    c.data(1, WEB[:N - 1], ttl=1)
    c.data(1, E[1:])


@case("Sixty bytes of garbage (TTL 1) out of order, then the exploit in order.")
def low_ttl_ahead(c):
    c.handshake()
    c.data(10, b"\xff" * (N - 10), ttl=1)
    c.data(0, E[:10])
    c.data(10, E[10:])
