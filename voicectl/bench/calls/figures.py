"""The figures of the suite, from what a session measures."""

from collections.abc import Callable
from statistics import median

from voicectl.bench.calls.load import WHOLE, Run
from voicectl.bench.calls.ramp import CALLERS_BUSY, ENOUGH, Ramp
from voicectl.bench.calls.session import CallsSession
from voicectl.bench.estimate import estimate_median
from voicectl.bench.machine import doubt_by_load
from voicectl.bench.report import FigureSpec, Measurement, RivalValue
from voicectl.bench.suite import Stopwatch
from voicectl.errors import SetupError

__all__ = ["FIGURES", "of_admission", "of_cost", "of_packets"]

_Figure = Callable[[CallsSession, Stopwatch], Measurement]
_MB = 1e6
_LOAD_MARGIN = 1.2
"""What the endpoint takes for its load is older than what is measured."""


def _cost(work: str, rival: str) -> _Figure:
    """CPU-ms for a second of a call, beside a rival's in the same rounds."""

    def measure(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
        runs = session.rounds(work, stopwatch.on_step)
        if rival not in runs:
            session.require(rival)
            raise SetupError("left out by --quick")
        return of_cost(rival, runs["voicectl"], runs[rival])

    return measure


def of_cost(rival: str, ours: list[Run], theirs: list[Run]) -> Measurement:
    """Our cost beside a rival's, of the rounds in which neither dropped packets.

    Raises:
        SetupError: Of those there are not two.
    """
    rounds = list(zip(ours, theirs, strict=True))
    whole = [(our, their) for our, their in rounds if our.is_whole and their.is_whole]
    if len(whole) < 2:
        dropped = len(rounds) - len(whole)
        raise SetupError(f"{dropped} of {len(rounds)} rounds dropped packets: see `packets`")
    ratios = tuple((our.cpu_ms / their.cpu_ms,) for our, their in whole)
    rivals = (RivalValue(rival, median(their.cpu_ms for _, their in whole)),)
    return Measurement(
        median(our.cpu_ms for our, _ in whole), rivals, ratios, estimate_median(ratios)
    )


def _packets(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
    return of_packets(session.runs(stopwatch.on_step), doubt_by_load())


def of_packets(runs: dict[str, list[Run]], doubt: str | None) -> Measurement:
    """The worst of each stack's runs: packets that came of those due, in percent."""
    return _beside(
        {stack: 100 * min(run.arrived for run in each) for stack, each in runs.items()}, doubt
    )


def _blocked(how: str) -> _Figure:
    def measure(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
        runs = session.stalled(how, stopwatch.on_step)
        rivals = tuple(RivalValue(name, run.p99_ms) for name, run in runs.items())
        return Measurement(runs["voicectl"].p99_ms, rivals[1:], doubt=doubt_by_load())

    return measure


def _connected(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
    connected = session.connections(stopwatch.on_step)
    values = {name: median(c.ice_dtls_ms for c in ends) for name, ends in connected.items()}
    return _beside(values, doubt_by_load())


def _first_audio(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
    connected = session.connections(stopwatch.on_step)
    values = {name: median(c.first_audio_ms for c in ends) for name, ends in connected.items()}
    return _beside(values, doubt_by_load())


def _capacity(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
    values = {"voicectl": float(session.ramp("voicectl", stopwatch.on_step).capacity)}
    for stack in ("aiortc", "pion"):
        try:
            values[stack] = float(session.ramp(stack, stopwatch.on_step).capacity)
        except SetupError:
            continue
    return _beside(values, doubt_by_load())


def _linearity(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
    """What a call costs among the most that were not late, over what it costs among the fewest."""
    levels = _several(session.ramp("voicectl", stopwatch.on_step).punctual)
    return Measurement(levels[-1].cpu_ms / levels[0].cpu_ms, (), doubt=doubt_by_load())


def _memory(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
    levels = _several(list(session.ramp("voicectl", stopwatch.on_step).levels))
    grown = levels[-1].resident_bytes - levels[0].resident_bytes
    return Measurement(grown / _MB / (levels[-1].calls - levels[0].calls), ())


def _refusals(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
    return of_admission(session.admission(stopwatch.on_step), session.admission_load)


def of_admission(ramp: Ramp, limit: float) -> Measurement:
    """Whether a call was refused; doubtful where none had to be, or the callers came too late.

    Args:
        ramp: Calls of an endpoint that ought to refuse some.
        limit: The load of its media thread above which it does.
    """
    return Measurement(
        float(ramp.refused is not None), (), doubt=_reason_to_refuse_none(ramp, limit)
    )


def _reason_to_refuse_none(ramp: Ramp, limit: float) -> str | None:
    if ramp.stopped == CALLERS_BUSY:
        return CALLERS_BUSY
    if len(ramp.levels) < 2:
        return f"{ramp.stopped}: the load was known of too few"
    # The calls of the last step were taken or refused by the load of those before them.
    before = ramp.levels[-2]
    if before.thread_load < limit * _LOAD_MARGIN:
        return f"{before.calls} calls load a thread with {before.thread_load:.2f} of a core only"
    return None if ramp.stopped.endswith(ENOUGH) else doubt_by_load()


def _lateness_past_the_limit(session: CallsSession, stopwatch: Stopwatch) -> Measurement:
    ramp = session.admission(stopwatch.on_step)
    return Measurement(ramp.levels[-1].p99_ms, (), doubt=doubt_by_load())


def _several(levels: list[Run]) -> list[Run]:
    if len(levels) < 2:
        raise SetupError("this machine is too busy for calls that can be compared with more calls")
    return levels


def _beside(values: dict[str, float], doubt: str | None) -> Measurement:
    rivals = tuple(RivalValue(name, value) for name, value in values.items() if name != "voicectl")
    return Measurement(values["voicectl"], rivals, doubt=doubt)


def _spec(name: str, title: str, unit: str, limit: float | None, tolerance: float) -> FigureSpec:
    return FigureSpec("calls", name, title, unit, limit, "quality", tolerance=tolerance)


FIGURES: tuple[tuple[FigureSpec, _Figure], ...] = (
    (FigureSpec("calls", "agent-vs-aiortc", "agent", "ms", 0.1), _cost("agent", "aiortc")),
    (FigureSpec("calls", "agent-vs-pion", "agent", "ms", 1 / 1.2), _cost("agent", "pion")),
    (FigureSpec("calls", "echo-vs-aiortc", "echo", "ms", None), _cost("echo", "aiortc")),
    (FigureSpec("calls", "echo-vs-pion", "echo", "ms", 1 / 1.3), _cost("echo", "pion")),
    (FigureSpec("calls", "forward-vs-pion", "forward", "ms", 1.0), _cost("forward", "pion")),
    (
        FigureSpec(
            *("calls", "packets", "  packets that came of those due, at worst", "%", 100 * WHOLE),
            *("quality", True, 5.0),
        ),
        _packets,
    ),
    (
        _spec("lateness-blocked", "p99 lateness, loop blocked", "ms", 5.0, 2.0),
        _blocked("released"),
    ),
    (_spec("lateness-gil-held", "  with the GIL held", "ms", 5.0, 2.0), _blocked("held")),
    (_spec("ice-dtls", "connected, ICE + DTLS", "ms", 10.0, 3.0), _connected),
    (_spec("first-audio", "  first audio", "ms", 40.0, 10.0), _first_audio),
    (
        FigureSpec(
            *("calls", "capacity", "agents with p99 <= 20 ms", "", None, "quality"),
            higher_is_better=True,
            tolerance=8.0,
        ),
        _capacity,
    ),
    (_spec("linearity", "  a call's cost at most over at least", "x", 1.15, 0.1), _linearity),
    (_spec("memory-per-call", "  memory of a call", "MB", 1.0, 0.1), _memory),
    (
        FigureSpec(
            *("calls", "admission", "one call too many is refused", "", 1.0, "quality"),
            higher_is_better=True,
        ),
        _refusals,
    ),
    (
        _spec("admission-lateness", "  p99 lateness of the others", "ms", 20.0, 5.0),
        _lateness_past_the_limit,
    ),
)
