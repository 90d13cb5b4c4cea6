"""Keys of a telephone in the stream of the audio (RFC 4733), sent and received."""

import pytest
from support.engine_pair import OPUS, EnginePair, Link, is_rtcp
from support.signals import voiced

from voicectl import _native
from voicectl._native import EngineSettings, TelephoneEventReceived
from voicectl.errors import UsageError
from voicectl.units import NS_PER_MS

KEYS = 101
RTP = {OPUS: "opus", KEYS: "telephone-event"}


def call(carry: Link | None = None, *, sink: str = "eager") -> EnginePair:
    settings = EngineSettings(sink=sink)  # type: ignore[arg-type]  # one of the two
    pair = EnginePair(EngineSettings(sink="eager"), settings, to_agent=carry)
    pair.caller.engine.configure_send("opus", telephone_event=KEYS)
    pair.agent.engine.configure_receive(RTP)
    pair.run_ms(200)
    return pair


def keys(pair: EnginePair) -> list[TelephoneEventReceived]:
    return pair.agent.all(TelephoneEventReceived)


def key_packets(pair: EnginePair) -> list[bytes]:
    return [packet for packet in pair.caller.sent_rtp() if packet[1] & 0x7F == KEYS]


def test_digits_arrive_once_each_in_their_order() -> None:
    pair = call()
    assert pair.caller.engine.send_digits("1234567890*#ABCD", duration_ms=60) == 16
    pair.run_ms(3000)
    assert "".join(key.digit or "?" for key in keys(pair)) == "1234567890*#ABCD"
    assert {(key.duration_ms, key.volume_dbm0, key.end_was_lost) for key in keys(pair)} == {
        (60.0, -10, False)
    }
    # 60 ms and two more copies of the end, then the next.
    assert len(key_packets(pair)) == 16 * 5


def test_packets_of_a_key_have_its_timestamp_and_a_marker_first() -> None:
    pair = call()
    pair.caller.engine.send_digits("5", duration_ms=100)
    pair.run_ms(300)
    packets = key_packets(pair)
    assert [packet[1] >> 7 for packet in packets] == [1, 0, 0, 0, 0, 0, 0]
    assert len({packet[4:8] for packet in packets}) == 1
    told = [(packet[13] >> 7, int.from_bytes(packet[14:16])) for packet in packets]
    assert told == [(0, 960), (0, 1920), (0, 2880), (0, 3840), *[(1, 4800)] * 3]
    numbers = [int.from_bytes(packet[2:4]) for packet in pair.caller.sent_rtp()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize("lost", [{0}, {1, 2}, {5, 6}, {0, 1, 2, 3}, {4, 5}])
def test_lost_packets_neither_lose_a_key_nor_tell_it_twice(lost: set[int]) -> None:
    def carry(index: int, packet: bytes) -> int | None:
        if packet[1] & 0x7F != KEYS:
            return 20 * NS_PER_MS
        seen.append(index)
        return None if len(seen) - 1 in lost else 20 * NS_PER_MS

    seen: list[int] = []
    pair = call(Link(carry=carry))
    pair.caller.engine.send_digits("7", duration_ms=100)
    pair.run_ms(600)
    [key] = keys(pair)
    assert (key.digit, key.duration_ms, key.end_was_lost) == ("7", 100.0, False)


def test_key_whose_end_is_lost_is_told_after_a_while() -> None:
    def carry(index: int, packet: bytes) -> int | None:
        is_end = packet[1] & 0x7F == KEYS and packet[13] >> 7
        return None if is_end else 20 * NS_PER_MS

    pair = call(Link(carry=carry))
    pair.caller.engine.send_digits("#", duration_ms=100)
    pair.run_ms(600)
    [key] = keys(pair)
    assert (key.digit, key.duration_ms, key.end_was_lost) == ("#", 80.0, True)


@pytest.mark.parametrize("sink", ["eager", "playout"])
def test_a_key_is_no_loss_of_audio(sink: str) -> None:
    pair = call(sink=sink)
    pair.caller.engine.queue_audio(voiced(48_000, 48_000), 48_000)
    pair.caller.engine.finish_audio()
    pair.run_ms(400)
    pair.caller.engine.send_digits("12", duration_ms=100)
    pair.run_ms(1500)
    inbound = pair.agent.inbound()
    assert (inbound.packets_lost, inbound.concealed_samples, inbound.nack_count) == (0, 0, 0)
    assert inbound.jitter_ms < 1
    assert len(keys(pair)) == 2
    # What waited while the keys were down was said after them.
    assert pair.caller.all(_native.AudioDrained)


def test_peer_that_takes_none_is_sent_none() -> None:
    pair = EnginePair(EngineSettings(sink="eager"), EngineSettings(sink="eager"))
    assert pair.caller.engine.send_digits("123") == 0
    pair.run_ms(200)
    assert {packet[1] & 0x7F for packet in pair.caller.sent_rtp()} == {OPUS}


def test_64_keys_wait_and_more_are_refused() -> None:
    pair = call()
    assert pair.caller.engine.send_digits("1" * 70) == 64


@pytest.mark.parametrize(
    ("digits", "settings"),
    [
        ("12x", {}),
        ("1", {"duration_ms": 39}),
        ("1", {"duration_ms": 1001}),
        ("1", {"volume_dbm0": 1}),
        ("1", {"volume_dbm0": -64}),
    ],
)
def test_key_that_cannot_be_is_refused(digits: str, settings: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        call().caller.engine.send_digits(digits, **settings)
    with pytest.raises(UsageError):
        call().caller.engine.configure_send("telephone-event")


def test_call_with_keys_and_g711_is_captured_to_the_bit() -> None:
    engine = _native.Engine(
        EngineSettings(tap_sent=True), now_ns=0, seed=1, capture_limit_bytes=1 << 20
    )
    engine.configure_receive({0: "pcmu", 100: "telephone-event/8000"})
    engine.configure_send("pcmu", telephone_event=100)
    engine.start_sending(ssrc=1, payload_type=0, cname="x")
    engine.queue_audio(voiced(8000, 4000), 8000)
    engine.send_digits("19")
    events: list[_native.EngineEvent] = []
    for tick in range(100):
        engine.handle_timeout(tick * 10 * NS_PER_MS)
        for packet in engine.poll_transmit():
            if not is_rtcp(packet):
                engine.handle_rtp(packet, tick * 10 * NS_PER_MS)
        events += engine.poll_events()
    replay = _native.CaptureReplay(engine.end_capture())
    again: list[_native.EngineEvent] = []
    while (batch := replay.run_until(1 << 62)) is not None:
        again += batch
    assert [repr(event) for event in again] == [repr(event) for event in events]
    assert (replay.same_events, replay.same_packets) == (True, True)
    digits = [event.digit for event in again if isinstance(event, TelephoneEventReceived)]
    assert digits == ["1", "9"]
