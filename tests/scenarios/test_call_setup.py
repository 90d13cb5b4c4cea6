"""A call between two peers: how it comes about, how it fails, how it ends."""
# ruff: noqa: SLF001 (what the network does to a peer is done to its private connection)

import asyncio
import re
from dataclasses import replace

import pytest
from support.calls import LOOPBACK, TIMEOUT_S, End, connected, fake_end, run
from support.fake_engine import PacketReceived

from voicectl.errors import ConnectError, UsageError, WireError
from voicectl.rtc import CloseReason, IceServer, Peer, PeerSettings, _aioice_private
from voicectl.rtc.transport_feedback import EXTENSION_URI
from voicectl.signaling.memory import connect_in_memory


def payloads(end: End) -> list[bytes]:
    return [e.packet[12:] for e in end.events if e.kind == "rtp"]


def test_packets_and_messages_flow_both_ways() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        caller.peer.queue_audio(b"hello", 48000)
        agent.peer.queue_audio(b"good day", 48000)
        assert caller.peer.send_message("kept until the channel opens")
        async with connected(caller, agent):
            await agent.until(lambda end: b"hello" in payloads(end) and end.messages)
            await caller.until(lambda end: b"good day" in payloads(end))
            assert agent.peer.send_message("ünïcode")
            await caller.until(lambda end: end.messages)
        assert agent.messages == ["kept until the channel opens"]
        assert caller.messages == ["ünïcode"]
        assert caller.engine.payload_types == agent.engine.payload_types
        assert caller.engine.payload_types[96] == "opus"
        assert caller.engine.send_formats == ("opus", 110, 32_000)

    run(scenario)


def test_every_step_of_the_set_up_is_timed_in_order() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        caller.peer.send_message("x")
        async with connected(caller, agent):
            await caller.until(lambda end: end.events)
            await agent.until(lambda end: end.events and end.messages)
        for end in (caller, agent):
            t = end.peer.timings
            assert t.created_ns < t.signaling_done_ns < t.ice_connected_ns < t.dtls_connected_ns
            assert t.dtls_connected_ns <= t.first_packet_sent_ns
            assert t.ice_connected_ns < t.first_packet_received_ns  # it may come before our keys
            assert t.dtls_connected_ns < t.channel_open_ns

    run(scenario)


def test_both_descriptions_say_that_no_candidate_follows() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        offer = await caller.peer.create_offer()
        answer = await agent.peer.accept_offer(offer)
        for sdp in (offer, answer):
            assert sdp.count("a=end-of-candidates") == sdp.count("m=") == 2
            assert "useinbandfec=1" in sdp
            assert sdp.count("a=extmap:") == sdp.count("a=extmap:3 " + EXTENSION_URI) == 1
            assert sdp.count("a=rtcp-rsize") == 1
        await asyncio.gather(caller.peer.close(), agent.peer.close())

    run(scenario)


def test_each_end_knows_the_opus_that_the_other_wants() -> None:
    async def scenario() -> None:
        wants = replace(LOOPBACK.opus, max_average_bitrate_bps=20000, use_dtx=True)
        caller, agent = fake_end(replace(LOOPBACK, opus=wants)), fake_end()
        async with connected(caller, agent):
            assert agent.peer.remote_opus == wants
            assert caller.peer.remote_opus == LOOPBACK.opus

    run(scenario)


@pytest.mark.parametrize("closer_is_caller", [True, False])
def test_when_one_end_closes_the_other_learns_it_at_once(closer_is_caller: bool) -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        closer, other = (caller, agent) if closer_is_caller else (agent, caller)
        async with connected(caller, agent):
            await closer.peer.close()
            await other.peer.wait_closed()
            assert (closer.closings, other.closings) == ([CloseReason.LOCAL], [CloseReason.REMOTE])
            bye = [e for e in other.events if e.kind == "rtcp" and e.packet[1] == 203]
            assert len(bye) == 1
            assert not other.peer.send_message("too late")
            with pytest.raises(ConnectError, match="closed by the peer"):
                await other.peer.connected(TIMEOUT_S)

    run(scenario)


def test_closing_again_and_from_several_tasks_does_nothing_more() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with connected(caller, agent):
            await asyncio.gather(*(caller.peer.close() for _ in range(3)))
            await caller.peer.close()
        assert caller.closings == [CloseReason.LOCAL]

    run(scenario)


def test_a_peer_that_never_answers_is_a_connect_error_that_says_so() -> None:
    async def scenario() -> None:
        caller = fake_end()
        async with caller.peer:
            await caller.peer.create_offer()
            with pytest.raises(ConnectError, match="no connection after 0 s") as error:
                await caller.peer.connected(0)
        assert "signaling" in error.value.detail
        assert error.value.hint

    run(scenario)


def test_a_peer_whose_candidates_are_dead_fails_in_ice_within_the_timeout() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            answer = await agent.peer.accept_offer(await caller.peer.create_offer())
            dead = re.sub(r"(127\.0\.0\.1) \d+ typ", r"\1 9 typ", answer)
            await agent.peer.close()
            await caller.peer.accept_answer(dead)
            with pytest.raises(ConnectError) as error:
                await caller.peer.connected(0.01)
        assert "ICE" in error.value.detail

    run(scenario)


def test_an_offer_without_a_usable_candidate_fails_at_once() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            offer = await caller.peer.create_offer()
            await agent.peer.accept_offer(re.sub("a=candidate:.*\r\n", "", offer))
            with pytest.raises(ConnectError, match="no candidate pair"):
                await agent.peer.connected(TIMEOUT_S)
            await agent.peer.wait_closed()
        assert agent.closings == [CloseReason.ICE_FAILED]

    run(scenario)


def test_a_certificate_that_does_not_match_the_fingerprint_is_refused() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            answer = await agent.peer.accept_offer(await caller.peer.create_offer())
            forged = re.sub(r"(a=fingerprint:\S+ )..", r"\g<1>00", answer)
            await caller.peer.accept_answer(forged)
            with pytest.raises(ConnectError, match="DTLS") as error:
                await caller.peer.connected(TIMEOUT_S)
            await caller.peer.wait_closed()
        assert caller.closings == [CloseReason.DTLS_FAILED]
        assert "fingerprint" in error.value.hint
        assert caller.events == []

    run(scenario)


def test_a_peer_that_stops_answering_consent_checks_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(_aioice_private, "CONSENT_INTERVAL_S", 0)
        caller, agent = fake_end(), fake_end()
        async with connected(caller, agent):
            monkeypatch.setattr(_aioice_private, "CONSENT_LIFETIME_S", 0)
            agent.peer._connection.abort()
            await caller.peer.wait_closed()
        assert caller.closings == [CloseReason.CONSENT_EXPIRED]

    run(scenario)


def test_closing_while_connecting_ends_the_wait() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        await connect_in_memory(caller.peer, agent.peer)
        waiting = asyncio.ensure_future(caller.peer.connected(TIMEOUT_S))
        await asyncio.gather(caller.peer.close(), agent.peer.close())
        with pytest.raises(ConnectError, match="closed by this end"):
            await waiting

    run(scenario)


def test_a_closed_peer_makes_no_offer() -> None:
    async def scenario() -> None:
        end = fake_end()
        await end.peer.close()
        with pytest.raises(ConnectError):
            await end.peer.create_offer()

    run(scenario)


def test_only_relayed_candidates_without_a_turn_server_is_a_connect_error() -> None:
    async def scenario() -> None:
        end = fake_end(replace(LOOPBACK, relay_only=True))
        async with end.peer:
            with pytest.raises(ConnectError, match="no candidate") as error:
                await end.peer.create_offer()
        assert "relayed" in error.value.detail

    run(scenario)


def test_a_malformed_ice_server_is_a_usage_error_without_its_credential() -> None:
    async def scenario() -> None:
        server = IceServer(("turn:",), username="u", credential="secret")
        with pytest.raises(UsageError) as error:
            fake_end(PeerSettings(ice_servers=(server,)))
        shown = f"{error.value} {error.value.detail} {error.value.hint} {server!r}"
        assert "secret" not in shown

    run(scenario)


@pytest.mark.parametrize("answer", ["", "v=0\r\n", "an offer instead"])
def test_an_answer_that_cannot_be_applied_is_a_wire_error(answer: str) -> None:
    async def scenario() -> None:
        caller = fake_end()
        async with caller.peer:
            offer = await caller.peer.create_offer()
            with pytest.raises(WireError):
                await caller.peer.accept_answer(offer if "offer" in answer else answer)

    run(scenario)


def test_an_answer_that_comes_twice_or_to_no_offer_is_a_usage_error() -> None:
    """aiortc's InvalidStateError came out of it."""

    async def scenario() -> None:
        caller, agent, stranger = fake_end(), fake_end(), fake_end()
        async with caller.peer, agent.peer, stranger.peer:
            answer = await agent.peer.accept_offer(await caller.peer.create_offer())
            await caller.peer.accept_answer(answer)
            for end in (caller, stranger):
                with pytest.raises(UsageError):
                    await end.peer.accept_answer(answer)

    run(scenario)


@pytest.mark.parametrize("steps", range(6))
def test_closing_while_an_offer_is_answered_is_a_connect_error(steps: int) -> None:
    """aiortc's InvalidStateError came out of it, one step after the beginning."""

    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            answering = asyncio.ensure_future(
                agent.peer.accept_offer(await caller.peer.create_offer())
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            await agent.peer.close()
            with pytest.raises(ConnectError, match="closed by this end"):
                await answering

    run(scenario)


@pytest.mark.parametrize("steps", [0, 2, 5, 10, 20, 40])
def test_closing_while_connecting_leaves_no_failed_task(steps: int) -> None:
    """aiortc's task that connects died of the closed transport, with a traceback."""

    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            await connect_in_memory(caller.peer, agent.peer)
            for _ in range(steps):
                await asyncio.sleep(0)

    run(scenario)


def test_the_end_is_told_even_when_aiortc_fails_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        end = fake_end()
        await end.peer.create_offer()
        close = end.peer._connection.close

        async def fail() -> None:
            await close()
            raise RuntimeError("close failed")

        monkeypatch.setattr(end.peer._connection, "close", fail)
        with pytest.raises(RuntimeError):
            await end.peer.close()
        assert end.closings == [CloseReason.LOCAL]

    run(scenario)


def test_three_calls_at_once_stay_apart() -> None:
    async def scenario() -> None:
        calls = [(fake_end(), fake_end()) for _ in range(3)]
        for n, (caller, _) in enumerate(calls):
            caller.peer.queue_audio(b"call %d" % n, 48000)

        async def hold(n: int, caller: End, agent: End) -> None:
            async with connected(caller, agent):
                await agent.until(lambda end: b"call %d" % n in payloads(end))

        await asyncio.gather(*(hold(n, *ends) for n, ends in enumerate(calls)))
        for n, (_, agent) in enumerate(calls):
            others = {b"call %d" % m for m in range(3)} - {b"call %d" % n}
            assert not others & set(payloads(agent))

    run(scenario)


def test_a_channel_of_another_name_is_refused() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(replace(LOOPBACK, data_channel="other")), fake_end()
        caller.peer.send_message("to nobody")
        async with connected(caller, agent):
            await agent.until(lambda end: end.events)
        assert agent.messages == []

    run(scenario)


def test_a_call_without_a_data_channel_connects() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(replace(LOOPBACK, data_channel=None)), fake_end()
        async with connected(caller, agent):
            await agent.until(lambda end: end.events)
        assert isinstance(agent.events[0], PacketReceived)

    run(scenario)


def test_messages_beyond_what_may_wait_are_refused_and_counted() -> None:
    async def scenario() -> None:
        end = fake_end()
        async with end.peer:
            accepted = [end.peer.send_message("x") for _ in range(100)]
            assert accepted.count(True) == 64
            assert end.peer.transport_stats().messages_dropped == 36

    run(scenario)


def test_a_message_larger_than_the_peer_takes_is_refused() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        caller.peer.send_message("first")
        async with connected(caller, agent):
            await agent.until(lambda end: end.messages)
            assert not caller.peer.send_message("x" * 300_000)

    run(scenario)


def test_closing_is_bounded_when_aiortc_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("voicectl.rtc.peer.CLOSE_TIMEOUT_S", 0)
        end = fake_end()
        await end.peer.create_offer()
        protocols = list(end.peer._connection.dtls_transport.connection._protocols)
        hung = asyncio.Event()
        monkeypatch.setattr(end.peer._connection, "close", hung.wait)
        await end.peer.close()
        assert all(protocol.transport.is_closing() for protocol in protocols)

    run(scenario)


def test_the_pair_in_use_is_told() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with connected(caller, agent):
            pair = caller.peer.transport_stats().nominated_pair
            assert (pair.local_type, pair.remote_type) == ("host", "host")
            assert pair.remote_address.startswith("127.0.0.1:")

    run(scenario)


def test_a_peer_takes_its_defaults_without_settings() -> None:
    async def scenario() -> None:
        caller = fake_end()
        peer = Peer(caller.engine)
        await peer.close()
        await caller.peer.close()

    run(scenario)
