"""An impairment trace from the statistics that a browser kept of a call.

Statistics have no packets, only how many came, how many were lost and how much they jittered from
one report to the next. The trace has as many losses in each interval and as much jitter; where in
the interval they lie is drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from voicectl.netem.trace import FRAME_NS, Trace, TracePacket
from voicectl.units import NS_PER_MS
from voicectl.wire.rtcstats import StatsDump, StatsSample, StatsSeries

__all__ = ["trace_of_stats"]

_FRAME_MS = FRAME_NS / NS_PER_MS
_MAX_FRAMES = 6 * 3600 * 50
_LONGEST_PAUSE_FRAMES = 60 * 50
_MAX_JITTER_MS = 1_000.0
_MAX_ROUND_TRIP_MS = 10_000.0
"""More than either is a mistake in the dump."""
_MORE_THAN_SENT = 1.1
"""Times what the stream sends as a rule in such an interval: the rest was sent before it."""
_IN_ORDER_SPREAD = 2.0
"""Mean delay of packets on their own, by the time between two, up to which they keep their order.
Beyond, the queue that keeps them in order would make delays far larger than the jitter."""


@dataclass
class _Interval:
    """Between two reports."""

    frames: int
    """Places for packets of 20 ms."""
    received: int
    lost: int
    jitter_ms: float

    @property
    def sent(self) -> int:
        return self.received + self.lost


def trace_of_stats(series: StatsSeries, dump: StatsDump, *, seed: int) -> Trace:
    """The trace of one stream; half the median round trip is its delay.

    What was left out or taken for something is said in its comments.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    round_trip_ms = median(ms for _, ms in dump.round_trips) if dump.round_trips else 0.0
    trace = Trace()
    intervals = list(_intervals(series))
    if any(interval.jitter_ms == _MAX_JITTER_MS for interval in intervals):
        trace.comments.append(f"jitter of {_MAX_JITTER_MS:.0f} ms and more is taken as that")
    _move_losses_back(intervals)
    intervals = _bounded(_without_ends(intervals, trace), trace)
    delays = _delays_ms(intervals, random) + min(round_trip_ms, _MAX_ROUND_TRIP_MS) / 2
    frame = 0
    for interval in intervals:
        places = range(frame, frame + interval.frames)
        frame = places.stop
        if interval.sent == 0 or interval.frames == 0:
            continue
        lost = _lost_places(interval, places, random)
        for at in places:
            send_ns = at * FRAME_NS
            arrival_ns = send_ns + round(float(delays[at]) * NS_PER_MS)
            trace.packets.append(TracePacket(at, send_ns, None if at in lost else arrival_ns))
    return trace


def _intervals(series: StatsSeries) -> Iterator[_Interval]:
    begin_ms = series.samples[0].at_ms if series.samples else 0.0
    begun = 0
    for before, after in pairwise(_forward(series.samples)):
        end = int((after.at_ms - begin_ms) / _FRAME_MS + 0.5)
        yield _Interval(
            frames=end - begun,
            received=max(after.packets_received - before.packets_received, 0),
            lost=max(after.packets_lost - before.packets_lost, 0),
            jitter_ms=min(max(after.jitter_ms, 0.0), _MAX_JITTER_MS),
        )
        begun = end


def _forward(samples: list[StatsSample]) -> Iterator[StatsSample]:
    """Those that are later than all before them by a frame at least."""
    latest_ms: float | None = None
    for sample in samples:
        if latest_ms is None or sample.at_ms - latest_ms >= _FRAME_MS:
            latest_ms = sample.at_ms
            yield sample


def _move_losses_back(intervals: list[_Interval]) -> None:
    """Put losses where they were: a receiver knows of them only when packets come again."""
    rates = [interval.sent / interval.frames for interval in intervals if interval.received]
    rate = median(rates) if rates else 0.0
    for index, interval in enumerate(intervals):
        as_a_rule = round(rate * interval.frames)
        surplus = interval.sent - as_a_rule
        if interval.sent <= _MORE_THAN_SENT * as_a_rule:
            continue
        for earlier in reversed(intervals[:index]):
            missing = round(rate * earlier.frames) - earlier.sent
            moved = min(missing, surplus, interval.lost)
            if moved <= 0:
                break
            earlier.lost += moved
            interval.lost -= moved
            surplus -= moved


def _without_ends(intervals: list[_Interval], trace: Trace) -> list[_Interval]:
    """Leave out what is before the first packet and after the last: nobody knows what was sent."""
    flowing = [index for index, interval in enumerate(intervals) if interval.sent]
    if not flowing:
        return []
    silent_s = sum(i.frames for i in intervals[flowing[-1] + 1 :]) * _FRAME_MS / 1000
    if silent_s >= 1:
        trace.comments.append(f"nothing was received in the last {silent_s:.0f} s: left out")
    kept = intervals[flowing[0] : flowing[-1] + 1]
    paused_s = sum(i.frames for i in kept if not i.sent) * _FRAME_MS / 1000
    if paused_s >= 1:
        # The numbers go on behind it.
        trace.comments.append(
            f"nothing was received in {paused_s:.0f} s, and nothing lost: taken as not sent"
        )
    return kept


def _bounded(intervals: list[_Interval], trace: Trace) -> list[_Interval]:
    """No pause of more than a minute, and no more than six hours."""
    kept: list[_Interval] = []
    paused, left = 0, _MAX_FRAMES
    for interval in intervals:
        if left == 0:
            trace.comments.append("only the first six hours are replayed")
            break
        paused = 0 if interval.sent else paused + interval.frames
        frames = interval.frames - max(paused - _LONGEST_PAUSE_FRAMES, 0)
        interval.frames = min(max(frames, 0), left)
        left -= interval.frames
        kept.append(interval)
    return kept


def _delays_ms(intervals: list[_Interval], random: np.random.Generator) -> NDArray[np.float64]:
    """Of each place, with the jitter of RFC 3550 that its interval has."""
    counts = [interval.frames for interval in intervals]
    if not counts:
        return np.zeros(0)
    jitters = np.repeat([interval.jitter_ms for interval in intervals], counts)
    spreads, jitter_of_spread = _jitter_by_spread()
    # Packets that keep their order come no earlier than the one before: by a frame at most. More
    # jitter than that allows is that of packets which do overtake one another.
    steps = np.maximum(_FRAME_MS, jitters / float(jitter_of_spread[-1]))
    means = steps * np.interp(jitters / steps, jitter_of_spread, spreads)
    return _in_order(means * random.standard_exponential(len(jitters)), np.cumsum(steps))


def _in_order(delays: NDArray[np.float64], sent_at: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same delays where none comes before what was sent before it."""
    in_order: NDArray[np.float64] = np.maximum.accumulate(delays + sent_at) - sent_at
    return in_order


@cache
def _jitter_by_spread() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jitter that exponential delays come to, kept in order; both by the time between packets.

    RFC 3550's jitter is the mean difference of two delays.
    """
    drawn = np.random.Generator(np.random.PCG64(0)).standard_exponential(1 << 15)
    sent_at = np.arange(len(drawn), dtype=np.float64)
    spreads = np.linspace(0, _IN_ORDER_SPREAD, 41)
    jitters = [np.abs(np.diff(_in_order(spread * drawn, sent_at))).mean() for spread in spreads]
    return spreads, np.array(jitters)


def _lost_places(interval: _Interval, places: range, random: np.random.Generator) -> set[int]:
    # Under DTX fewer packets were sent than there are frames: the share counts.
    count = min(round(interval.frames * interval.lost / interval.sent), interval.frames)
    return {places[index] for index in random.choice(interval.frames, count, replace=False)}
