"""A call that the media thread has no time for is refused before it costs anything."""

import asyncio
import sys
from dataclasses import replace

import pytest
from support.calls import LOOPBACK, TIMEOUT_S, End, connected, run

from voicectl._native import Engine, EngineSettings
from voicectl.clock import SystemClock
from voicectl.errors import AdmissionError, ConnectError, UsageError
from voicectl.rtc import PeerSettings
from voicectl.rtc.media_thread import LoopPlane
from voicectl.signaling.memory import connect_in_memory

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)


def end(seed: int, settings: PeerSettings = LOOPBACK) -> End:
    engine_settings = EngineSettings(sink="eager", output_rate_hz=16_000)
    engine = Engine(engine_settings, now_ns=SystemClock().now_ns(), seed=seed)
    return End(engine, settings)


def load_with_another() -> float:
    plane = LoopPlane.of_loop(asyncio.get_running_loop())
    return plane.load_with_another() if plane else 0.0


def test_call_too_many_is_refused_and_the_others_go_on() -> None:
    async def scenario() -> None:
        assert load_with_another() == 0.0
        caller, agent = end(1), end(2)
        async with connected(caller, agent):
            # As long as it takes until there is a load to speak of.
            while (load := load_with_another()) == 0.0:
                await asyncio.sleep(0.1)
            refusing = replace(LOOPBACK, max_thread_load=load / 1000)
            late, refused = end(3), end(4, refusing)
            async with late.peer, refused.peer:
                offer = await late.peer.create_offer()
                with pytest.raises(AdmissionError, match="no capacity") as error:
                    await refused.peer.accept_offer(offer)
                assert "of a core" in (error.value.detail or "")
                with pytest.raises(ConnectError):
                    await refused.peer.connected(TIMEOUT_S)
            heard = len(agent.events)
            await agent.until(lambda end: len(end.events) > heard + 10)

    run(scenario)


def test_call_within_the_limit_is_taken() -> None:
    async def scenario() -> None:
        caller, agent = end(1), end(2)
        async with connected(caller, agent):
            another, other = end(3), end(4, replace(LOOPBACK, max_thread_load=0.85))
            async with another.peer, other.peer:
                await connect_in_memory(another.peer, other.peer)
                await other.peer.connected(TIMEOUT_S)

    run(scenario)


def test_second_offer_to_a_loaded_machine_hung_the_call_up() -> None:
    """It was refused as one call too many, and the peer that refuses is closed."""

    async def scenario() -> None:
        caller, agent = end(1), end(2, replace(LOOPBACK, max_thread_load=0.0))
        async with connected(caller, agent):
            while load_with_another() == 0.0:
                await asyncio.sleep(0.1)
            async with end(3).peer as late:
                with pytest.raises(UsageError, match="a second offer"):
                    await agent.peer.accept_offer(await late.create_offer())
            assert agent.peer.close_reason is None
            heard = len(agent.events)
            await agent.until(lambda end: len(end.events) > heard + 10)

    run(scenario)
