"""How much of an SCTP association a peer may make us keep (RFC 9260 §6.2), and work through.

aiortc tells the peer a window and takes more; it keeps every stream and every channel that the peer
opens, and looks through all that it keeps with each chunk. Here is said what goes no further:

- a packet that no honest peer sends, or that comes while the window is full, is as good as lost:
  the peer sends it again once there is room;
- a peer that has nevertheless made us keep twice the largest message and a half, or opens channel
  after channel, can only be a broken or a hostile one: that ends the association, not the call.
"""

from collections.abc import Set
from dataclasses import dataclass
from enum import Enum
from struct import unpack_from

from voicectl.rtc.sctp_gate import DATA, FORWARD_TSN, SACK, chunks_of

__all__ = ["WINDOW_BYTES", "Kept", "Verdict", "judge"]

MAX_MESSAGE_BYTES = 262_144
"""What aiortc advertises as `a=max-message-size` (RFC 8841 §6)."""
WINDOW_BYTES = 2 * MAX_MESSAGE_BYTES
"""What we advertise as a_rwnd."""
MAX_KEPT_BYTES = WINDOW_BYTES + MAX_MESSAGE_BYTES // 2
MAX_WINDOW_CHUNKS = 512
"""As many as fill the window from a path of the least MTU that Internet hosts use; and numbers that
may be ahead of the next one."""
MAX_KEPT_CHUNKS = 2 * MAX_WINDOW_CHUNKS
MAX_STREAMS = 16
"""At a time; a signaling channel is one."""
MAX_DATA_CHUNKS = 80
"""Of a packet: more than fit into 1500 bytes."""
MAX_OTHER_CHUNKS = 4
FORWARD_ENTRIES_AT = 4
"""Where streams begin in a FORWARD TSN, which has four bytes for each (RFC 3758 §3.2)."""
CHUNK_DATA_AT = 12
"""Where what is sent begins in a DATA chunk's value."""
_NUMBERS = 2**32


class Verdict(Enum):
    """What becomes of a packet."""

    TAKE = "is SCTP's"
    DROP = "is as good as lost"
    END = "ends the association"


@dataclass(frozen=True)
class Kept:
    """What an association holds of the peer's.

    Args:
        next_tsn: The number of the chunk expected next; None before the peer has said it.
        next_own_tsn: That of the chunk that we send next.
        byte_count: Of messages whose end, or whose turn, has not come.
        chunk_count: Of their chunks.
        ahead_count: Numbers received beyond `next_tsn`.
        streams: Those that something was received on or that have a channel.
    """

    next_tsn: int | None
    next_own_tsn: int
    byte_count: int
    chunk_count: int
    ahead_count: int
    streams: Set[int]


@dataclass
class _Asked:
    """What a packet adds."""

    tsns: list[int]
    byte_count: int
    streams: set[int]
    forwarded: int
    others: int
    acknowledges_unsent: bool


def judge(packet: bytes, kept: Kept) -> Verdict:
    """Whether SCTP may have a packet, whose lengths are sound."""
    asked = _read(packet, kept)
    if len(asked.tsns) > MAX_DATA_CHUNKS or asked.others > MAX_OTHER_CHUNKS:
        return Verdict.DROP
    if asked.forwarded > MAX_STREAMS or asked.acknowledges_unsent:
        return Verdict.DROP
    if kept.next_tsn is None:
        return Verdict.DROP if asked.tsns or asked.streams else Verdict.TAKE
    if len(kept.streams | asked.streams) > MAX_STREAMS:
        return Verdict.END
    return _judge_data(asked, kept, kept.next_tsn)


def _judge_data(asked: _Asked, kept: Kept, next_tsn: int) -> Verdict:
    distances = [(tsn - next_tsn) % _NUMBERS for tsn in asked.tsns]
    ahead = [distance for distance in distances if distance < _NUMBERS // 2]
    if not ahead:
        return Verdict.TAKE  # duplicates are only acknowledged
    if max(ahead) >= MAX_WINDOW_CHUNKS:
        return Verdict.DROP
    byte_count = kept.byte_count + asked.byte_count
    chunk_count = max(kept.chunk_count, kept.ahead_count) + len(ahead)
    if byte_count > MAX_KEPT_BYTES or chunk_count > MAX_KEPT_CHUNKS:
        return Verdict.END
    # The one that all others wait for makes room, so there is always room for it.
    is_full = byte_count > WINDOW_BYTES or chunk_count > MAX_WINDOW_CHUNKS
    return Verdict.DROP if is_full and min(ahead) > 0 else Verdict.TAKE


def _read(packet: bytes, kept: Kept) -> _Asked:
    asked = _Asked([], 0, set(), 0, 0, acknowledges_unsent=False)
    for kind, value in chunks_of(packet):
        if kind == DATA:
            tsn, stream = unpack_from("!LH", value)
            asked.tsns.append(tsn)
            asked.streams.add(stream)
            asked.byte_count += len(value) - CHUNK_DATA_AT
            continue
        asked.others += 1
        if kind == FORWARD_TSN:
            streams = range(FORWARD_ENTRIES_AT, len(value), 4)
            asked.streams |= {unpack_from("!H", value, at)[0] for at in streams}
            asked.forwarded += len(streams)
        elif kind == SACK:
            asked.acknowledges_unsent |= _acknowledges_unsent(value, kept.next_own_tsn)
    return asked


def _acknowledges_unsent(sack: bytes, next_own_tsn: int) -> bool:
    """Whether its last gap is beyond what we have sent; aiortc counts through them."""
    cumulative, _, gaps = unpack_from("!LLH", sack)
    last = unpack_from("!H", sack, 12 + 4 * gaps - 2)[0] if gaps else 0
    return bool(last > (next_own_tsn - 1 - cumulative) % _NUMBERS)
