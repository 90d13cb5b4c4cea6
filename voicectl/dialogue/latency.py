"""Response latency as it is heard: measured on two channels of PCM that share one clock.

The caller's channel holds what the caller said, the agent's what the caller heard, recorded
behind the jitter buffer. Speech is what stands out of the channel's own noise floor: levels are
taken on a 10 ms hop, and each edge is then back-dated on a 1 ms grid.

Noise hides the soft edges of speech, so the error bound of a latency grows with it: `error_ms`
is 5 ms on quiet channels (below -65 dBFS, as between two ends of voicectl), 20 ms up to -60 dBFS
and 45 ms above. tests/unit/dialogue/test_latency.py holds echoes of known delay against it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HeardLatency",
    "LatencyBreakdown",
    "SpeechSpan",
    "StageReport",
    "break_down",
    "response_latency",
    "speech_spans",
    "stop_latency",
    "sustained_onset",
]

_HOP_MS = 10
_FINE_PER_HOP = 10
_MARGIN_DB = 6.0
"""Above the noise floor, which is the level that the quietest tenth of the frames stays under."""
_MIN_LEVEL_DB = -55.0
"""Relative to full scale. What is softer is silence or comfort noise on any channel."""
_MAX_THRESHOLD_DB = -35.0
"""A channel that is speech throughout has no floor to measure; its threshold stops here."""
_ERROR_BOUNDS = ((-65.0, 5.0), (-60.0, 20.0))
"""Up to which noise floor in dBFS a latency is off by at most so many milliseconds."""
_NOISY_ERROR_MS = 45.0
_MIN_SPEECH_HOPS = 6
_MAX_GAP_HOPS = 2
_TAIL_GAP_HOPS = 15
"""A final stop's burst belongs to the word although its closure is longer than `_MAX_GAP_HOPS`."""


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """Speech between two samples of a channel; `end` is one past the last."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class StageReport:
    """What the agent says its reply took, from the end of speech to the first audio queued."""

    endpoint_ms: float
    """From the last sample of speech to the decision that the utterance has ended."""
    stt_ms: float
    """From that decision to the transcript."""
    reply_ms: float
    """From the transcript to the first words of the reply."""
    tts_ms: float
    """From those words to their first audio in the sender's queue."""

    @property
    def total_ms(self) -> float:
        """All the agent knows of."""
        return self.endpoint_ms + self.stt_ms + self.reply_ms + self.tts_ms


@dataclass(frozen=True, slots=True)
class HeardLatency:
    """From the last sample of the caller's speech to the onset of the reply; may be negative."""

    offset_samples: int
    onset_samples: int
    latency_ms: float
    error_ms: float
    """The latency is off by no more than this, by the noise of the louder channel."""


@dataclass(frozen=True, slots=True)
class LatencyBreakdown:
    """A heard latency beside the stages reported for it."""

    heard_ms: float
    stages: StageReport
    network_ms: float
    """Network and buffers, both ways, as far as they were measured."""
    unexplained_ms: float
    """What nothing accounts for. Within the error bound of `heard_ms` it means nothing."""


def break_down(heard_ms: float, stages: StageReport, network_ms: float) -> LatencyBreakdown:
    """Lay the stages an agent reported beside what was heard."""
    unexplained_ms = heard_ms - stages.total_ms - network_ms
    return LatencyBreakdown(heard_ms, stages, network_ms, unexplained_ms)


def speech_spans(pcm: NDArray[np.int16], sample_rate_hz: int) -> list[SpeechSpan]:
    """Stretches of at least 60 ms of speech, in order.

    Pauses of up to 20 ms are bridged, and bursts within 150 ms after a stretch belong to it;
    other noises shorter than 60 ms (clicks, breath) are no speech. The rate must be a multiple
    of 1000 Hz.
    """
    hop = sample_rate_hz * _HOP_MS // 1000
    levels_db = _levels_db(pcm, hop)
    threshold_db = _threshold_db(levels_db)
    return [
        _refine(pcm, hop, threshold_db, first, last)
        for first, last in _runs(levels_db > threshold_db)
    ]


def sustained_onset(
    pcm: NDArray[np.int16], sample_rate_hz: int, after_samples: int = 0
) -> int | None:
    """Where speech first sets in at or after `after_samples` and lasts, or None."""
    for span in speech_spans(pcm, sample_rate_hz):
        if span.start >= after_samples:
            return span.start
    return None


def response_latency(
    caller: NDArray[np.int16],
    agent: NDArray[np.int16],
    sample_rate_hz: int,
    utterance: SpeechSpan,
) -> HeardLatency | None:
    """The response latency of the reply to `utterance`.

    Args:
        caller: What the caller said; shape (samples,).
        agent: What the caller heard, on the same clock.
        sample_rate_hz: Of both; a multiple of 1000.
        utterance: Where the utterance lies in `caller`; silence around it is allowed.

    Returns:
        None when there is no speech in `utterance` or no reply that sets in after its beginning.
    """
    spans = [
        span
        for span in speech_spans(caller, sample_rate_hz)
        if span.start < utterance.end and span.end > utterance.start
    ]
    if not spans:
        return None
    offset = min(spans[-1].end, utterance.end)
    onset = sustained_onset(agent, sample_rate_hz, after_samples=spans[0].start)
    if onset is None:
        return None
    return HeardLatency(
        offset,
        onset,
        (onset - offset) * 1000 / sample_rate_hz,
        max(_error_ms(caller, sample_rate_hz), _error_ms(agent, sample_rate_hz)),
    )


def stop_latency(
    agent: NDArray[np.int16], sample_rate_hz: int, interruption_samples: int
) -> float | None:
    """Milliseconds from a caller's interruption to the last of the speech it interrupts.

    Pauses between words do not end that speech, so `agent` has to end before the next reply.
    0 when the interruption fell into a pause after which nothing came; None without any speech.
    """
    spans = speech_spans(agent, sample_rate_hz)
    if not spans:
        return None
    return max(spans[-1].end - interruption_samples, 0) * 1000 / sample_rate_hz


def _levels_db(pcm: NDArray[np.int16], frame: int) -> NDArray[np.float64]:
    """The level of each whole frame in dB relative to a full-scale square wave."""
    frames = pcm[: len(pcm) // frame * frame].reshape(-1, frame).astype(np.float64) / 32768.0
    # The mean is taken off: a sound card's DC offset is no sound.
    power = np.maximum(frames.var(axis=1), 1e-12)
    levels_db: NDArray[np.float64] = 10.0 * np.log10(power)
    return levels_db


def _floor_db(levels_db: NDArray[np.float64]) -> float:
    return float(np.percentile(levels_db, 10)) if len(levels_db) else -np.inf


def _threshold_db(levels_db: NDArray[np.float64]) -> float:
    return min(max(_floor_db(levels_db) + _MARGIN_DB, _MIN_LEVEL_DB), _MAX_THRESHOLD_DB)


def _error_ms(pcm: NDArray[np.int16], sample_rate_hz: int) -> float:
    floor_db = _floor_db(_levels_db(pcm, sample_rate_hz * _HOP_MS // 1000))
    for noise_db, error_ms in _ERROR_BOUNDS:
        if floor_db <= noise_db:
            return error_ms
    return _NOISY_ERROR_MS


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last hop of each stretch of speech."""
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    bursts = [(int(start), int(end) - 1) for start, end in edges.reshape(-1, 2)]
    runs: list[tuple[int, int]] = []
    for first, last in bursts:
        if runs and first - runs[-1][1] - 1 <= _MAX_GAP_HOPS:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    spans: list[tuple[int, int]] = []
    for first, last in runs:
        if last - first + 1 >= _MIN_SPEECH_HOPS:
            spans.append((first, last))
        elif spans and first - spans[-1][1] - 1 <= _TAIL_GAP_HOPS:
            spans[-1] = (spans[-1][0], last)
    return spans


def _refine(
    pcm: NDArray[np.int16], hop: int, threshold_db: float, first: int, last: int
) -> SpeechSpan:
    """Move a stretch's edges from the 10 ms grid to the 1 ms in which the level is crossed."""
    fine = hop // _FINE_PER_HOP
    start_from = max(first - 1, 0) * hop
    rising = _levels_db(pcm[start_from : (first + 1) * hop], fine) > threshold_db
    falling_from = last * hop
    falling = _levels_db(pcm[falling_from : (last + 2) * hop], fine) > threshold_db
    # A hop above the threshold has a millisecond above it, but its variance may come from a slow
    # wave that no millisecond of it shows: then the hop itself is the edge.
    start = start_from + int(np.argmax(rising)) * fine if rising.any() else first * hop
    end = (
        falling_from + (len(falling) - int(np.argmax(falling[::-1]))) * fine
        if falling.any()
        else (last + 1) * hop
    )
    return SpeechSpan(start, end)
