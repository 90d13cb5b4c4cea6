"""Medians and their intervals, of samples with known noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicectl.bench.estimate import Estimate, estimate_change, estimate_median


def noisy(
    median: float, spread: float, groups: int, seed: int, *, between: float = 0.0
) -> list[list[float]]:
    """Groups of six samples. `spread` and `between` groups are those of the logarithms."""
    rng = np.random.default_rng(seed)
    layout = rng.normal(0, between, (groups, 1))
    samples: list[list[float]] = (
        median * np.exp(layout + rng.normal(0, spread, (groups, 6)))
    ).tolist()
    return samples


def share_held(*, spread: float, between: float) -> float:
    estimates = [
        estimate_median(noisy(0.5, spread, 6, seed, between=between)) for seed in range(200)
    ]
    return float(np.mean([estimate.low <= 0.5 <= estimate.high for estimate in estimates]))


def test_the_interval_holds_the_truth() -> None:
    assert share_held(spread=0.06, between=0.0) >= 0.94


def test_the_interval_holds_the_truth_where_groups_differ_more_than_their_samples() -> None:
    assert share_held(spread=0.01, between=0.05) >= 0.88


def test_more_samples_make_a_narrower_interval() -> None:
    few, many = (estimate_median(noisy(1.0, 0.06, n, 1)) for n in (5, 80))
    assert many.high - many.low < (few.high - few.low) / 2


def test_one_burst_of_noise_does_not_move_the_median() -> None:
    calm = noisy(1.0, 0.01, 6, 1)
    assert estimate_median([*calm, [9.0] * 6]).value < 1.02


def test_the_same_samples_give_the_same_interval() -> None:
    samples = noisy(0.7, 0.05, 5, 3)
    assert estimate_median(samples) == estimate_median(samples)


@given(st.lists(st.lists(st.floats(0.01, 100), min_size=3, max_size=3), min_size=1, max_size=7))
def test_an_interval_is_in_order_and_within_the_samples(groups: list[list[float]]) -> None:
    estimate = estimate_median(groups)
    samples = [sample for group in groups for sample in group]
    assert min(samples) <= estimate.low <= estimate.high <= max(samples)
    assert estimate.n == len(samples)


def test_a_change_is_the_ratio_of_the_medians() -> None:
    change = estimate_change(noisy(0.6, 0.02, 10, 1), noisy(0.5, 0.02, 10, 2))
    assert change.low < 1.2 < change.high
    assert change.low > 1.1


def test_deviation_is_the_far_end_from_one_and_widening_moves_both_ends() -> None:
    estimate = Estimate(1.0, 0.97, 1.01, 30)
    assert estimate.deviation == pytest.approx(0.03)
    widened = estimate.widened(0.1)
    assert (widened.low, widened.high) == (pytest.approx(0.97 / 1.1), pytest.approx(1.111))


@pytest.mark.parametrize("rounds", [2, 3, 4, 5, 12])
@pytest.mark.parametrize("spread", [0.05, 0.10])
def test_95_percent_of_two_rounds_were_half_of_the_times(rounds: int, spread: float) -> None:
    rng = np.random.default_rng(rounds)
    held = above = within = 0
    for _ in range(1500):
        estimate = estimate_median([(one,) for one in np.exp(rng.normal(0, spread, rounds))])
        held += estimate.low <= 1.0 <= estimate.high
        above += estimate.low > 1.0
        within += estimate.high < 1.0
    assert held / 1500 >= 0.935
    assert max(above, within) / 1500 <= 0.04


@pytest.mark.parametrize("rounds", [2, 5])
def test_change_between_rounds_of_two_runs_was_surer_than_they_are(rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    held = 0
    for _ in range(1500):
        now, before = ([(one,) for one in np.exp(rng.normal(0, 0.1, rounds))] for _ in range(2))
        change = estimate_change(now, before)
        held += change.low <= 1.0 <= change.high
    assert held / 1500 >= 0.935
