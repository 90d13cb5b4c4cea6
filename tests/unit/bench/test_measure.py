"""Timing on a CPU clock that only the workloads move."""

import gc

import pytest

from voicectl.bench.measure import Workload, compare


class Cpu:
    """A thread's CPU time, and the workloads that use it up."""

    def __init__(self, slowing_ns: int = 0) -> None:
        self.ran: list[str] = []
        self._time_ns = 0
        self._slowing_ns = slowing_ns

    def now_ns(self) -> int:
        return self._time_ns

    def work(self, name: str, cost_ns: int, units: int = 1) -> Workload:
        def run() -> None:
            self.ran.append(name)
            self._time_ns += cost_ns + self._slowing_ns * len(self.ran)

        return Workload(run, units)


def test_the_ratio_is_that_of_the_costs_of_a_unit() -> None:
    cpu = Cpu()
    ours, rival = cpu.work("ours", 3_000_000, units=10), cpu.work("rival", 8_000_000, units=20)
    comparison = compare(ours, rival, blocks=4, clock=cpu)
    assert comparison.ours_ns == pytest.approx(300_000)
    assert comparison.rival_ns == pytest.approx(400_000)
    assert comparison.ratios == pytest.approx([0.75] * 4)


def test_a_machine_that_slows_down_steadily_moves_no_ratio() -> None:
    cpu = Cpu(slowing_ns=50_000)
    same = cpu.work("a", 3_000_000), cpu.work("b", 3_000_000)
    assert compare(*same, blocks=20, clock=cpu).ratios == pytest.approx([1.0] * 20)


def test_blocks_are_symmetrical_and_take_turns_to_begin() -> None:
    cpu = Cpu()
    compare(cpu.work("a", 3_000_000), cpu.work("b", 3_000_000), blocks=2, clock=cpu)
    assert cpu.ran[-8:] == ["b", "a", "a", "b", "a", "b", "b", "a"]


def test_work_too_short_for_the_clock_is_repeated_and_costs_the_same() -> None:
    cpu = Cpu()
    short, long = cpu.work("short", 1_000), cpu.work("long", 5_000_000)
    comparison = compare(short, long, blocks=2, clock=cpu)
    assert comparison.ours_ns == pytest.approx(1_000)
    assert cpu.ran[-8:].count("short") < cpu.ran.count("short") - 2000


def test_work_that_a_coarse_clock_does_not_see_still_makes_a_ratio() -> None:
    cpu = Cpu()
    comparison = compare(cpu.work("none", 0), cpu.work("long", 5_000_000), blocks=2, clock=cpu)
    assert all(0.0 < ratio < 1e-6 for ratio in comparison.ratios)


def test_the_garbage_collector_is_off_while_timing_and_on_again_after_a_failure() -> None:
    seen = []

    def run() -> None:
        seen.append(gc.isenabled())
        if len(seen) == 3:
            raise RuntimeError("the workload failed")

    cpu = Cpu()
    with pytest.raises(RuntimeError, match="the workload failed"):
        compare(Workload(run), Workload(run), blocks=2, clock=cpu)
    assert seen == [False] * 3
    assert gc.isenabled()
