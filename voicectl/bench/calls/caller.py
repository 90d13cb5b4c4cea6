"""The far ends of the calls: packets that were encoded beforehand go out, arrivals are noted.

A caller costs next to nothing beside what it measures, so one process can be all of them.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voicectl._native import EngineEvent, OpusEncoder, Repairs, SrtpSession
from voicectl.bench.dsp.speech import spoken_sentences
from voicectl.units import NS_PER_S

__all__ = [
    "RATE_HZ",
    "SPOKEN_S",
    "Arrival",
    "CallerEngine",
    "encoded_voice",
    "lateness_ms",
    "voice",
]

RATE_HZ = 48_000
SPOKEN_S = 2
FRAME_NS = 20_000_000
FRAME_SAMPLES = RATE_HZ // 50
SPURT_GAP_NS = 100_000_000
"""After so long without a packet a stack's timestamps need not have gone on with the time."""


@dataclass(frozen=True)
class Arrival:
    """One RTP packet."""

    at_ns: int
    timestamp: int


def voice() -> NDArray[np.int16]:
    """Two seconds of a spoken sentence, 48 kHz: what a codec costs depends on what it hears."""
    return spoken_sentences(RATE_HZ)[0][: SPOKEN_S * RATE_HZ]


@cache
def encoded_voice() -> list[bytes]:
    """The voice as packets of 20 ms, to be sent over and over."""
    encoder = OpusEncoder()
    return [encoder.encode(frame) for frame in voice().reshape(-1, FRAME_SAMPLES)]


class CallerEngine:
    """What `rtc.Peer` needs of an engine, without a codec.

    Args:
        payloads: What is sent, in turns.
        now_ns: The present.
        index: Of the call: callers do not send all at once.
    """

    def __init__(self, payloads: Sequence[bytes], now_ns: int, index: int) -> None:
        self._payloads = payloads
        self._next_ns = now_ns + index * 1_700_000 % FRAME_NS
        self._srtp: SrtpSession | None = None
        self._sending: tuple[int, int] | None = None
        self._sequence_number = 0
        self._datagrams: list[bytes] = []
        self.arrivals: list[Arrival] = []

    def set_srtp_keys(self, profile: str, local_key_salt: bytes, remote_key_salt: bytes) -> None:
        """Learn what datagrams are protected with."""
        self._srtp = SrtpSession(profile, local_key_salt, remote_key_salt)

    def configure_receive(self, payload_types: dict[int, str]) -> None:
        """Everything that comes is noted."""

    def configure_repairs(self, repairs: Repairs) -> None:
        """Nothing is lost on loopback."""

    def configure_transport_feedback(
        self, *, extension_id: int | None, reduced_size: bool = False
    ) -> None:
        """What is sent follows no network."""

    def configure_send(
        self,
        codec: str,
        *,
        telephone_event: int | None = None,
        max_bitrate_bps: int | None = None,
        max_frame_ms: int | None = None,
    ) -> None:
        """What is sent has been encoded."""

    def start_sending(self, *, ssrc: int, payload_type: int, cname: str) -> None:
        """Begin to send."""
        self._sending = (ssrc, payload_type)

    def start_reporting(self, *, ssrc: int, cname: str) -> None:
        """It always sends."""

    def stop(self, now_ns: int) -> None:
        """Send no more."""
        self._sending = None

    def next_timeout(self) -> int:
        """When the next packet is due."""
        return self._next_ns

    def poll_events(self) -> list[EngineEvent]:
        """There are none."""
        return []

    def poll_datagrams(self) -> list[bytes]:
        """What is to be sent."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def handle_datagram(self, datagram: bytes, now_ns: int) -> bool:
        """Note an RTP packet; its header is in the clear."""
        if not 192 <= datagram[1] <= 223:
            self.arrivals.append(Arrival(now_ns, int.from_bytes(datagram[4:8])))
        return True

    def handle_timeout(self, now_ns: int) -> None:
        """Send what is due."""
        while self._next_ns <= now_ns:
            self._next_ns += FRAME_NS
            if self._sending and self._srtp:
                self._datagrams.append(self._srtp.protect(self._frame(*self._sending)))

    def _frame(self, ssrc: int, payload_type: int) -> bytes:
        n = self._sequence_number
        self._sequence_number += 1
        timestamp = n * FRAME_SAMPLES & 0xFFFF_FFFF
        header = struct.pack("!BBHII", 0x80, payload_type, n & 0xFFFF, timestamp, ssrc)
        return header + self._payloads[n % len(self._payloads)]


def lateness_ms(arrivals: Sequence[Arrival]) -> NDArray[np.float64]:
    """How much later each packet came than the most punctual of its talkspurt, by its timestamp."""
    if not arrivals:
        return np.empty(0)
    at_ns = np.array([arrival.at_ns for arrival in arrivals], np.int64)
    stamps = np.array([arrival.timestamp for arrival in arrivals], np.uint32)
    elapsed = (stamps - stamps[0]).astype(np.int64)  # modulo 2^32: through a wrap
    transit_ns = at_ns - elapsed * NS_PER_S // RATE_HZ
    begins = np.flatnonzero(np.diff(at_ns) > SPURT_GAP_NS) + 1
    spurts = np.split(transit_ns, begins)
    return np.concatenate([spurt - spurt.min() for spurt in spurts]) / 1e6
