"""Saved runs, compared by ratios."""

import json
from pathlib import Path

import pytest
from support.bench_figures import (
    BUSY,
    COST,
    QUALITY,
    QUIET,
    calibration,
    cost,
    cost_of,
    quality,
)

from voicectl.bench.baseline import Baseline, read_baseline
from voicectl.bench.formats.json import report_fields
from voicectl.bench.report import Figure, Measurement, Report, Verdict
from voicectl.errors import UsageError


def saved(path: Path, *figures: Figure) -> Baseline:
    path.write_text(json.dumps(report_fields(Report(calibration(), figures))))
    return read_baseline(path)


@pytest.fixture
def baseline(tmp_path: Path) -> Baseline:
    figures = Figure(COST, cost(0.5)), Figure(QUALITY, quality(-80.0))
    return saved(tmp_path / "saved.json", *figures)


def verdict(baseline: Baseline, measurement: Measurement | None) -> Verdict:
    spec = QUALITY if measurement and measurement.ratio is None else COST
    check = baseline.check(spec, measurement, QUIET)
    assert check is not None
    return check.verdict


def test_a_run_passes_against_itself(baseline: Baseline) -> None:
    assert verdict(baseline, cost(0.5)) is Verdict.PASS
    assert verdict(baseline, quality(-80.0)) is Verdict.PASS


def test_a_ratio_that_grew_by_a_quarter_fails_whatever_the_times(baseline: Baseline) -> None:
    slower = cost(0.625, seed=2)
    twice_as_fast_a_machine = Measurement(slower.value / 2, (), slower.ratios, slower.ratio)
    assert verdict(baseline, twice_as_fast_a_machine) is Verdict.FAIL


def test_a_ratio_that_grew_by_a_twentieth_passes(baseline: Baseline) -> None:
    assert verdict(baseline, cost(0.525, seed=2)) is Verdict.PASS


def test_a_busy_machine_does_not_judge_a_change(baseline: Baseline) -> None:
    check = baseline.check(COST, cost(2.0), BUSY)
    assert check is not None
    assert check.verdict is Verdict.INCONCLUSIVE


def test_a_quality_may_get_worse_by_its_tolerance(baseline: Baseline) -> None:
    assert verdict(baseline, quality(-79.1)) is Verdict.PASS
    assert verdict(baseline, quality(-78.9)) is Verdict.FAIL


def test_a_figure_that_was_measured_then_and_not_now_is_inconclusive(baseline: Baseline) -> None:
    assert verdict(baseline, None) is Verdict.INCONCLUSIVE


def test_a_figure_that_is_new_is_not_compared(tmp_path: Path) -> None:
    empty = saved(tmp_path / "empty.json", Figure(COST, None, "not installed"))
    assert empty.check(COST, cost(0.5), QUIET) is None
    assert empty.check(QUALITY, quality(-80.0), QUIET) is None


def damaged(**changes: object) -> str:
    document = report_fields(Report(calibration(), (Figure(COST, cost(0.5)),)))
    document["figures"][0].update(changes)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ("[]", "is not a saved bench run"),
        ('{"schema": "voicectl.talk/1"}', "is not a saved bench run"),
        ('{"schema": "voicectl.bench/1"}', "is a damaged bench run"),
        (damaged(ratios=[[0.5, 0.0]]), "is a damaged bench run"),
        (damaged(ratios=[[0.5], [0.5, 0.6]]), "is a damaged bench run"),
        (damaged(ratios=None), "is a damaged bench run"),
        (damaged(value="fast"), "is a damaged bench run"),
    ],
)
def test_a_file_that_is_no_saved_run_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "saved.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_baseline(path)


def test_baseline_of_one_round_is_inconclusive() -> None:
    saved = {COST.id: {"value": 1.0, "ratios": [[0.5]]}}
    check = Baseline(Path("saved.json"), "A Processor", saved).check(
        COST, cost_of([(0.5,), (0.51,)]), QUIET
    )
    assert check is not None
    assert check.verdict is Verdict.INCONCLUSIVE
