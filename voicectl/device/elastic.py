"""A buffer between two clocks: what one side writes in its time, the other reads in its own."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicectl.device.ring import SampleRing
from voicectl.device.variable_rate import DELAY_SAMPLES, VariableRateResampler
from voicectl.units import NS_PER_S

__all__ = ["ElasticBuffer", "ElasticStats"]

_CAPACITY_MS = 500
_LEAST_HEADROOM_MS = 5
_MOST_HEADROOM_MS = 40
_HEADROOM_STEP_MS = 5
_EXCESS_MS = 20
_CROSSFADE_MS = 5

_WINDOWS_A_SECOND = 4
_CALM_WINDOWS = 30 * _WINDOWS_A_SECOND

_SETTLING_S = 10
_MOST_CORRECTION = 1000e-6
"""1.7 cents: a third of the smallest change of pitch that can be heard."""


@dataclass
class ElasticStats:
    """What crossing the clocks has cost, in samples since the buffer was made."""

    written_samples: int = 0
    read_samples: int = 0
    underrun_samples: int = 0
    """Silence put in because the writer was late."""
    dropped_samples: int = 0
    """Samples left out because the reader was late."""


class ElasticBuffer:
    """Keeps a little headroom between a writer and a reader whose clocks differ.

    Headroom is what is left after a read without what the writer's block under way is still to
    bring, at its least over the last second: so it does not move when, under drift, one side's
    blocks slide past the other's. The reading ratio follows the known drift, and on top of it the
    headroom's distance from its target over 10 s, at most 1000 ppm. What a correction so slow
    would take too long for is done at once: silence when the writer is late, and after a
    stall of the reader, when headroom stays 20 ms above target for 250 ms, a cut with a
    cross-fade. An underrun raises the target by what was missing, up to 40 ms in all; each half
    minute without one takes 5 ms of it back.

    Until the writer has got ahead by the target for the first time, silence is read, uncounted.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._ring = SampleRing(self._samples(_CAPACITY_MS))
        self._resampler = VariableRateResampler()
        self._block = 0
        self._written_ns = 0
        self._filling = True
        self._target = self._samples(_LEAST_HEADROOM_MS)
        self._correction = 0.0
        self._window_left = sample_rate_hz // _WINDOWS_A_SECOND
        self._window_least = self._ring.capacity_samples
        self._window_missing = 0
        self._calm_windows = 0
        self._least: deque[int] = deque(maxlen=_WINDOWS_A_SECOND)
        self._excess = 0
        self.stats = ElasticStats()

    @property
    def delay_ms(self) -> float:
        """What the next sample to be written would wait to be read."""
        return (len(self._ring) + DELAY_SAMPLES) * 1000 / self._sample_rate_hz

    @property
    def correction_ppm(self) -> float:
        """What is added to the known drift to bring the headroom to its target."""
        return self._correction * 1e6

    def reset(self) -> None:
        """The writer begins anew: drop what it wrote and wait until it is ahead again."""
        self._ring.clear()
        self._resampler = VariableRateResampler()
        self._filling = True
        self._correction = 0.0
        self._excess = 0
        self._least.clear()

    def write(self, pcm: NDArray[np.int16], now_ns: int) -> None:
        """Append samples of the writer's clock; beyond 500 ms the oldest are dropped."""
        self._block = len(pcm)
        self._written_ns = now_ns
        self.stats.written_samples += len(pcm)
        self.stats.dropped_samples += self._ring.write(pcm)

    def read(self, count: int, now_ns: int, drift_ppm: float = 0.0) -> NDArray[np.int16]:
        """Take `count` samples of the reader's clock.

        Args:
            count: How many to return.
            now_ns: When, on the clock that `write` is told.
            drift_ppm: By how much the writer is known to run faster than the reader.
        """
        self.stats.read_samples += count
        ratio = 1.0 + drift_ppm * 1e-6 + self._correction
        needed = self._resampler.needed_samples(count, ratio)
        if self._filling:
            if self._headroom(now_ns) - needed < self._target:
                return np.zeros(count, np.int16)
            self._filling = False
        pcm = self._take(needed)
        self._watch_headroom(count, self._headroom(now_ns))
        return self._resampler.process(pcm, count, ratio)

    def _take(self, needed: int) -> NDArray[np.int16]:
        if self._excess:
            return self._cut(needed)
        pcm = self._ring.read(needed)
        missing = needed - len(pcm)
        if missing:
            self.stats.underrun_samples += missing
            self._window_missing += missing
            pcm = np.concatenate((pcm, np.zeros(missing, np.int16)))
        return pcm

    def _cut(self, needed: int) -> NDArray[np.int16]:
        """Leave the excess out; what was before it fades into what is after it."""
        excess, self._excess = self._excess, 0
        before = self._ring.peek(needed)
        self._ring.skip(min(excess, max(len(self._ring) - needed, 0)))
        self.stats.dropped_samples += excess
        pcm = self._take(needed)
        fade = min(self._samples(_CROSSFADE_MS), len(before))
        rising = np.arange(fade) / max(fade, 1)
        mixed = before[:fade] * (1 - rising) + pcm[:fade] * rising
        return np.concatenate((np.rint(mixed).astype(np.int16), pcm[fade:]))

    def _headroom(self, now_ns: int) -> int:
        since_write = (now_ns - self._written_ns) * self._sample_rate_hz // NS_PER_S
        return len(self._ring) - max(self._block - since_write, 0)

    def _watch_headroom(self, count: int, headroom: int) -> None:
        self._window_least = min(self._window_least, headroom)
        self._window_left -= count
        if self._window_left > 0:
            return
        self._window_left = self._sample_rate_hz // _WINDOWS_A_SECOND
        self._adapt_target()
        self._least.append(self._window_least)
        excess = self._window_least - self._target
        self._window_least = self._ring.capacity_samples
        if excess > self._samples(_EXCESS_MS):
            self._excess = excess
            self._least.clear()
            self._correction = 0.0
            return
        error = min(self._least) - self._target
        correction = error / (_SETTLING_S * self._sample_rate_hz)
        self._correction = min(max(correction, -_MOST_CORRECTION), _MOST_CORRECTION)

    def _adapt_target(self) -> None:
        self._calm_windows += 1
        if self._window_missing:
            most = self._samples(_MOST_HEADROOM_MS)
            self._target = min(self._target + self._window_missing, most)
        elif self._calm_windows >= _CALM_WINDOWS:
            least = self._samples(_LEAST_HEADROOM_MS)
            self._target = max(self._target - self._samples(_HEADROOM_STEP_MS), least)
        else:
            return
        self._window_missing = 0
        self._calm_windows = 0

    def _samples(self, duration_ms: int) -> int:
        return duration_ms * self._sample_rate_hz // 1000
