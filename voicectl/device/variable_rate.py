"""Resampling by a ratio close to 1 that may change at every call."""

import functools

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

__all__ = ["DELAY_SAMPLES", "VariableRateResampler"]

_TAPS = 32
_PHASES = 4096
_KAISER_BETA = 8.0

DELAY_SAMPLES = _TAPS // 2 + 1
"""By how many input samples the output is late."""


class VariableRateResampler:
    """A windowed-sinc interpolator, 32 taps, whose position advances by `ratio` an output sample.

    Made for clock drift, `ratio` within 1 ± 0.01: there is no anti-aliasing filter. At a ratio of
    exactly 1, from a whole position, samples come out as they went in.
    """

    def __init__(self) -> None:
        self._history = np.zeros(_TAPS, np.int16)
        self._fraction = 0.0

    def needed_samples(self, count: int, ratio: float) -> int:
        """How many input samples the next `count` output samples take."""
        return int(self._fraction + count * ratio)

    def process(self, pcm: NDArray[np.int16], count: int, ratio: float) -> NDArray[np.int16]:
        """Make `count` samples of `pcm`, which holds exactly `needed_samples(count, ratio)`."""
        samples = np.concatenate((self._history, pcm))
        self._history = samples[len(pcm) :]
        if ratio == 1.0 and self._fraction == 0.0:
            return samples[_TAPS // 2 - 1 : _TAPS // 2 - 1 + count]
        positions = self._fraction + np.arange(count, dtype=np.float64) * ratio
        self._fraction = self._fraction + count * ratio - len(pcm)
        return _interpolate(samples, positions)


def _interpolate(samples: NDArray[np.int16], positions: NDArray[np.float64]) -> NDArray[np.int16]:
    whole = positions.astype(np.intp)
    phase = ((positions - whole) * _PHASES).astype(np.intp)
    # Every run of _TAPS samples. `sliding_window_view` would make the same view in thrice the time.
    windows = as_strided(samples.astype(np.float32), (len(samples) - _TAPS + 1, _TAPS), (4, 4))
    pcm = np.einsum("ij,ij->i", windows[whole], _kernels()[phase])
    rounded: NDArray[np.int16] = np.clip(np.rint(pcm), -32768, 32767).astype(np.int16)
    return rounded


@functools.cache
def _kernels() -> NDArray[np.float32]:
    """The sinc at every phase, shape (_PHASES, _TAPS)."""
    tap = np.arange(_TAPS) - (_TAPS // 2 - 1)
    offset = tap - (np.arange(_PHASES)[:, np.newaxis] + 0.5) / _PHASES
    reach = np.clip(1 - (offset / (_TAPS // 2)) ** 2, 0, None)
    window = np.i0(_KAISER_BETA * np.sqrt(reach)) / np.i0(_KAISER_BETA)
    kernels = np.sinc(offset) * window
    # Every row passes a constant unchanged: without this the phase would be heard as a hum.
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True), np.float32)
