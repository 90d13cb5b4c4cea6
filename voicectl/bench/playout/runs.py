"""The traces through the real pipeline: each run once, its figures kept."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voicectl.bench.playout.fixed_buffer import FixedRun, lost_for_good_percent, play_fixed
from voicectl.bench.playout.others import BURST_FRAMES, TraceCase, trace
from voicectl.netem.trace import FRAME_NS
from voicectl.replay.encoding import RED_PAYLOAD_TYPE, Protection, encode
from voicectl.replay.made_speech import Spoken, fill, speak, trace_arrivals
from voicectl.replay.material import SAMPLE_RATE_HZ, Material
from voicectl.replay.pipeline import Played, Strategy, Window, play
from voicectl.replay.report import delays_by_second
from voicectl.replay.speech import talk_in
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = [
    "Run",
    "fixed",
    "kbps",
    "lost_for_good",
    "material",
    "recovery_s",
    "replayed",
    "run",
    "unbroken_speech",
]

_PHASES_NS = tuple(round(ms * NS_PER_MS) for ms in (0.0, 2.5, 5.0, 7.5))
"""Where packets fall between an ear's ticks moves its delay by up to 10 ms: figures are means."""
_RTP_HEADER_BYTES = 12
_LEAST_SPOKEN_RMS = 60.0
_LEAD_NS = 10 * NS_PER_MS
_FIRST_SECOND = 5
_WINDOWS_PER_SECOND = 10
_FRAME_MS = FRAME_NS // NS_PER_MS
_GAPS_S = (20, 45)
"""When nothing comes on the trace `handover`, for a second each time."""
_NORMAL_MS = 20.0
"""More than the delay was before the gap: a tick of an ear's, and another for its target's."""


@dataclass(frozen=True)
class Run:
    """From second 5 on."""

    delay_ms: float
    """From a packet's arrival to its decoding: jitterBufferDelay by jitterBufferEmittedCount."""
    p95_ms: float
    """Over windows of 1 s."""
    concealed_percent: float
    """Of all samples that came out."""
    skipped_percent: float
    """Media passed over, neither played nor concealed."""

    @property
    def missing_percent(self) -> float:
        """Both."""
        return self.concealed_percent + self.skipped_percent


@cache
def run(case: TraceCase, strategy: Strategy) -> Run:
    """Figures of a buffer on a trace."""
    # A machine has no ticks for packets to fall between.
    phases = _PHASES_NS[:1] if strategy is Strategy.EAGER else _PHASES_NS
    return _mean([_figures(replayed(case, strategy, phase_ns).windows) for phase_ns in phases])


def replayed(case: TraceCase, strategy: Strategy, phase_ns: int = 0) -> Played:
    """The trace once through the pipeline."""
    stream = material(case)
    played = play(
        stream.packets,
        strategy,
        payload_types=stream.payload_types,
        frame_samples=stream.frame_samples,
        phase_ns=phase_ns,
        red_payload_type=RED_PAYLOAD_TYPE,
    )
    if played is None:
        raise AssertionError(f"no packet of {case.trace} was taken")
    return played


@cache
def fixed(case: TraceCase) -> FixedRun:
    """The fixed 80 ms buffer on the same speech, with FEC at most."""
    return play_fixed(trace(case.trace), _spoken_for(case.measured_elsewhere))


@cache
def lost_for_good(case: TraceCase) -> float:
    """The share of the audio that no buffer could play."""
    return lost_for_good_percent(trace(case.trace), _spoken_for(case))


@cache
def material(case: TraceCase) -> Material:
    """The packets as they come, some time after the receiver has begun."""
    arrivals, sent = trace_arrivals(trace(case.trace))
    filled = fill(arrivals, sent, _spoken_for(case), "trace", frame_ms=_FRAME_MS)
    filled.packets = [p._replace(at_ns=p.at_ns + _LEAD_NS) for p in filled.packets]
    return filled


def kbps(case: TraceCase) -> float:
    """What the stream takes, without RTP headers."""
    packets = _spoken_for(case).packets
    payload_bytes = sum(len(packet.data) - _RTP_HEADER_BYTES for packet in packets)
    return payload_bytes * 8 / len(packets) / _FRAME_MS


def recovery_s() -> float:
    """How long after the longest gap's end the delay is back to normal, at worst."""
    case = TraceCase("handover")
    began_s = trace_arrivals(trace(case.trace))[0][0].at_ns / NS_PER_S
    return max(
        _recovery_s(replayed(case, Strategy.BALANCED, phase_ns).windows, gap_s - began_s)
        for phase_ns in _PHASES_NS
        for gap_s in _GAPS_S
    )


def _recovery_s(windows: list[Window], gap_s: float) -> float:
    """After the last window of the next 20 s whose delay is not normal."""
    at_s = np.array([window.at_ns / NS_PER_S for window in windows])
    delay_ms = np.array([w.delay_ms / max(w.emitted_samples, 1) for w in windows])
    emitted = np.array([window.emitted_samples > 0 for window in windows])
    before = delay_ms[emitted & (at_s > gap_s - 5) & (at_s <= gap_s)].mean()
    end_s = gap_s + 1
    late = emitted & (delay_ms > before + _NORMAL_MS) & (at_s > end_s) & (at_s < end_s + 20)
    return float(at_s[late].max() - end_s) if late.any() else 0.0


def _spoken_for(case: TraceCase) -> Spoken:
    if case.is_burst:
        return _spoken_on(case.protection)
    return _spoken(tuple(trace_arrivals(trace(case.trace))[1]), case.protection)


def unbroken_speech() -> NDArray[np.int16]:
    """Half a minute without a pause."""
    frame_samples = SAMPLE_RATE_HZ * _FRAME_MS // 1000
    frames = talk_in([True] * 2 * BURST_FRAMES, frame_samples).reshape(-1, frame_samples)
    level = np.sqrt(np.mean(np.square(frames.astype(np.float64)), axis=1))
    pcm: NDArray[np.int16] = frames[level > _LEAST_SPOKEN_RMS][:BURST_FRAMES].reshape(-1)
    return pcm


@cache
def _spoken(sent: tuple[bool, ...], protection: Protection) -> Spoken:
    return speak(sent, frame_ms=_FRAME_MS, seed=0, protection=protection)


@cache
def _spoken_on(protection: Protection) -> Spoken:
    """Speech without a pause: in a pause no burst is heard."""
    pcm = unbroken_speech()
    packets = encode(pcm, seed=0, protection=protection)
    return Spoken(pcm, [packet for packet in packets if packet.timestamp is not None])


def _figures(windows: list[Window]) -> Run:
    windows = windows[_FIRST_SECOND * _WINDOWS_PER_SECOND :]
    emitted = sum(window.emitted_samples for window in windows)
    received = sum(window.received_samples for window in windows)
    return Run(
        delay_ms=sum(window.delay_ms for window in windows) / emitted,
        p95_ms=float(np.percentile(delays_by_second(windows), 95)),
        concealed_percent=sum(window.concealed_samples for window in windows) * 100 / received,
        skipped_percent=sum(window.skipped_samples for window in windows) * 100 / received,
    )


def _mean(runs: list[Run]) -> Run:
    return Run(*np.mean([list(vars(each).values()) for each in runs], axis=0).tolist())
