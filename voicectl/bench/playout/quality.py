"""How the traces sound after a buffer, beside what was said."""

from dataclasses import dataclass
from functools import cache

from voicectl.bench.playout.others import TraceCase
from voicectl.bench.playout.runs import fixed, material, replayed
from voicectl.errors import SetupError
from voicectl.replay.material import CleanSpeech
from voicectl.replay.pipeline import Strategy
from voicectl.replay.quality import QualityMeter

__all__ = ["Scores", "scores"]

_FROM_S = 5


@dataclass(frozen=True)
class Scores:
    """Means over segments of some 8 s from second 5 on, with time-scaling undone."""

    pesq_wb: float
    stoi: float


@cache
def scores(case: TraceCase, strategy: Strategy | None) -> Scores:
    """Of a strategy, or of the fixed buffer.

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
    quality = meter.score(fixed(case) if strategy is None else replayed(case, strategy))
    return Scores(quality.pesq_wb or 0.0, quality.stoi or 0.0)


@cache
def _meter(case: TraceCase) -> QualityMeter:
    speech = material(case).speech
    if speech is None:
        raise AssertionError("a trace is filled with speech")
    return QualityMeter(CleanSpeech(speech.pcm, speech.timestamp), from_s=_FROM_S, words=False)
