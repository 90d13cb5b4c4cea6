"""A call that the media thread has no time for is refused before it costs anything."""
# ruff: noqa: SLF001 (what a call costs is set from inside only)

import asyncio
import sys
from dataclasses import replace

import pytest
from support.calls import LOOPBACK, TIMEOUT_S, End, connected, run

from voicectl._native import Engine, EngineSettings
from voicectl.clock import SystemClock
from voicectl.errors import AdmissionError, ConnectError, UsageError, WireError
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
    return plane.load_with(1) if plane else 0.0


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


LOAD_PER_CALL = 0.125
ROOM_FOR_FOUR = replace(LOOPBACK, max_thread_load=4 * LOAD_PER_CALL)


@pytest.fixture
def known_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call costs, whatever the machine."""

    def measure(plane: LoopPlane) -> None:
        plane._load_per_call = LOAD_PER_CALL

    monkeypatch.setattr(LoopPlane, "_measure", measure)


async def is_admitted(agent: End, offer: str) -> bool:
    try:
        await agent.peer.accept_offer(offer)
    except AdmissionError:
        return False
    return True


@pytest.mark.usefixtures("known_load")
def test_burst_of_offers_was_admitted_whole_as_none_of_its_calls_was_connected_yet() -> None:
    async def scenario() -> None:
        async with connected(end(1), end(2)), end(3).peer as caller:
            offer = await caller.create_offer()
            agents = [end(seed, ROOM_FOR_FOUR) for seed in range(10, 20)]
            admitted = await asyncio.gather(*(is_admitted(agent, offer) for agent in agents))
            assert admitted == [True, True] + [False] * 8
            # Each way that an offer comes to nothing gives its place back.
            await agents[0].peer.close()
            unread = end(21, ROOM_FOR_FOUR)
            with pytest.raises(WireError):
                await unread.peer.accept_offer("v=0\r\n")
            cut_off = end(22, ROOM_FOR_FOUR)
            accepting = asyncio.create_task(cut_off.peer.accept_offer(offer))
            await asyncio.sleep(0)
            accepting.cancel()
            await asyncio.wait({accepting})
            assert accepting.cancelled()
            later = [end(seed, ROOM_FOR_FOUR) for seed in (23, 24)]
            assert [await is_admitted(agent, offer) for agent in later] == [True, False]
            for agent in [*agents, unread, cut_off, *later]:
                await agent.peer.close()

    run(scenario)


@pytest.mark.usefixtures("known_load")
def test_calls_on_the_thread_and_calls_of_the_event_loop_keep_no_second_place() -> None:
    async def scenario() -> None:
        by_loop = replace(ROOM_FOR_FOUR, media_thread=False)
        async with (
            connected(end(1, ROOM_FOR_FOUR), end(2, ROOM_FOR_FOUR)),
            connected(end(3, by_loop), end(4, by_loop)),
            connected(end(5, ROOM_FOR_FOUR), end(6, ROOM_FOR_FOUR)),
            end(7).peer as caller,
        ):
            assert load_with_another() == 5 * LOAD_PER_CALL
            offer = await caller.create_offer()
            full, loop = end(8, ROOM_FOR_FOUR), end(9, by_loop)
            async with full.peer, loop.peer:
                assert not await is_admitted(full, offer)
                assert await is_admitted(loop, offer)  # it costs the thread nothing

    run(scenario)


@pytest.mark.usefixtures("known_load")
def test_answered_call_of_ours_counts_before_it_is_connected() -> None:
    async def scenario() -> None:
        async with connected(end(1), end(2)), end(3).peer as caller, end(4).peer as agent:
            await caller.accept_answer(await agent.accept_offer(await caller.create_offer()))
            async with end(5).peer as another:
                late = end(6, ROOM_FOR_FOUR)
                assert not await is_admitted(late, await another.create_offer())
            await asyncio.gather(caller.connected(TIMEOUT_S), agent.connected(TIMEOUT_S))

    run(scenario)


@pytest.mark.usefixtures("known_load")
def test_burst_that_finds_no_thread_is_judged_by_the_calls_that_there_were() -> None:
    async def scenario() -> None:
        async with connected(end(1), end(2)):
            assert load_with_another() > 0.0
        assert LoopPlane.of_loop(asyncio.get_running_loop()) is None
        async with end(3).peer as caller:
            offer = await caller.create_offer()
            agents = [end(seed, ROOM_FOR_FOUR) for seed in range(10, 16)]
            assert [await is_admitted(a, offer) for a in agents] == [True] * 4 + [False] * 2
            for agent in agents:
                await agent.peer.close()

    run(scenario)
