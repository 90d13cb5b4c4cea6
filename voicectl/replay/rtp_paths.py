"""One sender's packets that came over one path and then over another, put together again."""

from collections import defaultdict
from itertools import chain, pairwise

from voicectl.replay.rtp_stream import ArrivedPacket, RtpStream
from voicectl.replay.sequence import signed
from voicectl.units import NS_PER_S

__all__ = ["joined"]

_MAX_LOST = 3000
"""Numbers further ahead than this do not go on (RFC 3550 appendix A.1)."""
_MAX_OVERTAKEN = 100
_MAX_PAUSE_S = 120
_HIGHEST_CLOCK_RATE_HZ = 90_000
_MIN_GOING_ON = 0.9
"""Of the changes from one path to the other. Of two senders with one SSRC hardly any does."""
_MAX_PATHS = 16
"""Every flow of a hostile capture could be of one SSRC."""
_MAX_SHARED = 0.1
"""Of the packets of the shorter one: more means that the same was captured on both paths."""


def joined(streams: list[RtpStream]) -> list[RtpStream]:
    """Streams of one SSRC as one where the numbers of one go on in the other.

    ICE may move a call to another pair of addresses at any time; a network may change the address
    of one. What cannot be joined gets labels that differ.
    """
    by_ssrc: dict[int, list[RtpStream]] = defaultdict(list)
    for stream in sorted(streams, key=lambda stream: stream.packets[0].at_ns):
        same = by_ssrc[stream.ssrc]
        for index, before in enumerate(same if len(same) < _MAX_PATHS else ()):
            if before.paths < _MAX_PATHS and _goes_on(before, stream):
                same[index] = _join(before, stream)
                break
        else:
            same.append(stream)
    whole = list(chain.from_iterable(by_ssrc.values()))
    whole.sort(key=lambda stream: -len(stream.packets))
    counts: dict[int, int] = {}
    for stream in whole:
        counts[stream.ssrc] = stream.namesake = counts.get(stream.ssrc, 0) + 1
    return whole


def _join(first: RtpStream, second: RtpStream) -> RtpStream:
    by_time = [packet for _, packet in _in_turn(first, second)]
    return RtpStream(
        f"{first.name}, then {second.name}",
        first.ssrc,
        by_time,
        sorted(first.rtcp + second.rtcp),
        first.copies + second.copies,
        first.paths + second.paths,
    )


def _goes_on(first: RtpStream, second: RtpStream) -> bool:
    shared = _identities(first) & _identities(second)
    if len(shared) > _MAX_SHARED * min(len(first.packets), len(second.packets)):
        return False
    changes = [(a, b) for (of_a, a), (of_b, b) in pairwise(_in_turn(first, second)) if of_a != of_b]
    return sum(_follows(a, b) for a, b in changes) >= _MIN_GOING_ON * len(changes)


def _in_turn(first: RtpStream, second: RtpStream) -> list[tuple[int, ArrivedPacket]]:
    """The packets of both by time, each with whose it is."""
    both = chain(((0, packet) for packet in first.packets), ((1, p) for p in second.packets))
    return sorted(both, key=lambda whose: whose[1].at_ns)


def _identities(stream: RtpStream) -> set[tuple[int, int]]:
    return {(p.rtp.sequence_number, p.rtp.timestamp) for p in stream.packets}


def _follows(before: ArrivedPacket, after: ArrivedPacket) -> bool:
    numbers = signed(after.rtp.sequence_number - before.rtp.sequence_number, 16)
    media = signed(after.rtp.timestamp - before.rtp.timestamp, 32)
    return (
        -_MAX_OVERTAKEN < numbers < _MAX_LOST
        and abs(media) <= _MAX_PAUSE_S * _HIGHEST_CLOCK_RATE_HZ
        and after.at_ns - before.at_ns <= _MAX_PAUSE_S * NS_PER_S
    )
