"""Delay against what is missing: every buffer on every trace, a table."""

from collections.abc import Iterator

from voicectl.bench.playout.others import (
    CASES,
    REPAIR_CASES,
    TraceCase,
    burst_case,
    fixed_elsewhere,
    neteq,
)
from voicectl.bench.report import Cell, Table
from voicectl.errors import SetupError
from voicectl.replay.encoding import Protection
from voicectl.replay.pipeline import Strategy

__all__ = ["notes", "tables"]

_COLUMNS = ("trace", "buffer", "delay ms", "p95 ms", "missing %", "PESQ-wb", "STOI")
_TITLE = "delay against concealed and skipped audio, by trace"


def tables(*, scored: bool) -> tuple[Table, ...]:
    """The front of each trace, with or without the speech scores."""
    rows = tuple(row for case in (*CASES, *REPAIR_CASES) for row in _rows(case, scored=scored))
    return (Table("playout-front", _TITLE, _COLUMNS, rows),)


def _rows(case: TraceCase, *, scored: bool) -> Iterator[tuple[Cell, ...]]:
    from voicectl.bench.playout.quality import scores
    from voicectl.bench.playout.runs import fixed, run

    def score(strategy: Strategy | None) -> tuple[Cell, Cell]:
        if not scored:
            return None, None
        try:
            found = scores(case, strategy)
        except SetupError:
            return None, None
        return found.pesq_wb, found.stoi

    for strategy in (
        Strategy.EAGER, Strategy.CONSERVATIVE, Strategy.BALANCED, Strategy.AGGRESSIVE
    ):  # fmt: skip
        ours = run(case, strategy)
        figures = (ours.delay_ms, ours.p95_ms, ours.missing_percent)
        yield case.name, strategy.value, *figures, *score(strategy)
    if case.measured_elsewhere != case:
        return
    steady = fixed(case)
    yield (
        case.name, "fixed 80 ms", steady.delay_ms, None, steady.concealed_percent, *score(None)
    )  # fmt: skip
    theirs = neteq(case)
    yield (
        case.name, "NetEq", theirs.delay_ms, theirs.p95_ms, theirs.concealed_percent,
        theirs.pesq_wb, theirs.stoi,
    )  # fmt: skip
    other = fixed_elsewhere(case)
    yield (
        case.name, "its fixed 80 ms", None, None, other.concealed_percent,
        other.pesq_wb, other.stoi,
    )  # fmt: skip


def notes() -> tuple[str, ...]:
    """At how many bits each protection was."""
    from voicectl.bench.playout.runs import kbps

    paused = ", ".join(f"{p} {kbps(TraceCase('ge5', p)):.1f}" for p in Protection)
    dense = ", ".join(f"{p} {kbps(burst_case(100, p)):.1f}" for p in Protection)
    return (f"playout: kbit/s of speech with pauses: {paused}", f"  and without: {dense}")
