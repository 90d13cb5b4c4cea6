"""The event loop is blocked: the engine catches up, and the same inputs give the same outputs."""

import numpy as np
from support.engine_pair import EnginePair, is_rtcp
from support.signals import tone, voiced

from voicectl import _native
from voicectl.units import NS_PER_MS, NS_PER_S


def voice_call(seed: int = 1) -> EnginePair:
    pair = EnginePair(
        _native.EngineSettings(sink="playout", tap_sent=True),
        _native.EngineSettings(sink="eager", output_rate_hz=16_000, vad="earshot", tap_sent=True),
        seed=seed,
    )
    pair.agent.engine.queue_audio(voiced(24_000, 24_000), 24_000)
    pair.agent.engine.finish_audio()
    return pair


def test_stalled_sender_catches_up_with_the_same_packets_and_the_same_recording() -> None:
    punctual = voice_call()
    punctual.run_ms(1500)
    stalled = voice_call()
    stalled.run_ms(400)
    stalled.stall(stalled.agent, 300)
    stalled.run_ms(1100)
    assert stalled.agent.sent_rtp() == punctual.agent.sent_rtp()
    assert np.array_equal(stalled.agent.sent_pcm(), punctual.agent.sent_pcm())
    assert stalled.agent.engine.stats().drops.skipped_ticks == 0


def test_stalled_listener_records_every_tick_of_the_stall() -> None:
    pair = voice_call()
    pair.run_ms(400)
    pair.stall(pair.caller, 300)
    pair.run_ms(1100)
    assert len(pair.caller.received_pcm()) == 1500 * 48
    assert len(pair.caller.sent_pcm()) == 1480 * 48


def test_backlog_of_more_than_five_seconds_is_passed_over_and_counted() -> None:
    engine = _native.Engine(_native.EngineSettings(tap_sent=True), now_ns=0, seed=1)
    engine.start_sending(ssrc=1, payload_type=111, cname="late")
    engine.handle_timeout(10 * NS_PER_MS)
    engine.poll_events()
    assert len(engine.poll_transmit()) == 1
    # So late that running every tick would take years.
    late_ns = 10**9 * NS_PER_S + 10 * NS_PER_MS
    engine.handle_timeout(late_ns)
    packets = [packet for packet in engine.poll_transmit() if not is_rtcp(packet)]
    assert len(packets) == 1
    assert engine.stats().drops.skipped_ticks == (late_ns - 20 * NS_PER_MS) // (10 * NS_PER_MS)
    (sent,) = [event for event in engine.poll_events() if isinstance(event, _native.AudioSent)]
    assert sent.at_ns == late_ns - 20 * NS_PER_MS


def test_time_that_goes_back_stands_still() -> None:
    engine = _native.Engine(_native.EngineSettings(), now_ns=NS_PER_S, seed=1)
    engine.handle_timeout(2 * NS_PER_S)
    engine.poll_events()
    engine.handle_timeout(NS_PER_S)
    assert engine.poll_events() == []
    assert engine.next_timeout() == 2 * NS_PER_S + 10 * NS_PER_MS


def test_same_inputs_give_the_same_bytes_and_samples() -> None:
    first, second = voice_call(), voice_call()
    for pair in (first, second):
        pair.run_ms(700)
        pair.stall(pair.caller, 70)
        pair.caller.engine.queue_audio(tone(440, 48_000, 9_000), 48_000)
        pair.run_ms(800)
    for one, other in zip(first.ends, second.ends, strict=True):
        assert one.sent == other.sent
        assert [repr(event) for event in one.events] == [repr(event) for event in other.events]
        assert np.array_equal(one.received_pcm(), other.received_pcm())


def test_other_seed_gives_other_identifiers() -> None:
    first, second = voice_call(seed=1), voice_call(seed=10)
    for pair in (first, second):
        pair.run_ms(100)
    assert first.agent.sent_rtp()[0][2:8] != second.agent.sent_rtp()[0][2:8]
