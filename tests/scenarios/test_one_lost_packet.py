"""One packet of a steady stream is lost."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from support.engine_pair import EnginePair, Link
from support.signals import voiced

from voicectl import _native
from voicectl._native import parse_opus_packet
from voicectl.units import NS_PER_MS

LOST = 100
FRAME_MS = 20
# A rate and a loss at which Opus codes this voice as SILK and repeats some of its frames.
SPEECH_BPS = 24_000
EXPECTED_LOSS_PERCENT = 30


def voice_to_caller(
    sink: Literal["playout", "eager"],
    *,
    inband_fec: bool,
    delays_ms: Callable[[int], int | None],
) -> EnginePair:
    """A voice of three seconds; `delays_ms` tells how long each packet takes, or None."""

    def carry(index: int, _: bytes) -> int | None:
        delay_ms = delays_ms(index)
        return None if delay_ms is None else delay_ms * NS_PER_MS

    pair = EnginePair(
        _native.EngineSettings(sink=sink),
        _native.EngineSettings(
            sink="eager",
            bitrate_bps=SPEECH_BPS,
            complexity=5,
            inband_fec=inband_fec,
            expected_loss_percent=EXPECTED_LOSS_PERCENT,
        ),
        to_caller=Link(carry=carry),
    )
    pair.agent.engine.queue_audio(voiced(3 * 48_000, 48_000), 48_000)
    pair.agent.engine.finish_audio()
    pair.run_ms(3000)
    return pair


def call_with_one_loss(
    sink: Literal["playout", "eager"], *, inband_fec: bool = False
) -> EnginePair:
    return voice_to_caller(
        sink, inband_fec=inband_fec, delays_ms=lambda index: None if index == LOST else 20
    )


def lag_ms(pair: EnginePair, at_ms: int) -> float:
    """How far the media heard at a moment lies behind that moment."""
    events = pair.caller.all(_native.AudioReceived)
    event = min(events, key=lambda event: abs(event.at_ns - at_ms * NS_PER_MS))
    return event.at_ns / NS_PER_MS - event.media_time_samples / 48


def test_lost_packet_is_one_concealed_frame() -> None:
    inbound = call_with_one_loss("playout").caller.inbound()
    assert inbound.packets_lost == 1
    assert inbound.concealment_events == 1
    assert inbound.concealed_samples == FRAME_MS * 48
    assert inbound.late_packets == inbound.packets_discarded == inbound.skipped_samples == 0


@pytest.mark.parametrize("sink", ["playout", "eager"])
def test_lost_packet_leaves_no_lasting_delay(sink: Literal["playout", "eager"]) -> None:
    pair = call_with_one_loss(sink)
    loss_ms = LOST * FRAME_MS
    assert lag_ms(pair, loss_ms + 200) == pytest.approx(lag_ms(pair, loss_ms - 200), abs=1)


def test_ear_hears_a_sound_at_every_tick_around_the_loss() -> None:
    pair = call_with_one_loss("playout")
    heard = pair.caller.received_pcm()[24_000:-24_000].reshape(-1, 480).astype(float)
    level_db = 20 * np.log10(np.sqrt(np.mean(heard**2, axis=1)))
    assert level_db.min() > np.median(level_db) - 12


def test_machine_gets_every_sample_of_media_time_and_is_told_which_are_made_up() -> None:
    pair = call_with_one_loss("eager")
    events = pair.caller.all(_native.AudioReceived)
    ends = [event.media_time_samples + len(event.pcm) for event in events]
    assert [event.media_time_samples for event in events] == [0, *ends[:-1]]
    concealed = [
        (event.media_time_samples + begin, event.media_time_samples + end)
        for event in events
        for begin, end in event.concealed
    ]
    first = LOST * FRAME_MS * 48
    assert concealed == [(first, first + FRAME_MS * 48)]


def test_packet_behind_the_loss_repairs_it_when_it_repeats_the_lost_frame() -> None:
    unharmed = voice_to_caller("playout", inband_fec=True, delays_ms=lambda _: 20)
    payloads = [packet[12:] for packet in unharmed.agent.sent_rtp()]
    lost = next(n for n in range(50, 150) if parse_opus_packet(payloads[n + 1]).has_lbrr)
    pair = voice_to_caller(
        "playout", inband_fec=True, delays_ms=lambda index: None if index == lost else 20
    )
    inbound = pair.caller.inbound()
    assert inbound.packets_lost == 1
    assert inbound.repaired_frames == 1
    # The repair comes a frame after the loss; a buffer as shallow as this stream's lets it bridges
    # the time until then, and plays what was repaired.
    assert inbound.concealed_samples < FRAME_MS * 48


def test_late_packet_is_not_a_lost_one() -> None:
    pair = voice_to_caller(
        "playout", inband_fec=False, delays_ms=lambda index: 320 if index == LOST else 20
    )
    inbound = pair.caller.inbound()
    assert (inbound.packets_lost, inbound.late_packets) == (0, 1)
    assert inbound.packets_discarded == 1
    # A frame, and what the cross-fade back into the speech takes of the next.
    assert FRAME_MS * 48 <= inbound.concealed_samples < (FRAME_MS + 5) * 48
