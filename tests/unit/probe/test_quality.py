from voicectl.probe.probe_packet import ProbePacket, decode_packet, encode_packet
from voicectl.probe.quality import Stream

MS = 1_000_000


def stream(*arrivals: tuple[int, int, int], sent: int) -> Stream:
    found = Stream(sent=sent)
    for number, sent_ms, received_ms in arrivals:
        found.take(ProbePacket(1, number, sent_ms * MS, 160), received_ms * MS)
    return found


def test_loss_reordering_and_duplicates_are_counted_by_number() -> None:
    measured = stream((0, 0, 10), (2, 40, 50), (1, 20, 55), (2, 40, 56), sent=5).statistics(0.1)
    assert (measured.sent, measured.received) == (5, 3)
    assert (measured.duplicated, measured.reordered) == (1, 1)
    assert measured.longest_loss == 2
    assert measured.loss == 0.4


def test_delay_is_the_time_from_sending_to_arrival() -> None:
    measured = stream((0, 0, 10), (1, 20, 40), (2, 40, 70), sent=3).statistics(0.06)
    assert (measured.rtt_ms_min, measured.rtt_ms_p50, measured.rtt_ms_p95) == (10, 20, 30)


def test_jitter_is_a_sixteenth_of_each_change() -> None:
    # RFC 3550 6.4.1: D = 16 once, J = 16 / 16.
    assert stream((0, 0, 10), (1, 20, 46), sent=2).statistics(0.04).jitter_ms == 1.0
    assert stream((0, 0, 10), (1, 20, 30), sent=2).statistics(0.04).jitter_ms == 0.0


def test_nothing_received_is_all_lost() -> None:
    measured = stream(sent=4).statistics(0.08)
    assert (measured.loss, measured.rtt_ms_p50, measured.longest_loss) == (1.0, None, 4)


def test_packets_of_another_run_are_not_ours() -> None:
    packet = encode_packet(b"ourtoken", 1, 7, 99, 160)
    assert decode_packet(b"ourtoken", packet) == ProbePacket(1, 7, 99, 160)
    assert decode_packet(b"another!", packet) is None
    assert decode_packet(b"ourtoken", packet[:10]) is None
    assert decode_packet(b"ourtoken", b"") is None
