"""The pieces of a figure that people read, the same in every format for them."""

from collections.abc import Sequence

from voicectl.bench.gate import number_text
from voicectl.bench.report import (
    Calibration,
    Case,
    CaseRival,
    Cell,
    Figure,
    Report,
    RivalValue,
    Verdict,
)

__all__ = [
    "calibration_line",
    "case_cells",
    "case_rivals",
    "cell_text",
    "counts_line",
    "gate_text",
    "our_text",
    "reason_text",
    "rival_text",
    "verdict_text",
]


def our_text(figure: Figure) -> str:
    """What voicectl does: `19.4 us`."""
    measurement = figure.measurement
    return _value(measurement.value, figure.spec.unit) if measurement else "-"


def rival_text(figure: Figure) -> str:
    """Beside whom: `0.44x [0.42, 0.46] aiortc` for a cost, `swr -43` for a quality.

    With the ratio, `NetEq 33 (0.57x)`, where the limit of a quality is a share of it.
    """
    measurement = figure.measurement
    if measurement is None:
        return ""
    if (ratio := measurement.ratio) is not None:
        interval = f"[{ratio.low:.2f}, {ratio.high:.2f}]"
        return f"{ratio.value:.2f}x {interval} {measurement.rivals[0].name}"
    return ", ".join(map(_rival, measurement.rivals))


def _rival(rival: RivalValue) -> str:
    ratio = "" if rival.ratio is None else f" ({rival.ratio:.2f}x)"
    return f"{rival.name} {number_text(rival.value)}{ratio}"


def verdict_text(figure: Figure) -> str:
    """`pass`, `fail`, `inconclusive`, or why there is none."""
    if figure.verdict is not None:
        return str(figure.verdict)
    return "" if figure.measurement else "skipped"


def gate_text(figure: Figure) -> str:
    """The gate's limit, of a cost's ratio or a quality's value: `≤ 0.5`."""
    relation = "≥" if figure.spec.higher_is_better else "≤"
    limits = [check.limit for check in figure.checks if check.by == "gate"]
    return f"{relation} {limits[0]:g}" if limits else ""


def reason_text(figure: Figure) -> str | None:
    """What a reader of anything but a pass needs to know."""
    if figure.missing:
        return figure.missing
    if figure.verdict in (None, Verdict.PASS):
        return None
    return "; ".join(check.reason for check in figure.checks if check.verdict is figure.verdict)


def cell_text(cell: Cell) -> str:
    """A table's cell."""
    if cell is None:
        return "-"
    return cell if isinstance(cell, str) else f"{cell:.3g}"


def calibration_line(calibration: Calibration) -> str:
    """The machine, in a line."""
    noise = calibration.noise
    parts = [f"A/A {noise.value:.3f} [{noise.low:.3f}, {noise.high:.3f}]"]
    if calibration.load_1m is not None:
        parts.append(f"load {calibration.load_1m:g} on {calibration.cores} cores")
    return " · ".join([*parts, calibration.cpu_model, f"{calibration.build_profile} build"])


def counts_line(report: Report) -> str:
    """How many figures passed, failed, and could not be judged."""
    return " · ".join(f"{report.count(verdict)} {verdict}" for verdict in Verdict)


def case_rivals(cases: Sequence[Case]) -> list[str]:
    """The rivals of these cases, a column each."""
    return list(dict.fromkeys(rival.name for case in cases for rival in case.rivals))


def case_cells(case: Case, rivals: Sequence[str]) -> list[str]:
    """A row: name, what was found (and expected, where that differs), time, and each rival.

    A rival's cell has its exit status, `hung` where it had to be stopped, and a `!` where its
    status says the opposite of what is so.
    """
    found = case.found if case.right else f"{case.found}, expected {case.expected}"
    took = "-" if case.took_ms is None else f"{case.took_ms:.0f} ms"
    by_name = {rival.name: _rival_cell(rival) for rival in case.rivals}
    return [case.name, found, took, *(by_name.get(name, "-") for name in rivals)]


def _rival_cell(rival: CaseRival) -> str:
    if rival.status is None:
        return "hung"
    return f"{rival.status}{'!' if rival.right is False else ''}"


def _value(value: float, unit: str) -> str:
    return f"{number_text(value)} {unit}".rstrip()
