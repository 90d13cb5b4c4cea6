"""The voice: pieces that can be sent, and where their words lie."""

from itertools import pairwise

import numpy as np
import pytest

from voicectl.agent.tts.hibari import Hibari, split_clauses
from voicectl.dialogue.latency import speech_spans
from voicectl.errors import SetupError


@pytest.fixture(scope="module")
def voice() -> Hibari:
    model = Hibari()
    model.load()
    return model


def test_each_sentence_is_a_piece_of_its_own(voice: Hibari) -> None:
    pieces = list(voice.speak("I do sums. I tell jokes."))
    assert [[word.text for word in piece.words] for piece in pieces] == [
        ["I", "do", "sums."],
        ["I", "tell", "jokes."],
    ]
    assert all(piece.pcm.dtype == np.int16 for piece in pieces)


def test_piece_sounds_at_once(voice: Hibari) -> None:
    # Whatever silence the voice begins with would be heard as latency.
    for piece in voice.speak("It is nine forty in the morning. Okay. Stop that."):
        assert speech_spans(piece.pcm, voice.sample_rate_hz)[0].start <= 24 * 25


def test_words_follow_each_other_within_the_audio(voice: Hibari) -> None:
    (piece,) = voice.speak("Seven times eight is fifty six.")
    assert piece.words[0].start_ms == 0
    for word, following in pairwise(piece.words):
        assert word.start_ms < word.end_ms <= following.start_ms
    assert piece.words[-1].end_ms <= len(piece.pcm) / 24


def test_same_text_gives_the_same_samples(voice: Hibari) -> None:
    first, second = (next(voice.speak("Hello there.")) for _ in range(2))
    assert np.array_equal(first.pcm, second.pcm)


@pytest.mark.parametrize("text", ["", " ", "...", "?!", "\N{SNOWMAN}"])
def test_text_without_words_makes_no_trouble(voice: Hibari, text: str) -> None:
    assert sum(len(piece.pcm) for piece in voice.speak(text)) < 24_000


def test_long_sentence_is_split_at_its_commas() -> None:
    assert split_clauses("I can count to twenty, spell a word, roll a die, or sing. Okay.") == [
        "I can count to twenty, spell a word,",
        "roll a die, or sing.",
        "Okay.",
    ]


def test_time_and_decimals_are_not_split() -> None:
    assert split_clauses("At 9:40 it was 3.5 degrees.") == ["At 9:40 it was 3.5 degrees."]


def test_voice_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SetupError, match="nobody"):
        Hibari(voice="nobody").load()
