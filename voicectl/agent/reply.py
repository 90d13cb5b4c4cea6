"""What the agent says: a template with the phrase's slots and a few named actions.

`{a}` is what the caller said in the slot; `{sum a b}` is an action and its arguments, each of
them a slot. Numbers, times and dates are spelled out in words.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from voicectl.agent.numerals import (
    date_in_words,
    number_from_words,
    number_in_words,
    time_in_words,
)

__all__ = ["ACTIONS", "Action", "ReplyContext", "Template", "TemplateError"]

_FIELD = re.compile(r"\{([^{}]*)\}")
_EXAMPLES = 3


class TemplateError(ValueError):
    """What is wrong with a template."""


@dataclass(slots=True)
class ReplyContext:
    """What replies depend on besides the caller's words."""

    local_time: Callable[[], datetime]
    random: random.Random
    examples: Sequence[str]
    """What one may say, each phrase once."""
    last_reply: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    """What the caller said in the slots of the phrase."""


@dataclass(frozen=True, slots=True)
class Action:
    """A named piece of a reply that has to be worked out."""

    arguments: int
    """How many slots it takes."""
    numeric: bool
    """Whether these have to be numbers."""
    say: Callable[[ReplyContext, Sequence[str]], str]


def _arithmetic(operation: Callable[[int, int], int]) -> Action:
    def say(_context: ReplyContext, arguments: Sequence[str]) -> str:
        left, right = (number_from_words(argument) or 0 for argument in arguments)
        return number_in_words(operation(left, right))

    return Action(2, numeric=True, say=say)


def _count(_context: ReplyContext, arguments: Sequence[str]) -> str:
    last = number_from_words(arguments[0]) or 0
    return ", ".join(number_in_words(number) for number in range(min(last, 1), last + 1))


def _examples(context: ReplyContext, _arguments: Sequence[str]) -> str:
    shown = context.random.sample(context.examples, min(_EXAMPLES, len(context.examples)))
    return ", or, ".join(shown)


ACTIONS: Mapping[str, Action] = {
    "time": Action(0, False, lambda context, _: time_in_words(context.local_time().time())),
    "date": Action(0, False, lambda context, _: date_in_words(context.local_time().date())),
    "sum": _arithmetic(lambda left, right: left + right),
    "difference": _arithmetic(lambda left, right: left - right),
    "product": _arithmetic(lambda left, right: left * right),
    "count": Action(1, True, _count),
    "spell": Action(1, False, lambda _, words: ", ".join(words[0].replace(" ", "").upper())),
    "die": Action(0, False, lambda context, _: number_in_words(context.random.randint(1, 6))),
    "last": Action(0, False, lambda context, _: context.last_reply or "I have said nothing yet."),
    "examples": Action(0, False, _examples),
}
"""The actions by name: time, date, sum a b, difference a b, product a b, count n, spell word,
die, last (the reply before), examples (three things one can say)."""


@dataclass(frozen=True, slots=True)
class Template:
    """A reply that is filled in for each utterance."""

    text: str

    def check(self, slots: Mapping[str, Sequence[str]]) -> None:
        """Check the fields against a phrase's slots, given with the entries each may hold.

        Raises:
            TemplateError: a field is neither a slot nor an action, or an action's arguments
                are not the slots it takes.
        """
        if re.search(r"[{}]", _FIELD.sub("", self.text)):
            raise TemplateError("a brace without its partner")
        for written in _FIELD.findall(self.text):
            name, *arguments = written.split() or [""]
            if name in slots and not arguments:
                continue
            action = ACTIONS.get(name)
            if action is None:
                raise TemplateError(f"{{{written}}} is neither a slot of the phrase nor an action")
            _check_arguments(written, action, arguments, slots)

    def fill(self, context: ReplyContext) -> str:
        """The words to say. The template must have passed `check`."""

        def value(match: re.Match[str]) -> str:
            name, *arguments = match[1].split()
            if name in context.slots and not arguments:
                return context.slots[name]
            return ACTIONS[name].say(context, [context.slots[slot] for slot in arguments])

        return _FIELD.sub(value, self.text)


def _check_arguments(
    written: str, action: Action, arguments: Sequence[str], slots: Mapping[str, Sequence[str]]
) -> None:
    if len(arguments) != action.arguments:
        raise TemplateError(f"{{{written}}} takes {action.arguments} slots")
    for argument in arguments:
        if argument not in slots:
            raise TemplateError(f"`{argument}` in {{{written}}} is not a slot of the phrase")
        if action.numeric:
            for entry in slots[argument]:
                if number_from_words(entry) is None:
                    raise TemplateError(f"{{{written}}} needs numbers, and `{entry}` is none")
