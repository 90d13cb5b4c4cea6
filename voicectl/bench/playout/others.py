"""What NetEq and a fixed 80 ms buffer were measured to make of the traces."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from voicectl.netem.trace import FRAME_NS, Trace, TracePacket, parse_trace
from voicectl.replay.encoding import Protection

__all__ = [
    "BURST_FRAMES",
    "CASES",
    "REPAIR_CASES",
    "NetEq",
    "OtherFixed",
    "TraceCase",
    "burst_case",
    "fixed_elsewhere",
    "neteq",
    "trace",
]

BURST_FRAMES = 1500
"""Of a `burst_case`: half a minute."""
_BURSTS = "burst-"
_TRACES = files("voicectl.bench.playout") / "traces"


@dataclass(frozen=True)
class TraceCase:
    """A trace, and how the stream that meets it repeats itself."""

    trace: str
    protection: Protection = Protection.LBRR

    @property
    def name(self) -> str:
        """For figures: `ge5`, `ge5-no-fec`, `ge5-dred`."""
        suffix = {Protection.LBRR: "", Protection.NONE: "-no-fec"}
        return self.trace + suffix.get(self.protection, f"-{self.protection}")

    @property
    def is_burst(self) -> bool:
        """Whether it is a `burst_case`."""
        return self.trace.startswith(_BURSTS)

    @property
    def measured_elsewhere(self) -> "TraceCase":
        """What NetEq had: beside other protection, in-band FEC."""
        is_other = self.protection in (Protection.RED, Protection.DRED)
        return TraceCase(self.trace) if is_other else self


@dataclass(frozen=True)
class NetEq:
    """Means over its runs; `traces/README.md` has the definitions."""

    delay_ms: float
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
    """One of the ten, or of a `burst_case`."""
    if name.startswith(_BURSTS):
        return _burst_trace(int(name.removeprefix(_BURSTS)))
    return parse_trace((_TRACES / f"{name}.csv").read_text(encoding="utf-8"))


def neteq(case: TraceCase) -> NetEq:
    """What NetEq made of it."""
    row = _rows("neteq-chromium-156.tsv")[case.measured_elsewhere]
    return NetEq(
        delay_ms=float(row["delay_ms"]),
        p95_ms=float(row["p95_ms"]),
        concealed_percent=float(row["concealed"]),
        most_concealed_percent=float(row["concealed_high"]),
        pesq_wb=float(row["pesq_wb_aligned"]),
        stoi=float(row["stoi"]),
    )


def fixed_elsewhere(case: TraceCase) -> OtherFixed:
    """What the fixed buffer made of it with NetEq's speech."""
    row = _rows("fixed-80-ms.tsv")[case.measured_elsewhere]
    return OtherFixed(float(row["concealed"]), float(row["pesq_wb"]), float(row["stoi"]))


@cache
def _rows(name: str) -> dict[TraceCase, dict[str, str]]:
    lines = (_TRACES / name).read_text(encoding="utf-8").splitlines()
    columns = lines[0].split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:]]
    protections = {"on": Protection.LBRR, "off": Protection.NONE}
    return {TraceCase(row["trace"], protections[row["fec"]]): row for row in rows}


CASES = tuple(_rows("neteq-chromium-156.tsv"))
"""Every trace with FEC, and those that lose packets without too."""
REPAIR_CASES = tuple(
    TraceCase(name, protection)
    for name in ("ge5", "loss2", "g1050-f")
    for protection in (Protection.RED, Protection.DRED)
)
"""Those that lose packets, with what repairs more than FEC does."""


def burst_case(burst_ms: int, protection: Protection) -> TraceCase:
    """A line that loses so much at the beginning of each second but the first."""
    return TraceCase(f"{_BURSTS}{burst_ms}", protection)


def _burst_trace(burst_ms: int) -> Trace:
    packets = []
    for frame in range(BURST_FRAMES):
        send_ns = frame * FRAME_NS
        lost = frame >= 50 and frame % 50 * 20 < burst_ms
        packets.append(TracePacket(frame, send_ns, None if lost else send_ns + FRAME_NS))
    return Trace(packets)
