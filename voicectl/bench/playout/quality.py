"""How the traces sound after a buffer, beside what was said."""

from dataclasses import dataclass
from functools import cache

from voicectl.bench.playout.others import TraceCase
from voicectl.bench.playout.runs import fixed, material, replayed
from voicectl.errors import SetupError
from voicectl.replay.material import SAMPLE_RATE_HZ, CleanSpeech
from voicectl.replay.pipeline import Strategy
from voicectl.replay.quality import QualityMeter

__all__ = ["Scores", "scores"]

_FROM_S = 5
_END_S = 1
"""Not scored: there a stream ends within a tick, which no ear waits for."""


@dataclass(frozen=True)
class Scores:
    """Means over segments of some 8 s from second 5 on, with time-scaling undone."""

    pesq_wb: float
    stoi: float


@cache
def scores(case: TraceCase, strategy: Strategy | None, phase_ns: int = 0) -> Scores:
    """Of a strategy, or of the fixed buffer, which has no ticks for packets to fall between.

    Raises:
        SetupError: pesq or pystoi is not installed.
    """
    speech = material(case).speech
    if speech is None:
        raise AssertionError("a trace is filled with speech")
    meter = _meter(case)
    if meter.missing:
        raise SetupError(
            f"{' and '.join(meter.missing)} cannot be imported",
            hint="pip install 'voicectl[scores,pesq]'",
        )
    quality = meter.score(fixed(case) if strategy is None else replayed(case, strategy, phase_ns))
    return Scores(quality.pesq_wb or 0.0, quality.stoi or 0.0)


@cache
def _meter(case: TraceCase) -> QualityMeter:
    speech = material(case).speech
    if speech is None:
        raise AssertionError("a trace is filled with speech")
    scored = speech.pcm[: -_END_S * SAMPLE_RATE_HZ]
    return QualityMeter(CleanSpeech(scored, speech.timestamp), from_s=_FROM_S, words=False)
