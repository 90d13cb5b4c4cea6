"""How loud a signal is, and whether it is cut off or not there at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLOOR_DBFS", "ClippingDetected", "LevelEvent", "LevelMeasured", "LevelMeter"]
__all__ += ["SilenceDetected"]

FLOOR_DBFS = -96.0
"""Below the smallest step of 16 bits; digital silence reads this."""

_MEASURES_A_SECOND = 20
_CLIPPED_RUN_SAMPLES = 3
_CLIPPING_PAUSE_S = 5
_SILENT_S = 5


@dataclass(frozen=True)
class LevelMeasured:
    """50 ms of a signal; 0 dBFS is a full-scale square wave, a full-scale sine has -3 RMS."""

    rms_dbfs: float
    peak_dbfs: float


@dataclass(frozen=True)
class ClippingDetected:
    """Three samples or more in a row were at full scale: the gain is too high."""


@dataclass(frozen=True)
class SilenceDetected:
    """Nothing but zeros for 5 s: muted in the system, or the system withholds it from us."""


LevelEvent = LevelMeasured | ClippingDetected | SilenceDetected


class LevelMeter:
    """Measures each 50 ms, however the signal is cut into blocks.

    Clipping is told at most every 5 s, silence once until there is a signal again.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._window_samples = sample_rate_hz // _MEASURES_A_SECOND
        self._pending: list[NDArray[np.int16]] = []
        self._pending_samples = 0
        self._clipping_muted_windows = 0
        self._silent_windows = 0
        self._full_scale_run = 0

    def process(self, pcm: NDArray[np.int16]) -> list[LevelEvent]:
        """Take what follows of the signal; return what its finished windows have to tell."""
        events: list[LevelEvent] = []
        while self._pending_samples + len(pcm) >= self._window_samples:
            head = self._window_samples - self._pending_samples
            self._pending.append(pcm[:head])
            pcm = pcm[head:]
            events += self._measure(np.concatenate(self._pending))
            self._pending, self._pending_samples = [], 0
        if len(pcm):
            self._pending.append(pcm)
            self._pending_samples += len(pcm)
        return events

    def _measure(self, window: NDArray[np.int16]) -> list[LevelEvent]:
        amplitude = np.abs(window.astype(np.float32))
        peak = float(amplitude.max())
        rms = float(np.sqrt(np.mean(amplitude * amplitude)))
        events: list[LevelEvent] = [LevelMeasured(_dbfs(rms), _dbfs(peak))]
        self._silent_windows = self._silent_windows + 1 if peak == 0 else 0
        if self._silent_windows == _SILENT_S * _MEASURES_A_SECOND:
            events.append(SilenceDetected())
        self._clipping_muted_windows = max(self._clipping_muted_windows - 1, 0)
        if self._clips(amplitude) and not self._clipping_muted_windows:
            self._clipping_muted_windows = _CLIPPING_PAUSE_S * _MEASURES_A_SECOND
            events.append(ClippingDetected())
        return events

    def _clips(self, amplitude: NDArray[np.float32]) -> bool:
        full = np.concatenate((np.ones(self._full_scale_run, bool), amplitude >= 32767))
        below = np.flatnonzero(~full)
        edges = np.concatenate(([-1], below, [len(full)]))
        self._full_scale_run = min(int(edges[-1] - edges[-2] - 1), _CLIPPED_RUN_SAMPLES)
        return bool(np.diff(edges).max() > _CLIPPED_RUN_SAMPLES)


def _dbfs(amplitude: float) -> float:
    return max(20 * float(np.log10(max(amplitude, 1e-9) / 32768)), FLOOR_DBFS)
