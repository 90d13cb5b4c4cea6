"""The agent's replies are found in what is heard, however it is cut into blocks."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.session.hearing import Hearing, VoiceEnded, VoiceStarted

RATE_HZ = 48000


def silence(duration_ms: int) -> NDArray[np.int16]:
    return np.zeros(RATE_HZ * duration_ms // 1000, np.int16)


def speech(duration_ms: int, level: int = 3000) -> NDArray[np.int16]:
    samples = np.arange(RATE_HZ * duration_ms // 1000)
    return (level * np.sin(2 * np.pi * 220 * samples / RATE_HZ)).astype(np.int16)


@pytest.mark.parametrize("block_samples", [480, 960, 1000, 7])
def test_reply_with_a_pause_in_it_is_one_reply(block_samples: int) -> None:
    heard = np.concatenate(
        (silence(500), speech(400), silence(400), speech(400), silence(1000)), dtype=np.int16
    )
    hearing = Hearing(RATE_HZ)
    events: list[VoiceStarted | VoiceEnded] = []
    for first in range(0, len(heard), block_samples):
        events += hearing.handle_audio(heard[first : first + block_samples])
    assert events == [VoiceStarted(500 * 48), VoiceEnded(1700 * 48)]


def test_click_is_no_reply() -> None:
    hearing = Hearing(RATE_HZ)
    heard = np.concatenate((silence(500), speech(30), silence(1000)), dtype=np.int16)
    assert hearing.handle_audio(heard) == []


def test_steady_noise_is_no_reply_and_speech_over_it_is() -> None:
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 150, RATE_HZ * 3).astype(np.int16)
    hearing = Hearing(RATE_HZ)
    assert hearing.handle_audio(noise) == []
    [started] = hearing.handle_audio(noise[: RATE_HZ // 2] + speech(500))
    assert isinstance(started, VoiceStarted)
    assert abs(started.onset_samples - len(noise)) <= 960


def test_end_that_the_agent_announced_is_told_after_a_short_silence() -> None:
    hearing = Hearing(RATE_HZ)
    hearing.handle_audio(np.concatenate((silence(500), speech(400)), dtype=np.int16))
    hearing.expect_end()
    assert hearing.handle_audio(silence(140)) == []
    assert hearing.handle_audio(silence(10)) == [VoiceEnded(900 * 48)]
