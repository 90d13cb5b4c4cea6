"""Drives a sans-IO `TurnClient` over a transport on the real clock."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol, TypeVar

from voicectl.clock import Clock
from voicectl.probe.transport.failure import Failure, FailureKind, PathFailed
from voicectl.probe.transport.secure import SecureLayerFailed
from voicectl.probe.transport.udp import Received
from voicectl.turn.client import ClientSettings, TurnClient
from voicectl.turn.events import (
    AllocationCreated,
    AllocationLost,
    AllocationRefreshed,
    AllocationReleased,
    BindingSucceeded,
    ChannelBound,
    ConnectionAttempted,
    ConnectionBound,
    ConnectionOpened,
    DataReceived,
    Event,
    MessageDiscarded,
    PermissionCreated,
    RequestRefused,
    RequestTimedOut,
)
from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["Transport", "TurnSession"]

_NS_PER_S = 1_000_000_000
_MAXIMUM_NOTES = 32
_MAXIMUM_ATTEMPTS = 64


class Transport(Protocol):
    """What carries a leg's messages."""

    reliable: bool
    local: TransportAddress
    remote: TransportAddress

    def send(self, data: bytes) -> None:
        """Send one message."""

    async def receive(self) -> Received:
        """The next message."""

    def close(self) -> None:
        """Let go of the socket."""


E = TypeVar("E")


class TurnSession:
    """One 5-tuple in use. `async with` it; leaving closes the transport.

    `on_data` is given what peers send through the relay. `discarded` keeps the reasons of the
    first 32 messages that changed nothing.
    """

    def __init__(
        self, transport: Transport, settings: ClientSettings, clock: Clock, seed: bytes
    ) -> None:
        self.transport = transport
        self.client = TurnClient(settings, seed=seed)
        self.on_data: Callable[[DataReceived], None] = lambda _: None
        self.events: list[Event] = []
        self.discarded: list[str] = []
        self.failure: Failure | None = None
        self._attempts = 0
        self._clock = clock
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "TurnSession":
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self) -> None:
        """Begin to read; `close` ends it."""
        self._reader = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Stop reading and close the transport."""
        if self._timer is not None:
            self._timer.cancel()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        self.transport.close()

    def now_ns(self) -> int:
        """The present instant on this session's clock."""
        return self._clock.now_ns()

    async def ask(self, method: Method, start: Callable[[TurnClient, int], object]) -> Event:
        """Make a request and wait for its end; bounded by the caller's timeout.

        Returns:
            The success event, or `RequestRefused` or `RequestTimedOut` of that method.

        Raises:
            PathFailed: the transport broke first.
        """
        seen = len(self.events)
        start(self.client, self.now_ns())
        self.flush()
        while True:
            while seen < len(self.events):
                event = self.events[seen]
                seen += 1
                if _ends(event, method):
                    return event
            if self.failure is not None:
                raise PathFailed(self.failure)
            self._changed.clear()
            await self._changed.wait()

    def send(self, peer: TransportAddress, payload: bytes) -> None:
        """Send application data to a peer."""
        self.client.send(peer, payload)
        self.flush()

    def flush(self) -> None:
        """Send what waits, hand out events, and set the timer anew."""
        while (data := self.client.poll_transmit()) is not None:
            try:
                self.transport.send(data)
            except SecureLayerFailed as error:
                self._fail(Failure(FailureKind.TLS, "request", str(error)))
        while (event := self.client.poll_event()) is not None:
            self._take(event)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_ns = self.client.next_timeout()
        if due_ns is not None:
            delay_s = max(0.0, (due_ns - self.now_ns()) / _NS_PER_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.client.handle_timeout(self.now_ns())
        self.flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, DataReceived):
            self.on_data(event)
        elif isinstance(event, MessageDiscarded):
            if len(self.discarded) < _MAXIMUM_NOTES:
                self.discarded.append(event.reason)
        elif isinstance(event, ConnectionAttempted) and self._attempts >= _MAXIMUM_ATTEMPTS:
            pass  # a server may send these at will
        else:
            self._attempts += isinstance(event, ConnectionAttempted)
            self.events.append(event)
            self._changed.set()

    async def _read(self) -> None:
        while self.failure is None:
            try:
                data, received_ns = await self.transport.receive()
            except PathFailed as error:
                self._fail(error.failure)
                return
            self.client.handle_datagram(data, received_ns)
            self.flush()

    def _fail(self, failure: Failure) -> None:
        self.failure = self.failure or failure
        self._changed.set()


_SUCCESS_OF: dict[type[Event], Method] = {
    BindingSucceeded: Method.BINDING,
    AllocationCreated: Method.ALLOCATE,
    AllocationRefreshed: Method.REFRESH,
    AllocationReleased: Method.REFRESH,
    AllocationLost: Method.REFRESH,
    PermissionCreated: Method.CREATE_PERMISSION,
    ChannelBound: Method.CHANNEL_BIND,
    ConnectionOpened: Method.CONNECT,
    ConnectionBound: Method.CONNECTION_BIND,
}


def _ends(event: Event, method: Method) -> bool:
    if isinstance(event, RequestRefused | RequestTimedOut):
        return event.method is method
    return _SUCCESS_OF.get(type(event)) is method
