"""Fills packets whose times are known with speech of voicectl's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicectl.errors import UsageError
from voicectl.netem.trace import Trace, without_long_pauses
from voicectl.replay.encoding import PAYLOAD_TYPE, Protection, clean_speech, encode, relabelled
from voicectl.replay.material import SAMPLE_RATE_HZ, Material, OfferedPacket
from voicectl.replay.speech import LINES, talk_in

__all__ = [
    "Arrival",
    "Spoken",
    "fill",
    "made_material",
    "refuse_too_long",
    "speak",
    "trace_arrivals",
    "trace_material",
]


_RTP_HEADER_BYTES = 12
_LONGEST_MS = 6 * 3_600_000
"""Some 350 MB an hour, several times over."""


class Arrival(NamedTuple):
    """A packet that arrived, to be filled."""

    at_ns: int
    frame: int
    """Which frame of the speech it carries."""
    sequence_number: int
    marker: bool = False


@dataclass(frozen=True)
class Spoken:
    """Speech, and the packets that the real sender made of it."""

    pcm: NDArray[np.int16]
    """Mono at 48 kHz."""
    packets: list[OfferedPacket]
    """RTP, a frame each, from the first on."""


def speak(
    sent: Sequence[bool],
    *,
    frame_ms: int,
    seed: int,
    protection: Protection = Protection.LBRR,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Spoken:
    """Speech in the frames that are sent, encoded whole.

    Args:
        sent: For each frame, whether it is sent.
        frame_ms: Length of a frame.
        seed: Of the sender.
        protection: How packets repeat what came before them.
        on_progress: Told the share that is encoded.
    """
    pcm = talk_in(sent, SAMPLE_RATE_HZ * frame_ms // 1000)
    packets = encode(
        pcm, seed=seed, frame_ms=frame_ms, protection=protection, on_progress=on_progress
    )
    return Spoken(pcm, [packet for packet in packets if packet.timestamp is not None])


def fill(
    arrivals: list[Arrival], sent: Sequence[bool], spoken: Spoken, form: str, *, frame_ms: int
) -> Material:
    """The packets that came, with what was spoken.

    Args:
        arrivals: At least one, in the order of their times.
        sent: For each frame, whether it was sent; at least up to the last one that arrived.
        spoken: What `speak` made for the same frames.
        form: Of the file that the times are from.
        frame_ms: Length of a frame.
    """
    frame_samples = SAMPLE_RATE_HZ * frame_ms // 1000
    first = spoken.packets[0]
    packets: list[OfferedPacket] = []
    for arrival in arrivals:
        data = spoken.packets[arrival.frame].data
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
        payload_types={PAYLOAD_TYPE: "opus"},
        frame_samples=frame_samples,
        speech=clean_speech(spoken.pcm, first, lines=LINES),
        sent=sum(sent),
        sent_before=sum(sent[: min(arrival.frame for arrival in arrivals)]),
        sent_after=sum(sent[max(arrival.frame for arrival in arrivals) + 1 :]),
        notes=["the speech is voicectl's own"],
    )


def made_material(
    arrivals: list[Arrival],
    sent: Sequence[bool],
    form: str,
    *,
    frame_ms: int,
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Material:
    """Both: speech in the frames that were sent, of which `arrivals` came.

    Raises:
        UsageError: It would be longer than can be held.
    """
    refuse_too_long(len(sent), frame_ms)
    spoken = speak(sent, frame_ms=frame_ms, seed=seed, on_progress=on_progress)
    return fill(arrivals, sent, spoken, form, frame_ms=frame_ms)


def refuse_too_long(frames: int, frame_ms: int) -> None:
    """Fail before hours of speech are made, which are gigabytes.

    Raises:
        UsageError: So many frames are too long.
    """
    if frames * frame_ms > _LONGEST_MS:
        raise UsageError(
            f"{frames * frame_ms / 3_600_000:.0f} hours are too long to be filled with speech",
            hint=f"cut out what matters, at most {_LONGEST_MS // 3_600_000} hours",
        )


def _without_sound(datagram: bytes) -> bytes:
    """What an encoder ends a talkspurt with: a TOC alone (DTX, RFC 6716 §2.1.9)."""
    return datagram[:_RTP_HEADER_BYTES] + bytes([datagram[_RTP_HEADER_BYTES] & 0xFC])


def trace_arrivals(trace: Trace) -> tuple[list[Arrival], list[bool]]:
    """What came when, and for each frame from the first on, whether it was sent."""
    begin = trace.packets[0].frame
    sent = [False] * (trace.frames - begin)
    arrivals = []
    for number, packet in enumerate(trace.packets):
        sent[packet.frame - begin] = True
        if packet.arrival_ns is not None:
            arrivals.append(Arrival(packet.arrival_ns, packet.frame - begin, number))
    return sorted(arrivals), sent


def trace_material(
    trace: Trace,
    form: str,
    *,
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Material:
    """Speech sent and received when the trace says.

    Raises:
        UsageError: It is too long.
    """
    shortened, pauses = without_long_pauses(trace)
    arrivals, sent = trace_arrivals(shortened)
    material = made_material(arrivals, sent, form, frame_ms=20, seed=seed, on_progress=on_progress)
    if pauses:
        material.notes.append(f"pauses of more than 50 s that were shortened to it: {pauses}")
    return material
