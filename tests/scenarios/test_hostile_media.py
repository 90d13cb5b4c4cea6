"""A peer sends garbage in every layer; the call goes on."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_pair import OPUS, EnginePair, rtp_packet
from support.signals import tone

from voicectl import _native
from voicectl.units import NS_PER_MS

Sink = Literal["playout", "eager"]
SINKS: st.SearchStrategy[Sink] = st.sampled_from(["playout", "eager"])


def call(sink: Sink = "eager") -> EnginePair:
    pair = EnginePair(
        _native.EngineSettings(sink=sink, output_rate_hz=16_000, vad="earshot"),
        _native.EngineSettings(sink="eager", complexity=0),
    )
    pair.agent.engine.queue_audio(tone(440, 48_000, 48_000), 48_000)
    return pair


@settings(max_examples=25, deadline=None)
@given(
    sink=SINKS,
    datagrams=st.lists(st.tuples(st.booleans(), st.binary(max_size=120)), max_size=40),
)
def test_arbitrary_datagrams_are_counted_and_change_nothing(
    sink: Sink, datagrams: list[tuple[bool, bytes]]
) -> None:
    plain, attacked = call(sink), call(sink)
    for pair in (plain, attacked):
        pair.run_ms(205)
    for is_rtp, datagram in datagrams:
        # Bytes that happen to be RTP of the negotiated type are another test's.
        if is_rtp and (len(datagram) < 2 or datagram[1] & 0x7F != OPUS):
            attacked.caller.engine.handle_rtp(datagram, attacked.now_ns)
        elif not is_rtp:
            attacked.caller.engine.handle_rtcp(datagram, attacked.now_ns)
    for pair in (plain, attacked):
        pair.run_ms(200)
    assert np.array_equal(attacked.caller.received_pcm(), plain.caller.received_pcm())


@settings(max_examples=50, deadline=None)
@given(
    sink=SINKS,
    packets=st.lists(
        st.tuples(
            st.integers(0, 2**16 - 1),
            st.integers(0, 2**32 - 1),
            st.sampled_from([1, 2, 3]),
            st.binary(max_size=60),
            st.integers(0, 200),
        ),
        max_size=60,
    ),
)
def test_arbitrary_streams_never_raise_and_stay_bounded(
    sink: Sink, packets: list[tuple[int, int, int, bytes, int]]
) -> None:
    engine = _native.Engine(
        _native.EngineSettings(sink=sink, output_rate_hz=16_000, vad="earshot"),
        now_ns=0,
        seed=1,
    )
    engine.configure_receive({OPUS: "opus"})
    now_ns = 0
    for sequence_number, timestamp, ssrc, payload, wait_ms in packets:
        now_ns += wait_ms * NS_PER_MS
        packet = rtp_packet(
            sequence_number=sequence_number, timestamp=timestamp, ssrc=ssrc, payload=payload
        )
        engine.handle_rtp(packet, now_ns)
    engine.handle_timeout(now_ns + 1000 * NS_PER_MS)
    events = engine.poll_events()
    heard = sum(len(event.pcm) for event in events if isinstance(event, _native.AudioReceived))
    assert heard <= 160_000


def test_payloads_that_are_not_opus_are_counted_and_concealed() -> None:
    pair = call("playout")
    pair.run_ms(200)
    last = pair.agent.sent_rtp()[-1]
    # Code 3 with a frame count of 0 (RFC 6716 §3.2.5).
    broken = last[:12] + b"\x0b\x00"
    broken = broken[:2] + ((int.from_bytes(last[2:4]) + 500) % 2**16).to_bytes(2) + broken[4:]
    pair.caller.engine.handle_rtp(broken, pair.now_ns)
    pair.run_ms(300)
    assert pair.caller.inbound().malformed_packets == 1
    heard = pair.caller.received_pcm()[-1600:].astype(float)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(10_000 / np.sqrt(2), rel=0.2)


def test_payload_type_that_was_not_negotiated_is_counted() -> None:
    pair = call()
    pair.run_ms(100)
    other = rtp_packet(sequence_number=1, timestamp=1, ssrc=1, payload=b"\x08", payload_type=96)
    pair.caller.engine.handle_rtp(other, pair.now_ns)
    assert pair.caller.engine.stats().drops.unknown_payload_type_packets == 1
