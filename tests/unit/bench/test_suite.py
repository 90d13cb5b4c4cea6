"""Running suites whose benches give synthetic figures."""

from pathlib import Path

import pytest
from support.bench_figures import COST, QUALITY, cost, quality

from voicectl import _native
from voicectl.bench.baseline import Baseline
from voicectl.bench.measure import Workload
from voicectl.bench.report import Measurement, Verdict
from voicectl.bench.suite import Bench, Effort, Stopwatch, Suite, run_suites
from voicectl.errors import SetupError

EFFORT = Effort(rounds=3, blocks=2)


class EvenClock:
    """Any piece of work takes the same time: an A/A ratio of 1."""

    def __init__(self) -> None:
        self._time_ns = 0

    def now_ns(self) -> int:
        self._time_ns += 5_000_000
        return self._time_ns


def not_installed(_: Stopwatch) -> Measurement:
    raise SetupError("other cannot be imported", hint="pip install other")


def test_figures_are_measured_in_order_and_held_to_their_own_limits() -> None:
    suite = Suite(
        "dsp", (Bench(COST, lambda _: cost(0.6)), Bench(QUALITY, lambda _: quality(-80.0)))
    )
    told = []
    report = run_suites([suite], clock=EvenClock(), effort=EFFORT, on_step=told.append)
    assert told == ["dsp.decode-vs-other", "dsp.aliases"]
    assert [figure.verdict for figure in report.figures] == [Verdict.FAIL, Verdict.PASS]
    assert report.calibration.noise.value == 1.0
    assert report.calibration.build_profile == "release"


def test_a_cost_is_measured_in_rounds_on_memory_of_their_own() -> None:
    medians = iter([0.2, 0.3, 0.4])
    suite = Suite("dsp", (Bench(COST, lambda _: cost(next(medians), spread=0.001)),))
    [figure] = run_suites([suite], clock=EvenClock(), effort=EFFORT).figures
    measurement = figure.measurement
    assert measurement is not None
    assert measurement.ratio is not None
    assert len(measurement.ratios) == 3 * 5
    assert measurement.ratio.value == pytest.approx(0.3, rel=0.01)
    assert measurement.value == pytest.approx(6.0, rel=0.01)


def test_a_gate_replaces_the_limits_of_all_figures() -> None:
    suite = Suite(
        "dsp", (Bench(COST, lambda _: cost(0.6)), Bench(QUALITY, lambda _: quality(-80.0)))
    )
    report = run_suites(
        [suite], clock=EvenClock(), effort=EFFORT, limits={"dsp.decode-vs-other": 0.7}
    )
    assert [figure.verdict for figure in report.figures] == [Verdict.PASS, None]


def test_a_rival_that_is_not_installed_leaves_its_figure_out_and_says_how_to_get_it() -> None:
    suite = Suite("dsp", (Bench(COST, not_installed), Bench(QUALITY, lambda _: quality(-80.0))))
    report = run_suites([suite], clock=EvenClock(), effort=EFFORT)
    missing, measured = report.figures
    assert missing.missing == "other cannot be imported: pip install other"
    assert missing.verdict is Verdict.INCONCLUSIVE
    assert measured.verdict is Verdict.PASS


def test_a_baseline_of_another_processor_is_compared_with_a_note() -> None:
    suite = Suite("dsp", (Bench(COST, lambda _: cost(0.5)),))
    ratios = {"value": 10.0, "ratios": cost(0.25).ratios}
    baseline = Baseline(Path("saved.json"), "Another Processor", {"dsp.decode-vs-other": ratios})
    report = run_suites([suite], clock=EvenClock(), effort=EFFORT, limits={}, baseline=baseline)
    assert report.verdict is Verdict.FAIL
    assert "Another Processor" in report.notes[0]


def test_a_cost_is_in_microseconds_of_a_unit_beside_the_rival() -> None:
    watch = Stopwatch(EvenClock(), blocks=2)
    measurement = watch.cost(
        Workload(lambda: None, units=5), "other", Workload(lambda: None, units=50)
    )
    assert measurement.value == pytest.approx(1000.0)
    assert measurement.rivals[0].value == pytest.approx(100.0)
    assert measurement.ratio is not None
    assert measurement.ratio.value == pytest.approx(10.0)


def test_a_debug_build_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "BUILD_PROFILE", "debug")
    with pytest.raises(SetupError, match="debug build"):
        run_suites([], clock=EvenClock(), effort=EFFORT)
