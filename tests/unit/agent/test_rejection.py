"""Words that were forced onto the sound are told by their scores and by the phones heard."""

import pytest

from voicectl.agent.stt.rejection import WordScore, confidence, edit_distance

STOP = ("S", "T", "AA", "P")


def test_words_that_fit_the_sound_are_sure() -> None:
    assert confidence([WordScore(STOP, frames=40, nats=-200)], STOP) > 0.9


def test_words_that_fit_the_sound_badly_are_doubted() -> None:
    assert confidence([WordScore(STOP, frames=40, nats=-600)], ["B", "UH", "K", "AH"]) < 0.1


def test_other_phones_lower_the_confidence() -> None:
    word = WordScore(STOP, frames=40, nats=-280)
    heard = [STOP, ("S", "T", "AH", "P"), ("S", "IH", "N", "P"), ("B", "UH", "K", "AH")]
    levels = [confidence([word], phones) for phones in heard]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > levels[-1]


def test_nothing_heard_is_not_believed() -> None:
    assert confidence([], []) == 0.0
    assert confidence([WordScore((), frames=0, nats=0.0)], ["S"]) == 0.0


@pytest.mark.parametrize(
    ("expected", "heard", "distance"),
    [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("abc", "abc", 0), ("abcd", "xbd", 2)],
)
def test_edit_distance_counts_what_has_to_change(expected: str, heard: str, distance: int) -> None:
    assert edit_distance(expected, heard) == distance
