"""The book of a call: latencies and stops are measured on the recording, to the millisecond."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.dialogue.latency import StageReport
from voicectl.session import events
from voicectl.session.call_audio import SAMPLE_RATE_HZ, CallAudio
from voicectl.session.exchanges import Exchanges
from voicectl.signaling import openai

PER_MS = SAMPLE_RATE_HZ // 1000


def voice(duration_ms: int) -> NDArray[np.int16]:
    samples = np.arange(duration_ms * PER_MS)
    return (6000 * np.sin(2 * np.pi * 200 * samples / SAMPLE_RATE_HZ)).astype(np.int16)


def channel(length_ms: int, *speech_ms: tuple[int, int]) -> NDArray[np.int16]:
    """Silence, with speech from and to these times."""
    pcm = np.zeros(length_ms * PER_MS, np.int16)
    for start, end in speech_ms:
        pcm[start * PER_MS : end * PER_MS] = voice(end - start)
    return pcm


class Book:
    """An `Exchanges` over two whole channels."""

    def __init__(self, said: NDArray[np.int16], heard: NDArray[np.int16]) -> None:
        audio = CallAudio(recording=None)
        audio.handle_said(said)
        audio.handle_heard(heard)
        self.emitted: list[events.SessionEvent] = []
        self.exchanges = Exchanges(audio, self.emitted.append, network_ms=lambda: 60.0)


def test_heard_latency_runs_from_the_last_sound_said_to_the_first_one_heard() -> None:
    book = Book(channel(4000, (500, 1500)), channel(4000, (1912, 3000)))
    book.exchanges.handle_utterance_started(0, "a.wav", 400 * PER_MS)
    book.exchanges.handle_utterance_ended(1700 * PER_MS)
    book.exchanges.handle_report(openai.ReplyTextReported("resp_1", "It is noon."))
    stages = StageReport(endpoint_ms=250, stt_ms=10, reply_ms=1, tts_ms=40)
    book.exchanges.handle_report(openai.StagesReported("resp_1", stages))
    book.exchanges.handle_reply_started(1910 * PER_MS)
    book.exchanges.handle_reply_ended(3000 * PER_MS)
    [exchange] = book.exchanges.completed
    assert exchange.heard_latency_ms == pytest.approx(412, abs=2)
    assert exchange.heard_error_ms is not None
    assert exchange.ended_ms == pytest.approx(1500, abs=2)
    assert exchange.reply_onset_ms == pytest.approx(1912, abs=2)
    assert exchange.latency is not None
    assert exchange.latency.unexplained_ms == pytest.approx(412 - 301 - 60, abs=2)


def test_interrupted_reply_tells_how_long_the_agent_went_on() -> None:
    said = channel(6000, (500, 1000), (2500, 3400))
    heard = channel(6000, (1400, 1900), (2000, 2580), (3800, 4500))
    book = Book(said, heard)
    book.exchanges.handle_utterance_started(0, "a.wav", 500 * PER_MS)
    book.exchanges.handle_utterance_ended(1000 * PER_MS)
    book.exchanges.handle_reply_started(1400 * PER_MS)
    book.exchanges.handle_utterance_started(1, "b.wav", 2400 * PER_MS)
    book.exchanges.handle_reply_ended(2580 * PER_MS)
    book.exchanges.handle_utterance_ended(3400 * PER_MS)
    book.exchanges.handle_reply_started(3800 * PER_MS)
    book.exchanges.handle_reply_ended(4500 * PER_MS)
    first, second = book.exchanges.completed
    assert first.interrupted
    assert first.stopped_in_ms == pytest.approx(80, abs=2)
    assert not second.interrupted
    assert second.heard_latency_ms == pytest.approx(400, abs=2)


def test_transcript_that_is_heard_anew_replaces_the_first_one() -> None:
    book = Book(channel(2000, (0, 1000)), channel(2000))
    book.exchanges.handle_utterance_started(0, "a.wav", 0)
    book.exchanges.handle_report(openai.TranscriptReported("item_1", "count"))
    book.exchanges.handle_report(openai.TranscriptReported("item_1", "count to ten"))
    book.exchanges.close()
    [exchange] = book.exchanges.completed
    assert exchange.transcript == "count to ten"


def test_call_that_is_cut_off_keeps_what_was_heard_of_the_reply() -> None:
    book = Book(channel(2000, (0, 500)), channel(2000, (900, 2000)))
    book.exchanges.handle_utterance_started(0, "a.wav", 0)
    book.exchanges.handle_utterance_ended(500 * PER_MS)
    book.exchanges.handle_reply_started(900 * PER_MS)
    book.exchanges.close()
    [exchange] = book.exchanges.completed
    assert exchange.heard_latency_ms == pytest.approx(400, abs=2)
    assert exchange.reply_end_ms == 2000


def test_unanswered_utterance_is_completed_without_a_latency() -> None:
    book = Book(channel(2000, (0, 500)), channel(2000))
    book.exchanges.handle_utterance_started(0, "a.wav", 0)
    book.exchanges.handle_utterance_ended(500 * PER_MS)
    book.exchanges.handle_unanswered(0)
    [exchange] = book.exchanges.completed
    assert exchange.heard_latency_ms is None
    assert exchange.reply_onset_ms is None


def test_reply_into_the_silence_at_the_end_of_a_file_belongs_to_what_was_said() -> None:
    book = Book(channel(4000, (0, 1000)), channel(4000, (1400, 2000)))
    book.exchanges.handle_utterance_started(0, "a.wav", 0)
    book.exchanges.handle_reply_started(1400 * PER_MS)
    book.exchanges.handle_utterance_ended(1500 * PER_MS)
    book.exchanges.handle_reply_ended(2000 * PER_MS)
    [exchange] = book.exchanges.completed
    assert exchange.heard_latency_ms == pytest.approx(400, abs=2)
