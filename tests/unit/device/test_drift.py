"""Drift is measured through the noise of wake-ups, in virtual time."""

import numpy as np
import pytest

from voicectl.device.drift import DriftEstimator
from voicectl.units import NS_PER_MS, NS_PER_S


class Card:
    """A sound card whose thread is woken late now and then."""

    def __init__(self, ppm: float, jitter_ms: float = 3.0, block: int = 480) -> None:
        self.ppm = ppm
        self.block = block
        self.jitter_ms = jitter_ms
        self.samples = 0
        self.lost_samples = 0
        self._rng = np.random.default_rng(11)
        self._last_ns = 0

    def run(self, estimator: DriftEstimator, seconds: float, stall_ns: int = 0) -> None:
        """Deliver `seconds` of blocks; with a stall, none is seen before `stall_ns` has passed."""
        stalled_until_ns = self._due_ns() + stall_ns
        for _ in range(int(seconds * 48000 / self.block)):
            self.samples += self.block
            late_ns = int(min(self._rng.exponential(0.4), 1.0) * self.jitter_ms * NS_PER_MS)
            self._last_ns = max(self._due_ns() + late_ns, self._last_ns, stalled_until_ns)
            estimator.handle_block(self.block, self._last_ns)

    def _due_ns(self) -> int:
        position = self.samples + self.lost_samples
        return int(position * NS_PER_S / (48000 * (1 + self.ppm * 1e-6)))


@pytest.mark.parametrize("ppm", [-200.0, -37.0, 0.0, 37.0, 200.0])
@pytest.mark.parametrize(("jitter_ms", "error_ppm"), [(0, 0.1), (3, 1), (15, 5)])
def test_drift_is_known_after_half_a_minute(ppm: float, jitter_ms: float, error_ppm: float) -> None:
    estimator = DriftEstimator(48000)
    Card(ppm, jitter_ms).run(estimator, 30)
    assert estimator.ppm == pytest.approx(ppm, abs=error_ppm)


def test_nothing_is_claimed_before_ten_seconds() -> None:
    estimator = DriftEstimator(48000)
    card = Card(100)
    card.run(estimator, 9.5)
    assert estimator.ppm is None
    card.run(estimator, 2)
    assert estimator.ppm == pytest.approx(100, abs=20)


def test_blocks_in_bursts_of_40_ms_do_not_disturb() -> None:
    estimator = DriftEstimator(48000)
    Card(150, jitter_ms=5, block=1920).run(estimator, 40)
    assert estimator.ppm == pytest.approx(150, abs=3)


@pytest.mark.parametrize("stall_ms", [200, 900, 2500])
def test_a_stall_of_the_machine_does_not_count_as_drift(stall_ms: int) -> None:
    estimator = DriftEstimator(48000)
    card = Card(50)
    card.run(estimator, 20)
    card.run(estimator, 20, stall_ns=stall_ms * NS_PER_MS)
    assert estimator.ppm == pytest.approx(50, abs=3)


def test_samples_that_the_card_lost_do_not_count_as_drift() -> None:
    estimator = DriftEstimator(48000)
    card = Card(50)
    card.run(estimator, 30)
    card.lost_samples += 960
    card.run(estimator, 5)
    assert estimator.ppm == pytest.approx(50, abs=3)
    card.run(estimator, 25)
    assert estimator.ppm == pytest.approx(50, abs=3)


def test_estimate_follows_a_clock_that_warms_up() -> None:
    estimator = DriftEstimator(48000)
    now_ns = 0
    for ppm, seconds in ((100, 60), (120, 120)):
        for _ in range(seconds * 100):
            now_ns += round(10 * NS_PER_MS / (1 + ppm * 1e-6))
            estimator.handle_block(480, now_ns)
    assert estimator.ppm == pytest.approx(120, abs=1)
