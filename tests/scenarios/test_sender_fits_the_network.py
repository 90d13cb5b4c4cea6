"""The sender on simulated networks, in virtual time: it neither overruns them nor flaps."""

import struct
from itertools import pairwise

import pytest
from support.engine_pair import is_rtcp
from support.networked_call import NetworkedCall, Second

from voicectl import _native
from voicectl.units import NS_PER_MS

RED = _native.Repairs(nack=False, receive_red=63, send_red=63)
RED_AND_DRED = _native.Repairs(nack=False, dred=True, receive_red=63, send_red=63)
PRESETS = ("lan", "broadband", "wireless", "lossy")
by_both = pytest.mark.parametrize("feedback", [False, True], ids=["reports", "feedback"])


def changes(seconds: list[Second]) -> int:
    return seconds[-1].adaptation.changes - seconds[0].adaptation.changes


@pytest.mark.parametrize("preset", PRESETS)
def test_quiet_link_is_used_and_left_alone(preset: str) -> None:
    call = NetworkedCall(preset, "delay=20ms", repairs=RED)
    seconds = call.run_s(40)
    settled = seconds[20:]
    assert changes(settled) == 0
    assert {second.adaptation.congestions for second in seconds} == {0}
    assert sum(second.dropped for second in seconds) == 0
    expected_bps = {"lan": 64_000, "broadband": 40_000, "wireless": 32_000, "lossy": 24_000}
    assert settled[-1].adaptation.bitrate_bps >= 0.9 * expected_bps[preset]
    assert settled[-1].adaptation.frame_ms == (10 if preset == "lan" else 20)
    assert settled[-1].adaptation.limit == "preset"


@pytest.mark.parametrize(("max_frame_ms", "longest_ms"), [(20, 20), (50, 40), (3, 10)])
def test_no_packet_is_longer_than_the_peer_takes(max_frame_ms: int, longest_ms: int) -> None:
    call = NetworkedCall("broadband", "delay=20ms,rate=40kbit,queue=300ms", repairs=RED)
    call.caller.engine.configure_send("opus", max_frame_ms=max_frame_ms)
    lengths = {second.adaptation.frame_ms for second in call.run_s(40)}
    assert max(lengths) <= longest_ms
    fixed = _native.Engine(_native.EngineSettings(frame_ms=60), now_ns=0, seed=1)
    fixed.configure_send("opus", max_frame_ms=max_frame_ms)
    fixed.start_sending(ssrc=1, payload_type=111, cname="c")
    packets: list[bytes] = []
    for now_ms in range(0, 10 * longest_ms, 10):
        fixed.handle_timeout(now_ms * NS_PER_MS)
        packets += fixed.poll_transmit()
    rtp = [packet for packet in packets if not is_rtcp(packet)]
    steps = {
        int.from_bytes(b[4:8]) - int.from_bytes(a[4:8]) & 0xFFFF_FFFF for a, b in pairwise(rtp)
    }
    assert steps == {48 * longest_ms}


def test_presets_start_where_they_say() -> None:
    starts = {}
    for preset in PRESETS:
        engine = NetworkedCall(preset, "delay=20ms").caller.engine
        stats = engine.stats()
        assert stats.adaptation is not None
        starts[preset] = (
            stats.adaptation.bitrate_bps,
            stats.adaptation.frame_ms,
            stats.redundancy.inband_fec,
            stats.adaptation.complexity,
        )
    assert starts == {
        "lan": (32_000, 10, False, 9),
        "broadband": (32_000, 20, False, 9),
        "wireless": (24_000, 20, True, 9),
        "lossy": (24_000, 20, True, 10),
    }


@pytest.mark.parametrize("preset", ["broadband", "wireless"])
@pytest.mark.parametrize("rate_kbps", [40, 30])
def test_narrow_link_is_not_overrun(preset: str, rate_kbps: int) -> None:
    call = NetworkedCall(preset, f"delay=20ms,rate={rate_kbps}kbit,queue=300ms", repairs=RED)
    seconds = call.run_s(100)
    # Until then a queue that was full from the first packet may have to be found by trial.
    settled = seconds[25:]
    over = [second for second in settled if second.offered_bps > rate_kbps * 1000]
    assert len(over) <= 12, [round(second.offered_bps) for second in settled]
    # Its queue stays short but for the moments in which it is tried.
    waiting = [second for second in settled if second.delay_ms > 20 + 100]
    assert len(waiting) <= 12
    assert sum(second.dropped for second in settled) <= 0.01 * 50 * len(settled)
    assert {second.adaptation.limit for second in settled} & {"queue", "loss"}
    # And it is not left unused.
    used = sum(second.offered_bps for second in settled) / len(settled)
    assert used > 0.55 * rate_kbps * 1000
    assert changes(settled) <= 20


@by_both
@pytest.mark.parametrize("preset", PRESETS)
def test_link_that_drops_instead_of_queueing_is_not_overrun_either(
    preset: str, feedback: bool
) -> None:
    network = "delay=20ms,rate=35kbit,queue=20ms"
    call = NetworkedCall(preset, network, repairs=RED, transport_feedback=feedback, seed=2)
    settled = call.run_s(120)[40:]
    lost = sum(second.dropped for second in settled)
    sent = sum(1000 / second.adaptation.frame_ms for second in settled)
    assert lost / sent < 0.03
    assert sum(second.offered_bps for second in settled) / len(settled) > 0.5 * 35_000


@by_both
def test_link_that_becomes_narrow_is_given_less_within_seconds(feedback: bool) -> None:
    call = NetworkedCall("broadband", "delay=20ms", repairs=RED, transport_feedback=feedback)
    call.run_s(20)
    call.there.become("delay=20ms,rate=32kbit,queue=300ms", 5)
    seconds = call.run_s(30)
    below = next(n for n, second in enumerate(seconds) if second.offered_bps < 32_000)
    assert below <= (3 if feedback else 8)
    assert all(second.offered_bps < 36_000 for second in seconds[12:])


@pytest.mark.parametrize("preset", ["lan", "broadband", "wireless"])
def test_queue_that_is_full_from_the_first_packet_is_found_within_seconds(preset: str) -> None:
    network = "delay=20ms,rate=40kbit,queue=300ms"
    call = NetworkedCall(preset, network, repairs=RED, transport_feedback=True)
    seconds = call.run_s(15)
    assert all(second.offered_bps < 42_000 for second in seconds[4:])
    assert all(second.delay_ms < 100 for second in seconds[6:])


@by_both
def test_losses_in_bursts_neither_make_it_flap_nor_starve_it(feedback: bool) -> None:
    call = NetworkedCall("broadband", "ge5", repairs=RED, transport_feedback=feedback, seed=2)
    settled = call.run_s(120)[30:]
    assert changes(settled) <= 12
    median = sorted(second.adaptation.bitrate_bps for second in settled)[len(settled) // 2]
    assert median >= 14_000


def test_loss_turns_redundancy_on_and_peace_turns_it_off() -> None:
    call = NetworkedCall("broadband", "delay=20ms", repairs=RED)
    quiet = call.run_s(10)[-1]
    assert (quiet.redundancy.inband_fec, quiet.redundancy.red_frames) == (False, 0)
    call.there.become("delay=20ms,loss=8%", 5)
    lossy = call.run_s(60)
    assert all(second.redundancy.inband_fec for second in lossy[5:])
    assert lossy[-1].redundancy.red_frames >= 1
    assert lossy[-1].redundancy.expected_loss_percent >= 5
    # Loss that stays when less is sent is not for want of bandwidth: more is sent again.
    assert max(second.adaptation.congestions for second in lossy) <= 4
    assert lossy[-1].adaptation.bitrate_bps >= 20_000
    call.there.become("delay=20ms", 6)
    # By what is lost in the long run, which a minute ago was 8 %.
    after = call.run_s(90)[-1]
    assert (after.redundancy.inband_fec, after.redundancy.red_frames) == (False, 0)


def test_peer_without_red_is_protected_by_lbrr() -> None:
    call = NetworkedCall("broadband", "delay=20ms,loss=8%")
    last = call.run_s(20)[-1]
    assert (last.redundancy.inband_fec, last.redundancy.red_frames) == (True, 0)


def test_heavy_loss_is_covered_by_dred_with_a_peer_that_reads_it() -> None:
    call = NetworkedCall("wireless", "delay=40ms,loss=18%,burst=4", repairs=RED_AND_DRED)
    seconds = call.run_s(40)
    covered = [second for second in seconds[10:] if second.adaptation.protection == "burst"]
    assert len(covered) > 20
    assert {second.redundancy.dred_duration_ms for second in covered} == {200}
    assert {second.redundancy.inband_fec for second in covered} == {False}


def test_random_loss_does_not_starve_the_voice() -> None:
    call = NetworkedCall("wireless", "delay=40ms,loss=12%", repairs=RED, seed=4)
    settled = call.run_s(120)[30:]
    median = sorted(second.adaptation.bitrate_bps for second in settled)[len(settled) // 2]
    assert median >= 16_000


@by_both
@pytest.mark.parametrize("profile", ["wifi-spikes", "lte", "gauss20", "handover", "step150"])
def test_jitter_and_outages_do_not_make_it_flap(profile: str, feedback: bool) -> None:
    call = NetworkedCall("wireless", profile, repairs=RED, transport_feedback=feedback)
    seconds = call.run_s(60)
    assert changes(seconds[10:]) <= 10
    median = sorted(second.adaptation.bitrate_bps for second in seconds[10:])[25]
    assert median >= 16_000


def test_peer_s_own_bound_is_heeded() -> None:
    call = NetworkedCall("lan", "delay=5ms", max_bitrate_bps=20_000)
    seconds = call.run_s(15)
    assert max(second.adaptation.bitrate_bps for second in seconds) <= 20_000
    assert seconds[-1].adaptation.limit == "peer"


def test_peer_that_falls_silent_is_sent_less() -> None:
    call = NetworkedCall("broadband", "delay=20ms")
    before = call.run_s(10)[-1].adaptation.budget_bps
    call.back.become("loss=100%", 5)
    after = call.run_s(20)[-1].adaptation
    assert after.budget_bps < 0.6 * before
    assert after.congestions >= 2
    assert after.limit == "silence"


def remb(bps: int, ssrc: int) -> bytes:
    exponent = max(bps.bit_length() - 18, 0)
    mantissa = bps >> exponent
    body = struct.pack("!II4sBB", 1, 0, b"REMB", 1, exponent << 2 | mantissa >> 16)
    body += struct.pack("!HI", mantissa & 0xFFFF, ssrc)
    return struct.pack("!BBH", 0x8F, 206, len(body) // 4) + body


def extended_report(ssrc: int, *runs: tuple[bool, int]) -> bytes:
    chunks = [(0x4000 if came else 0) | count for came, count in runs]
    chunks += [0] * (len(chunks) % 2)
    packets = sum(count for _, count in runs)
    block = struct.pack(
        f"!BBHIHH{len(chunks)}H", 1, 0, 2 + len(chunks) // 2, ssrc, 0, packets, *chunks
    )
    return struct.pack("!BBHI", 0x80, 207, 1 + len(block) // 4, 9) + block


def test_receiver_s_maximum_is_a_bound_for_as_long_as_it_is_told() -> None:
    call = NetworkedCall("broadband", "delay=20ms")
    call.run_s(5)
    call.caller.engine.handle_rtcp(remb(30_000, call.caller.ssrc), call.now_ns)
    bounded = call.run_s(5)
    assert {second.adaptation.maximum_bps for second in bounded} == {30_000}
    assert all(second.offered_bps < 32_000 for second in bounded[1:])
    free = call.run_s(40)[-1]
    assert free.adaptation.maximum_bps is None
    assert free.offered_bps > 40_000


def test_losses_in_a_row_that_are_reported_bring_more_than_single_ones_do() -> None:
    protections = []
    for burst in (1, 5):
        call = NetworkedCall("broadband", "delay=20ms,loss=7%", repairs=RED, seed=3)
        for _ in range(6):
            runs = [(True, 50), (False, burst)] * 2
            packet = extended_report(call.caller.ssrc, *runs)
            call.caller.engine.handle_rtcp(packet, call.now_ns)
            last = call.run_s(2)[-1]
        protections.append(last.adaptation.protection)
    assert protections == ["repeat", "burst"]
