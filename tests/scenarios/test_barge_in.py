"""The caller speaks over the agent: what the agent has queued must stop, without a click."""

import numpy as np
import pytest
from support.engine_pair import TICK_NS, EnginePair
from support.signals import tone

from voicectl import _native
from voicectl.units import NS_PER_MS

FRAME_SAMPLES = 960
FADE_SAMPLES = 240


def talking_agent(rate_hz: int = 48_000) -> EnginePair:
    """A call whose agent has said 995 ms of a tone of five seconds."""
    pair = EnginePair(
        _native.EngineSettings(sink="playout"),
        _native.EngineSettings(sink="eager", tap_sent=True),
    )
    pair.run_ms(40)
    accepted = pair.agent.engine.queue_audio(tone(440, rate_hz, 5 * rate_hz), rate_hz)
    assert accepted == 5 * rate_hz
    pair.agent.engine.finish_audio()
    pair.run_ms(1005)
    return pair


def last_loud(pcm: np.ndarray, threshold: int) -> int:
    """One past the last sample above a level."""
    return int(np.flatnonzero(np.abs(pcm.astype(int)) > threshold)[-1]) + 1


def test_agent_falls_silent_within_a_frame_and_a_fade() -> None:
    pair = talking_agent()
    cleared_ns = pair.now_ns
    pair.agent.engine.clear_audio(cleared_ns)
    pair.run_ms(500)
    silent_ns = TICK_NS + last_loud(pair.agent.sent_pcm(), 0) * 1_000_000_000 // 48_000
    assert silent_ns - cleared_ns <= 25 * NS_PER_MS


def test_caller_hears_it_stop_one_playout_delay_later() -> None:
    pair = talking_agent()
    pair.run_ms(200)
    pair.agent.engine.clear_audio(pair.now_ns)
    cleared_ns = pair.now_ns
    pair.run_ms(500)
    silent_ns = TICK_NS + last_loud(pair.caller.received_pcm(), 300) * 1_000_000_000 // 48_000
    # 20 ms on the network, up to 60 in the jitter buffer, 6.5 in the codec, a frame, the fade.
    assert silent_ns - cleared_ns <= 115 * NS_PER_MS


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100, 48_000])
def test_account_is_exact_to_the_sample(rate_hz: int) -> None:
    pair = talking_agent(rate_hz)
    cleared = pair.agent.engine.clear_audio(pair.now_ns)
    pair.run_ms(500)
    said = pair.agent.sent_pcm()
    begin = int(np.flatnonzero(said)[0])
    # The frames taken until 1045 ms: those at 50, 70, ... 1030.
    assert cleared.sent_samples == 50 * FRAME_SAMPLES + FADE_SAMPLES
    assert cleared.sent_samples + cleared.dropped_samples == 5 * 48_000
    # The resampler's filter rings for a millisecond before the tone begins.
    assert last_loud(said, 0) - begin == pytest.approx(cleared.sent_samples, abs=50)
    assert cleared.sent_ms == cleared.sent_samples / 48


def test_fade_has_no_click() -> None:
    pair = talking_agent()
    before = pair.agent.sent_pcm().astype(int)
    steepest = np.abs(np.diff(before[9600:])).max()
    pair.agent.engine.clear_audio(pair.now_ns)
    pair.run_ms(100)
    said = pair.agent.sent_pcm().astype(int)
    assert np.abs(np.diff(said[9600:])).max() <= steepest * 1.1


def test_what_is_queued_after_the_clear_is_said_whole() -> None:
    pair = talking_agent()
    pair.agent.engine.clear_audio(pair.now_ns)
    pair.agent.engine.queue_audio(tone(660, 48_000, 4800), 48_000)
    pair.agent.engine.finish_audio()
    pair.run_ms(500)
    assert len(pair.agent.all(_native.AudioDrained)) == 1
    assert np.array_equal(
        # Recorded from 10 ms on; the first frame, sent at 50 ms, was spoken from 30 ms on.
        pair.agent.sent_pcm()[51 * FRAME_SAMPLES + FADE_SAMPLES :][:4800],
        tone(660, 48_000, 4800),
    )
