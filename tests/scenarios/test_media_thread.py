"""The audio of a call goes on whatever the event loop does, and whoever else sends."""
# ruff: noqa: SLF001 (which sockets and pairs there are is seen from inside only)

import asyncio
import errno
import socket
import sys
from dataclasses import replace

import pytest
from aioice.ice import CandidatePair
from support.calls import LOOPBACK, End, connected, fake_end, run
from support.held_turn import HeldTurn, gathered, kinds, served_by

from voicectl._native import Engine, EngineSettings, MediaPlane, StreamEnded, StreamStarted
from voicectl.clock import SystemClock
from voicectl.rtc import PeerSettings, _aioice_private, media_thread
from voicectl.rtc._aioice_private import EngineConnection
from voicectl.rtc.media_thread import LoopPlane

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)

SECOND_OF_PACKETS = 50


def real_end(
    seed: int, *, media_thread: bool = True, peer_settings: PeerSettings = LOOPBACK
) -> End:
    settings = EngineSettings(sink="eager", output_rate_hz=16_000)
    engine = Engine(settings, now_ns=SystemClock().now_ns(), seed=seed)
    return End(engine, replace(peer_settings, media_thread=media_thread))


def received(end: End) -> int:
    inbound = end.engine.stats().inbound
    return inbound.packets_received if inbound else 0


def is_heard(end: End) -> bool:
    return any(isinstance(event, StreamStarted) for event in end.events)


def ice_of(end: End) -> EngineConnection:
    return end.peer._connection.dtls_transport.connection


def test_audio_flows_while_the_event_loop_is_blocked() -> None:
    async def scenario() -> None:
        caller, agent = real_end(1), real_end(2)
        async with connected(caller, agent):
            await agent.until(is_heard)
            before = received(agent)
            while received(agent) < before + SECOND_OF_PACKETS:  # the loop does not run
                pass
            assert received(caller) > SECOND_OF_PACKETS / 2

    run(scenario)


def test_thread_ends_with_its_last_call() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        one, other = real_end(1), real_end(2)
        async with connected(one, other):
            assert LoopPlane.of_loop(loop)._plane.call_count == 2
        assert loop not in LoopPlane._of_loop

    run(scenario)


def test_peer_hears_the_goodbye_before_the_connection_ends() -> None:
    async def scenario() -> None:
        caller, agent = real_end(1), real_end(2)
        async with connected(caller, agent):
            await agent.until(is_heard)
            await caller.peer.close()
            await agent.peer.wait_closed()
        assert any(isinstance(event, StreamEnded) for event in agent.events)

    run(scenario)


def test_audio_follows_a_peer_that_moves_to_another_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(_aioice_private, "LOOPBACK_ADDRESSES", ["127.0.0.1", "127.0.0.2"])
        caller, agent = real_end(1), real_end(2)
        async with connected(caller, agent):
            await agent.until(is_heard)
            left, right = ice_of(caller), ice_of(agent)
            first = left._nominated[1]
            other = next(p for p in left._protocols if p is not first.protocol)
            pair = CandidatePair(other, first.remote_candidate)
            request = left.build_request(pair, nominate=True)
            await other.request(request, pair.remote_addr, left.remote_password.encode())
            while right._nominated[1].remote_addr != pair.local_addr:
                await asyncio.sleep(0)
            route = right.media_route(agent.peer._carried._sockets)
            assert route.destination is not None
            assert route.destination[1:] == pair.local_addr
            before = received(caller)
            while received(caller) < before + SECOND_OF_PACKETS:
                await asyncio.sleep(0)

    run(scenario)


def test_relayed_call_stays_with_the_event_loop() -> None:
    async def scenario() -> None:
        caller, agent = real_end(1), real_end(2)
        async with connected(caller, agent):
            connection = ice_of(caller)
            relayed = CandidatePair(object(), connection._nominated[1].remote_candidate)
            direct, connection._nominated[1] = connection._nominated[1], relayed
            assert connection.detach_sockets() == []
            route = connection.media_route(caller.peer._carried._sockets)
            assert route.destination is None
            connection._nominated[1] = direct

    run(scenario)


GARBAGE = [b"", b"\x80", b"\x80\x60" + bytes(60), b"\x80\xc8" + bytes(60), b"\x16\xfe" + bytes(40)]
GARBAGE += [b"\x00\x01" + bytes(18), b"\xff" * 30, b"\x80" + bytes(1600)]


@pytest.mark.parametrize("media_thread", [True, False])
def test_strangers_bytes_at_every_stage_change_no_session(media_thread: bool) -> None:
    async def scenario() -> None:
        caller, agent = (real_end(seed, media_thread=media_thread) for seed in (1, 2))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))

            def attack() -> None:
                for end in (caller, agent):
                    dtls = end.peer._connection.dtls_transport
                    for candidate in dtls.connection.local_candidates if dtls else ():
                        for datagram in GARBAGE:
                            stranger.sendto(datagram, (candidate.host, candidate.port))

            offer = await caller.peer.create_offer()
            attack()
            answer = await agent.peer.accept_offer(offer)
            attack()
            await caller.peer.accept_answer(answer)
            for _ in range(50):  # while ICE and DTLS go on
                attack()
                await asyncio.sleep(0)
            await asyncio.gather(*(end.peer.connected(10) for end in (caller, agent)))
            for _ in range(20):
                attack()
            for end in (caller, agent):
                await end.until(is_heard)
                before = received(end)
                while received(end) < before + SECOND_OF_PACKETS:
                    await asyncio.sleep(0)
                stats = end.engine.stats()
                assert stats.inbound.packets_lost == 0
                assert stats.drops.unauthenticated_packets == 0  # none came so far
                assert end.peer.transport_stats().dropped.unknown_source > 0
        await asyncio.gather(caller.peer.close(), agent.peer.close())

    run(scenario)


def test_fake_engine_stays_with_the_event_loop() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), real_end(2)
        async with connected(caller, agent):
            assert not caller.peer.transport_stats().on_media_thread
            assert agent.peer.transport_stats().on_media_thread

    run(scenario)


def test_a_call_without_descriptors_for_the_thread_stays_with_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its sockets were read by nobody any more, and it never said that it was connected."""

    class FullPlane:
        def __init__(self) -> None:
            self._plane = MediaPlane()
            self.cpu_ns, self.call_count = 0, 0
            self.fileno, self.close = self._plane.fileno, self._plane.close

        def add(self, *_: object, **__: object) -> None:
            raise OSError(errno.EMFILE, "too many open files")

    async def scenario() -> None:
        monkeypatch.setattr(media_thread, "MediaPlane", FullPlane)
        loop = asyncio.get_running_loop()
        caller, agent = real_end(1), real_end(2)
        async with connected(caller, agent):
            assert not agent.peer.transport_stats().on_media_thread
            assert loop not in LoopPlane._of_loop
            await agent.until(is_heard)
            await caller.until(is_heard)

    run(scenario)


def test_a_stun_server_that_answers_when_the_thread_reads_is_heard() -> None:
    async def scenario() -> None:
        async with HeldTurn() as turn:
            settings = served_by(turn, stun=True)
            caller, agent = real_end(1, peer_settings=settings), real_end(2)
            async with connected(caller, agent):
                assert caller.peer.transport_stats().on_media_thread
                turn.release()
                assert kinds(await gathered(caller.peer)) == ["end", "relay", "srflx"]

    run(scenario)
