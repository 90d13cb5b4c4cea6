"""An engine whose audio is the payload: what `rtc` needs of `_native.Engine`, in plain sight.

Without keys its datagrams are plain, which the real one never lets happen.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from voicectl._native import Repairs, SrtpSession

FRAME_NS = 20_000_000
SAMPLES_PER_FRAME = 960


@dataclass(frozen=True)
class PacketReceived:
    kind: str
    packet: bytes


class FakeEngine:
    """Sends one RTP packet each 20 ms, with queued bytes as its payload, and records its inputs."""

    def __init__(self, now_ns: int = 0) -> None:
        self.now_ns = now_ns
        self.payload_types: dict[int, str] = {}
        self.repairs: Repairs | None = None
        self.transport_feedback: tuple[int | None, bool] | None = None
        self.send_formats: tuple[str, int | None, int | None] | None = None
        self.sending: tuple[int, int, str] | None = None
        self.reporting: tuple[int, str] | None = None
        self.sequence_number = 0
        self.queued: list[bytes] = []
        self.transmits: list[bytes] = []
        self.events: list[PacketReceived] = []
        self.timeouts: list[int] = []
        self.stopped = False
        self.srtp: SrtpSession | None = None
        self.refused = 0

    def set_srtp_keys(self, profile: str, local_key_salt: bytes, remote_key_salt: bytes) -> None:
        self.srtp = SrtpSession(profile, local_key_salt, remote_key_salt)

    def configure_receive(self, payload_types: dict[int, str]) -> None:
        self.payload_types = payload_types

    def configure_repairs(self, repairs: Repairs) -> None:
        self.repairs = repairs

    def configure_transport_feedback(
        self, *, extension_id: int | None, reduced_size: bool = False
    ) -> None:
        self.transport_feedback = (extension_id, reduced_size)

    def configure_send(
        self,
        codec: str,
        *,
        telephone_event: int | None = None,
        max_bitrate_bps: int | None = None,
        max_frame_ms: int | None = None,
    ) -> None:
        self.send_formats = (codec, telephone_event, max_bitrate_bps)

    def start_sending(self, *, ssrc: int, payload_type: int, cname: str) -> None:
        self.sending = (ssrc, payload_type, cname)

    def start_reporting(self, *, ssrc: int, cname: str) -> None:
        self.reporting = (ssrc, cname)

    def stop(self, now_ns: int) -> None:
        if self.sending and not self.stopped:
            self.transmits.append(struct.pack("!BBHI", 0x81, 203, 1, self.sending[0]))
        self.stopped = True

    def handle_datagram(self, datagram: bytes, now_ns: int) -> bool:
        packet = self.srtp.unprotect(datagram) if self.srtp else datagram
        if packet is None:
            self.refused += 1
            return False
        kind = "rtcp" if 192 <= packet[1] <= 223 else "rtp"
        self._record(PacketReceived(kind, packet), now_ns)
        return True

    def handle_timeout(self, now_ns: int) -> None:
        self.timeouts.append(now_ns)
        while self.now_ns + FRAME_NS <= now_ns:
            self.now_ns += FRAME_NS
            if self.sending and not self.stopped:
                self._send_frame(*self.sending)

    def next_timeout(self) -> int | None:
        return None if self.stopped else self.now_ns + FRAME_NS

    def poll_datagrams(self) -> list[bytes]:
        transmits, self.transmits = self.transmits, []
        return [self.srtp.protect(packet) for packet in transmits] if self.srtp else transmits

    def poll_events(self) -> list[Any]:
        events, self.events = self.events, []
        return events

    def queue_audio(self, pcm: bytes, sample_rate_hz: int) -> int:
        self.queued.append(bytes(pcm))
        return len(pcm)

    def finish_audio(self) -> None:
        self.queued.append(b"finished")

    def clear_audio(self, now_ns: int) -> int:
        cleared, self.queued = len(self.queued), []
        return cleared

    def stats(self) -> dict[str, int]:
        return {"packets_sent": self.sequence_number}

    def _record(self, event: PacketReceived, now_ns: int) -> None:
        self.events.append(event)

    def _send_frame(self, ssrc: int, payload_type: int, cname: str) -> None:
        payload = self.queued.pop(0) if self.queued else b"silence"
        timestamp = self.sequence_number * SAMPLES_PER_FRAME
        header = struct.pack("!BBHII", 0x80, payload_type, self.sequence_number, timestamp, ssrc)
        self.transmits.append(header + payload)
        self.sequence_number += 1
