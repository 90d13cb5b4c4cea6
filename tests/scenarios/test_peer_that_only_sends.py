"""A peer that offers `a=sendonly`, as WHIP publishers do, learns what came of its packets."""
# ruff: noqa: SLF001 (packets are lost where the socket would take them)

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from support.calls import LOOPBACK, TIMEOUT_S, End, run

from voicectl import _native
from voicectl.clock import SystemClock

LOST_EACH = 10
"""Of every ten packets one is lost."""


def real_end(seed: int, *, media_thread: bool, capture_limit_bytes: int = 0) -> End:
    engine = _native.Engine(
        _native.EngineSettings(sink="eager"),
        now_ns=SystemClock().now_ns(),
        seed=seed,
        capture_limit_bytes=capture_limit_bytes or None,
    )
    return End(engine, replace(LOOPBACK, media_thread=media_thread))


def lose_packets(end: End) -> None:
    send, count = end.peer._driver._send, 0

    def lossy(packet: bytes) -> bool:
        nonlocal count
        count += 1
        return count % LOST_EACH == 0 or send(packet)

    end.peer._driver._send = lossy


@pytest.mark.parametrize("media_thread", [True, False], ids=["media thread", "event loop"])
def test_peer_that_only_sends_gets_reports_and_requests(media_thread: bool) -> None:
    """It got no RTCP at all, though the answer promised NACK."""

    async def scenario() -> None:
        caller = real_end(1, media_thread=False)
        agent = real_end(2, media_thread=media_thread, capture_limit_bytes=8 << 20)
        async with caller.peer, agent.peer:
            offer = (await caller.peer.create_offer()).replace("a=sendrecv", "a=sendonly")
            answer = await agent.peer.accept_offer(offer)
            assert "a=recvonly" in answer
            lose_packets(caller)
            await caller.peer.accept_answer(answer)
            await asyncio.gather(caller.peer.connected(TIMEOUT_S), agent.peer.connected(TIMEOUT_S))
            noise = np.random.default_rng(1).normal(0, 3000, 20 * 48_000).astype(np.int16)
            caller.peer.queue_audio(noise, 48_000)

            def has_heard(end: End) -> bool:
                stats = caller.peer.stats()
                reported, sent = stats.remote_inbound, stats.outbound
                return bool(reported and reported.packets_lost > 0 and sent and sent.nack_count > 5)

            await agent.until(has_heard)
            stats = agent.peer.stats()
            assert stats.outbound is None
            assert stats.inbound is not None
            assert stats.inbound.nack_count > 0
            replay = _native.CaptureReplay(agent.engine.end_capture())
            while replay.run_until(1 << 62) is not None:
                pass
            assert (replay.same_events, replay.same_packets) == (True, True)

    run(scenario)
