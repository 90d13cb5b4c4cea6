"""The payloads that the probe sends through a relay, and how it knows them again."""

import struct
from typing import NamedTuple

__all__ = ["HEADER_LENGTH", "ProbePacket", "decode_packet", "encode_packet"]

_HEADER = struct.Struct("!4s8sBIQ")
_MAGIC = b"\xf0vcp"
"""The first byte keeps it out of the ranges of STUN, DTLS, RTP and ChannelData (RFC 7983)."""
HEADER_LENGTH = _HEADER.size


class ProbePacket(NamedTuple):
    """Which test it belongs to, its number there, and when it was sent."""

    kind: int
    number: int
    sent_ns: int
    size: int


def encode_packet(token: bytes, kind: int, number: int, sent_ns: int, size: int) -> bytes:
    """A payload of `size` bytes, at least `HEADER_LENGTH`; `token` is the run's 8 bytes."""
    header = _HEADER.pack(_MAGIC, token, kind, number, sent_ns)
    return header + bytes(max(0, size - HEADER_LENGTH))


def decode_packet(token: bytes, data: bytes) -> ProbePacket | None:
    """Read one of this run's own payloads; None for anything else."""
    if len(data) < HEADER_LENGTH:
        return None
    magic, sent_token, kind, number, sent_ns = _HEADER.unpack_from(data)
    if magic != _MAGIC or sent_token != token:
        return None
    return ProbePacket(kind, number, sent_ns, len(data))
