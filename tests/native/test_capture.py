"""A captured call, given to another engine: the same audio, events and counters."""

import zlib
from typing import Any

import numpy as np
import pytest
from support.engine_pair import OPUS, End, EnginePair, Link
from support.signals import voiced

from voicectl import _native
from voicectl._native import CaptureReplay, EngineSettings
from voicectl.errors import MediaError
from voicectl.units import NS_PER_MS

LIMIT = 8 << 20
CALLER = EngineSettings(tap_sent=True)
AGENT = EngineSettings(sink="eager", output_rate_hz=16_000, vad="earshot")


def held_call(*, caller: EngineSettings = CALLER, limit: int = LIMIT) -> tuple[End, bytes]:
    """A call over a lossy link, of which the caller's end is captured, and that capture."""
    lossy = Link(carry=lambda index, packet: None if index % 9 == 4 else 20 * NS_PER_MS)
    pair = EnginePair(caller, AGENT, to_caller=lossy)
    # In place of the caller's own, as the session makes it.
    engine = _native.Engine(caller, now_ns=0, seed=1, capture_limit_bytes=limit)
    engine.configure_receive({OPUS: "opus"})
    engine.start_sending(ssrc=pair.caller.ssrc, payload_type=OPUS, cname="test")
    pair.caller.engine = engine
    capture = b""
    for second in range(4):
        pair.agent.engine.queue_audio(voiced(16_000, 16_000), 16_000)
        pair.agent.engine.finish_audio()
        engine.queue_audio(voiced(24_000, 24_000), 24_000)
        engine.finish_audio()
        pair.run_ms(500)
        if second == 2:
            engine.clear_audio(pair.now_ns)
        pair.run_ms(500)
        capture += engine.take_capture()
    engine.stop(pair.now_ns)
    pair.run_ms(100)
    return pair.caller, capture + engine.end_capture()


def replayed(capture: bytes) -> tuple[CaptureReplay, list[_native.EngineEvent]]:
    replay = CaptureReplay(capture)
    events: list[_native.EngineEvent] = []
    until_ns = replay.begun_ns
    while (batch := replay.run_until(until_ns)) is not None:
        events += batch
        until_ns += 100 * NS_PER_MS
    return replay, events


def pcm_of(events: list[_native.EngineEvent], kind: Any) -> bytes:
    return b"".join(event.pcm.tobytes() for event in events if isinstance(event, kind))


def counters(stats: object) -> Any:
    if stats is None or isinstance(stats, int | float):
        return stats
    return {name: counters(getattr(stats, name)) for name in dir(stats) if name[0] != "_"}


@pytest.mark.parametrize("caller", [CALLER, AGENT], ids=["playout", "eager"])
def test_audio_and_counters_are_those_of_the_call_to_the_bit(caller: EngineSettings) -> None:
    live, capture = held_call(caller=caller)
    replay, events = replayed(capture)
    heard = pcm_of(events, _native.AudioReceived)
    assert len(heard) > 3.5 * 2 * caller.output_rate_hz
    assert heard == live.received_pcm().tobytes()
    assert pcm_of(events, _native.AudioSent) == live.sent_pcm().tobytes()
    assert [repr(event) for event in events] == [repr(event) for event in live.events]
    assert counters(replay.stats()) == counters(live.engine.stats())
    assert replay.stats().inbound.repaired_frames > 0  # type: ignore[union-attr]
    assert (replay.same_events, replay.same_packets, replay.is_complete) == (True, True, True)
    assert (replay.damage, replay.truncated_at_ns, replay.is_of_this_build) == ([], None, True)
    assert replay.run_until(1 << 62) is None


def test_settings_and_packets_are_told() -> None:
    live, capture = held_call(caller=AGENT)
    replay = CaptureReplay(capture)
    assert (replay.settings.sink, replay.settings.vad) == ("eager", "earshot")
    packets = replay.received_packets()
    rtp = [packet for _, packet, is_rtcp in packets if not is_rtcp]
    assert len(rtp) == live.inbound().packets_received
    assert "libopus" in replay.made_by


def test_cut_off_capture_is_used_as_far_as_it_goes() -> None:
    live, capture = held_call()
    replay, events = replayed(capture[: len(capture) // 2])
    heard = pcm_of(events, _native.AudioReceived)
    assert 48_000 < len(heard) < live.received_pcm().nbytes
    assert live.received_pcm().tobytes().startswith(heard)
    [(offset, what)] = replay.damage
    assert capture[offset : offset + 4] == b"VCHK"
    assert "ends within" in what
    assert (replay.same_events, replay.is_complete) == (None, False)


def test_corrupted_chunk_is_named_and_what_follows_is_used() -> None:
    live, capture = held_call()
    at = len(capture) // 2
    corrupted = capture[:at] + bytes([capture[at] ^ 1]) + capture[at + 1 :]
    replay, events = replayed(corrupted)
    [(offset, what)] = replay.damage
    assert offset <= at < offset + 80_000
    assert "checksum" in what
    assert (replay.same_events, replay.is_complete) == (False, True)
    heard = np.frombuffer(pcm_of(events, _native.AudioReceived), np.int16)
    # It goes on to the call's end, a chunk the poorer.
    assert len(heard) > len(live.received_pcm()) - 48_000 * 1.5


def test_bound_is_kept_and_told_and_the_call_goes_on() -> None:
    limit = 100 << 10
    live, capture = held_call(limit=limit)
    assert len(capture) <= limit
    assert live.engine.capture_is_truncated
    replay, events = replayed(capture)
    assert replay.truncated_at_ns is not None
    assert replay.same_events is True
    assert live.received_pcm().tobytes().startswith(pcm_of(events, _native.AudioReceived))
    assert len(live.received_pcm()) > 3.5 * 48_000


def test_engine_without_a_capture_gives_none() -> None:
    engine = _native.Engine(CALLER, now_ns=0, seed=1)
    engine.handle_timeout(50 * NS_PER_MS)
    assert engine.take_capture() + engine.end_capture() == b""


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "no capture"),
        (b"RIFF", "no capture"),
        (b"voicecap\x02\0\0\0", "version 2"),
        (b"voicecap\x01\0\0\0", "beginning"),
        (b"voicecap\x01\0\0\0VCHK\xff\xff\xff\xff\0\0\0\0", "beginning"),
    ],
)
def test_file_that_cannot_be_replayed_says_why(file: bytes, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        CaptureReplay(file)
    assert _native.is_capture(file) is file.startswith(b"voicecap")


def test_setting_of_another_time_is_named() -> None:
    _, capture = held_call()
    # The first chunk holds the settings: of the same length, and with a checksum that fits.
    assert capture.count(b"frame_ms=20") == 1
    begin = capture.index(b"VCHK")
    length = int.from_bytes(capture[begin + 4 : begin + 8], "little")
    body = capture[begin + 12 : begin + 12 + length].replace(b"frame_ms=20", b"warp_ms=900")
    checksum = zlib.crc32(body).to_bytes(4, "little")
    file = capture[: begin + 8] + checksum + body + capture[begin + 12 + length :]
    with pytest.raises(MediaError, match="warp_ms=900"):
        CaptureReplay(file)
