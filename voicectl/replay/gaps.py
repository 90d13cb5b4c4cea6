"""Long gaps between packets made short: a pause of a day in a capture costs no day of silence."""

from itertools import pairwise
from typing import NamedTuple

from voicectl.errors import MediaError
from voicectl.replay.material import SAMPLE_RATE_HZ, OfferedPacket
from voicectl.replay.sequence import signed
from voicectl.units import NS_PER_S

__all__ = ["Shortened", "shorten_gaps"]

_LONGEST_GAP_NS = 60 * NS_PER_S
_SHORT_GAP_NS = NS_PER_S
_LONG_GAPS = 10
"""Where there are more of them, the later ones are cut to a second: a file of a few packets, hours
apart, costs no gigabytes either."""
_LONGEST_NS = 6 * 3600 * NS_PER_S
"""All that is heard is kept until it is written: some 350 MB an hour."""
_LIKE_THE_GAP_NS = 10 * NS_PER_S
"""A timestamp that is this far from where the gap puts it jumped: the receiver sees to it."""
_FULL_CIRCLE = 1 << 32


class Shortened(NamedTuple):
    """Packets without long gaps."""

    packets: list[OfferedPacket]
    gaps: int
    """How many were shortened."""
    left_out_ns: int
    """By how much, together."""

    def notes(self) -> list[str]:
        """For people."""
        if not self.gaps:
            return []
        pauses = "a pause" if self.gaps == 1 else f"{self.gaps} pauses"
        left_out_s = self.left_out_ns // NS_PER_S
        return [
            f"{pauses} of more than {_LONGEST_GAP_NS // NS_PER_S} s shortened, by "
            f"{left_out_s // 3600}:{left_out_s // 60 % 60:02}:{left_out_s % 60:02} h"
        ]


def shorten_gaps(packets: list[OfferedPacket]) -> Shortened:
    """Let no minute pass without a packet; what comes later comes earlier by what is left out.

    Timestamps that went on during the gap are shortened with it.

    Args:
        packets: In the order of their times.

    Raises:
        MediaError: They last too long even so.
    """
    if all(after.at_ns - before.at_ns <= _LONGEST_GAP_NS for before, after in pairwise(packets)):
        return Shortened(_not_too_long(packets), 0, 0)
    shortened = packets[:1]
    gaps = left_out_ns = left_out_timestamps = 0
    timestamp = _first_timestamp(packets)
    for before, packet in pairwise(packets):
        gap_ns = packet.at_ns - before.at_ns
        if gap_ns > _LONGEST_GAP_NS:
            excess_ns = gap_ns - (_LONGEST_GAP_NS if gaps < _LONG_GAPS else _SHORT_GAP_NS)
            gaps += 1
            left_out_ns += excess_ns
            if packet.timestamp is not None and _has_gone_on(timestamp, packet.timestamp, gap_ns):
                left_out_timestamps += _timestamps(excess_ns)
        if packet.timestamp is not None:
            timestamp = packet.timestamp
        shortened.append(_earlier(packet, left_out_ns, left_out_timestamps))
    return Shortened(_not_too_long(shortened), gaps, left_out_ns)


def _not_too_long(packets: list[OfferedPacket]) -> list[OfferedPacket]:
    if packets and packets[-1].at_ns - packets[0].at_ns > _LONGEST_NS:
        raise MediaError(
            f"lasts more than {_LONGEST_NS // NS_PER_S // 3600} h",
            hint="cut it, such as a capture with `editcap -A START -B STOP`",
        )
    return packets


def _first_timestamp(packets: list[OfferedPacket]) -> int:
    return next((packet.timestamp for packet in packets if packet.timestamp is not None), 0)


def _has_gone_on(before: int, after: int, gap_ns: int) -> bool:
    beside = signed(after - before - _timestamps(gap_ns), 32)
    return abs(beside) <= _timestamps(_LIKE_THE_GAP_NS)


def _timestamps(duration_ns: int) -> int:
    return duration_ns * SAMPLE_RATE_HZ // NS_PER_S


def _earlier(packet: OfferedPacket, by_ns: int, by_timestamps: int) -> OfferedPacket:
    if packet.timestamp is None or not by_timestamps:
        return packet._replace(at_ns=packet.at_ns - by_ns)
    units = int.from_bytes(packet.data[4:8], "big") - by_timestamps // packet.samples_per_unit
    data = packet.data[:4] + (units % _FULL_CIRCLE).to_bytes(4, "big") + packet.data[8:]
    timestamp = units * packet.samples_per_unit % _FULL_CIRCLE
    return packet._replace(at_ns=packet.at_ns - by_ns, data=data, timestamp=timestamp)
