"""When the caller speaks: after replies, into them, at times, and when none comes."""

import pytest

from voicectl.errors import UsageError
from voicectl.session.utterance_plan import (
    AfterReply,
    AtTime,
    IntoReply,
    Start,
    UtterancePlan,
    parse_start,
)
from voicectl.units import NS_PER_MS, NS_PER_S

MS = NS_PER_MS


@pytest.mark.parametrize(
    ("text", "name", "start"),
    [
        ("a.wav", "a.wav", AfterReply()),
        ("a.wav@reply+600ms", "a.wav", IntoReply(600 * MS)),
        ("a.wav@reply+1.5s", "a.wav", IntoReply(1500 * MS)),
        ("a.wav@12s", "a.wav", AtTime(12 * NS_PER_S)),
        ("me@home/a.wav", "me@home/a.wav", AfterReply()),
        ("me@home.wav@250ms", "me@home.wav", AtTime(250 * MS)),
    ],
)
def test_start_is_taken_off_the_file_name(text: str, name: str, start: Start) -> None:
    assert parse_start(text) == (name, start)


@pytest.mark.parametrize("text", ["a.wav@reply", "a.wav@reply-5ms", "a.wav@12", "a.wav@5min"])
def test_malformed_start_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_start(text)
    assert "@reply+600ms" in str(refused.value.hint)


def test_utterances_follow_each_other_each_after_the_reply_to_the_one_before() -> None:
    plan = UtterancePlan([AfterReply(), AfterReply()], now_ns=0, pause_ns=300 * MS)
    assert plan.poll_due(0) == 0
    plan.handle_utterance_ended(1000 * MS)
    assert plan.poll_due(1100 * MS) is None
    plan.handle_reply_started(1500 * MS)
    plan.handle_reply_ended(3000 * MS)
    assert plan.next_timeout() == 3300 * MS
    assert plan.poll_due(3299 * MS) is None
    assert plan.poll_due(3300 * MS) == 1
    plan.handle_utterance_ended(4000 * MS)
    plan.handle_reply_started(4500 * MS)
    assert not plan.finished
    plan.handle_reply_ended(5000 * MS)
    assert plan.finished


def test_barge_in_starts_so_far_into_the_reply_and_waits_for_a_reply_of_its_own() -> None:
    plan = UtterancePlan([AfterReply(), IntoReply(600 * MS)], now_ns=0)
    assert plan.poll_due(0) == 0
    plan.handle_utterance_ended(1000 * MS)
    plan.handle_reply_started(1500 * MS)
    assert plan.poll_due(2099 * MS) is None
    assert plan.poll_due(2100 * MS) == 1
    plan.handle_reply_ended(2250 * MS)
    plan.handle_utterance_ended(3000 * MS)
    assert not plan.finished
    plan.handle_reply_started(3500 * MS)
    plan.handle_reply_ended(4000 * MS)
    assert plan.finished


def test_reply_that_outlives_the_barge_in_is_not_taken_for_the_reply_to_it() -> None:
    plan = UtterancePlan([AfterReply(), IntoReply(600 * MS), AfterReply()], now_ns=0)
    assert plan.poll_due(0) == 0
    plan.handle_utterance_ended(1000 * MS)
    plan.handle_reply_started(1500 * MS)
    assert plan.poll_due(2100 * MS) == 1
    plan.handle_utterance_ended(2500 * MS)
    plan.handle_reply_ended(2700 * MS)
    assert plan.poll_due(3500 * MS) is None


def test_missing_reply_is_counted_and_does_not_hold_up_the_call() -> None:
    plan = UtterancePlan([AfterReply(), AfterReply()], now_ns=0, reply_timeout_ns=10 * NS_PER_S)
    assert plan.poll_due(0) == 0
    plan.handle_utterance_ended(1 * NS_PER_S)
    assert plan.next_timeout() == 11 * NS_PER_S
    assert plan.poll_due(11 * NS_PER_S) is None
    assert plan.unanswered == [0]
    assert plan.poll_due(11 * NS_PER_S + 300 * MS) == 1


def test_utterance_at_a_time_of_the_call_waits_for_nothing_else() -> None:
    plan = UtterancePlan([AtTime(2 * NS_PER_S)], now_ns=5 * NS_PER_S)
    assert plan.next_timeout() == 7 * NS_PER_S
    assert plan.poll_due(6 * NS_PER_S) is None
    assert plan.poll_due(7 * NS_PER_S) == 0


def test_reply_that_comes_before_the_utterance_has_ended_is_the_reply_to_it() -> None:
    plan = UtterancePlan([AfterReply()], now_ns=0)
    assert plan.poll_due(0) == 0
    plan.handle_reply_started(900 * MS)
    plan.handle_reply_ended(1400 * MS)
    assert not plan.finished
    plan.handle_utterance_ended(1500 * MS)
    assert plan.finished
    assert plan.unanswered == []
