"""Signals that several tests share: int16, mono."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["noise", "snr_db", "tone", "voiced"]


def tone(hz: float, sample_rate_hz: int, samples: int, peak: float = 10_000) -> NDArray[np.int16]:
    """A sine."""
    t = np.arange(samples) / sample_rate_hz
    return np.round(peak * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def noise(samples: int, rms_dbfs: float, seed: int = 0) -> NDArray[np.int16]:
    """White noise, the same for the same seed."""
    rms = 32768 * 10 ** (rms_dbfs / 20)
    drawn = np.random.default_rng(seed).normal(0, rms, samples)
    return np.clip(np.round(drawn), -32768, 32767).astype(np.int16)


def voiced(samples: int, sample_rate_hz: int) -> NDArray[np.int16]:
    """A vowel-like buzz that never pauses: harmonics of a gliding pitch under two formants."""
    t = np.arange(samples) / sample_rate_hz
    pitch_hz = 120 + 30 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate_hz
    buzz = np.zeros(samples)
    for harmonic in range(1, 25):
        hz = harmonic * pitch_hz
        gain = 1 / (1 + ((hz - 600) / 120) ** 2) + 0.5 / (1 + ((hz - 1500) / 150) ** 2)
        buzz += gain * np.sin(harmonic * phase)
    pcm: NDArray[np.int16] = np.round(buzz / np.abs(buzz).max() * 12_000).astype(np.int16)
    return pcm


def snr_db(signal: NDArray[np.int16], other: NDArray[np.int16]) -> float:
    """Signal to error."""
    error = np.sum((signal.astype(float) - other) ** 2)
    return float(10 * np.log10(np.sum(signal.astype(float) ** 2) / max(error, 1.0)))
