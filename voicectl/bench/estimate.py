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
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantiles of Student's t with 1, 2, 3 … degrees of freedom."""


@dataclass(frozen=True)
class Estimate:
    """A median with its 95 % interval.

    Of groups of samples it is the percentile interval of Efron and Tibshirani, An Introduction to
    the Bootstrap, ch. 13. A few rounds of one sample each are too few to draw from (of two it would
    hold the truth every other time): their interval is Student's, of their logarithms.
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
    """The median of all samples. The same samples give the same interval.

    Raises:
        ValueError: There is one sample, which says nothing of how sure it is.
    """
    values = np.asarray(groups, float)
    if values.shape[1] == 1:
        return _estimate_of_rounds(float(np.median(values)), [values[:, 0]])
    medians = _resampled_medians(values, np.random.default_rng(_SEED))
    return _estimate(float(np.median(values)), medians, values.size)


def estimate_change(now: Groups, before: Groups) -> Estimate:
    """The median of `now` over that of `before`.

    Raises:
        ValueError: One of them has one sample.
    """
    rng = np.random.default_rng(_SEED)
    now_values, before_values = np.asarray(now, float), np.asarray(before, float)
    if now_values.shape[1] == before_values.shape[1] == 1:
        value = float(np.median(now_values) / np.median(before_values))
        return _estimate_of_rounds(value, [now_values[:, 0], before_values[:, 0]])
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


def _estimate_of_rounds(value: float, runs: list[NDArray[np.float64]]) -> Estimate:
    """Of one run's rounds, or of their change between two, which are taken as differing equally.

    The interval is the mean logarithm's; the median, where it lies outside, is taken in.
    """
    logs = [np.log(run) for run in runs]
    freedom = sum(run.size - 1 for run in runs)
    if min(run.size for run in runs) < 2:
        raise ValueError("an interval needs two rounds")
    variance = sum(float(np.sum((run - run.mean()) ** 2)) for run in logs) / freedom
    error = np.sqrt(variance * sum(1 / run.size for run in runs))
    mean = logs[0].mean() - sum(run.mean() for run in logs[1:])
    reach = _student(freedom) * error
    low, high = float(np.exp(mean - reach)), float(np.exp(mean + reach))
    return Estimate(value, min(low, value), max(high, value), min(run.size for run in runs))


def _student(freedom: int) -> float:
    return _T[freedom - 1] if freedom <= len(_T) else 1.96 + 2.7 / freedom
