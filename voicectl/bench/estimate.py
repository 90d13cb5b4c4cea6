"""A median and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Groups", "estimate_change", "estimate_median"]

Groups = Sequence[Sequence[float]]
"""Samples, at least one, in groups of one size: those of a group were taken on the same memory.

Where a program's data happens to lie moves its speed by some percent, for as long as it lies
there. Samples of one layout agree with each other more than with the truth.
"""

_RESAMPLES = 2000
_CONFIDENCE = 0.95
_SEED = 1


@dataclass(frozen=True)
class Estimate:
    """A median with its 95 % bootstrap interval.

    The percentile interval of Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13.
    """

    value: float
    low: float
    high: float
    n: int
    """Samples it was made from."""

    @property
    def deviation(self) -> float:
        """Of a ratio that ought to be 1: the farthest end of the interval from it, as a share."""
        return max(abs(self.low - 1.0), abs(self.high - 1.0))

    def widened(self, share: float) -> "Estimate":
        """Both ends moved out by `share` of their value."""
        return Estimate(self.value, self.low / (1.0 + share), self.high * (1.0 + share), self.n)


def estimate_median(groups: Groups) -> Estimate:
    """The median of all samples. The same samples give the same interval."""
    values = np.asarray(groups, float)
    medians = _resampled_medians(values, np.random.default_rng(_SEED))
    return _estimate(float(np.median(values)), medians, values.size)


def estimate_change(now: Groups, before: Groups) -> Estimate:
    """The median of `now` over that of `before`."""
    rng = np.random.default_rng(_SEED)
    now_values, before_values = np.asarray(now, float), np.asarray(before, float)
    medians = _resampled_medians(now_values, rng) / _resampled_medians(before_values, rng)
    value = float(np.median(now_values) / np.median(before_values))
    return _estimate(value, medians, min(now_values.size, before_values.size))


def _resampled_medians(
    values: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Groups are drawn, then samples from each: Davison and Hinkley, Bootstrap Methods, 3.8."""
    groups, samples = values.shape
    drawn = rng.integers(groups, size=(_RESAMPLES, groups, 1))
    within = rng.integers(samples, size=(_RESAMPLES, groups, samples))
    medians: NDArray[np.float64] = np.median(values[drawn, within], axis=(1, 2))
    return medians


def _estimate(value: float, medians: NDArray[np.float64], n: int) -> Estimate:
    outside = (1.0 - _CONFIDENCE) / 2.0
    low, high = np.quantile(medians, [outside, 1.0 - outside])
    return Estimate(value, float(low), float(high), n)
