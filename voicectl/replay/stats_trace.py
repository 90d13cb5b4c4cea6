"""An impairment trace from the statistics that a browser kept of a call.

Statistics have no packets, only how many came, how many were lost and how much they jittered from
one report to the next. The trace has as many losses in each interval and as much jitter; where in
the interval they lie is drawn.
"""

from statistics import median

import numpy as np

from voicectl.netem.trace import FRAME_NS, Trace, TracePacket
from voicectl.units import NS_PER_MS
from voicectl.wire.rtcstats import StatsDump, StatsSample, StatsSeries

__all__ = ["trace_of_stats"]

_FRAME_MS = FRAME_NS / NS_PER_MS
_MAX_FRAMES = 24 * 3600 * 50


def trace_of_stats(series: StatsSeries, dump: StatsDump, *, seed: int) -> Trace:
    """The trace of one stream; half the median round trip is its delay."""
    random = np.random.Generator(np.random.PCG64(seed))
    round_trip_ms = median(ms for _, ms in dump.round_trips) if dump.round_trips else 0.0
    trace = Trace()
    frame, latest_ns = 0, 0
    for before, after in zip(series.samples, series.samples[1:], strict=False):
        frames = min(round((after.at_ms - before.at_ms) / _FRAME_MS), _MAX_FRAMES - frame)
        if frames <= 0:
            continue
        lost = _lost_frames(before, after, frames, random)
        # RFC 3550's jitter is the mean difference of two delays: the mean of an exponential one.
        delays = round_trip_ms / 2 + after.jitter_ms * random.standard_exponential(frames)
        for index in range(frames):
            send_ns = frame * FRAME_NS
            arrival_ns = max(send_ns + round(float(delays[index]) * NS_PER_MS), latest_ns)
            if index in lost:
                trace.packets.append(TracePacket(frame, send_ns, None))
            else:
                trace.packets.append(TracePacket(frame, send_ns, arrival_ns))
                latest_ns = arrival_ns
            frame += 1
    return trace


def _lost_frames(
    before: StatsSample, after: StatsSample, frames: int, random: np.random.Generator
) -> set[int]:
    lost = max(after.packets_lost - before.packets_lost, 0)
    received = max(after.packets_received - before.packets_received, 0)
    if lost + received == 0:
        return set()
    # Under DTX fewer packets were sent than there are frames: the share counts.
    count = min(round(frames * lost / (lost + received)), frames)
    return {int(index) for index in random.choice(frames, count, replace=False)}
