"""Verdicts, on synthetic samples."""

from pathlib import Path

import numpy as np
import pytest
from support.bench_figures import BUSY, COST, QUALITY, QUIET, SCORE, cost, cost_of, quality

from voicectl.bench.estimate import Estimate, estimate_median
from voicectl.bench.gate import check_gate, read_gate
from voicectl.bench.report import Verdict
from voicectl.errors import UsageError

SPECS = [COST, QUALITY, SCORE]


@pytest.mark.parametrize(
    ("median", "verdict"),
    [(0.40, Verdict.PASS), (0.60, Verdict.FAIL), (0.50, Verdict.INCONCLUSIVE)],
)
def test_a_cost_is_judged_by_the_ends_of_its_interval(median: float, verdict: Verdict) -> None:
    assert check_gate(COST, cost(median), 0.5, QUIET).verdict is verdict


def test_a_failure_says_by_how_much() -> None:
    check = check_gate(COST, cost_of([[0.6] * 10]), 0.5, QUIET)
    assert check.reason == "ratio 0.600 [0.600, 0.600] is above 0.5"


def test_a_machine_that_disagrees_with_itself_judges_no_cost() -> None:
    for median in (0.1, 5.0):
        check = check_gate(COST, cost(median), 0.5, BUSY)
        assert check.verdict is Verdict.INCONCLUSIVE
        assert "too busy" in check.reason


def test_what_a_machine_gets_wrong_by_itself_is_no_failure() -> None:
    just_above = cost_of([[0.51] * 10])
    assert check_gate(COST, just_above, 0.5, QUIET).verdict is Verdict.FAIL
    five_percent = Estimate(1.0, 0.95, 1.05, 60)
    assert check_gate(COST, just_above, 0.5, five_percent).verdict is Verdict.INCONCLUSIVE


def test_a_neighbour_who_keeps_a_core_busy_never_makes_a_good_figure_fail() -> None:
    """Half of the samples are disturbed by up to 60 %, on either side; layouts differ by 5 %."""
    for seed in range(100):
        rng = np.random.default_rng(seed)

        def disturbed(
            median: float, groups: int, rng: np.random.Generator = rng
        ) -> list[list[float]]:
            shape = groups, 6
            theirs, ours = (
                1 + rng.uniform(0, 0.6, shape) * (rng.random(shape) < 0.5) for _ in range(2)
            )
            layout = np.exp(rng.normal(0, 0.05, (groups, 1)))
            samples: list[list[float]] = (median * layout * ours / theirs).tolist()
            return samples

        noise = estimate_median(disturbed(1.0, 60))
        check = check_gate(COST, cost_of(disturbed(0.45, 6)), 0.5, noise)
        assert check.verdict is not Verdict.FAIL, f"seed {seed}: {check.reason}"


def test_a_quality_is_exact_and_judged_on_any_machine() -> None:
    assert check_gate(QUALITY, quality(-75.0), -75.0, BUSY).verdict is Verdict.PASS
    assert check_gate(QUALITY, quality(-74.9), -75.0, BUSY).verdict is Verdict.FAIL
    assert check_gate(SCORE, quality(0.9), 0.9, BUSY).verdict is Verdict.PASS
    assert check_gate(SCORE, quality(0.89), 0.9, BUSY).verdict is Verdict.FAIL


def test_a_quality_says_on_which_side_of_its_limit_it_lies() -> None:
    assert "is at least 0.9" in check_gate(SCORE, quality(0.95), 0.9, BUSY).reason
    assert "is below 0.9" in check_gate(SCORE, quality(0.85), 0.9, BUSY).reason
    assert "is within -75" in check_gate(QUALITY, quality(-80.0), -75.0, BUSY).reason


def test_a_gated_figure_that_could_not_be_measured_is_no_pass() -> None:
    assert check_gate(COST, None, 0.5, QUIET).verdict is Verdict.INCONCLUSIVE


def test_limits_are_read_by_suite_and_figure(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text("[dsp]\ndecode-vs-other = 0.55\naliases = -70\n")
    assert read_gate(path, SPECS) == {"dsp.decode-vs-other": 0.55, "dsp.aliases": -70.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[dsp]\ndecoed = 0.5\n", "gates `dsp.decoed`, which is no figure"),
        ("[disp]\naliases = 0.5\n", "gates `disp.aliases`, which is no figure"),
        ("aliases = 0.5\n", "`aliases` is not a table"),
        ('[dsp]\naliases = "-70"\n', "the limit of `dsp.aliases` is not a number"),
        ("[dsp]\naliases = true\n", "the limit of `dsp.aliases` is not a number"),
        ("[dsp\n", "is not TOML"),
        ("", "gates nothing"),
        ("[dsp]\naliases = nan\n", "the limit of `dsp.aliases` is not a number"),
    ],
)
def test_a_gate_file_with_a_mistake_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_gate(path, SPECS)


def test_an_unknown_figure_is_answered_with_the_known(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text("[dsp]\ndecoed = 0.5\n")
    with pytest.raises(UsageError) as caught:
        read_gate(path, SPECS)
    assert caught.value.hint == "the figures are dsp.aliases, dsp.auc, dsp.decode-vs-other"


def test_a_missing_gate_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_gate(tmp_path / "none.toml", SPECS)
