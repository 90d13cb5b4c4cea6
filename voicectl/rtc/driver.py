"""Runs a sans-IO engine on the asyncio event loop."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from voicectl._native import EngineEvent, Repairs
from voicectl.clock import Clock
from voicectl.rtc.transport_feedback import DescribedFeedback
from voicectl.rtc.voice_formats import NegotiatedFormats
from voicectl.units import NS_PER_S

__all__ = ["Carrier", "CarrierStats", "EngineDriver", "EngineLike"]


class EngineLike(Protocol):
    """What a connection needs of `_native.Engine`, or of what wraps it (a capture, a fake).

    `_native.pyi` has the contract of each method.
    """

    def configure_receive(self, payload_types: dict[int, str]) -> None:
        """Learn what the peer's payload types mean."""
        ...

    def configure_repairs(self, repairs: Repairs) -> None:
        """Learn what both ends agree on about repairing loss."""
        ...

    def configure_transport_feedback(
        self, *, extension_id: int | None, reduced_size: bool = False
    ) -> None:
        """Learn what both ends agree on about transport-wide feedback."""
        ...

    def configure_send(
        self,
        codec: str,
        *,
        telephone_event: int | None = None,
        max_bitrate_bps: int | None = None,
        max_frame_ms: int | None = None,
    ) -> None:
        """Learn what to send."""
        ...

    def start_sending(self, *, ssrc: int, payload_type: int, cname: str) -> None:
        """Begin to send."""
        ...

    def start_reporting(self, *, ssrc: int, cname: str) -> None:
        """Begin to report on what is received, without sending."""
        ...

    def set_srtp_keys(self, profile: str, local_key_salt: bytes, remote_key_salt: bytes) -> None:
        """Learn what datagrams are protected with."""
        ...

    def handle_datagram(self, datagram: bytes, now_ns: int) -> bool:
        """Take a protected RTP or RTCP packet; False when it is not authentic."""
        ...

    def handle_timeout(self, now_ns: int) -> None:
        """Do what is due."""
        ...

    def next_timeout(self) -> int | None:
        """When `handle_timeout` is wanted next."""
        ...

    def poll_datagrams(self) -> list[bytes]:
        """The protected RTP and RTCP packets to send, in order."""
        ...

    def poll_events(self) -> list[EngineEvent]:
        """The events since the last call."""
        ...

    def stop(self, now_ns: int) -> None:
        """Say BYE and send no more."""
        ...


class Carrier(Protocol):
    """A thread that drives the engine in the event loop's place."""

    def look(self) -> None:
        """Look at an engine that was used from elsewhere."""
        ...

    def stats(self) -> "CarrierStats":
        """What the thread saw."""
        ...

    def close(self) -> None:
        """End, after what the engine still has to send."""
        ...


class CarrierStats(Protocol):
    """The thread's share of what an `EngineDriver` measures."""

    @property
    def max_lateness_ns(self) -> int:
        """The longest that the engine was woken after its time."""
        ...

    @property
    def first_packet_sent_ns(self) -> int | None:
        """When the first RTP packet went out."""
        ...

    @property
    def first_packet_received_ns(self) -> int | None:
        """When the first authentic RTP packet arrived."""
        ...


class EngineDriver:
    """One timer, and a drain after each input: no task, no await, no thread.

    `hand_over` leaves the packets and the time to a `Carrier`; events and commands still go
    through the driver.

    The timer is set to the engine's own time, so a late wake-up shifts nothing: the engine
    catches up to the `now` that it is given.

    Args:
        engine: Owned by the driver while it runs.
        clock: Of the `now` that the engine sees.
        send: Takes one protected RTP or RTCP packet; False when it was dropped.
        deliver: Takes each batch of events; never an empty one. It is called on its own: what it
            raises is the event loop's to report, and stops nothing.
        before_tick: Called before the engine's time moves on to a tick: the moment to queue what a
            microphone has. The tick comes though it raises.
        on_fault: Called once, when the engine has broken down: it is not used any more.
    """

    def __init__(
        self,
        engine: EngineLike,
        *,
        clock: Clock,
        send: Callable[[bytes], bool],
        deliver: Callable[[list[EngineEvent]], None],
        before_tick: Callable[[], None] | None = None,
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._guard = _FaultGuard(self)
        self._on_fault = on_fault
        self._is_broken = False
        self._clock = clock
        self._send = send
        self._deliver = deliver
        self._before_tick = before_tick
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns: int | None = None
        self._carrier: Carrier | None = None
        self._hand_on: Callable[[int], bool] | None = None
        self._other: Self | None = None
        self._max_lateness_ns = 0
        self._first_packet_sent_ns: int | None = None
        self._first_packet_received_ns: int | None = None
        self.payload_type: int | None = None
        """Of what is sent, once it is negotiated."""

    @property
    def asks_before_tick(self) -> bool:
        """Whether somebody wants to be called before each tick."""
        return self._before_tick is not None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.drain()

    def stop(self) -> None:
        """Send what the engine still has, and end; what comes later is ignored."""
        try:
            if not self._is_broken:
                self._send_datagrams()
        finally:
            self._loop = None
            self._disarm()
            if self._carrier is not None:
                self._carrier.close()

    def break_down(self) -> None:
        """End for good: the engine has failed, and what it says is worth nothing."""
        if not self._is_broken:
            self._is_broken = True
            self._loop = None
            self._disarm()
            self._on_fault()

    @property
    def is_broken(self) -> bool:
        """Whether the engine has failed."""
        return self._is_broken

    def hand_over(self, carrier: Carrier) -> None:
        """Let `carrier` drive the engine from now on."""
        self._disarm()
        self._carrier = carrier
        self.drain()

    def deliver_events(self) -> None:
        """Give out what has happened: for the carrier, in a callback of its own."""
        try:
            if events := self._poll_events():
                self._deliver(events)
        finally:
            if self._other is not None and not self._other.is_carried:
                self._other.drain()  # the thread has handed on to it

    def _poll_events(self) -> list[EngineEvent]:
        with self._guard:
            return self._engine.poll_events()

    def hand_on(self, hand_on: Callable[[int], bool] | None, other: Self | None) -> None:
        """Move what the engine hands on to that of `other` from now on.

        Args:
            hand_on: Moves what there is at a time, False for nothing; None: nobody takes it.
            other: What runs the engine that it goes to.
        """
        self._hand_on, self._other = hand_on, other

    @property
    def is_carried(self) -> bool:
        """Whether a thread drives the engine."""
        return self._carrier is not None

    @property
    def max_lateness_ns(self) -> int:
        """The longest that the engine was woken after its time."""
        carried = self._carrier.stats().max_lateness_ns if self._carrier else 0
        return max(self._max_lateness_ns, carried)

    @property
    def first_packet_sent_ns(self) -> int | None:
        """When the first RTP packet went out."""
        if self._first_packet_sent_ns is None and self._carrier is not None:
            return self._carrier.stats().first_packet_sent_ns
        return self._first_packet_sent_ns

    @property
    def first_packet_received_ns(self) -> int | None:
        """When the first authentic RTP packet arrived."""
        if self._first_packet_received_ns is None and self._carrier is not None:
            return self._carrier.stats().first_packet_received_ns
        return self._first_packet_received_ns

    def keys_negotiated(self, profile: str, local_key_salt: bytes, remote_key_salt: bytes) -> None:
        """Tell the engine what the datagrams of both directions are protected with."""
        self._engine.set_srtp_keys(profile, local_key_salt, remote_key_salt)

    def sending_negotiated(self, *, ssrc: int, payload_type: int, cname: str) -> None:
        """Let the engine send its audio with these identifiers, the first frame at once."""
        self._begin(
            lambda: self._engine.start_sending(ssrc=ssrc, payload_type=payload_type, cname=cname)
        )

    def reporting_negotiated(self, *, ssrc: int, cname: str) -> None:
        """Let the engine report on what it receives: the peer only sends."""
        self._begin(lambda: self._engine.start_reporting(ssrc=ssrc, cname=cname))

    def _begin(self, begin: Callable[[], None]) -> None:
        if self._loop is None:
            return
        with self._guard:
            begin()
            self._engine.handle_timeout(self._clock.now_ns())
        self.drain()

    def formats_negotiated(
        self,
        formats: NegotiatedFormats,
        *,
        max_bitrate_bps: int | None,
        max_frame_ms: int | None,
    ) -> None:
        """Tell the engine what the payload types mean, and what the peer takes."""
        self.payload_type = formats.payload_type
        self._engine.configure_receive(formats.receive)
        self._engine.configure_send(
            formats.codec,
            telephone_event=formats.telephone_event,
            max_bitrate_bps=max_bitrate_bps,
            max_frame_ms=max_frame_ms,
        )

    def repairs_negotiated(self, repairs: Repairs) -> None:
        """Tell the engine what both ends agree on about repairing loss."""
        self._engine.configure_repairs(repairs)

    def feedback_negotiated(self, feedback: DescribedFeedback) -> None:
        """Tell the engine what both ends agree on about transport-wide feedback."""
        self._engine.configure_transport_feedback(
            extension_id=feedback.extension_id, reduced_size=feedback.reduced_size
        )

    def datagram_received(self, datagram: bytes) -> None:
        """Give the engine a protected RTP or RTCP packet that has just arrived."""
        if self._loop is None:
            return
        now_ns = self._clock.now_ns()
        with self._guard:
            is_authentic = self._engine.handle_datagram(datagram, now_ns)
        if is_authentic and self._first_packet_received_ns is None and _is_rtp(datagram):
            self._first_packet_received_ns = now_ns
        self.drain()

    def drain(self) -> None:
        """Send and deliver what the engine has, then wait for its next time."""
        if self._carrier is not None:
            self._carrier.look()
            return
        try:
            self._hand_on_to_other()
        finally:
            if not self._is_broken:
                with self._guard:
                    self._send_datagrams()
                    if events := self._poll_events():
                        # On its own: what it raises is not of whoever made the engine work.
                        loop = self._loop or asyncio.get_running_loop()
                        loop.call_soon(self._deliver, events)
                    self._arm()

    def _hand_on_to_other(self) -> None:
        if self._hand_on is None or self._is_broken:
            return
        with self._guard:
            has_moved = self._hand_on(self._clock.now_ns())
        if has_moved and self._other is not None and self._other is not self:
            self._other.drain()

    def _send_datagrams(self) -> None:
        for datagram in self._engine.poll_datagrams():
            if self._send(datagram) and self._first_packet_sent_ns is None and _is_rtp(datagram):
                self._first_packet_sent_ns = self._clock.now_ns()

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
            self._max_lateness_ns = max(self._max_lateness_ns, now_ns - self._due_ns)
        self._timer = None
        self._due_ns = None
        try:
            if self._before_tick is not None:
                self._before_tick()
        finally:
            with self._guard:
                self._engine.handle_timeout(now_ns)
            self.drain()


class _FaultGuard:
    """Around what the engine does: what it raises there, a panic, is the end of it."""

    def __init__(self, driver: EngineDriver) -> None:
        self._driver = driver

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._driver.break_down()


def _is_rtp(datagram: bytes) -> bool:
    """Told apart from RTCP per RFC 5761 §4."""
    return not 192 <= datagram[1] <= 223
