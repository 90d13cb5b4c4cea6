"""The peer's SSRC changes, its counters wrap, or somebody else speaks beside it."""

import struct

import numpy as np
from support.engine_pair import OPUS, EnginePair, Link, rtp_packet
from support.signals import tone, voiced

from voicectl import _native


def eager_call(to_caller: Link | None = None) -> EnginePair:
    pair = EnginePair(
        _native.EngineSettings(sink="eager", output_rate_hz=16_000),
        _native.EngineSettings(sink="eager"),
        to_caller=to_caller,
    )
    pair.agent.engine.queue_audio(tone(440, 48_000, 48_000), 48_000)
    pair.agent.engine.finish_audio()
    return pair


def test_new_source_begins_a_new_media_time_and_loses_no_audio() -> None:
    pair = eager_call()
    pair.run_ms(1000)
    pair.agent.engine.start_sending(ssrc=0xBEEF, payload_type=OPUS, cname="again")
    pair.run_ms(1000)
    started = pair.caller.all(_native.StreamStarted)
    assert [event.ssrc for event in started] == [pair.agent.ssrc, 0xBEEF]
    second = pair.caller.events[pair.caller.events.index(started[1]) + 1 :]
    audio = [event for event in second if isinstance(event, _native.AudioReceived)]
    assert audio[0].media_time_samples == 0
    inbound = pair.caller.inbound()
    sent = [packet for packet in pair.agent.sent_rtp() if packet[8:12] == struct.pack("!I", 0xBEEF)]
    # One packet is still on the network.
    assert inbound.packets_received == len(sent) - 1
    # Decoded at 16 kHz: no resampler keeps anything back.
    assert sum(len(event.pcm) for event in audio) == 320 * inbound.packets_received
    assert pair.caller.engine.stats().drops.other_source_packets == 0


def test_packets_of_another_source_beside_the_stream_are_counted_and_not_heard() -> None:
    undisturbed = eager_call()
    undisturbed.run_ms(1000)
    pair = eager_call()
    for index in range(20):
        pair.run_ms(50)
        stray = rtp_packet(sequence_number=index, timestamp=960 * index, ssrc=666, payload=b"\x08")
        pair.caller.engine.handle_rtp(stray, pair.now_ns)
    assert np.array_equal(pair.caller.received_pcm(), undisturbed.caller.received_pcm())
    assert pair.caller.engine.stats().drops.other_source_packets == 20


def test_stream_goes_on_when_sequence_number_and_timestamp_wrap() -> None:
    plain = eager_call()
    plain.run_ms(1000)
    first_sequence, first_timestamp = struct.unpack("!2xHI", plain.agent.sent_rtp()[0][:8])

    def wrap_soon(packet: bytes) -> bytes:
        sequence, timestamp = struct.unpack("!2xHI", packet[:8])
        moved = struct.pack(
            "!HI",
            (sequence - first_sequence - 10) % 2**16,
            (timestamp - first_timestamp - 20 * 960) % 2**32,
        )
        return packet[:2] + moved + packet[8:]

    wrapped = eager_call(to_caller=Link(rewrite=wrap_soon))
    wrapped.run_ms(1000)
    assert np.array_equal(wrapped.caller.received_pcm(), plain.caller.received_pcm())
    assert wrapped.caller.inbound().packets_lost == 0
    assert len(wrapped.caller.all(_native.StreamStarted)) == 1


def test_ear_hears_a_departing_source_out_and_counts_nothing_after_it() -> None:
    pair = EnginePair(_native.EngineSettings(), _native.EngineSettings(sink="eager"))
    pair.agent.engine.queue_audio(tone(440, 48_000, 48_000), 48_000)
    pair.run_ms(500)
    pair.agent.engine.stop(pair.now_ns)
    pair.run_ms(1000)
    (ended,) = pair.caller.all(_native.StreamEnded)
    before = pair.caller.events[: pair.caller.events.index(ended)]
    played = [event for event in before if isinstance(event, _native.AudioReceived)]
    last = played[-1]
    # Everything sent, and the tick in which nothing more was there.
    end = last.media_time_samples + len(last.pcm)
    assert end >= 960 * len(pair.agent.sent_rtp())
    inbound = pair.caller.inbound()
    assert inbound.concealed_samples == inbound.packets_lost == 0
    assert len(pair.caller.received_pcm()) == 1500 * 48


def test_speech_ends_when_the_source_leaves_in_mid_sentence() -> None:
    pair = EnginePair(
        _native.EngineSettings(sink="eager", output_rate_hz=16_000, vad="earshot"),
        _native.EngineSettings(sink="eager"),
    )
    pair.run_ms(1000)
    pair.agent.engine.queue_audio(voiced(96_000, 48_000), 48_000)
    pair.run_ms(800)
    pair.agent.engine.stop(pair.now_ns)
    pair.run_ms(100)
    speech = (_native.SpeechStarted, _native.SpeechEnded, _native.StreamEnded)
    told = [type(event) for event in pair.caller.events if isinstance(event, speech)]
    assert told == list(speech)


def test_goodbye_ends_the_stream_and_what_comes_after_it_is_not_heard() -> None:
    pair = eager_call()
    pair.run_ms(500)
    pair.agent.engine.stop(pair.now_ns)
    pair.run_ms(100)
    (ended,) = pair.caller.all(_native.StreamEnded)
    assert ended.ssrc == pair.agent.ssrc
    heard = len(pair.caller.received_pcm())
    ghost = pair.agent.sent_rtp()[-1]
    pair.caller.engine.handle_rtp(ghost, pair.now_ns)
    pair.run_ms(100)
    assert len(pair.caller.received_pcm()) == heard
    assert pair.caller.engine.stats().drops.other_source_packets == 1
