"""What a script understands, answers, and gives the recognizer."""

from collections.abc import Callable
from datetime import datetime

import pytest

from voicectl.agent.script import Replier
from voicectl.agent.script_file import default_script, parse_script
from voicectl.agent.stt.pocketsphinx import unknown_words
from voicectl.dialogue.endpointing import Completeness

SCRIPT = default_script()


def replier(seed: int = 1, at: datetime = datetime(2026, 5, 21, 9, 40)) -> Replier:
    return SCRIPT.replier(seed=seed, local_time=lambda: at)


def answer(text: str) -> str:
    return replier().reply(SCRIPT.understand(text))


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("what time is it", "It is nine forty in the morning."),
        ("what is the date today", "Today is Thursday, May the twenty first."),
        ("what is seven plus eight", "Seven plus eight is fifteen."),
        ("how much is three minus twenty", "Three minus twenty is minus seventeen."),
        ("what is twenty times twenty", "Twenty times twenty is four hundred."),
        ("count to three", "One, two, three."),
        ("count to zero", "Zero."),
        ("repeat after me the rain in spain", "The rain in spain."),
        ("how do you spell apple", "Apple is spelled A, P, P, L, E."),
        ("stop", "Okay."),
        ("say that again", "I have said nothing yet."),
    ],
)
def test_default_script_answers(said: str, reply: str) -> None:
    assert answer(said) == reply


def test_every_example_of_the_default_script_is_understood() -> None:
    for choice in range(30):
        for example in SCRIPT.examples(choice):
            assert SCRIPT.understand(example) is not None, example


def test_default_script_has_no_word_that_the_recognizer_lacks() -> None:
    assert unknown_words(SCRIPT.words()) == set()


def test_reply_can_be_repeated() -> None:
    agent = replier()
    agent.reply(SCRIPT.understand("what is two plus two"))
    assert agent.reply(SCRIPT.understand("say that again")) == "Two plus two is four."
    assert agent.reply(SCRIPT.understand("say that again")) == "Two plus two is four."


def test_two_jokes_in_a_row_differ() -> None:
    agent = replier()
    joke = SCRIPT.understand("tell me a joke")
    assert agent.reply(joke) != agent.reply(joke)


def test_same_seed_gives_the_same_conversation() -> None:
    said = ["roll a die", "tell me a joke", "gibberish", "roll a die"]
    first, second = replier(seed=7), replier(seed=7)
    for text in said:
        understanding = SCRIPT.understand(text)
        assert first.reply(understanding) == second.reply(understanding)


def test_fallback_names_things_that_are_understood() -> None:
    text = answer("book a table").removeprefix("Sorry, I only know a few things. Try saying, ")
    for example in text.removesuffix(".").split(", or, "):
        assert SCRIPT.understand(example) is not None, example


@pytest.mark.parametrize("said", ["", "what is seven", "seven", "stop stop", "book a table"])
def test_what_is_no_whole_phrase_is_not_understood(said: str) -> None:
    assert SCRIPT.understand(said) is None


@pytest.mark.parametrize(
    ("said", "completeness"),
    [
        ("", Completeness.OPEN),
        ("what is", Completeness.OPEN),
        ("what is seven plus", Completeness.OPEN),
        ("what is seven plus eight", Completeness.CLOSED),
        ("thank you", Completeness.EXTENDABLE),
        ("thank you very much", Completeness.CLOSED),
        ("book a table", Completeness.OPEN),
    ],
)
def test_completeness_says_whether_a_phrase_may_go_on(
    said: str, completeness: Completeness
) -> None:
    assert SCRIPT.completeness(said) is completeness


def test_optional_words_may_be_left_out() -> None:
    script = parse_script(
        'fallback = "No."\n[[phrase]]\nsay = ["tell me [please] the time"]\nreply = "Now."\n', "s"
    )
    for said in ("tell me the time", "tell me please the time"):
        assert script.understand(said) is not None
    assert "tell me [please] the time" in script.jsgf()


def test_entry_of_several_words_fills_a_slot() -> None:
    script = parse_script(
        'fallback = "No."\n[slots]\nnumber = ["twenty", "twenty one"]\n'
        '[[phrase]]\nsay = ["count to {number}"]\nreply = "{number}"\n',
        "s",
    )
    understanding = script.understand("count to twenty one")
    assert understanding is not None
    assert understanding.slots == {"number": "twenty one"}
    assert script.completeness("count to twenty") is Completeness.EXTENDABLE


def test_greeting_is_optional() -> None:
    source = 'fallback = "No."\n[[phrase]]\nsay = ["hello"]\nreply = "Yes."\n'
    now: Callable[[], datetime] = datetime.now
    assert parse_script(source, "s").replier(seed=0, local_time=now).greeting() is None
    with_greeting = parse_script('greeting = "hello."\n' + source, "s")
    assert with_greeting.replier(seed=0).greeting() == "Hello."
