"""What the payload types of one RTP stream are, as far as its packets tell: nobody signals them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from voicectl._native import RtpPacket, parse_opus_packet
from voicectl.errors import CodecError
from voicectl.replay.sequence import forward

__all__ = ["COMFORT_NOISE_PAYLOAD_TYPE", "PayloadFormat", "Red", "formats_of", "parse_red"]

COMFORT_NOISE_PAYLOAD_TYPE = 13
_G711_PAYLOAD_TYPES = {0: "PCMU", 8: "PCMA"}
_FIRST_DYNAMIC = 35
"""Those below are assigned (RFC 3551 §6), or kept for older versions."""
_JUDGED_PACKETS = 2000
"""Of each payload type."""
_MIN_OPUS_SHARE = 0.9
"""Of the packets whose length in time must be what the next timestamp says. Random bytes reach
a few percent."""
_MIN_G711_SHARE = 0.5
"""Of encrypted packets none fits; of others what a change of codec or a pause follows does not."""
_EVENT_BYTES = 4
_MAX_ENCRYPTED_EVENT_BYTES = 24
_TELEPHONE_KEYS = 16


class PayloadFormat(StrEnum):
    """Of one payload type."""

    OPUS = "Opus"
    RED = "RED"
    """Opus frames, and earlier ones again (RFC 2198)."""
    PCMU = "PCMU"
    PCMA = "PCMA"
    TELEPHONE_EVENT = "telephone-event"
    """Keys (RFC 4733): encrypted ones too, by how their timestamps stand still."""
    COMFORT_NOISE = "comfort noise"
    UNKNOWN = "unknown"
    """Encrypted, of another codec, or too few packets to tell."""

    @property
    def is_opus(self) -> bool:
        """Whether there is Opus in it."""
        return self in (PayloadFormat.OPUS, PayloadFormat.RED)

    @property
    def is_g711(self) -> bool:
        """Whether it is G.711, by either law."""
        return self in (PayloadFormat.PCMU, PayloadFormat.PCMA)

    @property
    def is_decodable(self) -> bool:
        """Whether the engine makes audio of it."""
        return self.is_opus or self.is_g711

    @property
    def is_speech(self) -> bool:
        """Whether it may be speech, rather than what is sent in its stead."""
        return self not in (PayloadFormat.TELEPHONE_EVENT, PayloadFormat.COMFORT_NOISE)


class Red(NamedTuple):
    """The newest frame of a RED packet."""

    payload_type: int
    payload: bytes


def formats_of(packets: Sequence[RtpPacket]) -> dict[int, PayloadFormat]:
    """What each payload type is.

    Args:
        packets: Of one stream, in the order in which they came.
    """
    counts = Counter(packet.payload_type for packet in packets)
    main = counts.most_common(1)[0][0] if counts else None
    firsts: dict[int, list[RtpPacket]] = defaultdict(list)
    pairs: dict[int, list[tuple[RtpPacket, RtpPacket]]] = defaultdict(list)
    for packet in packets:
        if len(firsts[packet.payload_type]) < _JUDGED_PACKETS:
            firsts[packet.payload_type].append(packet)
    for before, after in _successive(packets):
        if len(pairs[before.payload_type]) < _JUDGED_PACKETS:
            pairs[before.payload_type].append((before, after))
    return {
        payload_type: _format(payload_type, firsts[payload_type], pairs[payload_type], main)
        for payload_type in counts
    }


def parse_red(payload: bytes) -> Red | None:
    """Take the newest frame out of a RED payload (RFC 2198 §3); None: it is none."""
    at, redundant = 0, 0
    while at < len(payload) and payload[at] & 0x80:
        if at + 4 > len(payload):
            return None
        redundant += int.from_bytes(payload[at + 2 : at + 4], "big") & 0x3FF
        at += 4
    begin = at + 1 + redundant
    if begin > len(payload):
        return None
    return Red(payload[at] & 0x7F, payload[begin:])


def _successive(packets: Iterable[RtpPacket]) -> Iterator[tuple[RtpPacket, RtpPacket]]:
    """Packets that follow one another by number."""
    before: RtpPacket | None = None
    for packet in packets:
        if before is not None and forward(before.sequence_number, packet.sequence_number, 16) == 1:
            yield before, packet
        before = packet


def _format(
    payload_type: int,
    packets: list[RtpPacket],
    pairs: list[tuple[RtpPacket, RtpPacket]],
    main: int | None,
) -> PayloadFormat:
    if payload_type == COMFORT_NOISE_PAYLOAD_TYPE:
        return PayloadFormat.COMFORT_NOISE
    # After DTX a timestamp jumps further; the marker says so (RFC 7587 §4.1, RFC 3551 §4.1).
    pairs = [pair for pair in pairs if not pair[1].marker]
    if payload_type in _G711_PAYLOAD_TYPES:
        if _share(_is_a_byte_a_sample(a, b) for a, b in pairs) >= _MIN_G711_SHARE:
            return PayloadFormat(_G711_PAYLOAD_TYPES[payload_type])
        return PayloadFormat.UNKNOWN
    if payload_type < _FIRST_DYNAMIC:
        return PayloadFormat.UNKNOWN
    if _share(_lasts_until(a.payload, a, b) for a, b in pairs) >= _MIN_OPUS_SHARE:
        return PayloadFormat.OPUS
    if payload_type != main and _is_events(packets):
        return PayloadFormat.TELEPHONE_EVENT
    if _share(_red_lasts_until(a, b) for a, b in pairs) >= _MIN_OPUS_SHARE:
        return PayloadFormat.RED
    return PayloadFormat.UNKNOWN


def _lasts_until(payload: bytes, packet: RtpPacket, following: RtpPacket) -> bool:
    """Whether an Opus packet lasts as long as the timestamps say."""
    try:
        duration = parse_opus_packet(payload).duration_samples
    except CodecError:
        return False
    return duration == forward(packet.timestamp, following.timestamp, 32)


def _is_a_byte_a_sample(packet: RtpPacket, following: RtpPacket) -> bool:
    """Whether a packet of G.711 is as long as the timestamps say: SRTP adds its tag to it."""
    return len(packet.payload) == forward(packet.timestamp, following.timestamp, 32)


def _red_lasts_until(packet: RtpPacket, following: RtpPacket) -> bool:
    red = parse_red(packet.payload)
    return red is not None and _lasts_until(red.payload, packet, following)


def _is_events(packets: list[RtpPacket]) -> bool:
    """Whether these are keys: reports of 4 bytes, or short ones on which the time stands still."""
    payloads = [packet.payload for packet in packets]
    if all(
        len(payload) == _EVENT_BYTES and payload[0] < _TELEPHONE_KEYS and not payload[1] & 0x40
        for payload in payloads
    ):
        return True
    if max(map(len, payloads)) > _MAX_ENCRYPTED_EVENT_BYTES:
        return False
    standing = (a.timestamp == b.timestamp for a, b in zip(packets, packets[1:], strict=False))
    return _share(standing) > 0.5


def _share(answers: Iterable[bool]) -> float:
    told = list(answers)
    return sum(told) / len(told) if told else 0.0
