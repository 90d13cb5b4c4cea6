"""The driver gives an engine its inputs and its time, and takes out what it produces."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from support.fake_engine import FRAME_NS, FakeEngine
from support.virtual_time import VirtualLoop
from voicectl.rtc.driver import EngineDriver

RTP = bytes([0x80, 96]) + bytes(10) + b"voice"
MS = 1_000_000


class Wire:
    """Takes packets until it is told to refuse them."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.accepts = True

    def send(self, packet: bytes) -> bool:
        if self.accepts:
            self.sent.append(packet)
        return self.accepts


def drive(scenario: Callable[..., Coroutine[Any, Any, None]]) -> None:
    loop = VirtualLoop()
    engine = FakeEngine(loop.now_ns())
    wire = Wire()
    batches: list[list[Any]] = []
    driver = EngineDriver(engine, clock=loop, send=wire.send, deliver=batches.append)
    try:
        loop.run_until_complete(scenario(loop, driver, engine, wire, batches))
    finally:
        driver.stop()
        loop.close()


def test_the_engine_is_woken_at_its_own_times_whatever_the_clocks_origin():
    async def scenario(loop, driver, engine, wire, batches):
        driver.start()
        await asyncio.sleep(0.1)
        expected = [VirtualLoop.ORIGIN_NS + n * FRAME_NS for n in range(1, 5)]
        assert [round(t / MS) for t in engine.timeouts[:4]] == [round(t / MS) for t in expected]

    drive(scenario)


def test_a_stalled_loop_delays_packets_but_loses_none_and_shifts_none():
    async def scenario(loop, driver, engine, wire, batches):
        driver.start()
        driver.sending_negotiated(ssrc=1, payload_type=96, cname="c")
        await asyncio.sleep(0.05)
        loop.stall(0.2)
        await asyncio.sleep(0.06)
        assert len(wire.sent) == 15  # one each 20 ms of 310 ms
        assert driver.max_lateness_ns >= 150 * MS
        assert (engine.next_timeout() - VirtualLoop.ORIGIN_NS) % FRAME_NS == 0

    drive(scenario)


def test_events_come_in_batches_and_never_empty():
    async def scenario(loop, driver, engine, wire, batches):
        driver.start()
        engine.events += ["one", "two"]
        driver.rtp_received(RTP)
        await asyncio.sleep(0.1)
        assert [len(batch) for batch in batches] == [3]

    drive(scenario)


def test_nothing_reaches_a_stopped_engine():
    async def scenario(loop, driver, engine, wire, batches):
        driver.start()
        driver.stop()
        driver.rtp_received(RTP)
        driver.rtcp_received(RTP)
        await asyncio.sleep(1)
        assert (batches, engine.timeouts) == ([], [])

    drive(scenario)


def test_first_packets_are_marked_when_they_really_went():
    async def scenario(loop, driver, engine, wire, batches):
        driver.start()
        driver.sending_negotiated(ssrc=1, payload_type=96, cname="c")
        wire.accepts = False
        await asyncio.sleep(0.05)
        assert driver.first_packet_sent_ns is None
        wire.accepts = True
        await asyncio.sleep(0.02)
        driver.rtp_received(RTP)
        assert round((driver.first_packet_sent_ns - VirtualLoop.ORIGIN_NS) / MS) == 60
        assert driver.first_packet_received_ns == loop.now_ns()

    drive(scenario)


def test_a_callback_may_give_the_driver_more_to_do():
    async def scenario(loop, driver, engine, wire, batches):
        def answer(batch):
            batches.append(batch)
            if len(batches) < 3:
                driver.rtp_received(RTP)

        driver._deliver = answer
        driver.start()
        driver.rtp_received(RTP)
        assert len(batches) == 3
        assert sum(not handle.cancelled() for handle in loop._scheduled) == 1

    drive(scenario)
