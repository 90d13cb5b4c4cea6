"""Markdown, as a CI job's summary takes it."""

from collections.abc import Sequence

from voicectl.bench.formats.lines import (
    calibration_line,
    case_cells,
    case_rivals,
    cell_text,
    counts_line,
    gate_text,
    our_text,
    reason_text,
    rival_text,
    verdict_text,
)
from voicectl.bench.report import Figure, Report, Table

__all__ = ["render_markdown"]


def render_markdown(report: Report) -> str:
    """A table a report, then why each figure that did not pass did not."""
    rows = ["| figure | voicectl | beside | verdict | gate |", "|---|---|---|---|---|"]
    rows += [_row(figure) for figure in report.figures]
    reasons = [
        f"- `{figure.spec.id}`: {_escaped(reason)}"
        for figure in report.figures
        if (reason := reason_text(figure)) is not None
    ]
    notes = [f"- {_escaped(note)}" for note in report.notes]
    parts = [
        f"**{counts_line(report)}**",
        "\n".join(rows) if report.figures else "",
        "\n".join(reasons + notes),
        _cases(report),
        *(_table(table) for table in report.tables),
        f"self-test {_escaped(calibration_line(report.calibration))}",
    ]
    return "\n\n".join(part for part in parts if part)


def _table(table: Table) -> str:
    lines = [f"**{_escaped(table.title)}**", "", _line(table.columns)]
    lines.append("|" + "---|" * len(table.columns))
    lines += [_line([cell_text(cell) for cell in row]) for row in table.rows]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _cases(report: Report) -> str:
    if not report.cases:
        return ""
    rivals = case_rivals(report.cases)
    header = ["case", "voicectl", "took", *rivals]
    rows = [header, ["---"] * len(header)]
    rows += [case_cells(case, rivals) for case in sorted(report.cases, key=lambda each: each.right)]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows)


def _row(figure: Figure) -> str:
    cells = [
        f"`{figure.spec.id}` {figure.spec.title}",
        our_text(figure),
        rival_text(figure),
        verdict_text(figure),
        gate_text(figure),
    ]
    return _line(cells)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
