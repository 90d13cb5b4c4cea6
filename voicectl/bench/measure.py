"""Two workloads timed against each other, interleaved, on one thread's CPU time.

On a machine with twice as many busy processes as cores, this tells 5 % apart and never finds a
difference between a workload and itself; wall clocks and runs one after the other do both.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from voicectl.clock import Clock

__all__ = ["Comparison", "Workload", "compare"]

_MIN_RUN_NS = 2_000_000
"""A timed run lasts at least this long: some ten thousand times the clock's resolution."""
_MAX_REPEATS = 1 << 16
_WARM_UP_RUNS = 3


@dataclass(frozen=True)
class Workload:
    """A fixed piece of work. It stays on the thread that calls it."""

    run: Callable[[], object]
    units: int = 1
    """Frames or calls that one run handles; costs are those of a unit."""


@dataclass(frozen=True)
class Comparison:
    """What a unit of two workloads costs."""

    ours_ns: float
    """Median of the blocks."""
    rival_ns: float
    ratios: tuple[float, ...]
    """Ours over the rival's, block by block."""


def compare(ours: Workload, rival: Workload, *, blocks: int, clock: Clock) -> Comparison:
    """Time `blocks` blocks of ours, rival, rival, ours, or the other way round, in turns.

    A block's symmetry takes out what drifts slowly and what it costs to come second.

    Args:
        ours: What the ratio's numerator is.
        rival: What its denominator is.
        blocks: An even number: as many begin with ours as with the rival.
        clock: CPU time of this thread.
    """
    our_timer, rival_timer = _Timer(ours, clock), _Timer(rival, clock)
    our_costs, rival_costs = [], []
    with _collector_paused():
        our_timer.warm_up()
        rival_timer.warm_up()
        for block in range(blocks):
            outer, inner = (our_timer, rival_timer) if block % 2 else (rival_timer, our_timer)
            first, second = outer.time(), inner.time()
            third, fourth = inner.time(), outer.time()
            costs = {id(outer): (first + fourth) / 2, id(inner): (second + third) / 2}
            our_costs.append(costs[id(our_timer)])
            rival_costs.append(costs[id(rival_timer)])
    ratios = tuple(a / b for a, b in zip(our_costs, rival_costs, strict=True))
    return Comparison(_median(our_costs), _median(rival_costs), ratios)


class _Timer:
    def __init__(self, workload: Workload, clock: Clock) -> None:
        self._run = workload.run
        self._units = workload.units
        self._clock = clock
        self._repeats = 1

    def warm_up(self) -> None:
        """Run until caches are warm, and find how many runs make one that can be timed."""
        for _ in range(_WARM_UP_RUNS):
            self._run()
        while self._timed_ns() < _MIN_RUN_NS and self._repeats < _MAX_REPEATS:
            self._repeats *= 2

    def time(self) -> float:
        """Nanoseconds a unit takes."""
        return self._timed_ns() / (self._repeats * self._units)

    def _timed_ns(self) -> int:
        run, repeats = self._run, range(self._repeats)
        began_ns = self._clock.now_ns()
        for _ in repeats:
            run()
        # A clock that stood still would make a ratio of nothing.
        return max(self._clock.now_ns() - began_ns, 1)


@contextmanager
def _collector_paused() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2
