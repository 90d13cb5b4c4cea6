"""Runs a sans-IO engine on the asyncio event loop."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from voicectl._native import EngineEvent
from voicectl.clock import Clock
from voicectl.units import NS_PER_S

__all__ = ["EngineDriver", "EngineLike"]


class EngineLike(Protocol):
    """What a connection needs of `_native.Engine`, or of what wraps it (a capture, a fake).

    `_native.pyi` has the contract of each method.
    """

    def configure_receive(self, payload_types: dict[int, str]) -> None:
        """Learn what the peer's payload types mean."""
        ...

    def start_sending(self, *, ssrc: int, payload_type: int, cname: str) -> None:
        """Begin to send."""
        ...

    def handle_rtp(self, packet: bytes, now_ns: int) -> None:
        """Take a decrypted RTP packet."""
        ...

    def handle_rtcp(self, packet: bytes, now_ns: int) -> None:
        """Take a decrypted compound RTCP packet."""
        ...

    def handle_timeout(self, now_ns: int) -> None:
        """Do what is due."""
        ...

    def next_timeout(self) -> int | None:
        """When `handle_timeout` is wanted next."""
        ...

    def poll_transmit(self) -> list[bytes]:
        """The RTP and RTCP packets to protect and send, in order."""
        ...

    def poll_events(self) -> list[EngineEvent]:
        """The events since the last call."""
        ...

    def stop(self, now_ns: int) -> None:
        """Say BYE and send no more."""
        ...


class EngineDriver:
    """One timer, and a drain after each input: no task, no await, no thread.

    Its first four methods are what a connection calls with decrypted packets.

    The timer is set to the engine's own time, so a late wake-up shifts nothing: the engine
    catches up to the `now` that it is given.

    Args:
        engine: Owned by the driver while it runs.
        clock: Of the `now` that the engine sees.
        send: Takes one RTP or RTCP packet; False when it was dropped.
        deliver: Takes each batch of events; never an empty one.
        before_tick: Called before the engine's time moves on to a tick: the moment to queue what a
            microphone has.
    """

    def __init__(
        self,
        engine: EngineLike,
        *,
        clock: Clock,
        send: Callable[[bytes], bool],
        deliver: Callable[[list[EngineEvent]], None],
        before_tick: Callable[[], None] | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._send = send
        self._deliver = deliver
        self._before_tick = before_tick
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns: int | None = None
        self.max_lateness_ns = 0
        self.first_packet_sent_ns: int | None = None
        self.first_packet_received_ns: int | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.drain()

    def stop(self) -> None:
        """End; what comes later is ignored."""
        self._loop = None
        self._disarm()

    def sending_negotiated(self, *, ssrc: int, payload_type: int, cname: str) -> None:
        """Let the engine send its audio with these identifiers, the first frame at once."""
        if self._loop is None:
            return
        self._engine.start_sending(ssrc=ssrc, payload_type=payload_type, cname=cname)
        self._engine.handle_timeout(self._clock.now_ns())
        self.drain()

    def receiving_negotiated(self, payload_types: dict[int, str]) -> None:
        """Tell the engine what the peer's payload types mean."""
        self._engine.configure_receive(payload_types)

    def rtp_received(self, packet: bytes) -> None:
        """Give the engine a decrypted RTP packet that has just arrived."""
        if self._loop is None:
            return
        now_ns = self._clock.now_ns()
        if self.first_packet_received_ns is None:
            self.first_packet_received_ns = now_ns
        self._engine.handle_rtp(packet, now_ns)
        self.drain()

    def rtcp_received(self, packet: bytes) -> None:
        """Give the engine a decrypted RTCP packet that has just arrived."""
        if self._loop is None:
            return
        self._engine.handle_rtcp(packet, self._clock.now_ns())
        self.drain()

    def drain(self) -> None:
        """Send and deliver what the engine has, then wait for its next time."""
        for packet in self._engine.poll_transmit():
            if self._send(packet) and self.first_packet_sent_ns is None and _is_rtp(packet):
                self.first_packet_sent_ns = self._clock.now_ns()
        if events := self._engine.poll_events():
            self._deliver(events)
        self._arm()

    def _arm(self) -> None:
        if self._loop is None:
            return
        due_ns = self._engine.next_timeout()
        if due_ns == self._due_ns:
            return
        self._disarm()
        if due_ns is not None:
            self._due_ns = due_ns
            delay_ns = due_ns - self._clock.now_ns()
            self._timer = self._loop.call_at(
                self._loop.time() + delay_ns / NS_PER_S, self._handle_timeout
            )

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._due_ns = None

    def _handle_timeout(self) -> None:
        now_ns = self._clock.now_ns()
        if self._due_ns is not None:
            self.max_lateness_ns = max(self.max_lateness_ns, now_ns - self._due_ns)
        self._timer = None
        self._due_ns = None
        if self._before_tick is not None:
            self._before_tick()
        self._engine.handle_timeout(now_ns)
        self.drain()


def _is_rtp(packet: bytes) -> bool:
    """Told apart from RTCP per RFC 5761 §4."""
    return not 192 <= packet[1] <= 223
