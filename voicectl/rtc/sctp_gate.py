"""A peer's SCTP packets, looked at before aiortc parses them (RFC 9260 §3).

The peer has authenticated itself by then, but it may be anyone. aiortc loops for ever, and takes
memory with it, over a parameter of length zero; and ranges of a SACK may make it count for seconds.
What packets may add up to is `sctp_limits`' part.
"""

from collections.abc import Iterator
from struct import unpack_from

__all__ = ["DATA", "FORWARD_TSN", "SACK", "chunks_of", "is_sound"]

COMMON_HEADER_BYTES = 12
HEADER_BYTES = 4
"""Of a chunk, and of a parameter."""
DATA, INIT, SACK, SHUTDOWN, FORWARD_TSN = 0, 1, 3, 7, 192
PARAMETERS_AT = {INIT: 16, 2: 16, 4: 0, 5: 0, 6: 0, 9: 0, 130: 0}
"""Where parameters begin in a chunk's value: INIT, INIT ACK, HEARTBEAT, HEARTBEAT ACK, ABORT,
ERROR, RE-CONFIG."""
LEAST_BYTES = {DATA: 12, SACK: 12, SHUTDOWN: 4, FORWARD_TSN: 4}
"""Of a chunk's value."""


def is_sound(packet: bytes) -> bool:
    """Whether the lengths in an SCTP packet are such that parsing it ends, and soon."""
    chunks = 0
    has_init = False
    try:
        for kind, value in chunks_of(packet):
            if not _is_sound_chunk(kind, value):
                return False
            has_init = has_init or kind == INIT
            chunks += 1
    except ValueError:
        return False
    return chunks == 1 or (chunks > 1 and not has_init)


def chunks_of(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """The types and values of a packet's chunks.

    Raises:
        ValueError: A length that cannot be.
    """
    position = COMMON_HEADER_BYTES
    while position <= len(packet) - HEADER_BYTES:
        kind, _, length = unpack_from("!BBH", packet, position)
        if length < HEADER_BYTES or position + length > len(packet):
            raise ValueError(length)
        yield kind, packet[position + HEADER_BYTES : position + length]
        position += length + -length % 4


def _is_sound_chunk(kind: int, value: bytes) -> bool:
    if len(value) < LEAST_BYTES.get(kind, 0):
        return False
    if kind == SACK:
        return _has_sound_gaps(value)
    if kind == FORWARD_TSN:
        return len(value) % 4 == 0
    return kind not in PARAMETERS_AT or _has_sound_parameters(value, PARAMETERS_AT[kind])


def _has_sound_gaps(value: bytes) -> bool:
    """Gaps one after the other, as §3.3.4 has them: together no more than 65536 numbers."""
    gaps, duplicates = unpack_from("!HH", value, 8)
    if len(value) < LEAST_BYTES[SACK] + 4 * (gaps + duplicates):
        return False
    ends = unpack_from(f"!{2 * gaps}H", value, LEAST_BYTES[SACK])
    # A gap may be one number, and the next gap begins later.
    return all(
        start <= end and start > before
        for start, end, before in zip(ends[::2], ends[1::2], (0, *ends[1::2]), strict=False)
    )


def _has_sound_parameters(value: bytes, position: int) -> bool:
    if len(value) < position:
        return False
    while position <= len(value) - HEADER_BYTES:
        (length,) = unpack_from("!H", value, position + 2)
        if length < HEADER_BYTES:
            return False
        position += length + -length % 4
    return True
