"""One RTP stream of a capture: its packets, what they carry, and RFC 3550's figures of them."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import islice
from statistics import median
from typing import NamedTuple

from voicectl._native import RtpPacket
from voicectl.replay.payload_formats import (
    COMFORT_NOISE_PAYLOAD_TYPE,
    PayloadFormat,
    formats_of,
    parse_red,
)
from voicectl.replay.sequence import Place, forward, places_of, signed
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = [
    "JUDGED_PACKETS",
    "ArrivedPacket",
    "Codec",
    "ReceptionFigures",
    "RtpStream",
    "extended_numbers",
]

_STATIC_PAYLOAD_TYPES = {
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    4: ("G723", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    13: ("CN", 8000),
    15: ("G728", 8000),
    18: ("G729", 8000),
}
"""Audio of RFC 3551 §6 that is still met."""
_G711 = (0, 8)
_CLOCK_RATES_HZ = (8_000, 16_000, 24_000, 32_000, 44_100, 48_000, 90_000)
_OPUS_CLOCK_RATE_HZ = 48_000
JUDGED_PACKETS = 2000
_STRETCH_PACKETS = 50
_MAX_FRAMES_AT_ONCE = 100
"""Between two packets: a timestamp further on jumped."""
_MIN_VIDEO_SHARE = 0.2
"""Of the packets that have their timestamp from the one before: audio has none."""


class Codec(StrEnum):
    """What a stream's payload is, as far as its bytes tell."""

    OPUS = "Opus"
    G711 = "G.711"
    """`RtpStream.codec_name` has the law."""
    ENCRYPTED = "encrypted"
    """SRTP, or a codec of a dynamic payload type that is not Opus."""
    CUT = "cut off by the snapshot length"
    VIDEO = "video"
    OTHER = "other"
    """A static payload type: `RtpStream.codec_name` has its name."""

    @property
    def is_decoded(self) -> bool:
        """Whether the engine makes audio of it."""
        return self in (Codec.OPUS, Codec.G711)


class ArrivedPacket(NamedTuple):
    """An RTP packet and when it was captured."""

    at_ns: int
    """Since the Unix epoch."""
    rtp: RtpPacket
    datagram: bytes
    is_cut: bool = False
    """By the capture's snapshot length."""


@dataclass(frozen=True)
class ReceptionFigures:
    """RFC 3550 §6.4.1 and appendix A, over a whole stream, as Wireshark counts them too."""

    packets: int
    lost: int
    """Expected less received: negative where more came twice than were lost."""
    duplicates: int
    reordered: int
    jitter_ms: float
    """Interarrival jitter after the last packet."""
    max_jitter_ms: float
    mean_jitter_ms: float
    max_gap_ms: float
    """The longest time between two packets."""


@dataclass
class RtpStream:
    """The packets of one SSRC in one direction, in the capture's order."""

    name: str
    """Its flow, as people write it."""
    ssrc: int
    packets: list[ArrivedPacket] = field(default_factory=list)
    rtcp: list[tuple[int, bytes]] = field(default_factory=list)
    """Plain RTCP of the same sender, with its times."""
    copies: int = 0
    """Left out, because the capture saw most packets more than once."""
    paths: int = 1
    """Over which it came."""
    namesake: int = 1
    """Which of the streams with this SSRC, the longest first."""

    @property
    def label(self) -> str:
        """A short name of it, which `--stream` takes."""
        return f"0x{self.ssrc:08x}" + (f"/{self.namesake}" if self.namesake > 1 else "")

    @property
    def duration_ns(self) -> int:
        """From the first packet to the last."""
        return self.packets[-1].at_ns - self.packets[0].at_ns

    @cached_property
    def formats(self) -> dict[int, PayloadFormat]:
        """What each of its payload types is."""
        return formats_of([packet.rtp for packet in self.packets])

    @cached_property
    def packets_by_type(self) -> Counter[int]:
        """How many packets each payload type has."""
        return Counter(packet.rtp.payload_type for packet in self.packets)

    @cached_property
    def payload_type(self) -> int:
        """The one that most packets of speech have; of all packets, where none is of speech."""
        counts = self.packets_by_type.most_common()
        return next((pt for pt, _ in counts if self.formats[pt].is_speech), counts[0][0])

    @cached_property
    def media_packets(self) -> list[ArrivedPacket]:
        """Those of speech: those that are decoded, where any are; no keys and no comfort noise."""
        chosen = {
            payload_type
            for payload_type, form in self.formats.items()
            if (form.is_decodable if self.codec.is_decoded else form.is_speech)
        }
        return [
            packet for packet in self.packets if packet.rtp.payload_type in chosen or not chosen
        ]

    @cached_property
    def red_payload_type(self) -> int | None:
        """The one under which RED comes; of several, which nobody has, the more frequent one."""
        counts = self.packets_by_type.most_common()
        return next((pt for pt, _ in counts if self.formats[pt] is PayloadFormat.RED), None)

    @cached_property
    def opus_payload_types(self) -> list[int]:
        """Those of Opus, within RED too."""
        plain = {pt for pt, form in self.formats.items() if form is PayloadFormat.OPUS}
        in_red = (
            parse_red(packet.rtp.payload)
            for packet in self.packets
            if packet.rtp.payload_type == self.red_payload_type
        )
        return sorted(
            plain | {red.payload_type for red in in_red if red is not None and red.payload}
        )

    @cached_property
    def codec(self) -> Codec:
        """What the payload is."""
        form = self.formats[self.payload_type]
        if form.is_g711:
            return Codec.G711
        if self.payload_type in _STATIC_PAYLOAD_TYPES and self.payload_type not in _G711:
            return Codec.OTHER
        if self._is_video():
            return Codec.VIDEO
        if 2 * sum(packet.is_cut for packet in self.packets) > len(self.packets):
            return Codec.CUT
        return Codec.OPUS if form.is_opus else Codec.ENCRYPTED

    @property
    def codec_name(self) -> str:
        """For people."""
        if self.codec in (Codec.OTHER, Codec.G711):
            return _STATIC_PAYLOAD_TYPES[self.payload_type][0]
        return self.codec.value

    @cached_property
    def clock_rate_hz(self) -> int:
        """Of most RTP timestamps: known, or the usual one nearest to what was observed."""
        if self.payload_type in _STATIC_PAYLOAD_TYPES:
            return _STATIC_PAYLOAD_TYPES[self.payload_type][1]
        if self.codec is Codec.OPUS:
            return _OPUS_CLOCK_RATE_HZ
        observed = self._observed_rate_hz
        return min(_CLOCK_RATES_HZ, key=lambda rate: abs(rate - observed) / rate)

    @cached_property
    def clock_rates_hz(self) -> dict[int, int]:
        """Of each payload type: another codec in mid-call brings its own clock."""
        return {
            payload_type: _static_rate_hz(payload_type)
            or (_OPUS_CLOCK_RATE_HZ if form.is_opus else self.clock_rate_hz)
            for payload_type, form in self.formats.items()
        }

    @property
    def _observed_rate_hz(self) -> float:
        """Of a stretch of the stream as a rule: clocks jump, and senders pause."""
        pairs = [
            (forward(a.rtp.timestamp, b.rtp.timestamp, 32), b.at_ns - a.at_ns)
            for a, b in self._successive
        ]
        longest = _MAX_FRAMES_AT_ONCE * self.frame_timestamps
        pairs = [(media, elapsed_ns) for media, elapsed_ns in pairs if 0 < media <= longest]
        rates = []
        for begin in range(0, len(pairs), _STRETCH_PACKETS):
            stretch = pairs[begin : begin + _STRETCH_PACKETS]
            media, elapsed_ns = (sum(column) for column in zip(*stretch, strict=True))
            rates.append(media * NS_PER_S / max(elapsed_ns, 1))
        return median(rates) if rates else 0.0

    @cached_property
    def frame_timestamps(self) -> int:
        """How far the timestamp advances from a packet to the next, as a rule (`clock_rate_hz`)."""
        steps = [
            forward(a.rtp.timestamp, b.rtp.timestamp, 32)
            for a, b in self._successive
            if a.rtp.timestamp != b.rtp.timestamp
        ]
        return int(median(steps)) if steps else 0

    @cached_property
    def places(self) -> list[Place | None]:
        """Where each packet belongs, with the sender's restarts."""
        return places_of(packet.rtp.sequence_number for packet in self.packets)

    @property
    def restarts_ns(self) -> list[int]:
        """When the sender began to count anew, from the first packet on."""
        begun: dict[int, int] = {}
        for packet, place in zip(self.packets, self.places, strict=True):
            if place is not None:
                begun.setdefault(place.run, packet.at_ns - self.packets[0].at_ns)
        return [at_ns for run, at_ns in begun.items() if run > 0]

    def figures(self) -> ReceptionFigures:
        """Count over all packets of the stream."""
        return _figures(self.packets, self.clock_rates_hz)

    @cached_property
    def _successive(self) -> list[tuple[ArrivedPacket, ArrivedPacket]]:
        """Packets of speech of one clock that follow one another by number: enough to judge by."""
        rate_hz = _static_rate_hz(self.payload_type)
        chosen = {
            payload_type
            for payload_type, form in self.formats.items()
            if form.is_speech and _static_rate_hz(payload_type) == rate_hz
        }
        speech = (packet for packet in self.packets if packet.rtp.payload_type in chosen)
        packets = list(islice(speech, JUDGED_PACKETS))
        return [
            (a, b)
            for a, b in zip(packets, packets[1:], strict=False)
            if forward(a.rtp.sequence_number, b.rtp.sequence_number, 16) == 1
        ]

    def _is_video(self) -> bool:
        pairs = self._successive
        same = sum(a.rtp.timestamp == b.rtp.timestamp for a, b in pairs)
        return same > _MIN_VIDEO_SHARE * len(pairs)


def _static_rate_hz(payload_type: int) -> int | None:
    if payload_type == COMFORT_NOISE_PAYLOAD_TYPE:
        return None  # that of the codec beside it (RFC 3389 §4)
    return _STATIC_PAYLOAD_TYPES.get(payload_type, (None, None))[1]


def extended_numbers(packets: list[ArrivedPacket]) -> list[int]:
    """The sequence numbers of the packets of a stream, with their wraps counted."""
    numbers: list[int] = []
    highest = packets[0].rtp.sequence_number if packets else 0
    for packet in packets:
        number = _extended(highest, packet.rtp.sequence_number)
        highest = max(highest, number)
        numbers.append(number)
    return numbers


def _figures(packets: list[ArrivedPacket], clock_rates_hz: dict[int, int]) -> ReceptionFigures:
    first = packets[0]
    base = highest = first.rtp.sequence_number
    seen = {highest}
    duplicates = reordered = max_gap_ns = 0
    jitter = max_jitter = sum_jitter = 0.0
    previous = first
    for packet in packets[1:]:
        number = _extended(highest, packet.rtp.sequence_number)
        if number in seen:
            duplicates += 1
        elif number < highest:
            reordered += 1
        seen.add(number)
        highest = max(highest, number)
        if signed(packet.rtp.timestamp - first.rtp.timestamp, 32) < 0 > number - base:
            continue  # It was overtaken by the first: Wireshark takes no times of it.
        elapsed_ns = packet.at_ns - previous.at_ns
        rate_hz = clock_rates_hz[packet.rtp.payload_type]
        # Timestamps of two clocks say nothing together.
        if rate_hz == clock_rates_hz[previous.rtp.payload_type]:
            media = signed(packet.rtp.timestamp - previous.rtp.timestamp, 32)
            difference_ms = abs(elapsed_ns / NS_PER_MS - media * 1000 / rate_hz)
            jitter += (difference_ms - jitter) / 16
        sum_jitter += jitter
        max_jitter = max(max_jitter, jitter)
        max_gap_ns = max(max_gap_ns, elapsed_ns)
        previous = packet
    return ReceptionFigures(
        packets=len(packets),
        # From the first that came, as RFC 3550 counts, not from the first that was sent.
        lost=highest - base + 1 - len(packets),
        duplicates=duplicates,
        reordered=reordered,
        jitter_ms=jitter,
        max_jitter_ms=max_jitter,
        mean_jitter_ms=sum_jitter / max(len(packets) - 1, 1),
        max_gap_ms=max_gap_ns / NS_PER_MS,
    )


def _extended(highest: int, sequence_number: int) -> int:
    """The sequence number, wraps counted, that is nearest to `highest`."""
    return highest + signed(sequence_number - highest, 16)
