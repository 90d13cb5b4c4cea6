"""Fills packets whose times are known with speech of voicectl's own."""

from collections.abc import Callable
from typing import NamedTuple

from voicectl.netem.trace import Trace
from voicectl.replay.encoding import PAYLOAD_TYPE, clean_speech, encode, relabelled
from voicectl.replay.material import SAMPLE_RATE_HZ, Material, OfferedPacket
from voicectl.replay.speech import LINES, talk_in

__all__ = ["Arrival", "made_material", "trace_material"]


_RTP_HEADER_BYTES = 12


class Arrival(NamedTuple):
    """A packet that arrived, to be filled."""

    at_ns: int
    frame: int
    """Which frame of the speech it carries."""
    sequence_number: int
    marker: bool = False


def made_material(
    arrivals: list[Arrival],
    sent: list[bool],
    form: str,
    *,
    frame_ms: int,
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Material:
    """Speech in the frames that were sent, of which `arrivals` came.

    Args:
        arrivals: At least one, in the order of their times.
        sent: For each frame, whether it was sent; at least up to the last one that arrived.
        form: Of the file that the times are from.
        frame_ms: Length of a frame.
        seed: Of the sender.
        on_progress: Told the share that is encoded.
    """
    frame_samples = SAMPLE_RATE_HZ * frame_ms // 1000
    pcm = talk_in(sent, frame_samples)
    encoded = [
        packet
        for packet in encode(pcm, seed=seed, frame_ms=frame_ms, on_progress=on_progress)
        if packet.timestamp is not None
    ]
    first = encoded[0]
    packets: list[OfferedPacket] = []
    for arrival in arrivals:
        data = encoded[arrival.frame].data
        if not all(sent[arrival.frame : arrival.frame + 2]):
            data = _without_sound(data)
        packet = relabelled(
            data,
            sequence_number=arrival.sequence_number,
            timestamp=(first.timestamp or 0) + arrival.frame * frame_samples,
            marker=arrival.marker,
        )
        packets.append(packet._replace(at_ns=arrival.at_ns - arrivals[0].at_ns))
    return Material(
        format=form,
        packets=packets,
        payload_type=PAYLOAD_TYPE,
        frame_samples=frame_samples,
        speech=clean_speech(pcm, first, lines=LINES),
        sent=sum(sent),
        notes=["the speech is voicectl's own"],
    )


def _without_sound(datagram: bytes) -> bytes:
    """What an encoder ends a talkspurt with: a TOC alone (DTX, RFC 6716 §2.1.9)."""
    return datagram[:_RTP_HEADER_BYTES] + bytes([datagram[_RTP_HEADER_BYTES] & 0xFC])


def trace_material(
    trace: Trace,
    form: str,
    *,
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Material:
    """Speech sent and received when the trace says."""
    begin = trace.packets[0].frame
    sent = [False] * (trace.frames - begin)
    arrivals = []
    for number, packet in enumerate(trace.packets):
        sent[packet.frame - begin] = True
        if packet.arrival_ns is not None:
            arrivals.append(Arrival(packet.arrival_ns, packet.frame - begin, number))
    arrivals.sort()
    return made_material(arrivals, sent, form, frame_ms=20, seed=seed, on_progress=on_progress)
