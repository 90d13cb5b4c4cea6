"""Recorded arrival times: `seq,send_ms,arrival_ms`, an empty arrival is a loss."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from voicectl._native import NetworkLink
from voicectl.errors import UsageError
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = [
    "FRAME_NS",
    "Trace",
    "TracePacket",
    "is_trace",
    "parse_trace",
    "without_long_pauses",
]

FRAME_NS = 20 * NS_PER_MS
"""What `seq` counts in."""
_COLUMNS = "seq,send_ms,arrival_ms"
_LONGEST_MS = 86_400_000.0
"""Times beyond a day are a mistake in the unit."""
_MOST_FRAMES = 4_320_000
"""A day's."""
_LEEWAY_NS = 10 * NS_PER_S
_LONGEST_PAUSE_FRAMES = 2500
"""50 s of nothing tell as much as an hour."""


class TracePacket(NamedTuple):
    """One packet. Times are on the receiver's clock."""

    frame: int
    """Which 20 ms of the stream it carries."""
    send_ns: int
    arrival_ns: int | None
    """None: lost."""


@dataclass
class Trace:
    """The packets of a trace by frame."""

    packets: list[TracePacket] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    """Its `#` lines: name, source, seed, parameters."""

    @property
    def sent(self) -> int:
        """How many packets were sent."""
        return len(self.packets)

    @property
    def lost(self) -> int:
        """How many of them did not arrive."""
        return sum(packet.arrival_ns is None for packet in self.packets)

    def link(self) -> NetworkLink:
        """A network that does to the n-th packet what happened to the n-th here, over and over."""
        return NetworkLink.replaying(self.packets)

    @cached_property
    def frames(self) -> int:
        """From the first 20 ms to the last, sent or not (DTX)."""
        return self.packets[-1].frame + 1 if self.packets else 0


def is_trace(text: str) -> bool:
    """Whether a file's beginning looks like a trace."""
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            return _is_heading(line) or line.count(",") == 2 and line[0].isdigit()
    return False


def parse_trace(text: str) -> Trace:
    """Read a trace.

    Raises:
        UsageError: With the line that is no packet, or that there is none.
    """
    trace = Trace()
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line.startswith("#"):
            trace.comments.append(line.lstrip("# "))
        elif line and not _is_heading(line):
            trace.packets.append(_parse_line(line, number))
    if not trace.packets:
        raise UsageError("the trace holds no packets", hint=f"a line a packet: {_COLUMNS}")
    trace.packets.sort(key=lambda packet: packet.frame)
    for before, after in zip(trace.packets, trace.packets[1:], strict=False):
        if before.frame == after.frame:
            raise UsageError(
                f"frame {after.frame} stands twice in the trace", hint="each frame is one line"
            )
    _check_span(trace)
    return trace


def without_long_pauses(trace: Trace) -> tuple[Trace, int]:
    """The trace with pauses in sending of at most 50 s, and how many longer ones there were.

    What comes after a pause is moved forward, its arrival too: nothing else changes.
    """
    shortened = Trace(comments=trace.comments)
    frames, time_ns, pauses = 0, 0, 0
    for previous, packet in zip(trace.packets[:1] + trace.packets, trace.packets, strict=False):
        surplus = packet.frame - previous.frame - 1 - _LONGEST_PAUSE_FRAMES
        if surplus > 0:
            waited_ns = packet.send_ns - previous.send_ns
            frames += surplus
            time_ns += min(surplus * FRAME_NS, max(waited_ns - FRAME_NS, 0))
            pauses += 1
        arrival_ns = packet.arrival_ns
        shortened.packets.append(
            TracePacket(
                packet.frame - frames,
                packet.send_ns - time_ns,
                None if arrival_ns is None else max(arrival_ns - time_ns, 0),
            )
        )
    return shortened, pauses


def _check_span(trace: Trace) -> None:
    """What `seq` spans is played: a number too large is hours of it."""
    first, last = trace.packets[0], trace.packets[-1]
    frames = last.frame - first.frame + 1
    sent_ns = max(p.send_ns for p in trace.packets) - min(p.send_ns for p in trace.packets)
    if frames > _MOST_FRAMES or frames * FRAME_NS > 2 * sent_ns + _LEEWAY_NS:
        raise UsageError(
            f"seq runs from {first.frame} to {last.frame} in the trace and send_ms over "
            f"{sent_ns / NS_PER_S:g} s: they do not fit",
            hint="seq counts 20 ms of the stream, at most a day of them",
        )


def _is_heading(line: str) -> bool:
    return ",".join(column.strip() for column in line.split(",")) == _COLUMNS


def _parse_line(line: str, number: int) -> TracePacket:
    columns = [column.strip() for column in line.split(",")]
    if len(columns) != 3:
        raise _wrong(number, f"{len(columns)} columns")
    frame, send, arrival = columns
    if not (frame.isascii() and frame.isdigit()) or len(frame) > 9:
        raise _wrong(number, f"seq `{frame}`")
    return TracePacket(
        int(frame),
        _time_ns(send, number, "send_ms"),
        _time_ns(arrival, number, "arrival_ms") if arrival else None,
    )


def _time_ns(text: str, number: int, column: str) -> int:
    try:
        ms = float(text)
    except ValueError:
        ms = -1.0
    if not 0.0 <= ms < _LONGEST_MS:
        raise _wrong(number, f"{column} `{text}`")
    return round(ms * NS_PER_MS)


def _wrong(number: int, what: str) -> UsageError:
    return UsageError(
        f"line {number} of the trace cannot be read: {what}",
        hint=f"a line a packet: {_COLUMNS}, an empty arrival_ms is a loss",
    )
