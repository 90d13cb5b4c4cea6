"""Levels, clipping and digital silence."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.device.level import (
    FLOOR_DBFS,
    ClippingDetected,
    LevelEvent,
    LevelMeasured,
    LevelMeter,
    SilenceDetected,
)


def sine(amplitude: float, seconds: float) -> NDArray[np.int16]:
    at = np.arange(int(seconds * 48000)) / 48000
    return np.clip(np.rint(amplitude * np.sin(2 * np.pi * 480 * at)), -32768, 32767).astype(
        np.int16
    )


def measured(pcm: NDArray[np.int16], block: int = 480) -> list[LevelEvent]:
    meter = LevelMeter(48000)
    return [
        event for at in range(0, len(pcm), block) for event in meter.process(pcm[at : at + block])
    ]


@pytest.mark.parametrize("block", [1, 480, 2400, 7000])
def test_twenty_levels_a_second_however_the_blocks_are_cut(block: int) -> None:
    events = measured(sine(3276.8, 0.5), block)
    assert len(events) == 10
    for event in events:
        assert isinstance(event, LevelMeasured)
        assert event.rms_dbfs == pytest.approx(-23.0, abs=0.1)
        assert event.peak_dbfs == pytest.approx(-20.0, abs=0.1)


def test_digital_silence_reads_the_floor() -> None:
    assert measured(np.zeros(2400, np.int16)) == [LevelMeasured(FLOOR_DBFS, FLOOR_DBFS)]


def test_overdriven_voice_is_told_once_in_five_seconds() -> None:
    events = measured(sine(60000, 11))
    assert events.count(ClippingDetected()) == 3


def test_clipped_run_across_two_windows_is_found() -> None:
    pcm = np.zeros(4800, np.int16)
    pcm[2398:2401] = 32767
    assert ClippingDetected() in measured(pcm)


def test_single_peaks_at_full_scale_are_no_clipping() -> None:
    pcm = np.zeros(4800, np.int16)
    pcm[100::50] = -32768
    pcm[101::50] = -32768
    assert ClippingDetected() not in measured(pcm)


def test_microphone_that_gives_zeros_is_told_once_until_it_speaks_again() -> None:
    quiet = np.zeros(6 * 48000, np.int16)
    spoken = np.concatenate((quiet, sine(1000, 1), quiet), dtype=np.int16)
    assert measured(quiet).count(SilenceDetected()) == 1
    assert measured(spoken).count(SilenceDetected()) == 2
    assert SilenceDetected() not in measured(sine(2, 7))
