"""How much faster than the call's clock a sound card runs."""

from collections import deque

import numpy as np

from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = ["DriftEstimator"]

_WINDOW_NS = NS_PER_S
_KEPT_WINDOWS = 60
_NEEDED_WINDOWS = 10
_STEP_NS = 5 * NS_PER_MS


class DriftEstimator:
    """Fits a line through how late a sound card's blocks are.

    A block is late because the card is slow or because its thread was woken late. The latter only
    ever adds, so the least lateness of each second is kept, and the slope of the last minute of
    them (Theil-Sen: the median of all pairs' slopes, which single bad seconds do not move) is the
    drift. When the lateness steps by more than 5 ms and stays there, the card has lost samples:
    the fit begins anew, and the last estimate stands until there is another.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._ppm: float | None = None
        self._origin_ns: int | None = None
        self._samples = 0
        self._window_end_ns = 0
        self._least_lateness_ns: int | None = None
        self._windows: deque[tuple[int, int]] = deque(maxlen=_KEPT_WINDOWS)
        self._step: tuple[int, int] | None = None

    @property
    def ppm(self) -> float | None:
        """Parts per million by which the card is faster; None in its first 10 s."""
        return self._ppm

    def handle_block(self, samples: int, now_ns: int) -> None:
        """The card has delivered, or asked for, `samples` at `now_ns`."""
        if self._origin_ns is None:
            self._origin_ns = now_ns
            self._window_end_ns = now_ns + _WINDOW_NS
        else:
            self._samples += samples
        elapsed_ns = now_ns - self._origin_ns
        lateness_ns = elapsed_ns - self._samples * NS_PER_S // self._sample_rate_hz
        if now_ns >= self._window_end_ns:
            self._end_window(now_ns)
        if self._least_lateness_ns is None or lateness_ns < self._least_lateness_ns:
            self._least_lateness_ns = lateness_ns

    def _end_window(self, now_ns: int) -> None:
        lateness_ns, self._least_lateness_ns = self._least_lateness_ns, None
        ended_ns = self._window_end_ns
        self._window_end_ns += _WINDOW_NS * ((now_ns - ended_ns) // _WINDOW_NS + 1)
        if lateness_ns is None:
            return
        window = (ended_ns, lateness_ns)
        if self._windows and abs(lateness_ns - self._windows[-1][1]) > _STEP_NS:
            self._handle_step(window)
            return
        self._step = None
        self._windows.append(window)
        if len(self._windows) >= _NEEDED_WINDOWS:
            self._ppm = self._fit()

    def _handle_step(self, window: tuple[int, int]) -> None:
        """One second out of line is a stall; a second one in line with it is where we are now."""
        if self._step is not None and abs(window[1] - self._step[1]) <= _STEP_NS:
            self._windows.clear()
            self._windows.extend((self._step, window))
            self._step = None
        else:
            self._step = window

    def _fit(self) -> float:
        at_ns, lateness_ns = np.array(self._windows, np.float64).T
        first, second = np.triu_indices(len(at_ns), k=1)
        slopes = (lateness_ns[second] - lateness_ns[first]) / (at_ns[second] - at_ns[first])
        return float(-np.median(slopes) * 1e6)
