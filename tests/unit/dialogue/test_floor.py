"""Who has the floor, and when it changes hands."""

import pytest

from voicectl.dialogue.barge_in import SpokenWord, heard_text
from voicectl.dialogue.endpointing import Completeness, EndpointingSettings
from voicectl.dialogue.events import UtteranceEnded, UtteranceResumed, UtteranceStarted
from voicectl.dialogue.floor import Floor, FloorEvent, FloorSettings, FloorState

MS = 16
NS_PER_MS = 1_000_000
SETTINGS = FloorSettings(
    EndpointingSettings(
        closed_silence_ms=200,
        extendable_silence_ms=400,
        open_silence_ms=500,
        max_utterance_ms=5_000,
        dry_stream_ms=300,
    ),
    barge_in_ms=80,
)


def drain(floor: Floor) -> list[FloorEvent]:
    events = []
    while (event := floor.poll_event()) is not None:
        events.append(event)
    return events


def hear_until(floor: Floor, ms: int) -> None:
    floor.handle_audio(ms * MS, ms * NS_PER_MS)


def after_utterance() -> Floor:
    """A floor whose caller spoke from 100 to 900 ms and was silent until 1400 ms."""
    floor = Floor(SETTINGS)
    floor.handle_speech_started(100 * MS, 150 * NS_PER_MS)
    floor.handle_speech_ended(900 * MS, 1000 * NS_PER_MS)
    hear_until(floor, 1400)
    drain(floor)
    return floor


@pytest.mark.parametrize(
    ("completeness", "silence_ms"),
    [(Completeness.CLOSED, 200), (Completeness.EXTENDABLE, 400), (Completeness.OPEN, 500)],
)
def test_silence_that_ends_an_utterance_depends_on_what_was_understood(
    completeness: Completeness, silence_ms: int
) -> None:
    floor = Floor(SETTINGS)
    floor.handle_speech_started(100 * MS, 150 * NS_PER_MS)
    floor.handle_speech_ended(900 * MS, 1000 * NS_PER_MS)
    floor.handle_completeness(completeness, 1000 * NS_PER_MS)
    drain(floor)
    hear_until(floor, 900 + silence_ms - 10)
    assert drain(floor) == []
    hear_until(floor, 900 + silence_ms)
    at_ns = (900 + silence_ms) * NS_PER_MS
    assert drain(floor) == [UtteranceEnded(at_ns, 1, 100 * MS, 900 * MS)]


def test_utterance_understood_late_ends_at_once() -> None:
    floor = Floor(SETTINGS)
    floor.handle_speech_started(0, 0)
    floor.handle_speech_ended(900 * MS, 1000 * NS_PER_MS)
    hear_until(floor, 1200)
    drain(floor)
    floor.handle_completeness(Completeness.CLOSED, 1205 * NS_PER_MS)
    assert drain(floor) == [UtteranceEnded(1205 * NS_PER_MS, 1, 0, 900 * MS)]


def test_speech_while_the_reply_is_due_resumes_the_utterance() -> None:
    floor = after_utterance()
    assert floor.state is FloorState.REPLY_DUE
    floor.handle_speech_started(1420 * MS, 1450 * NS_PER_MS)
    assert drain(floor) == [UtteranceResumed(1450 * NS_PER_MS, 1)]
    floor.handle_speech_ended(2000 * MS, 2100 * NS_PER_MS)
    hear_until(floor, 2500)
    assert drain(floor) == [UtteranceEnded(2500 * NS_PER_MS, 1, 100 * MS, 2000 * MS)]


def test_speech_over_the_agent_interrupts_once_it_has_lasted() -> None:
    floor = after_utterance()
    floor.handle_reply_audio_started()
    floor.handle_speech_started(1500 * MS, 1540 * NS_PER_MS)
    hear_until(floor, 1570)
    assert drain(floor) == []
    hear_until(floor, 1580)
    assert drain(floor) == [UtteranceStarted(1580 * NS_PER_MS, 2, 1500 * MS, over_reply=True)]
    assert floor.state is FloorState.CALLER


def test_speech_over_the_agent_that_stops_early_is_let_pass() -> None:
    floor = after_utterance()
    floor.handle_reply_audio_started()
    floor.handle_speech_started(1500 * MS, 1540 * NS_PER_MS)
    hear_until(floor, 1570)
    floor.handle_speech_ended(1560 * MS, 1575 * NS_PER_MS)
    hear_until(floor, 3000)
    assert drain(floor) == []
    assert floor.state is FloorState.AGENT


def test_speech_under_way_when_the_reply_ends_becomes_an_utterance() -> None:
    floor = after_utterance()
    floor.handle_reply_audio_started()
    floor.handle_speech_started(1500 * MS, 1540 * NS_PER_MS)
    floor.handle_reply_ended(1550 * NS_PER_MS)
    assert drain(floor) == [UtteranceStarted(1550 * NS_PER_MS, 2, 1500 * MS, over_reply=False)]


def test_floor_is_free_after_the_reply() -> None:
    floor = after_utterance()
    floor.handle_reply_audio_started()
    floor.handle_reply_ended(5000 * NS_PER_MS)
    assert floor.state is FloorState.FREE
    assert floor.next_timeout() is None


def test_reply_that_ends_while_the_caller_speaks_does_not_take_the_floor() -> None:
    floor = Floor(SETTINGS)
    floor.handle_speech_started(0, 0)
    floor.handle_reply_audio_started()
    floor.handle_reply_ended(100 * NS_PER_MS)
    assert floor.state is FloorState.CALLER


def test_dry_stream_ends_the_utterance_by_the_clock() -> None:
    floor = Floor(SETTINGS)
    floor.handle_speech_started(100 * MS, 150 * NS_PER_MS)
    hear_until(floor, 800)
    # 500 ms of silence are missing, and 300 ms more say that they will not come.
    assert floor.next_timeout() == 1600 * NS_PER_MS
    drain(floor)
    floor.handle_timeout(1599 * NS_PER_MS)
    assert drain(floor) == []
    floor.handle_timeout(1600 * NS_PER_MS)
    assert drain(floor) == [UtteranceEnded(1600 * NS_PER_MS, 1, 100 * MS, 800 * MS)]


def test_word_counts_as_heard_once_half_of_it_was_sent() -> None:
    words = [SpokenWord("seven", 0, 300), SpokenWord("times", 300, 600)]
    assert heard_text(words, 149) == ""
    assert heard_text(words, 150) == "seven"
    assert heard_text(words, 449) == "seven"
    assert heard_text(words, 450) == "seven times"
