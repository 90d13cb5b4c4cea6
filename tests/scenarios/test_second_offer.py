"""A call is negotiated once: what would describe it anew is refused, and the call goes on."""

import asyncio

import pytest
from support.calls import TIMEOUT_S, End, connected, fake_end, run

from voicectl.errors import UsageError, WireError


def test_second_offer_to_one_peer_was_accepted_in_silence() -> None:
    async def scenario() -> None:
        caller, other, agent = fake_end(), fake_end(), fake_end()
        async with caller.peer, other.peer, agent.peer:
            answer = await agent.peer.accept_offer(await caller.peer.create_offer())
            told = (agent.engine.payload_types, agent.engine.repairs, agent.engine.send_formats)
            agent.engine.payload_types = None
            with pytest.raises(UsageError, match="a second offer") as refused:
                await agent.peer.accept_offer(await other.peer.create_offer())
            assert refused.value.hint == "end the call, and make another one"
            assert agent.engine.payload_types is None
            assert told[1:] == (agent.engine.repairs, agent.engine.send_formats)
            with pytest.raises(UsageError, match="a second offer"):
                await agent.peer.create_offer()
            await caller.peer.accept_answer(answer)
            await both_connected(caller, agent)

    run(scenario)


def test_offer_and_answer_of_a_call_that_goes_on_are_refused_and_it_goes_on() -> None:
    async def scenario() -> None:
        caller, agent, other = fake_end(), fake_end(), fake_end()
        async with connected(caller, agent), other.peer:
            offer = await other.peer.create_offer()
            for end in (caller, agent):
                with pytest.raises(UsageError, match="a second offer"):
                    await end.peer.accept_offer(offer)
                assert end.peer.close_reason is None
            with pytest.raises(UsageError, match="a second answer"):
                await caller.peer.accept_answer(offer)
            with pytest.raises(UsageError, match="an answer to no offer"):
                await agent.peer.accept_answer(offer)

    run(scenario)


def test_offer_that_could_not_be_read_is_not_the_first() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            with pytest.raises(WireError):
                await agent.peer.accept_offer("v=0\r\n")
            answer = await agent.peer.accept_offer(await caller.peer.create_offer())
            await caller.peer.accept_answer(answer)
            await both_connected(caller, agent)

    run(scenario)


async def both_connected(caller: End, agent: End) -> None:
    await asyncio.gather(caller.peer.connected(TIMEOUT_S), agent.peer.connected(TIMEOUT_S))
