"""What a resampler does to tones and to a click."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["delay_ms", "tone_to_noise_db", "worst_alias_db"]

Convert = Callable[[NDArray[np.int16]], NDArray[np.int16]]
_AMPLITUDE = 16_000
_DURATION_S = 0.4
_STEADY = slice(0.4, 0.9)
"""The share of the output in which nothing rings in or out."""


def tone_to_noise_db(convert: Convert, from_hz: int, to_hz: int) -> float:
    """The level of a 1 kHz tone over all else that comes out."""
    power, rest = _split(_steady(convert(_tone(1000.0, from_hz))), 1000.0, to_hz)
    return _db(power / rest)


def worst_alias_db(convert: Convert, from_hz: int, to_hz: int) -> float:
    """The loudest thing that should not be there, over the tone that made it.

    Downwards: what is left of tones from 0.55 of the output's rate on. Upwards: what comes beside
    tones up to 0.45 of the input's rate.
    """
    if from_hz > to_hz:
        tones = np.linspace(0.55 * to_hz, 0.49 * from_hz, 24)
        return max(_db(_power(_steady(convert(_tone(f, from_hz)))) / _tone_power()) for f in tones)
    levels = []
    for frequency in np.linspace(0.05 * from_hz, 0.45 * from_hz, 24):
        power, rest = _split(_steady(convert(_tone(frequency, from_hz))), frequency, to_hz)
        levels.append(_db(rest / power))
    return max(levels)


def delay_ms(convert: Convert, from_hz: int, to_hz: int) -> float:
    """How long a click takes to come out, with what the stream holds back between chunks."""
    pcm = np.zeros(round(_DURATION_S * from_hz), np.int16)
    click = len(pcm) // 4
    pcm[click] = _AMPLITUDE
    out = convert(pcm)
    held_s = len(pcm) / from_hz - len(out) / to_hz
    moved_s = int(np.argmax(np.abs(out))) / to_hz - click / from_hz
    return (held_s + moved_s) * 1000


def _tone(frequency_hz: float, rate_hz: int) -> NDArray[np.int16]:
    phase = 2 * np.pi * frequency_hz * np.arange(round(_DURATION_S * rate_hz)) / rate_hz
    tone: NDArray[np.int16] = np.rint(_AMPLITUDE * np.sin(phase)).astype(np.int16)
    return tone


def _tone_power() -> float:
    return _AMPLITUDE**2 / 2


def _steady(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    return pcm[int(len(pcm) * _STEADY.start) : int(len(pcm) * _STEADY.stop)].astype(float)


def _split(signal: NDArray[np.float64], frequency_hz: float, rate_hz: int) -> tuple[float, float]:
    """The power of the tone in `signal`, by least squares, and of the rest."""
    phase = 2 * np.pi * frequency_hz * np.arange(len(signal)) / rate_hz
    basis = np.column_stack([np.sin(phase), np.cos(phase), np.ones(len(signal))])
    weights, *_ = np.linalg.lstsq(basis, signal, rcond=None)
    return float(weights[0] ** 2 + weights[1] ** 2) / 2, _power(signal - basis @ weights)


def _power(signal: NDArray[np.float64]) -> float:
    return float(np.mean(np.square(signal)))


def _db(ratio: float) -> float:
    """Held at -150 dB, far below what 16 bits can hold."""
    return 10 * float(np.log10(max(ratio, 1e-15)))
