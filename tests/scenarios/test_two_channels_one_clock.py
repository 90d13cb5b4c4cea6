"""Both directions of a call, tapped at the caller, are the two channels of one recording."""

import numpy as np
import pytest
from support.engine_pair import TICK_NS, EnginePair, Link
from support.signals import noise, tone

from voicectl import _native
from voicectl.units import NS_PER_MS, NS_PER_S

# Opus' look-ahead at 48 kHz: 6.5 ms.
LOOK_AHEAD_SAMPLES = 312


def recording_call(rate_hz: int = 48_000) -> EnginePair:
    return EnginePair(
        _native.EngineSettings(sink="playout", tap_sent=True, output_rate_hz=rate_hz),
        _native.EngineSettings(sink="eager", bitrate_bps=64_000),
    )


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_both_channels_have_one_sample_for_each_of_the_clock(rate_hz: int) -> None:
    pair = recording_call(rate_hz)
    pair.run_ms(2000)
    # What is said comes a frame of 20 ms later than what is heard in the same tick.
    heard, said = pair.caller.all(_native.AudioReceived), pair.caller.all(_native.AudioSent)
    for channel, length_ms in ((heard, 2000), (said, 1980)):
        position = 0
        for event in channel:
            assert event.at_ns == TICK_NS + position * NS_PER_S // rate_hz
            position += len(event.pcm)
        assert position == rate_hz * length_ms // 1000


def test_what_is_said_is_recorded_sample_for_sample_in_the_time_before_it_is_sent() -> None:
    pair = recording_call()
    pair.run_ms(1234)
    said = tone(440, 48_000, 4800)
    pair.caller.engine.queue_audio(said, 48_000)
    pair.caller.engine.finish_audio()
    pair.run_ms(500)
    # Frames go out at 10, 30, ... ms: the next one at 1250, and its samples were spoken in the
    # 20 ms before. Recordings begin at the first tick.
    begin = (1250 - 20 - 10) * 48
    assert np.array_equal(pair.caller.sent_pcm()[begin : begin + 4800], said)
    (drained,) = pair.caller.all(_native.AudioDrained)
    assert drained.at_ns == (1250 + 100) * NS_PER_MS


def test_end_of_an_utterance_is_told_after_the_audio_that_it_lies_in() -> None:
    pair = recording_call()
    pair.caller.engine.queue_audio(tone(440, 48_000, 4000), 48_000)
    pair.caller.engine.finish_audio()
    pair.run_ms(500)
    (drained,) = pair.caller.all(_native.AudioDrained)
    before = pair.caller.events[: pair.caller.events.index(drained)]
    recorded = sum(len(event.pcm) for event in before if isinstance(event, _native.AudioSent))
    assert TICK_NS + recorded * NS_PER_S // 48_000 >= drained.at_ns - 20 * NS_PER_MS


def test_what_is_heard_lies_where_media_time_says() -> None:
    pair = recording_call()
    pair.run_ms(1000)
    said = noise(4800, -20)
    pair.agent.engine.queue_audio(said, 48_000)
    pair.agent.engine.finish_audio()
    pair.run_ms(1000)
    heard = pair.caller.received_pcm().astype(float)
    found = int(np.argmax(np.correlate(heard, said.astype(float), mode="valid")))
    # The agent's media begins with its first frame, at 10 ms; that at 1010 ms carries the noise.
    media = 1000 * 48
    position = 0
    for event in pair.caller.all(_native.AudioReceived):
        if event.media_time_samples <= media < event.media_time_samples + len(event.pcm):
            position = (event.at_ns - TICK_NS) * 48 // NS_PER_MS + media - event.media_time_samples
    # What is stretched or shortened within a tick moves the rest of that tick.
    assert found == pytest.approx(position + LOOK_AHEAD_SAMPLES, abs=480)


def test_round_trip_is_measured_from_reports() -> None:
    slow = Link(delay_ns=35 * NS_PER_MS)
    pair = EnginePair(_native.EngineSettings(), _native.EngineSettings(sink="eager"), to_agent=slow)
    pair.run_ms(5000)
    for end in pair.ends:
        remote = end.engine.stats().remote_inbound
        assert remote is not None
        assert remote.round_trip_time_ms == pytest.approx(55, abs=0.1)
