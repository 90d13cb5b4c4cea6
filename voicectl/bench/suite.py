"""What a suite is, and running some of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from voicectl.bench.baseline import Baseline
from voicectl.bench.estimate import Estimate, estimate_median
from voicectl.bench.gate import check_gate
from voicectl.bench.machine import calibrate, refuse_debug_build
from voicectl.bench.measure import Workload, compare
from voicectl.bench.report import (
    Case,
    Check,
    Figure,
    FigureSpec,
    Measurement,
    Report,
    RivalValue,
    Table,
)
from voicectl.bench.self_test import SelfTest
from voicectl.clock import Clock
from voicectl.errors import SetupError

__all__ = ["Bench", "Effort", "Stopwatch", "Suite", "run_self_test", "run_suites"]


@dataclass(frozen=True)
class Effort:
    """How many samples are taken."""

    rounds: int
    """A cost's, each on fresh memory, with one of the A/A self-test before them."""
    blocks: int
    """A round's, of `measure.compare`; even."""

    @classmethod
    def quick(cls) -> "Effort":
        """Under a minute for all costs, on a machine that is not idle."""
        return cls(rounds=5, blocks=6)

    @classmethod
    def thorough(cls) -> "Effort":
        """Intervals half as wide."""
        return cls(rounds=12, blocks=10)


@dataclass(frozen=True)
class Stopwatch:
    """Times pairs of workloads, for the benches."""

    clock: Clock
    """CPU time of this thread."""
    blocks: int
    on_step: Callable[[str], None] = lambda step: None
    """Told what is under way inside a long measurement."""

    def cost(self, ours: Workload, rival_name: str, rival: Workload) -> Measurement:
        """What a unit of `ours` costs in microseconds, beside a rival's."""
        comparison = compare(ours, rival, blocks=self.blocks, clock=self.clock)
        return Measurement(
            comparison.ours_ns / 1000,
            (RivalValue(rival_name, comparison.rival_ns / 1000),),
            (comparison.ratios,),
            estimate_median((comparison.ratios,)),
        )


@dataclass(frozen=True)
class Bench:
    """A figure and how it is measured."""

    spec: FigureSpec
    measure: Callable[[Stopwatch], Measurement]
    """Raises SetupError when a rival's package is not installed."""
    takes_rounds: bool = True
    """Whether a cost is measured once a round; otherwise once, and it takes rounds of its own."""


@dataclass(frozen=True)
class Suite:
    """Benches on one theme."""

    name: str
    benches: tuple[Bench, ...]
    tables: Callable[[], tuple[Table, ...]] = tuple
    """After the measurements: what is shown beside them."""
    cases: Callable[[], tuple[Case, ...]] = tuple
    """After the measurements: what was tried for them."""
    notes: Callable[[], tuple[str, ...]] = tuple
    """After the measurements: what to know of them."""
    missing: Callable[[], SetupError | None] = lambda: None
    """Why nothing of it can be measured on this machine."""

    @property
    def specs(self) -> list[FigureSpec]:
        """The figures it measures."""
        return [bench.spec for bench in self.benches]


def run_suites(
    suites: Sequence[Suite],
    *,
    clock: Clock,
    effort: Effort,
    limits: dict[str, float] | None = None,
    baseline: Baseline | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Report:
    """Measure, then judge.

    Args:
        suites: What to run.
        clock: CPU time of this thread.
        effort: How many samples.
        limits: Figure id to limit; the figures' own if None.
        baseline: An earlier run to hold the figures against.
        on_step: Told of each figure before it is measured, and of the steps of long ones.

    Raises:
        SetupError: this is a debug build.
    """
    refuse_debug_build()
    self_test = SelfTest(clock)
    self_test.sample(effort.blocks)
    stopwatch = Stopwatch(clock, effort.blocks, on_step)
    figures = []
    for bench in (bench for suite in suites for bench in suite.benches):
        on_step(bench.spec.id)
        figures.append(_measured(bench, stopwatch, self_test, effort.rounds))
    noise = self_test.noise
    if limits is None:
        limits = _own_limits(figure.spec for figure in figures)
    judged = tuple(_judged(figure, limits, baseline, noise) for figure in figures)
    calibration = calibrate(noise)
    notes = [note for suite in suites for note in suite.notes()]
    if baseline is not None and baseline.cpu_model != calibration.cpu_model:
        notes.append(
            f"the baseline was measured on another processor ({baseline.cpu_model}): "
            "ratios move with the instructions a processor has"
        )
    cases = tuple(case for suite in suites for case in suite.cases())
    tables = tuple(table for suite in suites for table in suite.tables())
    return Report(calibration, judged, tables=tables, notes=tuple(notes), cases=cases)


def run_self_test(*, clock: Clock, effort: Effort) -> Report:
    """Only the A/A self-test.

    Raises:
        SetupError: this is a debug build.
    """
    refuse_debug_build()
    self_test = SelfTest(clock)
    for _ in range(effort.rounds):
        self_test.sample(effort.blocks)
    return Report(calibrate(self_test.noise))


def _own_limits(specs: Iterable[FigureSpec]) -> dict[str, float]:
    return {spec.id: spec.limit for spec in specs if spec.limit is not None}


def _measured(bench: Bench, stopwatch: Stopwatch, self_test: SelfTest, rounds: int) -> Figure:
    try:
        if bench.spec.kind == "quality":
            return Figure(bench.spec, bench.measure(stopwatch))
        self_test.sample(stopwatch.blocks)
        if not bench.takes_rounds:
            return Figure(bench.spec, bench.measure(stopwatch))
        return Figure(bench.spec, _joined([bench.measure(stopwatch) for _ in range(rounds)]))
    except SetupError as error:
        missing = error.message if error.hint is None else f"{error.message}: {error.hint}"
        return Figure(bench.spec, None, missing)


def _joined(rounds: list[Measurement]) -> Measurement:
    ratios = tuple(group for measurement in rounds for group in measurement.ratios)
    rival = RivalValue(
        rounds[0].rivals[0].name, median(measurement.rivals[0].value for measurement in rounds)
    )
    value = median(measurement.value for measurement in rounds)
    return Measurement(value, (rival,), ratios, estimate_median(ratios))


def _judged(
    figure: Figure, limits: dict[str, float], baseline: Baseline | None, noise: Estimate
) -> Figure:
    spec, measurement = figure.spec, figure.measurement
    checks: list[Check] = []
    if (limit := limits.get(spec.id)) is not None:
        checks.append(check_gate(spec, measurement, limit, noise))
    if baseline is not None and (check := baseline.check(spec, measurement, noise)):
        checks.append(check)
    return Figure(spec, measurement, figure.missing, tuple(checks))
