"""The driver gives an engine its inputs and its time, and takes out what it produces."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
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

    def __init__(self, before_tick: Callable[[], None] | None = None) -> None:
        self.loop = VirtualLoop()
        self.engine = FakeEngine(self.loop.now_ns())
        self.wire = Wire()
        self.batches: list[list[Any]] = []
        self.faults: list[str] = []
        self.on_batch: Callable[[list[Any]], None] = self.batches.append
        self.driver = EngineDriver(
            self.engine,
            clock=self.loop,
            send=self.wire.send,
            deliver=lambda batch: self.on_batch(batch),
            before_tick=before_tick,
            on_fault=lambda: self.faults.append("told"),
        )


def drive(
    scenario: Callable[[Rig], Coroutine[Any, Any, None]],
    before_tick: Callable[[], None] | None = None,
) -> None:
    rig = Rig(before_tick)
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
        await asyncio.sleep(0.1)
        assert len(rig.batches) == 3
        assert len(rig.engine.timeouts) == 5  # one timer, not one for each level

    drive(scenario)


def collected(rig: Rig) -> list[str]:
    """What is raised on the loop, which is none of the call's business."""
    raised: list[str] = []
    rig.loop.set_exception_handler(lambda _, context: raised.append(str(context["exception"])))
    return raised


def test_one_exception_in_on_events_stopped_the_call() -> None:
    async def scenario(rig: Rig) -> None:
        def fail_once(batch: list[Any]) -> None:
            rig.on_batch = rig.batches.append
            raise RuntimeError("a user's bug")

        raised = collected(rig)
        rig.on_batch = fail_once
        rig.driver.start()
        rig.driver.sending_negotiated(ssrc=1, payload_type=96, cname="c")
        rig.driver.datagram_received(RTP)  # the bug is not the socket's
        await asyncio.sleep(0.1)
        assert raised == ["a user's bug"]
        assert len(rig.wire.sent) == 5
        rig.driver.datagram_received(RTP)
        await asyncio.sleep(0)
        assert len(rig.batches) == 1

    drive(scenario)


def test_one_exception_in_before_tick_stopped_the_call() -> None:
    ticks = []

    def fail_at_the_second() -> None:
        ticks.append(1)
        if len(ticks) == 2:
            raise RuntimeError("a microphone's bug")

    async def scenario(rig: Rig) -> None:
        raised = collected(rig)
        rig.driver.start()
        rig.driver.sending_negotiated(ssrc=1, payload_type=96, cname="c")
        await asyncio.sleep(0.1)
        assert raised == ["a microphone's bug"]
        assert (len(ticks), len(rig.wire.sent)) == (5, 5)

    drive(scenario, before_tick=fail_at_the_second)


class Panic(BaseException):
    """As pyo3's, it is no Exception."""


@pytest.mark.parametrize("method", ["handle_timeout", "handle_datagram", "poll_events"])
def test_engine_that_panicked_on_the_event_loop_left_a_dead_call_that_nobody_was_told_of(
    method: str,
) -> None:
    async def scenario(rig: Rig) -> None:
        def panic(*_: object) -> None:
            calls.append(method)
            raise Panic("a fault")

        calls: list[str] = []
        raised = collected(rig)
        rig.driver.start()
        setattr(rig.engine, method, panic)
        asyncio.get_running_loop().call_soon(rig.driver.datagram_received, RTP)
        await asyncio.sleep(0.1)
        assert raised == ["a fault"]
        assert rig.faults == ["told"]
        rig.driver.datagram_received(RTP)
        rig.driver.drain()
        assert calls == [method]

    drive(scenario)


def test_thread_that_told_of_an_engine_beyond_repair_did_not_get_to_say_so() -> None:
    """What was to be asked last, whether it has failed, comes after its events."""

    async def scenario(rig: Rig) -> None:
        def panic() -> None:
            raise Panic("a fault")

        rig.driver.start()
        rig.engine.poll_events = panic  # type: ignore[method-assign]
        with pytest.raises(Panic):
            rig.driver.deliver_events()
        rig.driver.break_down()
        assert rig.faults == ["told"]

    drive(scenario)
