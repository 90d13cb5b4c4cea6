"""What a campaign comes to: shares named right, times, and errors of what was measured."""

import os
from collections.abc import Callable, Iterable, Sequence
from statistics import mean

from voicectl.bench.probe.campaign import SLOW_BY_REQUEST, Outcome
from voicectl.bench.probe.lines import binomial_chance, chance_of_loss, rtt_error_ms
from voicectl.bench.probe.rivals import RivalAnswer
from voicectl.bench.report import FigureSpec, Measurement, RivalValue
from voicectl.errors import SetupError

__all__ = ["FIGURES"]

_RIVAL_MESSAGES = 500
"""What turnutils_uclient sends with -n 250: two clients."""


def _spec(
    name: str,
    title: str,
    unit: str,
    limit: float,
    *,
    higher: bool = False,
    tolerance: float = 0.0,
) -> FigureSpec:
    return FigureSpec(
        "probe", name, title, unit, limit, "quality", higher_is_better=higher, tolerance=tolerance
    )


def _named(kind: str) -> Callable[[Sequence[Outcome]], Measurement]:
    def measure(outcomes: Sequence[Outcome]) -> Measurement:
        return Measurement(_percent(each.right for each in _of(outcomes, kind)), ())

    return measure


def _usable_told(outcomes: Sequence[Outcome]) -> Measurement:
    asked = [each for each in outcomes if each.trial.usable is not None]
    ours = _percent((each.answer.status == 0) is each.trial.usable for each in asked)
    return Measurement(
        ours, _rivals(asked, lambda outcome, rival: rival.usable is outcome.trial.usable, _percent)
    )


def _verdict_time(outcomes: Sequence[Outcome]) -> Measurement:
    # The slow line's own round trips come on top, and the limit is one for an open network.
    quick = [each for each in _of(outcomes, "healthy") if "slow line" not in each.trial.name]
    return _slowest(quick, lambda each: each.verdict_ms)


def _nat_time(outcomes: Sequence[Outcome]) -> Measurement:
    return _slowest(_of(outcomes, "nat"), lambda each: each.verdict_ms)


def _worst_case(outcomes: Sequence[Outcome]) -> Measurement:
    bounded = [
        each
        for each in outcomes
        if each.trial.kind in ("fault", "healthy") and each.trial.expected not in SLOW_BY_REQUEST
    ]
    return _slowest(bounded, lambda each: each.answer.record.get("total_ms"))


def _rtt_error(outcomes: Sequence[Outcome]) -> Measurement:
    found = [
        (off_ms, each)
        for each in _of(outcomes, "rtt")
        if each.trial.line and (off_ms := rtt_error_ms(each.trial.line, each.answer)) is not None
    ]
    if not found:
        raise SetupError("no line's round trip was measured")
    worst, outcome = max(found, key=lambda each: each[0])

    def rival_error_ms(outcome: Outcome, rival: RivalAnswer) -> float | None:
        if rival.figure is None or outcome.trial.line is None:
            return None
        return abs(rival.figure - 2 * outcome.trial.line.delay_ms)

    rivals = _rivals([each for _, each in found], rival_error_ms, max)
    return Measurement(worst, rivals, doubt=_doubt(outcome))


def _loss_chance(outcomes: Sequence[Outcome]) -> Measurement:
    found = [
        chance
        for each in _of(outcomes, "loss")
        if each.trial.line and (chance := chance_of_loss(each.trial.line, each.answer)) is not None
    ]
    if not found:
        raise SetupError("no line's loss was measured")

    def chance_of(outcome: Outcome, rival: RivalAnswer) -> float | None:
        if rival.figure is None or outcome.trial.line is None:
            return None
        lost = round(rival.figure / 100 * _RIVAL_MESSAGES)
        return binomial_chance(_RIVAL_MESSAGES, lost, outcome.trial.line)

    return Measurement(min(found), _rivals(_of(outcomes, "loss"), chance_of, min))


FIGURES: tuple[tuple[FigureSpec, Callable[[Sequence[Outcome]], Measurement]], ...] = (
    (
        _spec("faults-named", "faults named by their own id", "%", 100.0, higher=True),
        _named("fault"),
    ),
    (
        _spec("healthy-unblamed", "healthy variants without a fault", "%", 100.0, higher=True),
        _named("healthy"),
    ),
    (
        _spec("usable-told", "usable or not, by exit status", "%", 100.0, higher=True),
        _usable_told,
    ),
    (_spec("nats-named", "NATs named right", "%", 100.0, higher=True), _named("nat")),
    (_spec("verdict", "verdict, open network", "ms", 1500.0, tolerance=500.0), _verdict_time),
    (_spec("nat-verdict", "verdict on the NAT", "ms", 1500.0, tolerance=500.0), _nat_time),
    (_spec("worst-case", "whole probe, worst case", "ms", 10_000.0, tolerance=2000.0), _worst_case),
    (_spec("rtt-error", "RTT off the line's", "ms", 1.0, tolerance=0.5), _rtt_error),
    (
        # A chance says nothing about a change: a baseline's is not held against it.
        _spec("loss-chance", "chance of the loss found", "", 0.001, higher=True, tolerance=1.0),
        _loss_chance,
    ),
)
"""Each with how it follows from the outcomes."""


def _of(outcomes: Iterable[Outcome], kind: str) -> list[Outcome]:
    return [each for each in outcomes if each.trial.kind == kind]


def _percent(hits: Iterable[bool | float]) -> float:
    return 100.0 * mean(float(each) for each in hits)


def _slowest(
    outcomes: Sequence[Outcome], time_ms: Callable[[Outcome], float | None]
) -> Measurement:
    timed = [(took_ms, each) for each in outcomes if (took_ms := time_ms(each)) is not None]
    if not timed:
        raise SetupError("nothing was measured")
    worst_ms, outcome = max(timed, key=lambda each: each[0])
    rivals = _rivals(outcomes, lambda _, rival: rival.took_s * 1000, max)
    return Measurement(worst_ms, rivals, doubt=_doubt(outcome))


def _rivals(
    outcomes: Iterable[Outcome],
    value: Callable[[Outcome, RivalAnswer], float | None],
    join: Callable[[list[float]], float],
) -> tuple[RivalValue, ...]:
    values: dict[str, list[float]] = {}
    for outcome in outcomes:
        for rival in outcome.rivals:
            if (found := value(outcome, rival)) is not None:
                values.setdefault(rival.name, []).append(found)
    return tuple(RivalValue(name, join(each)) for name, each in values.items())


def _doubt(outcome: Outcome) -> str | None:
    cores = os.cpu_count() or 1
    if outcome.load_1m <= cores:
        return None
    return f"the load was {outcome.load_1m:.1f} on {cores} cores"
