"""What a replay starts from, whatever the file: RTP packets, their times, and what was said."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicectl._native import NetworkLink
from voicectl.replay.rtp_stream import ReceptionFigures

__all__ = ["CleanSpeech", "Delivery", "Material", "OfferedPacket", "across", "delivery"]

SAMPLE_RATE_HZ = 48_000
"""Of the speech: Opus' own and its RTP clock's."""


class OfferedPacket(NamedTuple):
    """A packet and the time at which it is offered to the network, or to the pipeline."""

    at_ns: int
    """From the first packet on."""
    data: bytes
    timestamp: int | None
    """The RTP timestamp in samples at 48 kHz, which an engine makes of any; None: RTCP."""
    is_speech: bool = True
    """No: a telephone's key, which has no place in the audio."""
    samples_per_unit: int = 1
    """Samples at 48 kHz to a unit of the clock that the timestamp in `data` is of."""


@dataclass(frozen=True)
class CleanSpeech:
    """What was said, as it went into the encoder."""

    pcm: NDArray[np.int16]
    """Mono at 48 kHz, shape (samples,)."""
    timestamp: int
    """The RTP timestamp at which `pcm[0]` comes out of a decoder."""
    lines: tuple[str, ...] = ()
    """The utterances it is made of, where they are known: a recognizer can be held to them."""


@dataclass
class Material:
    """One stream to be replayed."""

    format: str
    """Of the file: `audio`, `pcap`, …"""
    packets: list[OfferedPacket]
    """In the order of their times."""
    payload_types: dict[int, str]
    """What is received, by the names of `Engine.configure_receive`."""
    frame_samples: int
    """Of a packet at 48 kHz."""
    red_payload_type: int | None = None
    """The one under which packets come that are RED (RFC 2198) of Opus."""
    speech: CleanSpeech | None = None
    """None: only the packets are known."""
    reception: ReceptionFigures | None = None
    """Of a capture's stream, as it was captured."""
    sent: int | None = None
    """Packets that were sent, where the file tells; the lost ones are not among `packets`."""
    sent_before: int = 0
    """Of those: before the first that came. Nobody could miss them but who knows of them."""
    sent_after: int = 0
    """The same after the last that came."""
    description: dict[str, str | int | float] = field(default_factory=dict)
    """What is worth telling about the stream, by name."""
    notes: list[str] = field(default_factory=list)
    """For people: what was chosen, left out or made up."""

    @property
    def duration_ns(self) -> int:
        """From the first packet offered to the last."""
        return self.packets[-1].at_ns - self.packets[0].at_ns


class Delivery(NamedTuple):
    """What became of the packets on the way, of which a receiver knows only what came."""

    packets_sent: int
    packets_lost: int
    """Sent, and not come, be it once."""
    missing_start_ms: float
    """Sent before the first packet that came: neither heard nor concealed."""
    missing_end_ms: float
    """The same after the last."""


def delivery(material: Material, arrived: list[OfferedPacket]) -> Delivery | None:
    """What became of the material's packets, of which `arrived` came; None: it is not known."""
    if material.sent is None:
        return None
    came = {_identity(packet) for packet in arrived}
    came_in_turn = [_identity(p) in came for p in material.packets if p.timestamp is not None]
    first = came_in_turn.index(True) if True in came_in_turn else len(came_in_turn)
    last = came_in_turn[::-1].index(True) if True in came_in_turn else 0
    frame_ms = material.frame_samples * 1000 / SAMPLE_RATE_HZ
    return Delivery(
        packets_sent=material.sent,
        packets_lost=max(material.sent - len(came - {None}), 0),
        missing_start_ms=(material.sent_before + first) * frame_ms,
        missing_end_ms=(material.sent_after + last) * frame_ms,
    )


def _identity(packet: OfferedPacket) -> tuple[int, bytes] | None:
    """Timestamp and sequence number, which both wrap, but not together."""
    return None if packet.timestamp is None else (packet.timestamp, packet.data[2:4])


def across(packets: list[OfferedPacket], link: NetworkLink) -> list[OfferedPacket]:
    """The packets as they arrive at the far end of `link`, in that order; RTCP is left out."""
    arrived = [
        packet._replace(at_ns=at_ns)
        for packet in packets
        if packet.timestamp is not None
        for at_ns in link.arrivals(packet.at_ns, len(packet.data))
    ]
    return sorted(arrived, key=lambda packet: packet.at_ns)
