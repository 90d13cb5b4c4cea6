"""The engine's border: settings, errors, ownership, threads, and what each call promises."""

import threading

import numpy as np
import pytest
from support.engine_pair import OPUS, EnginePair, Link, is_rtcp
from support.signals import noise, tone, voiced

from voicectl import _native
from voicectl._native import EngineSettings
from voicectl.errors import CodecError, MediaError, UsageError
from voicectl.units import NS_PER_MS


def sending_engine(settings: EngineSettings | None = None) -> _native.Engine:
    settings = settings or EngineSettings(sink="eager")
    engine = _native.Engine(settings, now_ns=0, seed=1)
    engine.start_sending(ssrc=0x01020304, payload_type=OPUS, cname="caller@voicectl")
    return engine


def rtp_until(engine: _native.Engine, until_ms: int) -> list[bytes]:
    """The packets of a driver that is always on time."""
    packets: list[bytes] = []
    while (due_ns := engine.next_timeout()) is not None and due_ns <= until_ms * NS_PER_MS:
        engine.handle_timeout(due_ns)
        packets += (packet for packet in engine.poll_transmit() if not is_rtcp(packet))
    return packets


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"sink": "speaker"}, UsageError),
        ({"strategy": "bold"}, UsageError),
        ({"vad": "ears"}, UsageError),
        ({"frame_ms": 15}, UsageError),
        ({"report_interval_ms": 1}, UsageError),
        ({"output_rate_hz": 47_999}, MediaError),
        ({"bitrate_bps": 1}, CodecError),
        ({"complexity": 11}, CodecError),
        ({"expected_loss_percent": 101}, CodecError),
    ],
)
def test_setting_that_cannot_be_is_refused(
    settings: dict[str, int | str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        _native.Engine(EngineSettings(**settings), now_ns=0, seed=1)  # type: ignore[arg-type]  # refused


def test_settings_tell_what_they_are() -> None:
    settings = EngineSettings(sink="eager", vad="earshot", dtx=True, frame_ms=40)
    assert (settings.sink, settings.strategy, settings.output_rate_hz) == (
        "eager",
        "balanced",
        48_000,
    )
    assert (settings.vad, settings.dtx, settings.tap_sent, settings.frame_ms) == (
        "earshot",
        True,
        False,
        40,
    )


def test_codec_and_payload_type_that_cannot_be_are_refused() -> None:
    engine = _native.Engine(EngineSettings(), now_ns=0, seed=1)
    with pytest.raises(UsageError, match="g999"):
        engine.configure_receive({0: "g999"})
    with pytest.raises(UsageError, match="72"):
        engine.configure_receive({72: "opus"})
    with pytest.raises(UsageError, match="200"):
        engine.start_sending(ssrc=1, payload_type=200, cname="x")


@pytest.mark.parametrize("pcm", [np.zeros(10), np.zeros((2, 5), np.int16), [0, 1]])
def test_pcm_of_another_kind_is_a_type_error(pcm: object) -> None:
    with pytest.raises(TypeError):
        sending_engine().queue_audio(pcm, 48_000)  # type: ignore[arg-type]  # refused


def test_rate_that_cannot_be_queued_is_refused() -> None:
    with pytest.raises(MediaError):
        sending_engine().queue_audio(np.zeros(10, np.int16), 22_050)


def test_queue_takes_a_minute_and_refuses_the_rest() -> None:
    engine = sending_engine()
    assert engine.queue_audio(np.zeros(50 * 16_000, np.int16), 16_000) == 50 * 16_000
    assert engine.queue_audio(np.zeros(20 * 24_000, np.int16), 24_000) == 10 * 24_000
    assert engine.stats().queued_audio_ms == 60_000
    assert engine.queue_audio(np.zeros(1, np.int16), 48_000) == 0


def test_frames_have_consecutive_numbers_and_only_the_first_is_marked() -> None:
    packets = rtp_until(sending_engine(), 400)
    assert len(packets) == 20
    assert [packet[1] >> 7 for packet in packets] == [1] + [0] * 19
    numbers = [int.from_bytes(packet[2:4]) for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    # Room before the first wrap, for SRTP's rollover counter.
    assert numbers[0] < 2**15
    times = [int.from_bytes(packet[4:8]) for packet in packets]
    assert {(b - a) % 2**32 for a, b in zip(times, times[1:], strict=False)} == {960}


@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_frame_length_is_what_was_set(frame_ms: int) -> None:
    packets = rtp_until(sending_engine(EngineSettings(sink="eager", frame_ms=frame_ms)), 240)
    parsed = _native.parse_opus_packet(packets[0][12:])
    assert parsed.duration_samples == frame_ms * 48
    assert len(packets) == 240 // frame_ms


def test_silence_is_left_out_with_dtx_and_speech_after_it_is_marked() -> None:
    engine = sending_engine(EngineSettings(sink="eager", dtx=True, bitrate_bps=24_000))
    speech = voiced(24_000, 48_000)
    engine.queue_audio(speech, 48_000)
    engine.finish_audio()
    assert len(rtp_until(engine, 500)) == 25
    silent = rtp_until(engine, 3000)
    # DTX sends a packet each 400 ms.
    assert 1 <= len(silent) <= 30
    engine.queue_audio(speech, 48_000)
    first = rtp_until(engine, 3060)[0]
    assert first[1] >> 7 == 1


def test_utterance_without_audio_is_drained_at_once() -> None:
    engine = sending_engine()
    engine.finish_audio()
    rtp_until(engine, 100)
    (drained,) = engine.poll_events()
    assert isinstance(drained, _native.AudioDrained)
    assert drained.at_ns == 10 * NS_PER_MS


def test_starved_utterance_is_counted_and_goes_on_whole() -> None:
    engine = sending_engine(EngineSettings(sink="eager", tap_sent=True))
    said = tone(440, 48_000, 4800)
    rtp_until(engine, 40)
    engine.queue_audio(said[:2000], 48_000)
    rtp_until(engine, 140)
    engine.queue_audio(said[2000:], 48_000)
    engine.finish_audio()
    rtp_until(engine, 340)
    assert engine.stats().drops.starved_frames == 3
    taps = [event.pcm for event in engine.poll_events() if isinstance(event, _native.AudioSent)]
    # Recorded from 10 ms on; the first frame, sent at 50 ms, was spoken from 30 ms on.
    sent = np.concatenate(taps)[960:]
    # Two whole frames, three of silence, and the rest without a hole.
    assert np.array_equal(sent[: 2 * 960], said[: 2 * 960])
    assert not sent[2 * 960 : 5 * 960].any()
    assert np.array_equal(sent[5 * 960 : 5 * 960 + 2880], said[2 * 960 :])


def test_stop_says_goodbye_once_and_sends_no_more() -> None:
    engine = sending_engine()
    rtp_until(engine, 100)
    engine.stop(105 * NS_PER_MS)
    (last,) = engine.poll_transmit()
    assert is_rtcp(last)
    assert last[-8:] == bytes([0x81, 203, 0, 1]) + (0x01020304).to_bytes(4)
    assert b"caller@voicectl" in last
    engine.stop(200 * NS_PER_MS)
    engine.handle_timeout(10_000 * NS_PER_MS)
    assert engine.poll_transmit() == []
    assert engine.next_timeout() is None
    outbound = engine.stats().outbound
    assert outbound is not None
    assert outbound.packets_sent > 0


def test_end_that_has_sent_nothing_reports_as_a_receiver() -> None:
    engine = sending_engine()
    engine.handle_timeout(0)
    engine.stop(1)
    (last,) = engine.poll_transmit()
    assert last[1] == 201


def test_engine_that_has_nothing_to_do_asks_for_no_time() -> None:
    engine = _native.Engine(EngineSettings(sink="eager"), now_ns=0, seed=1)
    assert engine.next_timeout() is None


def test_stream_started_late_begins_on_the_grid_and_catches_nothing_up() -> None:
    engine = _native.Engine(EngineSettings(sink="eager"), now_ns=0, seed=1)
    engine.start_sending(ssrc=1, payload_type=OPUS, cname="late")
    assert engine.next_timeout() == 0
    engine.handle_timeout(4_003 * NS_PER_MS)
    assert engine.poll_transmit() == []
    assert engine.next_timeout() == 4_010 * NS_PER_MS


def test_counters_of_both_ends_agree() -> None:
    pair = EnginePair(
        EngineSettings(),
        EngineSettings(sink="eager", complexity=0),
        to_caller=Link(carry=lambda index, _: None if index % 10 == 9 else 20 * NS_PER_MS),
    )
    pair.run_ms(3915)
    outbound = pair.agent.engine.stats().outbound
    remote = pair.agent.engine.stats().remote_inbound
    assert outbound is not None
    assert remote is not None
    inbound = pair.caller.inbound()
    # One packet is still on the network.
    assert outbound.packets_sent == inbound.packets_received + inbound.packets_lost + 1
    assert inbound.packets_lost == 19
    assert inbound.header_bytes_received == 12 * inbound.packets_received
    assert remote.fraction_lost == pytest.approx(0.1, abs=0.03)
    assert inbound.jitter_ms == 0
    assert inbound.ssrc == outbound.ssrc == pair.agent.ssrc


def test_jitter_is_that_of_the_network() -> None:
    pair = EnginePair(
        EngineSettings(),
        EngineSettings(sink="eager", complexity=0),
        to_caller=Link(carry=lambda index, _: (20 + 5 * (index % 2)) * NS_PER_MS),
    )
    pair.run_ms(4000)
    assert pair.caller.inbound().jitter_ms == pytest.approx(5, abs=0.1)


def test_speech_is_told_in_media_time_at_the_output_rate() -> None:
    pair = EnginePair(
        EngineSettings(sink="eager", output_rate_hz=48_000, vad="earshot"),
        EngineSettings(sink="eager"),
    )
    pair.run_ms(1000)
    pair.agent.engine.queue_audio(voiced(48_000, 48_000), 48_000)
    pair.agent.engine.finish_audio()
    pair.run_ms(2000)
    (started,) = pair.caller.all(_native.SpeechStarted)
    (ended,) = pair.caller.all(_native.SpeechEnded)
    assert started.at_samples == pytest.approx(48_000, abs=2400)
    assert ended.at_samples == pytest.approx(96_000, abs=2400)


def test_pcm_of_an_event_belongs_to_who_took_it() -> None:
    pair = EnginePair(EngineSettings(tap_sent=True), EngineSettings(sink="eager"))
    pair.caller.engine.queue_audio(noise(48_000, -20), 48_000)
    pair.run_ms(100)
    taken = pair.caller.all(_native.AudioSent)[-1].pcm
    kept = taken.copy()
    pair.run_ms(500)
    assert np.array_equal(taken, kept)
    taken[:] = 0


def test_packets_that_nobody_takes_are_bounded_and_counted() -> None:
    engine = sending_engine(EngineSettings(sink="eager", complexity=0))
    for second in range(1, 20):
        engine.handle_timeout(second * 1000 * NS_PER_MS)
    assert len(engine.poll_transmit()) == 512
    assert engine.stats().drops.dropped_packets > 400


def test_threads_take_turns_on_one_engine() -> None:
    engine = sending_engine(EngineSettings(sink="eager", tap_sent=True, complexity=0))
    packets: list[list[bytes]] = [[], [], []]
    raised: list[BaseException] = []

    def drive(own: list[bytes]) -> None:
        try:
            for tick in range(1, 201):
                engine.queue_audio(np.ones(160, np.int16), 16_000)
                engine.handle_timeout(tick * 10 * NS_PER_MS)
                own.extend(engine.poll_transmit())
                engine.poll_events()
                engine.stats()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=drive, args=(own,)) for own in packets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
    numbers = [
        int.from_bytes(packet[2:4]) for own in packets for packet in own if not is_rtcp(packet)
    ]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 100))


def test_union_of_the_events_is_there_at_run_time() -> None:
    assert isinstance(_native.AudioDrained(1), _native.EngineEvent)
    assert not isinstance(1, _native.EngineEvent)
