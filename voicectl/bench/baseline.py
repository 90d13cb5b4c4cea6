"""An earlier run's figures, compared by their ratios to the rivals'.

Times of two machines, or of one machine on two days, can't be compared. A ratio to a rival that
ran in the same minute can.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicectl.bench.estimate import Estimate, estimate_change
from voicectl.bench.formats.json import SCHEMA
from voicectl.bench.gate import judge_ratio
from voicectl.bench.report import Check, FigureSpec, Measurement, Verdict
from voicectl.errors import UsageError

__all__ = ["MAX_CHANGE", "Baseline", "read_baseline"]

MAX_CHANGE = 1.15
"""A cost's ratio to its rival may grow by this factor: neighbours in the cache and a rebuilt
binary's layout move it by some percent."""


@dataclass(frozen=True)
class Baseline:
    """A saved run."""

    path: Path
    cpu_model: str
    figures: Mapping[str, Mapping[str, Any]]
    """As the JSON has them, by id."""

    def check(
        self, spec: FigureSpec, measurement: Measurement | None, noise: Estimate
    ) -> Check | None:
        """Hold a figure against the saved one; None if the saved run did not measure it."""
        saved = self.figures.get(spec.id)
        if saved is None or saved["value"] is None:
            return None
        if spec.kind == "cost":
            return _check_cost(measurement, saved, noise)
        return _check_quality(spec, measurement, saved)


def read_baseline(path: Path) -> Baseline:
    """Read what `--save` or `--json` wrote.

    Raises:
        UsageError: the file cannot be read or is something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=_SAVE_HINT) from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}", hint=_SAVE_HINT) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UsageError(f"{path} is not a saved bench run ({SCHEMA})", hint=_SAVE_HINT)
    try:
        figures = {figure["id"]: _checked_figure(figure) for figure in document["figures"]}
        return Baseline(path, str(document["calibration"]["cpu_model"]), figures)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is a damaged bench run: {error!r}", hint=_SAVE_HINT) from error


_SAVE_HINT = "save one with `voicectl bench --save FILE`"


def _checked_figure(figure: Mapping[str, Any]) -> Mapping[str, Any]:
    value = figure["value"]
    ratios = [[float(ratio) for ratio in group] for group in figure["ratios"]]
    if any(not ratio > 0.0 for group in ratios for ratio in group):
        raise ValueError("a ratio is not positive")
    if len({len(group) for group in ratios}) > 1:
        raise ValueError("groups of ratios differ in size")
    return {"value": None if value is None else float(value), "ratios": ratios}


def _check_cost(
    measurement: Measurement | None, saved: Mapping[str, Any], noise: Estimate
) -> Check | None:
    if not saved["ratios"]:
        return None
    if measurement is None or not measurement.ratios:
        return Check("baseline", Verdict.INCONCLUSIVE, MAX_CHANGE, "not measured")
    if min(sum(map(len, groups)) for groups in (measurement.ratios, saved["ratios"])) < 2:
        return Check("baseline", Verdict.INCONCLUSIVE, MAX_CHANGE, "one round tells no interval")
    change = estimate_change(measurement.ratios, saved["ratios"])
    verdict, reason = judge_ratio(change, MAX_CHANGE, noise)
    return Check("baseline", verdict, MAX_CHANGE, f"against the baseline, {reason}", change)


def _check_quality(
    spec: FigureSpec, measurement: Measurement | None, saved: Mapping[str, Any]
) -> Check:
    before = float(saved["value"])
    limit = before - spec.tolerance if spec.higher_is_better else before + spec.tolerance
    if measurement is None:
        return Check("baseline", Verdict.INCONCLUSIVE, limit, "not measured")
    value = measurement.value
    good = value >= limit if spec.higher_is_better else value <= limit
    reason = f"{value:.3g} {spec.unit}, {before:.3g} in the baseline"
    if not good and measurement.doubt is not None:
        reason = f"{reason}, and {measurement.doubt}"
        return Check("baseline", Verdict.INCONCLUSIVE, limit, reason)
    return Check("baseline", Verdict.PASS if good else Verdict.FAIL, limit, reason)
