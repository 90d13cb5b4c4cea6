"""Latency as heard, held against signals whose edges are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.dialogue.latency import (
    SpeechSpan,
    StageReport,
    break_down,
    response_latency,
    speech_spans,
    stop_latency,
    sustained_onset,
)

RATE = 48_000


def tone(*, ms: int, at_ms: float, total_ms: int = 4000, level: float = 0.2) -> NDArray[np.int16]:
    """A 200 Hz tone with hard edges, in silence."""
    pcm = np.zeros(total_ms * RATE // 1000, np.int16)
    start = round(at_ms * RATE / 1000)
    times = np.arange(ms * RATE // 1000) / RATE
    pcm[start : start + len(times)] = level * 32767 * np.cos(2 * np.pi * 200 * times)
    return pcm


def noise(rms: float, samples: int, seed: int) -> NDArray[np.int16]:
    return np.random.default_rng(seed).normal(0, rms, samples).astype(np.int16)


@pytest.mark.parametrize("at_ms", [1000, 1003.3, 1009.9, 1500.5])
def test_known_delay_is_read_back_within_the_stated_error(at_ms: float) -> None:
    caller = tone(ms=500, at_ms=200)
    agent = tone(ms=700, at_ms=at_ms)
    heard = response_latency(caller, agent, RATE, SpeechSpan(0, RATE))
    assert heard is not None
    assert heard.error_ms == 5.0
    assert heard.latency_ms == pytest.approx(at_ms - 700, abs=1.1)


@pytest.mark.parametrize(("rms", "error_ms"), [(10, 5.0), (25, 20.0), (80, 45.0)])
def test_error_bound_grows_with_the_noise(rms: float, error_ms: float) -> None:
    caller = tone(ms=500, at_ms=200)
    agent = tone(ms=700, at_ms=1000) + noise(rms, len(caller), seed=1)
    heard = response_latency(caller, agent, RATE, SpeechSpan(0, RATE))
    assert heard is not None
    assert heard.error_ms == error_ms
    assert heard.latency_ms == pytest.approx(300, abs=error_ms)


def test_latency_is_negative_when_the_agent_speaks_over_the_caller() -> None:
    heard = response_latency(
        tone(ms=1000, at_ms=200), tone(ms=900, at_ms=1000), RATE, SpeechSpan(0, 2 * RATE)
    )
    assert heard is not None
    assert heard.latency_ms == pytest.approx(-200, abs=1.1)


def test_click_is_no_onset() -> None:
    click = tone(ms=20, at_ms=800)
    onset = sustained_onset(click + tone(ms=500, at_ms=1000), RATE)
    assert onset == pytest.approx(1000 * 48, abs=48)


def test_comfort_noise_is_no_onset() -> None:
    pcm = tone(ms=500, at_ms=1000)
    pcm[: 900 * 48] += noise(25, 900 * 48, seed=2)  # -62 dBFS
    assert sustained_onset(pcm, RATE) == pytest.approx(1000 * 48, abs=48)


def test_gap_of_a_stop_consonant_does_not_split_speech() -> None:
    word = tone(ms=200, at_ms=1000) + tone(ms=200, at_ms=1215)
    assert len(speech_spans(word, RATE)) == 1


def test_final_burst_after_a_closure_belongs_to_the_word() -> None:
    word = tone(ms=300, at_ms=1000) + tone(ms=20, at_ms=1380)
    (span,) = speech_spans(word, RATE)
    assert span.end == pytest.approx(1400 * 48, abs=48)


def test_dc_offset_is_no_speech() -> None:
    pcm = np.full(RATE, 3000, np.int16)
    assert speech_spans(pcm, RATE) == []


def test_channel_that_is_speech_throughout_is_one_span() -> None:
    pcm = tone(ms=1000, at_ms=0, total_ms=1000)
    assert speech_spans(pcm, RATE) == [SpeechSpan(0, RATE)]


@pytest.mark.parametrize("samples", [0, 1, 479, 480])
def test_silence_of_any_length_has_no_speech(samples: int) -> None:
    silence = np.zeros(samples, np.int16)
    assert speech_spans(silence, RATE) == []
    assert response_latency(silence, silence, RATE, SpeechSpan(0, samples)) is None


def test_reply_that_never_comes_has_no_latency() -> None:
    caller = tone(ms=500, at_ms=200)
    assert response_latency(caller, np.zeros_like(caller), RATE, SpeechSpan(0, RATE)) is None


def test_speech_of_the_reply_before_is_not_taken_for_the_reply() -> None:
    agent = tone(ms=150, at_ms=100) + tone(ms=500, at_ms=1000)
    heard = response_latency(tone(ms=500, at_ms=200), agent, RATE, SpeechSpan(0, RATE))
    assert heard is not None
    assert heard.latency_ms == pytest.approx(300, abs=1.1)


def test_stop_is_measured_to_the_last_of_the_agents_speech() -> None:
    agent = tone(ms=1000, at_ms=500)
    assert stop_latency(agent, RATE, 1380 * 48) == pytest.approx(120, abs=1.1)
    assert stop_latency(agent, RATE, 1600 * 48) == 0
    assert stop_latency(np.zeros_like(agent), RATE, 1600 * 48) is None


def test_pause_between_words_does_not_end_the_speech_that_is_stopped() -> None:
    first, second = tone(ms=500, at_ms=500), tone(ms=200, at_ms=1200)
    agent = np.pad(first, (0, max(len(second) - len(first), 0)))
    agent[: len(second)] += second
    assert stop_latency(agent, RATE, 1100 * 48) == pytest.approx(300, abs=1.1)


def test_what_no_stage_accounts_for_is_named() -> None:
    stages = StageReport(endpoint_ms=118, stt_ms=9, reply_ms=1, tts_ms=41)
    assert break_down(212, stages, network_ms=31).unexplained_ms == 12
