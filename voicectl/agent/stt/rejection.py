"""Tells speech that the grammar knows from speech that was forced into it.

A closed grammar makes something of everything ("book a table for two" becomes "what is ten plus
six"). Two things give it away: the words fit the sound badly, measured per frame against the
best that the acoustic model could have said of that frame; and the sounds heard freely, by a loop
of all phones, are not those of the words.

The weights were fitted on the sentences of benches/sentences. Fitted on one half of them, they
rejected 93 and 99 % of the other half's out-of-script sentences and 3 and 5 % of its in-script
ones. `benches/rejection.py` prints what they do today.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["WordScore", "confidence", "edit_distance"]

_MISFIT_WEIGHT = -1.97
"""Per nat a frame."""
_DISTANCE_WEIGHT = -17.43
_BIAS = 26.67


@dataclass(frozen=True, slots=True)
class WordScore:
    """A word of the grammar's result and how it fits the sound."""

    phones: tuple[str, ...]
    frames: int
    nats: float
    """Log likelihood over its frames, relative to the best model of each frame; 0 at best."""


def confidence(words: Sequence[WordScore], phones_heard: Sequence[str]) -> float:
    """How likely it is that these words were said, 0 to 1; 0.5 is where to doubt.

    Args:
        words: What the grammar makes of the utterance, silence left out.
        phones_heard: What was heard without a grammar, silence and noises left out.
    """
    frames = sum(word.frames for word in words)
    if not frames:
        return 0.0
    misfit = -sum(word.nats for word in words) / frames
    expected = [phone for word in words for phone in word.phones]
    longest = max(len(expected), len(phones_heard), 1)
    distance = edit_distance(expected, phones_heard) / longest
    logit = _BIAS + _MISFIT_WEIGHT * misfit + _DISTANCE_WEIGHT * distance
    return 1.0 / (1.0 + math.exp(-max(min(logit, 50.0), -50.0)))


def edit_distance(expected: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest insertions, deletions and substitutions that turn one into the other."""
    row = list(range(len(heard) + 1))
    for count, symbol in enumerate(expected, start=1):
        diagonal, row[0] = row[0], count
        for index, other in enumerate(heard, start=1):
            substituted = diagonal + (symbol != other)
            diagonal = row[index]
            row[index] = min(row[index] + 1, row[index - 1] + 1, substituted)
    return row[-1]
