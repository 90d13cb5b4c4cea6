"""A call that is closed while it connects leaves nothing behind."""
# ruff: noqa: SLF001 (what is left of a call is seen from inside only)

import asyncio
import gc
import sys
from collections.abc import Callable

import pytest
from support.calls import LOOPBACK, TIMEOUT_S, End, connected, fake_end, run

from voicectl._native import Engine, EngineSettings
from voicectl.clock import SystemClock
from voicectl.rtc import CloseReason
from voicectl.rtc.media_thread import LoopPlane
from voicectl.signaling.memory import connect_in_memory

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)

STEPS_TO_CONNECT = 60
"""Of the event loop, and more than it takes."""


def real_end(seed: int) -> End:
    settings = EngineSettings(sink="eager", output_rate_hz=16_000)
    return End(Engine(settings, now_ns=SystemClock().now_ns(), seed=seed), LOOPBACK)


def test_call_whose_end_overtook_dtls_was_handed_to_the_media_thread_for_ever() -> None:
    async def scenario() -> None:
        caller, agent = real_end(1), real_end(2)
        driver = agent.peer._driver
        keys_negotiated: Callable[..., None] = driver.keys_negotiated

        def close_before_it_is_connected(*keys: object) -> None:
            keys_negotiated(*keys)
            agent.peer._begin_close(CloseReason.LOCAL)

        driver.keys_negotiated = close_before_it_is_connected  # type: ignore[method-assign]
        await connect_in_memory(caller.peer, agent.peer)
        await agent.peer.wait_closed()
        assert not agent.peer.transport_stats().on_media_thread
        assert agent.peer.timings.dtls_connected_ns is None
        await caller.peer.close()
        assert LoopPlane.of_loop(asyncio.get_running_loop()) is None

    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_S))


def test_calls_that_are_closed_at_each_step_of_connecting_leave_no_call_on_the_thread() -> None:
    async def scenario() -> None:
        for steps in range(STEPS_TO_CONNECT):
            caller, agent = real_end(1), real_end(2)
            await connect_in_memory(caller.peer, agent.peer)
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.gather(caller.peer.close(), agent.peer.close())
            assert LoopPlane.of_loop(asyncio.get_running_loop()) is None, steps
        gc.collect()  # what nobody was told of is told now, and fails the test

    run(scenario)


def test_tasks_of_sctp_complained_of_a_transport_that_ended_before_them() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with connected(caller, agent):
            await caller.until(lambda end: end.peer.send_message("early"))
            await agent.until(lambda end: end.messages == ["early"])
            connection = caller.peer._connection
            unsent = caller.peer.transport_stats().dropped.unsent
            await connection.dtls_transport.stop()
            assert caller.peer.send_message("late")
            await caller.peer.wait_closed()
            assert caller.peer.transport_stats().dropped.unsent > unsent
            assert connection.sctp._t3_handle is None  # nor does it try again for ever
        gc.collect()

    run(scenario)


def test_sctp_that_began_after_the_end_tried_for_minutes() -> None:
    async def scenario() -> None:
        caller = fake_end()
        await caller.peer.create_offer()
        await caller.peer.close()
        sctp = caller.peer._connection.sctp
        await sctp.start(None, 5000)
        await asyncio.sleep(0)
        assert (sctp._t1_handle, sctp.state) == (None, "closed")

    run(scenario)
