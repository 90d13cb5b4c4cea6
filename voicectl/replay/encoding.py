"""Speech turned into RTP packets by the real sender, on a virtual clock."""

import struct
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicectl import _native
from voicectl.replay.material import SAMPLE_RATE_HZ, CleanSpeech, OfferedPacket
from voicectl.units import NS_PER_MS

__all__ = [
    "FRAME_LENGTHS_MS",
    "PAYLOAD_TYPE",
    "RED_PAYLOAD_TYPE",
    "Protection",
    "clean_speech",
    "encode",
    "relabelled",
    "timestamp_of",
]

FRAME_LENGTHS_MS = (10, 20, 40, 60)
"""What the sender can put into one packet."""
PAYLOAD_TYPE = 111
RED_PAYLOAD_TYPE = 63
_SSRC = 0x766F6963
_TICK_NS = 10 * NS_PER_MS


class Protection(StrEnum):
    """How a stream of at most 32 kbit/s repeats itself."""

    NONE = "none"
    LBRR = "lbrr"
    RED = "red"
    DRED = "dred"
    DRED_NEAR = "dred-near"
    """Of less of the past, in more detail."""

    def settings(self, frame_ms: int) -> _native.EngineSettings:
        """Of a sender with it."""
        rates = _RATES[self]
        return _native.EngineSettings(
            sink="eager",
            frame_ms=frame_ms,
            bitrate_bps=rates.bitrate_bps,
            inband_fec=self is Protection.LBRR,
            expected_loss_percent=rates.expected_loss_percent,
            red_frames=rates.red_frames,
            dred_duration_ms=rates.dred_duration_ms,
        )


class _Rates(NamedTuple):
    """What a protection asks of the encoder and of RED."""

    bitrate_bps: int
    expected_loss_percent: int
    red_frames: int = 0
    dred_duration_ms: int = 0


_RATES = {
    Protection.NONE: _Rates(32_000, 0),
    Protection.LBRR: _Rates(32_000, 10),
    Protection.RED: _Rates(10_600, 0, red_frames=2),
    Protection.DRED: _Rates(28_300, 25, dred_duration_ms=1000),
    Protection.DRED_NEAR: _Rates(28_300, 20, dred_duration_ms=280),
}


def encode(
    pcm: NDArray[np.int16],
    *,
    seed: int,
    frame_ms: int = 20,
    protection: Protection = Protection.LBRR,
    on_progress: Callable[[float], None] = lambda share: None,
) -> list[OfferedPacket]:
    """Send speech at 48 kHz from its first sample to its last; at 32 kbit/s.

    Times are those of a sender that begins at 0, so that the first packet is at its first tick.
    """
    engine = _native.Engine(protection.settings(frame_ms), now_ns=0, seed=seed)
    engine.configure_repairs(_native.Repairs(dred=True, send_red=RED_PAYLOAD_TYPE))
    frame_samples = SAMPLE_RATE_HZ * frame_ms // 1000
    frames = -(-len(pcm) // frame_samples)
    engine.start_sending(ssrc=_SSRC, payload_type=PAYLOAD_TYPE, cname="replay")
    packets: list[OfferedPacket] = []
    queued, sent = 0, 0
    while sent < frames:
        if queued < len(pcm):
            queued += engine.queue_audio(pcm[queued : queued + SAMPLE_RATE_HZ], SAMPLE_RATE_HZ)
            if queued == len(pcm):
                engine.finish_audio()
        due_ns = engine.next_timeout()
        if due_ns is None:
            break
        engine.handle_timeout(due_ns)
        for data in engine.poll_transmit():
            timestamp = timestamp_of(data)
            packets.append(OfferedPacket(due_ns, data, timestamp))
            sent += timestamp is not None
        on_progress(sent / frames)
        engine.poll_events()
    return packets


def clean_speech(
    pcm: NDArray[np.int16], first: OfferedPacket, *, lines: tuple[str, ...] = ()
) -> CleanSpeech:
    """The speech that `encode` sent, and where it comes out: Opus looks ahead."""
    ahead = _native.OpusEncoder().lookahead_samples
    return CleanSpeech(pcm, ((first.timestamp or 0) + ahead) & 0xFFFFFFFF, lines)


def timestamp_of(datagram: bytes) -> int | None:
    """The RTP timestamp of a packet that the sender made, None of its RTCP (RFC 5761 §4)."""
    if 192 <= datagram[1] <= 223:
        return None
    return int.from_bytes(datagram[4:8], "big")


def relabelled(
    datagram: bytes, *, sequence_number: int, timestamp: int, marker: bool
) -> OfferedPacket:
    """The packet of `encode` with another place in the stream, at time 0."""
    flags = datagram[1] & 0x7F | marker << 7
    place = struct.pack(">BHI", flags, sequence_number & 0xFFFF, timestamp & 0xFFFFFFFF)
    return OfferedPacket(0, datagram[:1] + place + datagram[8:], timestamp & 0xFFFFFFFF)
