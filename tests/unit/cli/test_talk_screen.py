"""The live screen fits its terminal, whatever is said and however small it is."""

import pytest

from voicectl.cli.talk_screen import ScreenState, screen_lines
from voicectl.dialogue.latency import LatencyBreakdown, StageReport
from voicectl.session import events
from voicectl.session.report import AudioReport, Exchange, SetupTimes

STAGES = StageReport(endpoint_ms=118, stt_ms=9, reply_ms=1, tts_ms=41)


def call_in_progress() -> ScreenState:
    state = ScreenState("voicectl talk · local agent")
    setup = SetupTimes(signaling_ms=2, ice_ms=4, dtls_ms=3, channel_open_ms=2, first_audio_ms=38)
    state.handle_event(events.CallConnected(setup))
    for index in range(30):
        state.handle_event(events.LevelsMeasured(1000 + 100 * index, -60 + 2 * index, -20))
    state.handle_event(events.TranscriptReceived(0, "what time is it"))
    state.handle_event(events.ReplyTextReceived(0, "It is nine forty in the morning."))
    exchange = Exchange(0, "a.wav", started_ms=0, heard_latency_ms=212.0, heard_error_ms=5.0)
    exchange.latency = LatencyBreakdown(212, STAGES, network_ms=31, unexplained_ms=12)
    state.handle_event(events.ExchangeCompleted(exchange))
    audio = AudioReport(packets_received=2041, packets_lost=8, jitter_ms=3.2)
    state.handle_event(events.NetworkMeasured(audio))
    return state


@pytest.mark.parametrize(("width", "height"), [(80, 24), (132, 50), (40, 12), (20, 6)])
def test_screen_never_overflows_its_terminal(width: int, height: int) -> None:
    state = call_in_progress()
    state.handle_event(events.ReplyTextReceived(1, "word " * 400))
    lines = screen_lines(state, width, height)
    assert len(lines) <= height
    assert max(line.cell_len for line in lines) <= width


def test_screen_shows_the_call() -> None:
    text = "\n".join(line.plain for line in screen_lines(call_in_progress(), 80, 24))
    assert "connected in 9 ms" in text
    assert "00:03" in text
    assert "● what time is it" in text
    assert "○ It is nine forty in the morning." in text
    assert "212 ms heard" in text
    assert "endpoint 118" in text
    assert "unexpl 12" in text
    assert "loss 0.4%" in text


def test_newest_words_are_kept_in_sight() -> None:
    state = call_in_progress()
    for index in range(40):
        state.handle_event(events.TranscriptReceived(index, f"utterance {index}"))
    text = "\n".join(line.plain for line in screen_lines(state, 80, 24))
    assert "utterance 39" in text
    assert "utterance 3\n" not in text


def test_words_of_a_peer_cannot_move_the_cursor() -> None:
    state = call_in_progress()
    state.handle_event(events.ReplyTextReceived(1, "\x1b[2J\x07gone\u202e"))
    text = "\n".join(line.plain for line in screen_lines(state, 80, 24))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text


def test_muted_microphone_and_help_are_shown() -> None:
    state = call_in_progress()
    state.muted = state.helping = True
    text = "\n".join(line.plain for line in screen_lines(state, 80, 24))
    assert "you (muted)" in text
    assert "mute or unmute" in text
