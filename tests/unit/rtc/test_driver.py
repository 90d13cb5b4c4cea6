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


class Rig:
    """A driver between a fake engine and a fake wire, in virtual time."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.engine = FakeEngine(self.loop.now_ns())
        self.wire = Wire()
        self.batches: list[list[Any]] = []
        self.on_batch: Callable[[list[Any]], None] = self.batches.append
        self.driver = EngineDriver(
            self.engine,
            clock=self.loop,
            send=self.wire.send,
            deliver=lambda batch: self.on_batch(batch),
        )


def drive(scenario: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
    rig = Rig()
    try:
        rig.loop.run_until_complete(scenario(rig))
    finally:
        rig.driver.stop()
        rig.loop.close()


def test_the_engine_is_woken_at_its_own_times_whatever_the_clocks_origin() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.start()
        await asyncio.sleep(0.1)
        expected = [VirtualLoop.ORIGIN_NS + n * FRAME_NS for n in range(1, 5)]
        assert [round(t / MS) for t in rig.engine.timeouts[:4]] == [round(t / MS) for t in expected]

    drive(scenario)


def test_a_stalled_loop_delays_packets_but_loses_none_and_shifts_none() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.start()
        rig.driver.sending_negotiated(ssrc=1, payload_type=96, cname="c")
        await asyncio.sleep(0.05)
        rig.loop.stall(0.2)
        await asyncio.sleep(0.06)
        assert len(rig.wire.sent) == 15  # one each 20 ms of 310 ms
        assert rig.driver.max_lateness_ns >= 150 * MS
        assert (rig.engine.next_timeout() - VirtualLoop.ORIGIN_NS) % FRAME_NS == 0

    drive(scenario)


def test_events_come_in_batches_and_never_empty() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.start()
        rig.engine.events += ["one", "two"]
        rig.driver.datagram_received(RTP)
        await asyncio.sleep(0.1)
        assert [len(batch) for batch in rig.batches] == [3]

    drive(scenario)


def test_nothing_reaches_a_stopped_engine() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.start()
        rig.driver.stop()
        rig.driver.datagram_received(RTP)
        await asyncio.sleep(1)
        assert (rig.batches, rig.engine.timeouts) == ([], [])

    drive(scenario)


def test_first_packets_are_marked_when_they_really_went() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.start()
        rig.driver.sending_negotiated(ssrc=1, payload_type=96, cname="c")
        rig.wire.accepts = False
        await asyncio.sleep(0.05)
        assert rig.driver.first_packet_sent_ns is None
        rig.wire.accepts = True
        await asyncio.sleep(0.02)
        rig.driver.datagram_received(RTP)
        assert round((rig.driver.first_packet_sent_ns - VirtualLoop.ORIGIN_NS) / MS) == 60
        assert rig.driver.first_packet_received_ns == rig.loop.now_ns()

    drive(scenario)


def test_a_callback_may_give_the_driver_more_to_do() -> None:
    async def scenario(rig: Rig) -> None:
        def answer(batch: list[Any]) -> None:
            rig.batches.append(batch)
            if len(rig.batches) < 3:
                rig.driver.datagram_received(RTP)

        rig.on_batch = answer
        rig.driver.start()
        rig.driver.datagram_received(RTP)
        assert len(rig.batches) == 3
        await asyncio.sleep(0.1)
        assert len(rig.engine.timeouts) == 5  # one timer, not one for each level

    drive(scenario)
