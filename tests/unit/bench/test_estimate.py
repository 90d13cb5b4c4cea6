"""Medians and their intervals, of samples with known noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicectl.bench.estimate import Estimate, estimate_change, estimate_median


def noisy(median: float, spread: float, n: int, seed: int) -> list[float]:
    """Samples whose logarithms have this standard deviation."""
    return list(median * np.exp(np.random.default_rng(seed).normal(0, spread, n)))


def test_the_interval_holds_the_truth_nineteen_times_out_of_twenty() -> None:
    estimates = [estimate_median(noisy(0.5, 0.06, 30, seed)) for seed in range(200)]
    held = sum(estimate.low <= 0.5 <= estimate.high for estimate in estimates)
    assert 180 <= held <= 199


def test_more_samples_make_a_narrower_interval() -> None:
    few, many = (estimate_median(noisy(1.0, 0.06, n, 1)) for n in (30, 480))
    assert many.high - many.low < (few.high - few.low) / 2


def test_one_burst_of_noise_does_not_move_the_median() -> None:
    calm = noisy(1.0, 0.01, 40, 1)
    disturbed = [*calm[:36], 9.0, 9.0, 9.0, 9.0]
    assert estimate_median(disturbed).high < 1.02


def test_the_same_samples_give_the_same_interval() -> None:
    samples = noisy(0.7, 0.05, 30, 3)
    assert estimate_median(samples) == estimate_median(samples)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_an_interval_is_in_order_and_within_the_samples(samples: list[float]) -> None:
    estimate = estimate_median(samples)
    assert min(samples) <= estimate.low <= estimate.high <= max(samples)
    assert estimate.n == len(samples)


def test_a_change_is_the_ratio_of_the_medians() -> None:
    change = estimate_change(noisy(0.6, 0.02, 60, 1), noisy(0.5, 0.02, 60, 2))
    assert change.low < 1.2 < change.high
    assert change.low > 1.1


def test_deviation_is_the_far_end_from_one_and_widening_moves_both_ends() -> None:
    estimate = Estimate(1.0, 0.97, 1.01, 30)
    assert estimate.deviation == pytest.approx(0.03)
    widened = estimate.widened(0.1)
    assert (widened.low, widened.high) == (pytest.approx(0.97 / 1.1), pytest.approx(1.111))
