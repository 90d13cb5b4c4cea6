"""A call's media on a native thread: no Python runs for a packet.

The thread reads and writes the call's own UDP sockets and wakes the engine at its times. What
arrives on them and is no media comes back here, and goes the way it went before.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Self
from weakref import ReferenceType, WeakKeyDictionary, ref

from voicectl._native import Engine
from voicectl.clock import SystemClock
from voicectl.rtc._aioice_private import DetachedSocket, EngineConnection
from voicectl.units import NS_PER_S

if sys.platform == "linux":
    from voicectl._native import MediaCall, MediaCallStats, MediaPlane

__all__ = ["CarriedCall", "LoopPlane", "carry"]

LOAD_SPAN_S = 1.0
"""The load is that of about so long."""
MIN_LOAD_SPAN_NS = NS_PER_S // 4
"""Shorter, it says more about one packet than about the calls."""


def carry(
    engine: Engine,
    connection: EngineConnection,
    *,
    on_events: Callable[[], None],
    on_failure: Callable[[], None],
    audio_interval_ms: int,
) -> "CarriedCall | None":
    """Give a connected call's sockets to the media thread of the running event loop.

    Returns None where that cannot be: off Linux, on a loop that is not asyncio's own, while the
    pair in use is relayed, and with no descriptors left. The call's media then stays with the
    event loop.

    Args:
        engine: With its keys; from now on the thread drives it.
        connection: Its ICE agent.
        on_events: Called on the event loop when the engine has events.
        on_failure: Called on the event loop, once, if the engine breaks down.
        audio_interval_ms: How long received audio waits for more of it.
    """
    if sys.platform != "linux" or not (sockets := connection.detach_sockets()):
        return None
    try:
        return CarriedCall(engine, connection, sockets, on_events, on_failure, audio_interval_ms)
    except OSError:
        connection.attach_sockets(sockets)
        return None


class CarriedCall:
    """A call that the media thread carries, until `close`."""

    def __init__(
        self,
        engine: Engine,
        connection: EngineConnection,
        sockets: list[DetachedSocket],
        on_events: Callable[[], None],
        on_failure: Callable[[], None],
        audio_interval_ms: int,
    ) -> None:
        self._connection = connection
        self._sockets = sockets
        self._on_events = on_events
        self._on_failure: Callable[[], None] | None = on_failure
        self._plane = LoopPlane.of_running_loop()
        descriptors = [s.fileno for s in sockets]
        self._call = self._plane.add(engine, descriptors, audio_interval_ms, self._handle_ready)
        connection.on_pairs_changed = self._update_route
        self._update_route()

    @property
    def call(self) -> "MediaCall":
        """What the thread has of it."""
        return self._call

    def look(self) -> None:
        """Make the thread look at an engine that was used from here."""
        self._call.look()

    def bridge_to(self, engine: Engine | None, call: "CarriedCall | None") -> None:
        """Take what the call hands on to `engine`, which `call` carries, or no thread."""
        self._call.bridge_to(engine, call.call if call is not None else None)

    def stats(self) -> "MediaCallStats":
        """What the thread counted."""
        return self._call.stats()

    def close(self) -> None:
        """End, after what the engine still has to send."""
        self._connection.on_pairs_changed = None
        self._plane.remove(self._call)

    def _update_route(self) -> None:
        route = self._connection.media_route(self._sockets)
        self._call.set_route(route.accepted, route.destination)

    def _handle_ready(self) -> None:
        for item in self._call.take_handed_back():
            if item.socket is None or item.source is None:
                sent = self._connection.send_now(item.data)
                self._connection.counters.unsent += not sent
            else:
                self._sockets[item.socket].protocol.datagram_received(item.data, item.source)
        try:
            self._on_events()
        finally:
            if self._call.has_failed and self._on_failure is not None:
                on_failure, self._on_failure = self._on_failure, None
                on_failure()


class LoopPlane:
    """The media thread of one event loop: started with its first call, ended with its last.

    It ends with the loop, too, whoever forgot to end the calls: loops have no other word for that
    than their `close`, which is the plane's as long as there are calls.
    """

    # Not the planes themselves: each has its loop, which would then never be garbage.
    _of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, ReferenceType[Self]] = (
        WeakKeyDictionary()
    )
    _last_load_per_call: WeakKeyDictionary[asyncio.AbstractEventLoop, float] = WeakKeyDictionary()
    """Of planes that have ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._plane = MediaPlane()
        self._on_ready: dict[int, Callable[[], None]] = {}
        self._measured = (SystemClock().now_ns(), 0)
        """When the load was measured last, and the CPU time that the thread had used by then."""
        self._load_per_call = self._last_load_per_call.get(loop, 0.0)
        self._timeouts = (0, 0)
        """How often calls had been woken by then, and how often too late."""
        self.late_share = 0.0
        """Of the wakings in the last span: over 20 ms after their time."""
        self._timer = loop.call_later(LOAD_SPAN_S, self._measure_again)
        loop.add_reader(self._plane.fileno(), self._handle_readable)
        loop.close = self._close_loop  # type: ignore[method-assign]

    @classmethod
    def of_loop(cls, loop: asyncio.AbstractEventLoop) -> Self | None:
        """The plane of an event loop that has calls."""
        plane = cls._of_loop.get(loop)
        return None if plane is None else plane()

    @classmethod
    def load_of_loop(cls, loop: asyncio.AbstractEventLoop, more_calls: int) -> float:
        """The share of a core that an event loop's thread takes with so many calls more.

        Without a thread: by what its calls cost when there was one. 0 where there never was, or
        its first calls are too young to say.
        """
        plane = cls.of_loop(loop)
        if plane is None:
            return cls._last_load_per_call.get(loop, 0.0) * more_calls
        return plane.load_with(more_calls)

    def load_with(self, more_calls: int) -> float:
        """What the calls of late cost each, times so many calls more."""
        self._measure()
        return self._load_per_call * (self._plane.call_count + more_calls)

    def _measure(self) -> None:
        now_ns, cpu_ns = SystemClock().now_ns(), self._plane.cpu_ns
        since_ns, used_ns = self._measured
        if (calls := self._plane.call_count) and now_ns - since_ns >= MIN_LOAD_SPAN_NS:
            self._load_per_call = (cpu_ns - used_ns) / (now_ns - since_ns) / calls
            self._measured = (now_ns, cpu_ns)
            (woken, late), (woken_before, late_before) = self._plane.timeouts, self._timeouts
            self.late_share = (late - late_before) / max(woken - woken_before, 1)
            self._timeouts = (woken, late)

    def _measure_again(self) -> None:
        """So that a load of long ago does not count, and the thread knows that we are there."""
        self._measure()
        self._plane.keep_alive()
        self._timer = self._loop.call_later(LOAD_SPAN_S, self._measure_again)

    @classmethod
    def of_running_loop(cls) -> Self:
        """The plane of the event loop that calls."""
        loop = asyncio.get_running_loop()
        plane = cls.of_loop(loop)
        if plane is None:
            plane = cls(loop)
            cls._of_loop[loop] = ref(plane)
        return plane

    def add(
        self,
        engine: Engine,
        sockets: list[int],
        audio_interval_ms: int,
        on_ready: Callable[[], None],
    ) -> "MediaCall":
        """Carry one more call; `on_ready` runs when it has events or datagrams."""
        try:
            call = self._plane.add(engine, sockets, delivery_interval_ms=audio_interval_ms)
        except OSError:
            self._end_without_calls()
            raise
        self._on_ready[call.id] = on_ready
        return call

    def remove(self, call: "MediaCall") -> None:
        """Carry a call no longer."""
        call.close()
        if self._on_ready.pop(call.id, None) is not None:
            self._end_without_calls()

    def _end_without_calls(self) -> None:
        if not self._on_ready and self.of_loop(self._loop) is self:
            self._end()

    def _close_loop(self) -> None:
        if self.of_loop(self._loop) is self and not self._loop.is_running():
            self._on_ready.clear()
            self._end()
        type(self._loop).close(self._loop)

    def _end(self) -> None:
        self._last_load_per_call[self._loop] = self._load_per_call
        self._timer.cancel()
        self._loop.remove_reader(self._plane.fileno())
        if vars(self._loop).get("close") == self._close_loop:
            del self._loop.close
        del self._of_loop[self._loop]
        self._plane.close()

    def _handle_readable(self) -> None:
        for call_id in self._plane.take_ready():
            if (on_ready := self._on_ready.get(call_id)) is not None:
                # Each on its own: what one call's callback raises is not another's.
                self._loop.call_soon(on_ready)
