"""Numbers, times and dates in words."""

from datetime import date, time

import pytest

from voicectl.agent.numerals import (
    date_in_words,
    number_from_words,
    number_in_words,
    time_in_words,
)


def test_every_number_that_can_be_heard_is_said_the_same_way() -> None:
    for number in range(100):
        assert number_from_words(number_in_words(number)) == number


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (-7, "minus seven"),
        (100, "one hundred"),
        (361, "three hundred sixty one"),
        (9801, "nine thousand eight hundred one"),
    ],
)
def test_larger_numbers_are_spelled_out(number: int, words: str) -> None:
    assert number_in_words(number) == words


@pytest.mark.parametrize("words", ["", "twenty twenty", "one two", "ten five", "twenty zero", "x"])
def test_words_that_name_no_number_are_none(words: str) -> None:
    assert number_from_words(words) is None


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (time(0, 0), "twelve o'clock in the morning"),
        (time(9, 5), "nine oh five in the morning"),
        (time(12, 30), "twelve thirty in the afternoon"),
        (time(23, 59), "eleven fifty nine in the evening"),
    ],
)
def test_time_is_read_aloud(at: time, words: str) -> None:
    assert time_in_words(at) == words


def test_days_of_a_month_are_ordinals() -> None:
    days = [date_in_words(date(2026, 1, day)).rpartition("the ")[2] for day in range(1, 32)]
    assert days[:5] == ["first", "second", "third", "fourth", "fifth"]
    assert [days[11], days[19], days[20], days[29]] == [
        "twelfth",
        "twentieth",
        "twenty first",
        "thirtieth",
    ]
