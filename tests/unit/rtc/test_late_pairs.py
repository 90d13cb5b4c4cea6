"""Pairs with candidates that come when the check list is being worked off (RFC 8838 §12)."""
# ruff: noqa: SLF001 (the check list is what is tested)

import asyncio

import pytest
from aioice import stun
from aioice.ice import CandidatePair, TransportPolicy
from aiortc import RTCIceServer
from support.calls import run
from support.fake_servers import LoopbackTurn
from support.held_turn import HeldTurn

from voicectl.rtc import _aioice_private, _aioice_turn_private, gathering
from voicectl.rtc._aioice_private import EngineConnection
from voicectl.wire.stun import Method

ALL, RELAY = TransportPolicy.ALL, TransportPolicy.RELAY


def agent_of(server: LoopbackTurn | None = None, policy: TransportPolicy = ALL) -> EngineConnection:
    servers = [RTCIceServer([server.uri()], "user", "pass")] if server is not None else []
    return EngineConnection("loopback", policy, servers)


async def introduce(controlling: EngineConnection, controlled: EngineConnection) -> None:
    """Give each the other's credentials and host candidates, and say that no more follow."""
    controlling.ice_controlling = True
    for local, remote in ((controlling, controlled), (controlled, controlling)):
        await local.gather_candidates()
        local.remote_username, local.remote_password = remote.local_username, remote.local_password
    for local, remote in ((controlling, controlled), (controlled, controlling)):
        for candidate in remote.local_candidates:
            await local.add_remote_candidate(candidate)
        await local.add_remote_candidate(None)


def mute(agent: EngineConnection) -> None:
    """Let nothing out of the host sockets there are now."""
    for protocol in agent._protocols:
        protocol.send_stun = lambda message, address: None


async def turns(count: int = 20) -> None:
    """Let the loop go on."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until_failed(agent: EngineConnection) -> None:
    while {pair.state for pair in agent._check_list} != {CandidatePair.State.FAILED}:
        await asyncio.sleep(0.001)


async def connect_in_vain(
    agent: EngineConnection, monkeypatch: pytest.MonkeyPatch
) -> asyncio.Future[None]:
    """Let all checks of an agent fail; gives its `connect`."""
    with monkeypatch.context() as only_checks:
        only_checks.setattr(stun, "RETRY_RTO", 0.001)
        only_checks.setattr(stun, "RETRY_MAX", 1)
        connecting = asyncio.ensure_future(agent.connect())
        await until_failed(agent)
    return connecting


async def close(*agents: EngineConnection) -> None:
    await asyncio.gather(*(agent.close() for agent in agents))


def test_a_relay_that_comes_when_all_checks_have_failed_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither end expected any more of the other, so the check list was given up."""

    async def scenario() -> None:
        async with HeldTurn() as turn:
            left, right = agent_of(turn), agent_of()
            await introduce(left, right)
            mute(left)
            await turn.asked.wait()
            connecting = await connect_in_vain(left, monkeypatch)
            assert not connecting.done()
            turn.release()
            await asyncio.gather(connecting, right.connect())
            assert left.nominated_pair.local_type == "relay"
            assert right.nominated_pair.remote_type == "prflx"
            await close(left, right)

    run(scenario)


def test_checks_fail_when_the_last_server_has_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            turn.fake.faults.refuse[Method.ALLOCATE] = 486
            left, right = agent_of(turn), agent_of()
            await introduce(left, right)
            mute(left)
            await turn.asked.wait()
            connecting = await connect_in_vain(left, monkeypatch)
            assert not connecting.done()
            turn.release()
            with pytest.raises(ConnectionError):
                await connecting
            assert turn.answered
            assert left.has_gathered
            await close(left, right)

    run(scenario)


def test_a_server_that_never_answers_holds_a_failure_back_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(gathering, "SERVER_TIMEOUT_S", 0.05)
        async with HeldTurn() as turn:
            left = agent_of(turn)
            await left.gather_candidates()
            left.remote_username, left.remote_password = "peer", "p" * 22
            await left.add_remote_candidate(None)
            with pytest.raises(ConnectionError):
                await left.connect()
            assert "no answer" in left.server_failures[0].reason
            await left.close()

    run(scenario)


def test_a_late_relay_of_a_connected_call_brings_no_pair_back() -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            left, right = agent_of(turn), agent_of()
            await introduce(left, right)
            await asyncio.gather(left.connect(), right.connect())
            pairs = list(left._check_list)
            turn.release()
            while not left.has_gathered:
                await asyncio.sleep(0.001)
            assert [c.type for c in left.local_candidates] == ["host", "relay"]
            assert left._check_list == pairs
            await close(left, right)

    run(scenario)


def test_a_peer_may_move_to_a_relay_of_ours_that_came_late() -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            left, right = agent_of(turn), agent_of()
            await introduce(left, right)
            await asyncio.gather(left.connect(), right.connect())
            turn.release()
            while not left.has_gathered:
                await asyncio.sleep(0.001)
            relay, host = left._protocols[-1], right.local_candidates[0]
            address = (host.host, host.port)
            request = left.build_request(left._check_list[0], nominate=False)
            await relay.request(request, address, left.remote_password.encode())
            assert [p for p in right._check_list if p.remote_candidate.type == "prflx"]
            await close(left, right)

    run(scenario)


def test_a_trickled_candidate_is_checked_at_once_when_nothing_else_is_to_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to 20 ms went by until it was noticed."""

    async def scenario() -> None:
        monkeypatch.setattr(_aioice_private, "CHECK_PACING_S", 1000)
        left, right = agent_of(), agent_of()
        left.ice_controlling = True
        for local, remote in ((left, right), (right, left)):
            await local.gather_candidates()
            local.remote_username = remote.local_username
            local.remote_password = remote.local_password
        connecting = [asyncio.ensure_future(agent.connect()) for agent in (left, right)]
        await turns()
        assert left._check_list == right._check_list == []
        await left.add_remote_candidate(right.local_candidates[0])
        await asyncio.gather(*connecting)
        await close(left, right)

    run(scenario)


def test_a_peer_without_candidates_is_learned_from_its_checks() -> None:
    """Of a peer that named none before its end, aioice forgot the component: no pair was enough."""

    async def scenario() -> None:
        async with HeldTurn() as turn:
            left, right = agent_of(turn), agent_of()
            right.ice_controlling = True
            for local, remote in ((left, right), (right, left)):
                await local.gather_candidates()
                local.remote_username = remote.local_username
                local.remote_password = remote.local_password
            await left.add_remote_candidate(None)
            await right.add_remote_candidate(left.local_candidates[0])
            await asyncio.gather(left.connect(), right.connect())
            assert left.nominated_pair.remote_type == "prflx"
            await close(left, right)

    run(scenario)


def test_only_relays_are_asked_for_when_only_relays_are_wanted() -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            turn.release()
            servers = [
                RTCIceServer([f"stun:{turn.ip}:{turn.port}"]),
                RTCIceServer([turn.uri()], "user", "pass"),
            ]
            agent = EngineConnection("loopback", RELAY, servers)
            agent.gathering_wait_s = 10
            await agent.gather_candidates()
            [relay] = agent.local_candidates
            assert (relay.type, relay.related_address) == ("relay", "0.0.0.0")
            assert {message.method for message in turn.fake.requests} == {Method.ALLOCATE}
            await agent.close()

    run(scenario)


@pytest.mark.parametrize("garbage", [b"", b"\x01\x01", b"\x40\x00\xff\xff", b"\xff" * 40])
def test_a_server_that_answers_garbage_is_a_failure_like_others(
    monkeypatch: pytest.MonkeyPatch, garbage: bytes
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(gathering, "SERVER_TIMEOUT_S", 0.05)
        async with HeldTurn() as turn:
            turn.release()
            turn.fake.faults.garbage = garbage
            servers = [
                RTCIceServer([f"stun:{turn.ip}:{turn.port}"]),
                RTCIceServer([turn.uri()], "user", "pass"),
            ]
            agent = EngineConnection("loopback", ALL, servers)
            agent.gathering_wait_s = 10
            await agent.gather_candidates()
            assert [candidate.type for candidate in agent.local_candidates] == ["host"]
            assert len(agent.server_failures) == 2
            await agent.close()

    run(scenario)


def test_a_server_whose_answer_has_no_address_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            turn.release()
            monkeypatch.setattr(turn.fake, "_binding_attributes", lambda message, source: [])
            servers = [RTCIceServer([f"stun:{turn.ip}:{turn.port}"])]
            agent = EngineConnection("loopback", ALL, servers)
            agent.gathering_wait_s = 10
            await agent.gather_candidates()
            assert "XOR-MAPPED-ADDRESS" in agent.server_failures[0].reason
            await agent.close()

    run(scenario)


def test_what_a_turn_server_sends_that_does_not_parse_is_counted() -> None:
    """It was a traceback of the event loop's."""
    priority_too_short = b"\x01\x01\0\x08\x21\x12\xa4\x42transaction!\0\x24\0\x01\xff\0\0\0"

    async def scenario() -> None:
        async with HeldTurn() as turn:
            turn.release()
            agent = agent_of(turn, RELAY)
            agent.gathering_wait_s = 10
            await agent.gather_candidates()
            [client] = turn.fake.allocations
            turn._datagrams.sendto(priority_too_short, client)
            while agent.counters.malformed == 0:
                await asyncio.sleep(0.001)
            await agent.close()

    run(scenario)


def test_a_relay_whose_allocation_is_lost_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its permissions were refreshed on a closed socket: a traceback for each retransmission."""
    monkeypatch.setattr(_aioice_turn_private, "PERMISSION_REFRESH_S", 0.01)

    async def scenario() -> None:
        async with HeldTurn() as turn:
            turn.release()
            agent = agent_of(turn, RELAY)
            agent.gathering_wait_s = 10
            await agent.gather_candidates()
            [protocol] = agent._protocols
            client = protocol.transport._TurnTransport__inner_protocol
            client.channel_to_peer[0x4000] = (turn.ip, 9)
            client.transport.close()
            [keeping] = agent._permission_tasks
            await keeping
            await agent.close()

    run(scenario)


def test_a_peer_cannot_make_us_check_every_address_it_sends_from() -> None:
    """One request with the password, from a forged address, was seven to whoever is there."""

    async def scenario() -> None:
        agent = agent_of()
        await agent.gather_candidates()
        agent.remote_username, agent.remote_password = "peer", "p" * 22
        [protocol] = agent._protocols
        for n in range(50):
            for _ in range(2):
                request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
                request.attributes["PRIORITY"] = 1
                agent.check_incoming(request, ("127.0.0.1", 20_000 + n), protocol)
        assert len(agent._check_list) == _aioice_private.MAX_PEER_REFLEXIVE
        assert agent.counters.overflowed == 2 * (50 - _aioice_private.MAX_PEER_REFLEXIVE)
        await agent.close()

    run(scenario)
