"""Speech begun and ended, heard on a synthetic voice whose edges are known."""

from functools import cache

import hibari
import numpy as np
import pytest
from numpy.typing import NDArray
from support.signals import noise

from voicectl._native import Resampler, SpeechEnded, SpeechGate, SpeechStarted
from voicectl.errors import UsageError

RATE_HZ = 16_000
LINES = ("What time is it?", "Please repeat after me, seven green bottles.", "Stop.")


@cache
def spoken(line: str) -> NDArray[np.int16]:
    """The line at 16 kHz with a peak of -8 dBFS."""
    voice = _voice()
    samples = np.concatenate(
        [np.asarray(chunk, np.float32) for chunk in voice.stream(line, seed=1)]
    )
    pcm = np.round(samples / np.abs(samples).max() * 13_000).astype(np.int16)
    return Resampler(hibari.SAMPLE_RATE, RATE_HZ).convert(pcm)


@cache
def _voice() -> hibari.Hibari:
    return hibari.Hibari()


def edges(pcm: NDArray[np.int16], noise_dbfs: float) -> tuple[int, int]:
    """Where the level of 5 ms first and last stands out: 35 dB below the loud parts, 9 dB above
    the noise.
    """
    level = np.sqrt(np.convolve(pcm.astype(float) ** 2, np.ones(80) / 80, "same"))
    audible = 32768 * 10 ** ((noise_dbfs + 9) / 20)
    loud = np.flatnonzero(level > max(np.quantile(level, 0.95) * 10 ** (-35 / 20), audible))
    return int(loud[0]), int(loud[-1])


def in_background(line: str, before: int, noise_dbfs: float) -> NDArray[np.int16]:
    pcm = spoken(line)
    whole = noise(before + len(pcm) + RATE_HZ, noise_dbfs, seed=len(line))
    whole[before : before + len(pcm)] += pcm
    return whole


def heard_in_frames(
    gate: SpeechGate, pcm: NDArray[np.int16], first_sample: int = 0
) -> list[tuple[SpeechStarted | SpeechEnded, int]]:
    """Each event with the media time at which it was known, in frames of 20 ms."""
    events = []
    for at in range(0, len(pcm), 320):
        known = first_sample + at + 320
        events += [(e, known) for e in gate.process(pcm[at : at + 320], first_sample + at)]
    return events


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("noise_dbfs", [-80, -60, -45])
@pytest.mark.parametrize("before", [16_000, 16_111])
def test_an_utterance_starts_and_ends_where_it_is_heard(
    line: str, noise_dbfs: float, before: int
) -> None:
    onset, offset = edges(spoken(line), noise_dbfs)
    first = 1_000_000
    events = heard_in_frames(SpeechGate(), in_background(line, before, noise_dbfs), first)
    (started, _), (ended, _) = events[0], events[-1]
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    tolerance = 40 * RATE_HZ // 1000
    assert abs(started.at_samples - (first + before + onset)) <= tolerance
    assert abs(ended.at_samples - (first + before + offset)) <= 2 * tolerance


@pytest.mark.parametrize("line", LINES)
def test_speech_is_known_within_150_ms_of_its_onset(line: str) -> None:
    onset, _ = edges(spoken(line), -60)
    _, known = heard_in_frames(SpeechGate(), in_background(line, 16_000, -60))[0]
    assert known - (16_000 + onset) <= 150 * RATE_HZ // 1000


@pytest.mark.parametrize("noise_dbfs", [-90, -70, -60, -50])
def test_noise_starts_nothing(noise_dbfs: float) -> None:
    for seed in range(5):
        assert SpeechGate().process(noise(20 * RATE_HZ, noise_dbfs, seed), 0) == []


def test_digital_silence_starts_nothing() -> None:
    assert SpeechGate().process(np.zeros(20 * RATE_HZ, np.int16), 0) == []


def test_events_compare_show_and_match() -> None:
    match SpeechStarted(5):
        case SpeechStarted(at_samples):
            assert at_samples == 5
    assert SpeechStarted(5) == SpeechStarted(5) != SpeechStarted(6)
    started: object = SpeechStarted(5)
    assert started != SpeechEnded(5)
    assert repr(SpeechEnded(-7)) == "SpeechEnded(at_samples=-7)"
    assert len({SpeechEnded(1), SpeechEnded(1)}) == 1


def test_reset_ends_what_was_being_said() -> None:
    gate = SpeechGate()
    pcm = spoken(LINES[1])[:RATE_HZ]
    gate.process(pcm, 0)
    assert gate.in_speech
    (ended,) = gate.reset()
    assert isinstance(ended, SpeechEnded)
    assert not gate.in_speech
    assert gate.reset() == []


def test_concealed_audio_starts_nothing() -> None:
    assert SpeechGate().process(spoken(LINES[0]), 0, concealed=True) == []


def test_a_burst_of_concealment_does_not_cut_an_utterance_in_two() -> None:
    pcm = in_background(LINES[0], 16_000, -60)
    onset, _ = edges(spoken(LINES[0]), -60)
    hole = 16_000 + onset + 4800
    gate = SpeechGate()
    events = gate.process(pcm[:hole], 0)
    events += gate.process(np.zeros(1600, np.int16), hole, concealed=True)
    events += gate.process(pcm[hole + 1600 :], hole + 1600)
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded]


def test_thresholds_out_of_order_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"stop threshold 0\.7 and start threshold 0\.5"):
        SpeechGate(start_threshold=0.5, stop_threshold=0.7)


def test_a_higher_threshold_hears_less() -> None:
    pcm = in_background(LINES[0], 16_000, -60)
    assert SpeechGate(start_threshold=1.0, stop_threshold=1.0).process(pcm, 0) == []
