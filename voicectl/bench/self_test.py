"""How far this machine can be trusted: a workload timed against itself."""

import numpy as np

from voicectl.bench.estimate import Estimate, estimate_median
from voicectl.bench.measure import Workload, compare
from voicectl.clock import Clock

__all__ = ["MAX_NOISE", "SelfTest"]

MAX_NOISE = 0.10
"""A ratio that ought to be 1 and may be off by more than this share: nothing can be judged."""


class SelfTest:
    """Collects A/A blocks, some before each figure, so that noise that comes and goes is met.

    Args:
        clock: CPU time of this thread.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ratios: list[tuple[float, ...]] = []

    def sample(self, blocks: int) -> None:
        """Time `blocks` more, as many as every time, on fresh memory."""
        one, other = _convolution(), _convolution()
        self._ratios.append(compare(one, other, blocks=blocks, clock=self._clock).ratios)

    @property
    def noise(self) -> Estimate:
        """The ratio of the workload to itself. Needs a sample."""
        return estimate_median(self._ratios)


def _convolution() -> Workload:
    noise = np.random.default_rng(1)
    signal, taps = noise.normal(size=8192), noise.normal(size=64)
    return Workload(lambda: np.convolve(signal, taps))
