"""JSON, schema `voicectl.bench/1`: what `--save` writes and `--baseline` reads."""

from dataclasses import asdict
from typing import Any

from voicectl.bench.estimate import Estimate
from voicectl.bench.report import Calibration, Case, Check, Figure, Report, Table

__all__ = ["SCHEMA", "report_fields"]

SCHEMA = "voicectl.bench/1"
_DIGITS = 5


def report_fields(report: Report) -> dict[str, Any]:
    """The report as one object."""
    return {
        "schema": SCHEMA,
        "verdict": report.verdict,
        "calibration": _calibration(report.calibration),
        "figures": [_figure(figure) for figure in report.figures],
        "tables": [_table(table) for table in report.tables],
        "notes": list(report.notes),
        "cases": [_case(case) for case in report.cases],
    }


def _calibration(calibration: Calibration) -> dict[str, Any]:
    fields = asdict(calibration)
    fields["noise"] = _estimate(calibration.noise)
    fields["versions"] = dict(calibration.versions)
    return fields


def _figure(figure: Figure) -> dict[str, Any]:
    spec, measurement = figure.spec, figure.measurement
    return {
        "id": spec.id,
        "title": spec.title,
        "kind": spec.kind,
        "unit": spec.unit,
        "better": "higher" if spec.higher_is_better else "lower",
        "value": _rounded(measurement.value) if measurement else None,
        "rivals": [
            {
                "name": rival.name,
                "value": _rounded(rival.value),
                "ratio": None if rival.ratio is None else _rounded(rival.ratio),
            }
            for rival in (measurement.rivals if measurement else ())
        ],
        "ratio": _estimate(measurement.ratio) if measurement and measurement.ratio else None,
        "ratios": [
            [_rounded(ratio) for ratio in group]
            for group in (measurement.ratios if measurement else ())
        ],
        "missing": figure.missing,
        "verdict": figure.verdict,
        "checks": [_check(check) for check in figure.checks],
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "id": table.id,
        "title": table.title,
        "columns": list(table.columns),
        "rows": [
            [_rounded(cell) if isinstance(cell, float) else cell for cell in row]
            for row in table.rows
        ],
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "suite": case.suite,
        "group": case.group,
        "name": case.name,
        "expected": case.expected,
        "found": case.found,
        "right": case.right,
        "took_ms": None if case.took_ms is None else round(case.took_ms, 1),
        "seed": case.seed,
        "rivals": [
            {
                "name": rival.name,
                "status": rival.status,
                "took_s": round(rival.took_s, 2),
                "said": rival.said,
                "right": rival.right,
            }
            for rival in case.rivals
        ],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "by": check.by,
        "verdict": check.verdict,
        "limit": check.limit,
        "reason": check.reason,
        "change": _estimate(check.change) if check.change else None,
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": _rounded(estimate.value),
        "low": _rounded(estimate.low),
        "high": _rounded(estimate.high),
        "n": estimate.n,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
