"""What is gated: delay and missing audio on each trace, beside NetEq and a fixed buffer."""

from collections.abc import Callable, Iterator

from voicectl.bench.playout.others import (
    CASES,
    REPAIR_CASES,
    TraceCase,
    burst_case,
    fixed_elsewhere,
    neteq,
)
from voicectl.bench.report import FigureSpec, Measurement, RivalValue
from voicectl.bench.suite import Bench, Stopwatch
from voicectl.replay.encoding import Protection
from voicectl.replay.pipeline import Strategy

__all__ = ["BENCHES", "SCORES"]

_FIXED_NAME = "fixed"
"""80 ms; short, as a line a figure has 80 columns."""

_SINKS = {"eager": Strategy.EAGER, "ear": Strategy.BALANCED}
_IN_ORDER = ("clean", "wifi-spikes", "lte", "handover", "step150", "dtx")
"""Nothing is lost or reordered: a machine has nothing to wait for."""
_CALM = ("clean", "loss2", "ge5", "dtx")
_LOSSY = ("ge5", "loss2")
"""What is missing depends on which packets repeat the lost ones, and so on the speech: what
compares is how much more is missing than was lost for good."""
_ROUNDING_PERCENT = 0.005
"""NetEq's shares have two decimals."""
_MARGIN_MS = 10.0
"""By which NetEq's delay differs between runs on one trace."""
_PESQ_MARGIN = 0.15
"""Twice what two such gains differ by for no reason: each scatters by 0.05 with the speech and with
where packets fall between ticks (standard deviations: loss2 0.046, ge5 0.060)."""
_SCORED_PHASES_NS = (0, 5_000_000)
_NETEQ_RECOVERY_S = 5.5


def _delay(case: TraceCase, sink: str) -> Bench:
    factor = _factor(case.trace, sink)

    def measure(_: Stopwatch) -> Measurement:
        from voicectl.bench.playout.runs import fixed, run

        ours, theirs = run(case, _SINKS[sink]).delay_ms, neteq(case).delay_ms
        rivals = (
            RivalValue("NetEq", theirs, ours / theirs),
            RivalValue(_FIXED_NAME, fixed(case).delay_ms),
        )
        return Measurement(ours, rivals)

    limit = round(factor * (neteq(case).delay_ms + _MARGIN_MS), 1)
    return _bench(case, sink, "delay", "ms", limit, measure, tolerance=1.0)


def _factor(trace: str, sink: str) -> float:
    if sink == "eager":
        return 0.1 if trace in _IN_ORDER else 0.35
    return 0.5 if trace in _CALM else 0.95


def _missing(case: TraceCase, sink: str) -> Bench:
    """Concealed and skipped."""
    excess = case.trace in _LOSSY

    def measure(_: Stopwatch) -> Measurement:
        from voicectl.bench.playout.runs import fixed, lost_for_good, run

        ours = run(case, _SINKS[sink]).missing_percent
        theirs, steady = neteq(case).concealed_percent, fixed(case).concealed_percent
        if excess:
            lost = lost_for_good(case)
            ours, steady = ours - lost, steady - lost
            theirs -= fixed_elsewhere(case).concealed_percent
        return Measurement(ours, (RivalValue("NetEq", theirs), RivalValue(_FIXED_NAME, steady)))

    # NetEq's own, of ge5, is below nothing: it passes over holes and does not tell.
    limit = 0.0 if excess else neteq(case).most_concealed_percent
    name = "excess" if excess else "missing"
    return _bench(case, sink, name, "%", limit + _ROUNDING_PERCENT, measure, tolerance=0.02)


def _bench(
    case: TraceCase,
    sink: str,
    name: str,
    unit: str,
    limit: float | None,
    measure: Callable[[Stopwatch], Measurement],
    *,
    tolerance: float,
    higher_is_better: bool = False,
) -> Bench:
    spec = FigureSpec(
        "playout",
        f"{case.name}-{sink}-{name}",
        f"{case.name} {sink} {name}",
        unit,
        limit,
        "quality",
        higher_is_better=higher_is_better,
        tolerance=tolerance,
    )
    return Bench(spec, measure)


def _recovery(_: Stopwatch) -> Measurement:
    from voicectl.bench.playout.runs import recovery_s

    return Measurement(recovery_s(), (RivalValue("NetEq", _NETEQ_RECOVERY_S),))


def _scores(case: TraceCase, sink: str) -> Iterator[Bench]:
    """Beside the fixed buffer's on the same speech: NetEq had other speech."""
    theirs = neteq(case).pesq_wb - fixed_elsewhere(case).pesq_wb

    def pesq(_: Stopwatch) -> Measurement:
        from voicectl.bench.playout.quality import scores

        phases = _SCORED_PHASES_NS if sink == "ear" else (0,)
        ours = [scores(case, _SINKS[sink], phase_ns).pesq_wb for phase_ns in phases]
        gain = sum(ours) / len(ours) - scores(case, None).pesq_wb
        return Measurement(gain, (RivalValue("NetEq", theirs),))

    def stoi(_: Stopwatch) -> Measurement:
        from voicectl.bench.playout.quality import scores

        ours, steady = scores(case, _SINKS[sink]), scores(case, None)
        theirs = neteq(case).stoi - fixed_elsewhere(case).stoi
        return Measurement(ours.stoi - steady.stoi, (RivalValue("NetEq", theirs),))

    least = round(theirs - _PESQ_MARGIN, 2) if sink == "ear" else None
    for name, measure, limit, tolerance in (
        ("pesq-gain", pesq, least, 0.05), ("stoi-gain", stoi, None, 0.005)
    ):  # fmt: skip
        yield _bench(
            case, sink, name, "", limit, measure,
            tolerance=tolerance, higher_is_better=True,
        )  # fmt: skip


def _benches() -> Iterator[Bench]:
    for case in CASES:
        for sink in _SINKS:
            yield _delay(case, sink)
            yield _missing(case, sink)
            if case.trace == "handover" and sink == "ear":
                spec = FigureSpec(
                    "playout", "handover-recovery", "handover ear recovery", "s", 2.0, "quality",
                    tolerance=0.1,
                )  # fmt: skip
                yield Bench(spec, _recovery)


def _repaired(case: TraceCase) -> Bench:
    """RED or DRED at NetEq's bitrate: a third of what it conceals is what DRED is for."""

    def measure(_: Stopwatch) -> Measurement:
        from voicectl.bench.playout.runs import run

        ours = run(case, Strategy.EAGER).missing_percent
        return Measurement(ours, (RivalValue("NetEq, FEC", neteq(case).concealed_percent),))

    is_far = case.protection is Protection.DRED
    limit = round(neteq(case).concealed_percent / 3, 3) if is_far else None
    return _bench(case, "eager", "missing", "%", limit, measure, tolerance=0.02)


def _burst(burst_ms: int) -> Bench:
    """PESQ-wb of a machine's ear, DRED's less LBRR's, at no more bits."""

    def measure(_: Stopwatch) -> Measurement:
        from voicectl.bench.playout.quality import scores

        lbrr, dred = (
            scores(burst_case(burst_ms, protection), Strategy.EAGER).pesq_wb
            for protection in (Protection.LBRR, Protection.DRED_NEAR)
        )
        return Measurement(dred - lbrr, (RivalValue("LBRR's PESQ", lbrr),))

    spec = FigureSpec(
        "playout", f"burst-{burst_ms}-dred-over-lbrr", f"{burst_ms} ms bursts, DRED over LBRR", "",
        0.8, "quality", higher_is_better=True, tolerance=0.1,
    )  # fmt: skip
    return Bench(spec, measure)


BENCHES = (*_benches(), *map(_repaired, REPAIR_CASES))
SCORES = (
    *(bench for case in CASES for sink in _SINKS for bench in _scores(case, sink)),
    *map(_burst, (100, 200)),
)
"""They take some seconds each."""
