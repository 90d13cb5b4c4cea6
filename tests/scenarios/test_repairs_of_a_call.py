"""Two ends agree on repairs in their descriptions, and then really use them."""

import asyncio
from dataclasses import replace

import numpy as np
from aiortc import RTCPeerConnection, RTCSessionDescription
from support.calls import LOOPBACK, End, connected, fake_end, run

from voicectl._native import Engine, EngineSettings, InboundRtpStats, Redundancy
from voicectl.clock import SystemClock
from voicectl.rtc.repairs import RepairSettings

PLAIN = RepairSettings(nack=False, red=False, dred=False)
PROTECTED = Redundancy(
    inband_fec=False, red_frames=1, dred_duration_ms=200, expected_loss_percent=20
)


def real_end(seed: int, repairs: RepairSettings) -> End:
    engine = Engine(EngineSettings(sink="eager"), now_ns=SystemClock().now_ns(), seed=seed)
    engine.set_redundancy(PROTECTED)
    return End(engine, replace(LOOPBACK, repairs=repairs))


def inbound(end: End) -> InboundRtpStats | None:
    return end.peer.stats().inbound


def packets(end: End) -> int:
    stats = inbound(end)
    return 0 if stats is None else stats.packets_received


def fec_packets(end: End) -> int:
    stats = inbound(end)
    return 0 if stats is None else stats.fec_packets_received


def speak(end: End) -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 96_000).astype(np.int16)
    end.peer.queue_audio(noise, 48_000)


def test_two_ends_of_voicectl_use_red_and_dred_as_soon_as_they_are_connected() -> None:
    async def scenario() -> None:
        caller, agent = (real_end(seed, RepairSettings()) for seed in (1, 2))
        speak(caller)
        async with connected(caller, agent):
            for end in (caller, agent):
                assert end.peer.stats().redundancy == PROTECTED
            await agent.until(lambda end: fec_packets(end) > 20)
            stats = agent.peer.stats()
            assert stats.drops.unknown_payload_type_packets == 0
            assert stats.drops.malformed_rtp_packets == 0
            received = inbound(agent)
            assert received is not None
            assert received.malformed_packets == 0

    run(scenario)


def test_an_end_that_knows_none_of_it_gets_plain_opus() -> None:
    async def scenario() -> None:
        caller, agent = real_end(1, RepairSettings()), real_end(2, PLAIN)
        speak(caller)
        async with connected(caller, agent):
            for end in (caller, agent):
                used = end.peer.stats().redundancy
                assert (used.red_frames, used.dred_duration_ms) == (0, 0)
            await agent.until(lambda end: packets(end) > 20)
            assert agent.peer.stats().drops.unknown_payload_type_packets == 0

    run(scenario)


def test_stock_aiortc_that_is_offered_every_repair_answers_with_opus() -> None:
    async def scenario() -> None:
        end, stock = fake_end(), RTCPeerConnection()
        offer = await end.peer.create_offer()
        assert "red/48000/2" in offer
        await stock.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await stock.setLocalDescription(await stock.createAnswer())
        await end.peer.accept_answer(stock.localDescription.sdp)
        agreed = end.engine.repairs
        assert agreed is not None
        assert not agreed.nack
        assert not agreed.dred
        assert agreed.send_red is None
        await asyncio.gather(stock.close(), end.peer.close())

    run(scenario)
