"""Calls held with an endpoint, and what they come to."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from voicectl.bench.calls.caller import CallerEngine, encoded_voice, lateness_ms
from voicectl.bench.calls.endpoint_process import EndpointProcess, running
from voicectl.clock import SystemClock
from voicectl.rtc import EngineLike, Peer, PeerSettings
from voicectl.units import NS_PER_S

__all__ = ["WHOLE", "HeldCalls", "Run", "hold"]

SETTLE_S = 1.5
CONNECT_TIMEOUT_S = 20.0
WHOLE = 0.95
"""Of the packets due: some of a run's first or last may lie outside of its seconds."""


@dataclass(frozen=True)
class Run:
    """What an endpoint did for a while."""

    calls: int
    cpu_ms: float
    """Of the endpoint, for a second of one call."""
    p99_ms: float
    """Lateness of the packets that came back."""
    packets_per_s: float
    """That a caller received."""
    resident_bytes: int
    """Of the endpoint."""
    thread_load: float
    """Share of a core that its busiest thread took."""
    due_packets_per_s: float
    """That a caller had to receive, at the least."""

    @property
    def arrived(self) -> float:
        """Share of the packets due that came, 0 to 1."""
        return min(self.packets_per_s / self.due_packets_per_s, 1.0)

    @property
    def is_whole(self) -> bool:
        """Whether it did all of its work: what it costs to drop packets compares with nothing."""
        return self.arrived >= WHOLE


class HeldCalls:
    """Callers of one endpoint; leaving it hangs up.

    Args:
        endpoint: Answers the calls.
        due_packets_per_s: That each caller is to receive.
    """

    def __init__(self, endpoint: EndpointProcess, due_packets_per_s: float) -> None:
        self._endpoint = endpoint
        self._due_packets_per_s = due_packets_per_s
        self._payloads = encoded_voice()
        self._callers: list[CallerEngine] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def __len__(self) -> int:
        return len(self._callers)

    async def call(self) -> None:
        """Hold one call more.

        Raises:
            AdmissionError: The endpoint refused it.
            ConnectError: It did not come about.
        """
        engine = CallerEngine(self._payloads, SystemClock().now_ns(), len(self._callers))
        needed: EngineLike = engine
        peer = Peer(needed, PeerSettings(data_channel=None))  # type: ignore[arg-type]
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(peer)
            await peer.accept_answer(await self._endpoint.answer(await peer.create_offer()))
            await peer.connected(CONNECT_TIMEOUT_S)
            self._stack.push_async_exit(stack.pop_all())
        self._callers.append(engine)

    async def measure(self, seconds: float) -> Run:
        """What the calls come to in so many seconds, once they have settled."""
        await asyncio.sleep(SETTLE_S)
        for caller in self._callers:
            caller.arrivals.clear()
        before_ns, began_ns = self._endpoint.cpu_ns(), SystemClock().now_ns()
        await asyncio.sleep(seconds)
        held_s = (SystemClock().now_ns() - began_ns) / NS_PER_S
        after_ns = self._endpoint.cpu_ns()
        threads_ns = [ns - before_ns.get(thread, 0) for thread, ns in after_ns.items()]
        late = np.concatenate([lateness_ms(caller.arrivals) for caller in self._callers])
        calls = len(self._callers)
        return Run(
            calls=calls,
            cpu_ms=sum(threads_ns) / 1e6 / held_s / calls,
            p99_ms=float(np.percentile(late, 99)) if late.size else float("inf"),
            packets_per_s=late.size / held_s / calls,
            resident_bytes=self._endpoint.resident_bytes(),
            thread_load=max(threads_ns) / NS_PER_S / held_s,
            due_packets_per_s=self._due_packets_per_s,
        )


async def hold(command: Sequence[str], calls: int, seconds: float, due_packets_per_s: float) -> Run:
    """Measure a fresh endpoint under so many calls."""
    async with running(command) as endpoint, HeldCalls(endpoint, due_packets_per_s) as held:
        for _ in range(calls):
            await held.call()
        return await held.measure(seconds)
