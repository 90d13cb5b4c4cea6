"""Thresholds: where they come from and what they say of a figure."""

import tomllib
from collections.abc import Iterable
from math import isfinite
from pathlib import Path

from voicectl.bench.estimate import Estimate
from voicectl.bench.report import Check, FigureSpec, Measurement, Verdict
from voicectl.bench.self_test import MAX_NOISE
from voicectl.errors import UsageError

__all__ = ["check_gate", "judge_ratio", "number_text", "read_gate", "too_noisy"]

_FILE_HINT = "give --gate a TOML file: a table a suite, a number a figure"


def read_gate(path: Path, known: Iterable[FigureSpec]) -> dict[str, float]:
    """The limits in a TOML file: a table a suite, a number a figure.

    A cost's number is the highest ratio to its rival, a quality's the worst value.

    Returns:
        Limits by figure id.

    Raises:
        UsageError: the file cannot be read, or names a figure that no suite has.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=_FILE_HINT) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", hint=_FILE_HINT) from error
    ids = {spec.id for spec in known}
    limits = {}
    for suite, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(
                f"{path}: `{suite}` is not a table of figures",
                hint=f"write a table a suite, a number a figure: {_example(ids)}",
            )
        for name, limit in table.items():
            figure = f"{suite}.{name}"
            if figure not in ids:
                raise UsageError(
                    f"{path} gates `{figure}`, which is no figure",
                    hint=f"the figures are {', '.join(sorted(ids))}",
                )
            is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
            if not is_number or not isfinite(limit):
                raise UsageError(f"{path}: the limit of `{figure}` is not a number")
            limits[figure] = float(limit)
    if not limits:
        raise UsageError(f"{path} gates nothing", hint=f"for example {_example(ids)}")
    return limits


def _example(ids: set[str]) -> str:
    suite, _, name = min(ids).partition(".")
    return f"[{suite}] {name} = 0.5"


def check_gate(
    spec: FigureSpec, measurement: Measurement | None, limit: float, noise: Estimate
) -> Check:
    """Hold a figure against its limit.

    A figure that could not be measured is inconclusive: a gate that nothing came to is no pass.
    """
    if measurement is None:
        return Check("gate", Verdict.INCONCLUSIVE, limit, "not measured")
    if measurement.ratio is not None:
        verdict, reason = judge_ratio(measurement.ratio, limit, noise)
        return Check("gate", verdict, limit, reason)
    value = measurement.value
    good = value >= limit if spec.higher_is_better else value <= limit
    if spec.higher_is_better:
        relation = "at least" if good else "below"
    else:
        relation = "within" if good else "above"
    reason = f"{number_text(value)} {spec.unit} is {relation} {limit:g}"
    if not good and measurement.doubt is not None:
        return Check("gate", Verdict.INCONCLUSIVE, limit, f"{reason}, and {measurement.doubt}")
    return Check("gate", Verdict.PASS if good else Verdict.FAIL, limit, reason)


def judge_ratio(ratio: Estimate, limit: float, noise: Estimate) -> tuple[Verdict, str]:
    """Judge by the ends of the interval, moved out by what the machine gets wrong by itself."""
    spread = f"ratio {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
    if too_noisy(noise):
        reason = f"this machine was too busy to judge (A/A off by up to {noise.deviation:.0%})"
        return Verdict.INCONCLUSIVE, reason
    sure = ratio.widened(noise.deviation)
    if sure.low > limit:
        return Verdict.FAIL, f"{spread} is above {limit:g}"
    if sure.high <= limit:
        return Verdict.PASS, f"{spread} is within {limit:g}"
    return Verdict.INCONCLUSIVE, f"{spread}, A/A off by {noise.deviation:.1%}: too near {limit:g}"


def number_text(value: float) -> str:
    """Three digits, or as many as a whole number has."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def too_noisy(noise: Estimate) -> bool:
    """Whether the A/A self-test forbids to judge costs."""
    return noise.deviation > MAX_NOISE
