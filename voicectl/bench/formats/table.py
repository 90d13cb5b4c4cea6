"""Aligned lines for a terminal, 80 columns wide."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

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
from voicectl.bench.report import Case, Cell, Figure, Report, Verdict
from voicectl.bench.report import Table as DataTable

__all__ = ["render_table"]

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}


def render_table(report: Report) -> RenderableType:
    """The figures by suite, the reasons under each that did not pass, the machine, the counts."""
    parts: list[RenderableType] = []
    for name in dict.fromkeys(figure.spec.suite for figure in report.figures):
        parts.append(Text(name, style="bold"))
        parts.extend(_suite([f for f in report.figures if f.spec.suite == name]))
        cases = [case for case in report.cases if case.suite == name]
        for group in dict.fromkeys(case.group for case in cases):
            parts += [Text(), _cases(group, [case for case in cases if case.group == group])]
    for data in report.tables:
        parts += [Text(), Text(data.title, style="bold"), _data_table(data)]
    parts += [Text(f"  {note}") for note in report.notes]
    parts += [Text(), Text(f"  {calibration_line(report.calibration)}", style="dim")]
    if report.figures:
        parts.append(Text(f"  {counts_line(report)}"))
    return Group(*parts)


def _data_table(data: DataTable) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for column, name in enumerate(data.columns):
        table.add_column(name, justify="left" if column < 2 else "right", no_wrap=True)
    group: Cell = None
    for row in data.rows:
        first = "" if row[0] == group else cell_text(row[0])
        group = row[0]
        table.add_row(first, *(cell_text(cell) for cell in row[1:]))
    return Padding(table, (0, 0, 0, 2), expand=False)


def _suite(figures: list[Figure]) -> list[RenderableType]:
    table = Table.grid(padding=(0, 2, 0, 0))
    for column in range(4):
        table.add_column(justify="right" if column == 1 else "left", no_wrap=column in (1, 3))
    for figure in figures:
        table.add_row(
            Text(figure.spec.title),
            Text(our_text(figure)),
            Text(rival_text(figure)),
            _verdict(figure),
        )
    reasons = [
        Text(f"  {figure.spec.id}: {reason}")
        for figure in figures
        if (reason := reason_text(figure)) is not None
    ]
    return [Padding(table, (0, 0, 0, 2)), *reasons]


def _cases(group: str, cases: list[Case]) -> RenderableType:
    """Those that are wrong first."""
    rivals = case_rivals(cases)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for title in (group, "voicectl"):
        table.add_column(title, overflow="fold")
    for title in ("", *rivals):
        table.add_column(title, justify="right", no_wrap=True)
    for case in sorted(cases, key=lambda each: each.right):
        first, found, *others = case_cells(case, rivals)
        style = "" if case.right else "bold red"
        table.add_row(Text(first), Text(found, style=style), *(Text(each) for each in others))
    return Padding(table, (0, 0, 0, 2))


def _verdict(figure: Figure) -> Text:
    text = Text(verdict_text(figure), style=_STYLES[figure.verdict] if figure.verdict else "")
    if figure.verdict is not Verdict.INCONCLUSIVE:
        # The line below tells an inconclusive figure's limit, and the word is long.
        text.append(f" {gate_text(figure)}", style="default")
    return text
