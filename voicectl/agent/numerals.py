"""Numbers, times and dates as English words, both ways: what STT hears and TTS should say."""

from datetime import date, time

__all__ = ["date_in_words", "number_from_words", "number_in_words", "time_in_words"]

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {word: value for value, word in enumerate(_SMALL)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def number_in_words(number: int) -> str:
    """A whole number below a million in size, as it is read aloud."""
    if number < 0:
        return f"minus {number_in_words(-number)}"
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_SMALL[ones]}" if ones else "")
    for unit, name in ((1000, "thousand"), (100, "hundred")):
        if number >= unit:
            high, low = divmod(number, unit)
            words = f"{number_in_words(high)} {name}"
            return f"{words} {number_in_words(low)}" if low else words
    raise AssertionError(number)


def number_from_words(words: str) -> int | None:
    """The number from 0 to 99 that these words name, or None."""
    parts = words.split()
    values = [_VALUES.get(part) for part in parts]
    match values:
        case [int(value)]:
            return value
        case [int(tens), int(ones)] if tens >= 20 and 1 <= ones <= 9:
            return tens + ones
        case _:
            return None


def time_in_words(at: time) -> str:
    """A time of day, such as "nine oh five in the morning"."""
    if at.hour < 12:
        part = "in the morning"
    elif at.hour < 18:
        part = "in the afternoon"
    else:
        part = "in the evening"
    hour = number_in_words((at.hour - 1) % 12 + 1)
    if at.minute == 0:
        return f"{hour} o'clock {part}"
    oh = "oh " if at.minute < 10 else ""
    return f"{hour} {oh}{number_in_words(at.minute)} {part}"


def date_in_words(on: date) -> str:
    """A date without its year, such as "Monday, May the twenty first"."""
    *tens, last = number_in_words(on.day).split()
    last = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return f"{on:%A}, {on:%B} the {' '.join([*tens, last])}"
