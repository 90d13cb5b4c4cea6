"""What breaks down in a call ends that call at most, and its owner is told."""

import asyncio

import pytest
from support.calls import LOOPBACK, TIMEOUT_S, fake_end
from support.calls import run as run_without_faults
from support.fake_engine import FakeEngine

from voicectl.clock import SystemClock
from voicectl.errors import ConnectError
from voicectl.rtc import CloseReason, Peer
from voicectl.signaling.memory import connect_in_memory


class Panic(BaseException):
    """As pyo3's, it is no Exception."""


def panic(*_: object) -> None:
    raise Panic("a fault")


@pytest.mark.parametrize("method", ["handle_timeout", "handle_datagram", "poll_datagrams"])
def test_engine_that_panicked_in_a_call_of_the_event_loop_left_it_open_and_silent(
    method: str,
) -> None:
    async def scenario() -> None:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.append(str(context.get("exception")))
        )
        caller, agent = fake_end(), fake_end()
        await connect_in_memory(caller.peer, agent.peer)
        await asyncio.gather(caller.peer.connected(TIMEOUT_S), agent.peer.connected(TIMEOUT_S))
        setattr(agent.engine, method, panic)
        setattr(agent.engine, "stop", panic)  # noqa: B010 (a fake's method)
        await agent.peer.wait_closed()
        assert agent.closings == [CloseReason.ENGINE_FAILED]
        assert "a fault" in told
        with pytest.raises(ConnectError, match="engine"):
            await agent.peer.connected(TIMEOUT_S)
        await agent.peer.close()
        await caller.peer.wait_closed()
        assert caller.closings == [CloseReason.REMOTE]

    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_S))


def test_engine_that_panics_at_the_goodbye_does_not_keep_its_call_open() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        await connect_in_memory(caller.peer, agent.peer)
        await asyncio.gather(caller.peer.connected(TIMEOUT_S), agent.peer.connected(TIMEOUT_S))
        agent.engine.stop = panic
        with pytest.raises(Panic):
            await agent.peer.close()
        await agent.peer.close()
        assert agent.closings == [CloseReason.LOCAL]
        await caller.peer.close()

    run_without_faults(scenario)


def test_exception_in_on_closed_came_out_of_each_close() -> None:
    async def scenario() -> None:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.append(str(context.get("exception")))
        )
        reasons: list[CloseReason] = []

        def fail(reason: CloseReason) -> None:
            reasons.append(reason)
            raise RuntimeError("a user's bug")

        peer = Peer(FakeEngine(SystemClock().now_ns()), LOOPBACK, on_closed=fail)
        await peer.create_offer()
        await peer.close()
        assert reasons == [CloseReason.LOCAL]  # it is told before the end is waited for no more
        await peer.close()
        await peer.wait_closed()
        assert (reasons, told) == ([CloseReason.LOCAL], ["a user's bug"])

    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_S))
