"""Candidates that follow the descriptions, both ways, or that only checks tell the peer of."""
# ruff: noqa: SLF001 (what the network does to a peer is done to its private connection)

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
from support.calls import LOOPBACK, TIMEOUT_S, End, fake_end, run
from support.fake_servers import LoopbackTurn
from support.fake_turn import FakeTurn
from support.held_turn import MAPPED, HeldTurn, gathered, kinds, served_by

from voicectl.errors import ConnectError
from voicectl.rtc import CloseReason, IceCandidate, IceServer, gathering
from voicectl.signaling.memory import connect_in_memory
from voicectl.wire.stun import Method


async def both_connected(*ends: End) -> None:
    await asyncio.gather(*(end.peer.connected(TIMEOUT_S) for end in ends))


def pair_types(end: End) -> tuple[str, str]:
    pair = end.peer.transport_stats().nominated_pair
    assert pair is not None
    return pair.local_type, pair.remote_type


def cut_hosts(end: End) -> None:
    """Let nothing out of an end's host candidates, as a firewall would."""
    agent = end.peer._connection.dtls_transport.connection
    for protocol in agent._protocols:
        if protocol.local_candidate.type == "host":
            protocol.send_stun = lambda message, address: None


def without_candidates(sdp: str) -> str:
    return re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", sdp)


@contextmanager
def silent_port() -> Iterator[int]:
    """A UDP port of loopback where nobody ever answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield silent.getsockname()[1]


@asynccontextmanager
async def released() -> AsyncIterator[HeldTurn]:
    async with HeldTurn() as turn:
        turn.release()
        yield turn


# What is said, and when


def test_an_offer_goes_before_any_server_has_answered_and_its_candidates_follow() -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            end = fake_end(served_by(turn, stun=True))
            async with end.peer:
                offer = await end.peer.create_offer(trickle=True)
                assert not turn.answered
                assert kinds(offer) == ["host", "host"]  # once in each section
                assert "a=ice-options:trickle" in offer
                assert "a=end-of-candidates" not in offer
                turn.release()
                late = await gathered(end.peer)
                assert kinds(late) == ["end", "relay", "srflx"]
                assert late[-1].candidate == ""
                assert any(f" {MAPPED.ip} {MAPPED.port} typ srflx" in c.candidate for c in late)
                assert {c.mid for c in late} == {"0"}
                assert f"a=ice-ufrag:{late[0].username_fragment}\r\n" in offer

    run(scenario)


def test_an_answer_goes_before_any_server_has_answered() -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            caller, agent = fake_end(), fake_end(served_by(turn, relay_only=True))
            async with caller.peer, agent.peer:
                offer = await caller.peer.create_offer()
                answer = await agent.peer.accept_offer(offer, trickle=True)
                assert not turn.answered
                assert kinds(answer) == []
                turn.release()
                assert kinds(await gathered(agent.peer)) == ["end", "relay"]

    run(scenario)


def test_nothing_follows_a_description_that_was_complete() -> None:
    async def scenario() -> None:
        end = fake_end()
        async with end.peer:
            assert "a=end-of-candidates" in await end.peer.create_offer(trickle=True)
            assert await gathered(end.peer) == []

    run(scenario)


def test_candidates_without_a_description_are_a_connect_error() -> None:
    async def scenario() -> None:
        end = fake_end()
        async with end.peer:
            with pytest.raises(ConnectError, match="description"):
                await gathered(end.peer)

    run(scenario)


# One message each way


def test_a_server_that_never_answers_costs_an_offer_no_more_than_the_bounded_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(gathering, "SERVER_TIMEOUT_S", 1000)
        with silent_port() as port:
            server = IceServer((f"stun:127.0.0.1:{port}",))
            settings = replace(LOOPBACK, ice_servers=(server,), gathering_wait_ms=1)
            caller, agent = fake_end(settings), fake_end(settings)
            async with caller.peer, agent.peer:
                offer = await caller.peer.create_offer()
                assert "a=end-of-candidates" not in offer
                await caller.peer.accept_answer(await agent.peer.accept_offer(offer))
                await both_connected(caller, agent)

    run(scenario)


def test_what_the_servers_answer_within_the_wait_is_in_the_offer() -> None:
    async def scenario() -> None:
        async with released() as turn:
            end = fake_end(served_by(turn, stun=True, gathering_wait_ms=10_000))
            async with end.peer:
                offer = await end.peer.create_offer()
                assert set(kinds(offer)) == {"host", "srflx", "relay"}
                assert "a=end-of-candidates" in offer

    run(scenario)


@pytest.mark.parametrize("wait_ms", [0, 1])
def test_an_offer_without_any_candidate_waits_for_the_first(wait_ms: int) -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            end = fake_end(served_by(turn, relay_only=True, gathering_wait_ms=wait_ms))
            async with end.peer:
                offering = asyncio.ensure_future(end.peer.create_offer())
                await turn.asked.wait()
                assert not offering.done()
                turn.release()
                assert "relay" in kinds(await offering)

    run(scenario)


def test_a_relay_that_comes_after_the_offer_is_learned_from_its_checks() -> None:
    """One POST cannot tell of it; the firewall lets nothing but the relay through."""

    async def scenario() -> None:
        async with HeldTurn() as turn:
            caller, agent = fake_end(served_by(turn, gathering_wait_ms=1)), fake_end()
            async with caller.peer, agent.peer:
                offer = await caller.peer.create_offer()
                assert "relay" not in kinds(offer)
                cut_hosts(caller)
                answer = await agent.peer.accept_offer(without_candidates(offer))
                await caller.peer.accept_answer(answer)
                await turn.asked.wait()
                turn.release()
                await both_connected(caller, agent)
                assert pair_types(caller) == ("relay", "host")
                assert pair_types(agent) == ("host", "prflx")

    run(scenario)


# Calls that need what is trickled


def test_two_ends_with_relays_only_connect_by_trickled_candidates() -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            settings = served_by(turn, relay_only=True)
            caller, agent = fake_end(settings), fake_end(settings)
            async with caller.peer, agent.peer:
                await connect_in_memory(caller.peer, agent.peer)
                assert not turn.answered
                turn.release()
                await both_connected(caller, agent)
                assert pair_types(caller)[0] == pair_types(agent)[0] == "relay"
                await agent.until(lambda end: len(end.events) > 5)

    run(scenario)


def test_a_call_connects_while_its_servers_are_still_silent() -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            settings = served_by(turn, stun=True)
            caller, agent = fake_end(settings), fake_end(settings)
            async with caller.peer, agent.peer:
                await connect_in_memory(caller.peer, agent.peer)
                await both_connected(caller, agent)
                assert not turn.answered
                assert pair_types(caller) == ("host", "host")
                turn.release()
                assert kinds(await gathered(caller.peer)) == ["end", "relay", "srflx"]
                assert pair_types(caller) == ("host", "host")

    run(scenario)


def test_a_candidate_may_come_before_the_description_it_belongs_to() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            offer = await caller.peer.create_offer()
            answer = await agent.peer.accept_offer(without_candidates(offer))
            host = re.search(r"a=(candidate:.*)\r\n", answer)
            assert host is not None
            cut_hosts(agent)  # it answers nothing and asks nothing until the caller has asked
            await caller.peer.add_remote_candidate(IceCandidate(host[1], "0"))
            await caller.peer.accept_answer(without_candidates(answer))
            for protocol in agent.peer._connection.dtls_transport.connection._protocols:
                del protocol.send_stun
            await both_connected(caller, agent)
            assert pair_types(caller) == ("host", "host")

    run(scenario)


# Ends


def test_a_call_without_any_candidate_fails_when_the_last_server_has_refused() -> None:
    async def scenario() -> None:
        fake = FakeTurn()
        fake.faults.refuse[Method.ALLOCATE] = 486
        async with LoopbackTurn(fake) as turn:
            caller, agent = fake_end(served_by(turn, relay_only=True)), fake_end()
            async with caller.peer, agent.peer:
                await connect_in_memory(caller.peer, agent.peer)
                with pytest.raises(ConnectError, match="no candidate pair"):
                    await caller.peer.connected(TIMEOUT_S)
            assert caller.closings == [CloseReason.ICE_FAILED]

    run(scenario)


def test_an_offer_that_no_server_helps_says_what_each_of_them_said() -> None:
    async def scenario() -> None:
        fake = FakeTurn(users={})
        async with LoopbackTurn(fake) as turn:
            end = fake_end(served_by(turn, relay_only=True))
            async with end.peer:
                with pytest.raises(ConnectError, match="no candidate") as error:
                    await end.peer.create_offer()
            assert turn.uri() in (error.value.detail or "")

    run(scenario)


@pytest.mark.parametrize("trickle", [True, False])
def test_closing_while_the_servers_are_asked_leaves_no_task_and_no_socket(trickle: bool) -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            end = fake_end(served_by(turn, stun=True, gathering_wait_ms=60_000))
            offering = asyncio.ensure_future(end.peer.create_offer(trickle=trickle))
            await turn.asked.wait()
            agent = end.peer._connection.dtls_transport.connection
            sockets = [protocol.transport for protocol in agent._protocols]
            following = None
            if trickle:
                await offering
                following = asyncio.ensure_future(gathered(end.peer))
                await asyncio.sleep(0)
            await end.peer.close()
            if following is not None:
                assert await following == []
            else:
                with pytest.raises(ConnectError):
                    await offering
            assert agent._asking.done()
            assert all(transport.is_closing() for transport in sockets)
            assert not turn.answered

    run(scenario)


def test_every_server_is_asked_and_one_that_fails_costs_the_others_nothing() -> None:
    async def scenario() -> None:
        bad = FakeTurn(users={})
        async with released() as first, LoopbackTurn(bad) as refusing, released() as second:
            end = fake_end(served_by(first, refusing, second, relay_only=True))
            async with end.peer:
                await end.peer.create_offer(trickle=True)
                late = await gathered(end.peer)
                assert kinds(late) == ["end", "relay", "relay"]
                relays = [c.candidate.split() for c in late[:-1]]
                priority_of = {int(words[5]): int(words[3]) for words in relays}
                ports = {
                    turn.fake.allocations[source].relayed.port: turn
                    for turn in (first, second)
                    for source in turn.fake.allocations
                }
                ranked = sorted(priority_of, key=lambda port: -priority_of[port])
                assert [ports[port] for port in ranked] == [first, second]

    run(scenario)


def test_no_candidate_is_given_twice() -> None:
    """Two servers see the same address; a third sees the host's own, as without a NAT."""

    async def scenario() -> None:
        async with released() as first, released() as second, LoopbackTurn() as plain:
            uris = [f"stun:{turn.ip}:{turn.port}" for turn in (first, second, plain)]
            end = fake_end(replace(LOOPBACK, ice_servers=(IceServer(tuple(uris)),)))
            async with end.peer:
                await end.peer.create_offer(trickle=True)
                assert kinds(await gathered(end.peer)) == ["end", "srflx"]

    run(scenario)
