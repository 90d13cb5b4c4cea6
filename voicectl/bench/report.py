"""What a bench run came to: figures beside their rivals', verdicts, and the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from voicectl.bench.estimate import Estimate

__all__ = [
    "Calibration",
    "Case",
    "CaseRival",
    "Cell",
    "Check",
    "Figure",
    "FigureSpec",
    "Measurement",
    "Report",
    "RivalValue",
    "Table",
    "Verdict",
]

Cell: TypeAlias = str | float | None
"""Of a table; None: not measured."""


class Verdict(StrEnum):
    """What a check says of a figure."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class FigureSpec:
    """A figure that a suite knows how to measure."""

    suite: str
    name: str
    """Kebab case, unique in its suite."""
    title: str
    unit: str
    """Of the value; a time for a cost."""
    limit: float | None
    """Gated at unless a gate file says otherwise: the ratio of a cost, the value of a quality."""
    kind: Literal["cost", "quality"] = "cost"
    """A cost is CPU time, judged by its ratio to the rival's; a quality is the same every time."""
    higher_is_better: bool = False
    tolerance: float = 0.0
    """How much worse than in a baseline a quality's value may be."""

    @property
    def id(self) -> str:
        """As gates, baselines and reports name it."""
        return f"{self.suite}.{self.name}"


@dataclass(frozen=True)
class RivalValue:
    """What another implementation does, in the figure's unit."""

    name: str
    value: float
    ratio: float | None = None
    """Ours over its, where a limit is a share of it and something beside: nothing is added here."""


@dataclass(frozen=True)
class Measurement:
    """What was found out about a figure."""

    value: float
    rivals: tuple[RivalValue, ...]
    """A cost has the one that its ratio is taken to."""
    ratios: tuple[tuple[float, ...], ...] = ()
    """Of a cost: ours over the rival's, sample by sample, in groups measured on fresh memory."""
    ratio: Estimate | None = None
    doubt: str | None = None
    """Why a quality beyond its limit may be this machine's doing: it is then inconclusive."""


@dataclass(frozen=True)
class CaseRival:
    """What another program made of a case."""

    name: str
    status: int | None
    """Its exit status; None where it did not end in time."""
    took_s: float
    said: str
    """Its last line."""
    right: bool | None
    """Whether its status says what is so; None where that does not apply."""


@dataclass(frozen=True)
class Case:
    """One thing that was tried, of those that figures count."""

    suite: str
    group: str
    """What it is one of: rows of a group stand together."""
    name: str
    expected: str
    found: str
    right: bool
    took_ms: float | None
    """To the answer that counts."""
    seed: int
    rivals: tuple[CaseRival, ...] = ()


@dataclass(frozen=True)
class Check:
    """A figure held against a limit."""

    by: Literal["gate", "baseline"]
    verdict: Verdict
    limit: float
    reason: str
    """Why it is not a pass, or what passed: one line."""
    change: Estimate | None = None
    """Against a baseline's cost: its ratio now over its ratio then."""


@dataclass(frozen=True)
class Figure:
    """A figure, measured or not, and judged or not."""

    spec: FigureSpec
    measurement: Measurement | None
    missing: str | None = None
    """Why it was not measured."""
    checks: tuple[Check, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The worst of the checks; None without any."""
        verdicts = {check.verdict for check in self.checks}
        for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
            if verdict in verdicts:
                return verdict
        return None


@dataclass(frozen=True)
class Calibration:
    """What the figures were measured on."""

    noise: Estimate
    """A/A: a workload over itself."""
    cpu_model: str
    cores: int
    load_1m: float | None
    """The load average at the end; None where the system keeps none."""
    build_profile: str
    versions: Mapping[str, str]
    """Of voicectl, Python and every rival."""


@dataclass(frozen=True)
class Table:
    """Values side by side that are shown but not gated."""

    id: str
    """Kebab case."""
    title: str
    columns: tuple[str, ...]
    """With units."""
    rows: tuple[tuple[Cell, ...], ...]
    """Rows whose first cell is the same belong together."""


@dataclass(frozen=True)
class Report:
    """A run."""

    calibration: Calibration
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What a reader should know before comparing."""
    cases: tuple[Case, ...] = ()
    tables: tuple[Table, ...] = ()

    def count(self, verdict: Verdict) -> int:
        """Figures with this verdict."""
        return sum(figure.verdict is verdict for figure in self.figures)

    @property
    def verdict(self) -> Verdict:
        """Fail if a figure fails, else inconclusive if one is."""
        if self.count(Verdict.FAIL):
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if self.count(Verdict.INCONCLUSIVE) else Verdict.PASS
