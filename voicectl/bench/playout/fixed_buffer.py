"""A plain fixed buffer, the yardstick that needs no policy: computed, not run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicectl._native import OpusDecoder, parse_opus_packet
from voicectl.netem.trace import FRAME_NS, Trace
from voicectl.replay.made_speech import Spoken
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = ["FixedRun", "lost_for_good_percent", "play_fixed"]

_FRAME_SAMPLES = 960
_RTP_HEADER_BYTES = 12
_FIRST_NS = 5 * NS_PER_S


@dataclass(frozen=True)
class FixedRun:
    """Figures from second 5 on."""

    delay_ms: float
    """From a played packet's arrival to the start of its playing."""
    concealed_percent: float
    pcm: NDArray[np.int16]
    first_timestamp: int

    def in_media_time(self) -> NDArray[np.int16]:
        """The audio when it was said."""
        return self.pcm


def play_fixed(trace: Trace, spoken: Spoken, *, delay_ms: float = 80.0) -> FixedRun:
    """Play each frame `delay_ms` after the fastest packet of the first 5 s would have come.

    A missing frame is rebuilt from the next packet's FEC where that is there in time, else
    concealed. Where nothing was sent (DTX) there is silence.
    """
    arrivals = {packet.frame: packet.arrival_ns for packet in trace.packets}
    anchor_ns = _smallest_delay_ns(trace) + round(delay_ms * NS_PER_MS)
    decoder = OpusDecoder()
    silence = np.zeros(_FRAME_SAMPLES, np.int16)
    pieces, delays_ns, concealed = [], [], 0
    for frame in range(trace.frames):
        due_ns = frame * FRAME_NS + anchor_ns
        counts = frame * FRAME_NS >= _FIRST_NS
        arrival_ns = arrivals.get(frame)
        if frame not in arrivals:
            pieces.append(silence)
        elif arrival_ns is not None and arrival_ns <= due_ns:
            pieces.append(decoder.decode(_payload(spoken, frame)))
            delays_ns += [due_ns - arrival_ns] if counts else []
        elif _repairs(arrivals.get(frame + 1), spoken, frame, due_ns):
            pieces.append(decoder.decode_lbrr(_payload(spoken, frame + 1), _FRAME_SAMPLES))
        else:
            pieces.append(decoder.conceal(_FRAME_SAMPLES))
            concealed += counts
    return FixedRun(
        float(np.mean(delays_ns)) / NS_PER_MS,
        concealed * 100 / (trace.frames - _FIRST_NS // FRAME_NS),
        np.concatenate(pieces),
        spoken.packets[0].timestamp or 0,
    )


def lost_for_good_percent(trace: Trace, spoken: Spoken) -> float:
    """What no buffer can play: lost, and not repeated by the next packet; from second 5 on."""
    first = _FIRST_NS // FRAME_NS
    arrivals = {packet.frame: packet.arrival_ns for packet in trace.packets}
    lost = sum(
        arrival_ns is None and not _repairs(arrivals.get(frame + 1), spoken, frame, None)
        for frame, arrival_ns in arrivals.items()
        if frame >= first
    )
    return lost * 100 / (trace.frames - first)


def _repairs(next_arrival_ns: int | None, spoken: Spoken, frame: int, due_ns: int | None) -> bool:
    """Whether the packet after `frame` is there at `due_ns`, or ever, and repeats it."""
    if next_arrival_ns is None or (due_ns is not None and next_arrival_ns > due_ns):
        return False
    return parse_opus_packet(_payload(spoken, frame + 1)).has_lbrr


def _payload(spoken: Spoken, frame: int) -> bytes:
    return spoken.packets[frame].data[_RTP_HEADER_BYTES:]


def _smallest_delay_ns(trace: Trace) -> int:
    return min(
        arrival_ns - packet.frame * FRAME_NS
        for packet in trace.packets
        if (arrival_ns := packet.arrival_ns) is not None and packet.send_ns < _FIRST_NS
    )
