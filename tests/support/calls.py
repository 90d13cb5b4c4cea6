"""Two peers in this process, over loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from support.fake_engine import FakeEngine

from voicectl.clock import SystemClock
from voicectl.rtc import CloseReason, Peer, PeerSettings
from voicectl.signaling.memory import connect_in_memory

LOOPBACK = PeerSettings(host_addresses="loopback")
TIMEOUT_S = 20.0


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an async test; what a task or a callback raises unseen fails it."""
    unseen: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        async with asyncio.timeout(TIMEOUT_S):
            await scenario()

    asyncio.run(watched())
    assert not unseen, unseen


@dataclass
class End:
    """One peer and what it was told."""

    engine: Any
    settings: PeerSettings = LOOPBACK
    events: list[Any] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    closings: list[CloseReason] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self.peer = Peer(
            self.engine,
            self.settings,
            on_events=self._on_events,
            on_message=self._on_message,
            on_closed=self._on_closed,
        )

    async def until(self, condition: Callable[["End"], bool]) -> None:
        """Wait until the peer has been told enough."""
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()

    def _on_events(self, batch: list[Any]) -> None:
        self.events += batch
        self._changed.set()

    def _on_message(self, message: str) -> None:
        self.messages.append(message)
        self._changed.set()

    def _on_closed(self, reason: CloseReason) -> None:
        self.closings.append(reason)
        self._changed.set()


def fake_end(settings: PeerSettings = LOOPBACK) -> End:
    return End(FakeEngine(SystemClock().now_ns()), settings)


@asynccontextmanager
async def connected(caller: End, agent: End) -> AsyncIterator[None]:
    """A call, connected at both ends."""
    async with caller.peer, agent.peer:
        await connect_in_memory(caller.peer, agent.peer)
        await asyncio.gather(caller.peer.connected(TIMEOUT_S), agent.peer.connected(TIMEOUT_S))
        yield
