"""What NetEq and a fixed 80 ms buffer were measured to make of the traces."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from voicectl.netem.trace import Trace, parse_trace

__all__ = ["CASES", "TraceCase", "NetEq", "OtherFixed", "fixed_elsewhere", "neteq", "trace"]

_TRACES = files("voicectl.bench.playout") / "traces"


@dataclass(frozen=True)
class TraceCase:
    """A trace, with or without in-band FEC (LBRR)."""

    trace: str
    inband_fec: bool

    @property
    def name(self) -> str:
        """For figures: `ge5`, `ge5-no-fec`."""
        return self.trace if self.inband_fec else f"{self.trace}-no-fec"


@dataclass(frozen=True)
class NetEq:
    """Means over its runs; `traces/README.md` has the definitions."""

    delay_ms: float
    longest_delay_ms: float
    """Of one run."""
    p95_ms: float
    concealed_percent: float
    most_concealed_percent: float
    """Of one run."""
    pesq_wb: float
    """After its time-scaling was undone."""
    stoi: float


@dataclass(frozen=True)
class OtherFixed:
    """The fixed buffer's on the speech that NetEq had."""

    concealed_percent: float
    pesq_wb: float
    stoi: float


@cache
def trace(name: str) -> Trace:
    """One of the ten."""
    return parse_trace((_TRACES / f"{name}.csv").read_text(encoding="utf-8"))


def neteq(case: TraceCase) -> NetEq:
    """What NetEq made of it."""
    row = _rows("neteq-chromium-156.tsv")[case]
    return NetEq(
        delay_ms=float(row["delay_ms"]),
        longest_delay_ms=float(row["delay_high_ms"]),
        p95_ms=float(row["p95_ms"]),
        concealed_percent=float(row["concealed"]),
        most_concealed_percent=float(row["concealed_high"]),
        pesq_wb=float(row["pesq_wb_aligned"]),
        stoi=float(row["stoi"]),
    )


def fixed_elsewhere(case: TraceCase) -> OtherFixed:
    """What the fixed buffer made of it with NetEq's speech."""
    row = _rows("fixed-80-ms.tsv")[case]
    return OtherFixed(float(row["concealed"]), float(row["pesq_wb"]), float(row["stoi"]))


@cache
def _rows(name: str) -> dict[TraceCase, dict[str, str]]:
    lines = (_TRACES / name).read_text(encoding="utf-8").splitlines()
    columns = lines[0].split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:]]
    return {TraceCase(row["trace"], row["fec"] == "on"): row for row in rows}


CASES = tuple(_rows("neteq-chromium-156.tsv"))
"""Every trace with FEC, and those that lose packets without too."""
