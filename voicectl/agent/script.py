"""The dialogue script: the whole mind of the embedded agent. `script_file` reads it from TOML."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from voicectl.agent.phrase import Phrase, words_of
from voicectl.agent.reply import ReplyContext, Template
from voicectl.dialogue.endpointing import Completeness

__all__ = ["Replier", "Rule", "Script", "Understanding"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Ways to say one thing, and the replies to choose from."""

    phrases: tuple[Phrase, ...]
    replies: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Understanding:
    """A rule that an utterance matched, with its slots filled."""

    rule: Rule
    slots: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Script:
    """What can be said and what is answered."""

    rules: tuple[Rule, ...]
    vocabularies: Mapping[str, tuple[tuple[str, ...], ...]]
    fallback: Template
    greeting: Template | None = None

    def jsgf(self) -> str:
        """The grammar of everything one can say, in JSGF."""
        lines = ["#JSGF V1.0;", "grammar script;"]
        for name, entries in self.vocabularies.items():
            lines.append(f"<{name}> = {' | '.join(' '.join(entry) for entry in entries)};")
        said = [phrase.jsgf() for rule in self.rules for phrase in rule.phrases]
        lines.append("public <utterance> = " + "\n  | ".join(said) + ";")
        return "\n".join(lines) + "\n"

    def words(self) -> set[str]:
        """Every word a recognizer has to know."""
        found = {word for rule in self.rules for phrase in rule.phrases for word in phrase.words}
        return found.union(*(entry for entries in self.vocabularies.values() for entry in entries))

    def understand(self, text: str) -> Understanding | None:
        """The first rule that all of `text` matches."""
        words = words_of(text)
        for rule in self.rules:
            for phrase in rule.phrases:
                for reading in phrase.read(words, self.vocabularies):
                    if reading.complete:
                        return Understanding(rule, reading.slots)
        return None

    def completeness(self, text: str) -> Completeness:
        """Whether what was said so far is a whole phrase, and whether one could go on."""
        words = words_of(text)
        readings = [
            reading
            for rule in self.rules
            for phrase in rule.phrases
            for reading in phrase.read(words, self.vocabularies)
        ]
        if not words or not any(reading.complete for reading in readings):
            return Completeness.OPEN
        if any(reading.extendable for reading in readings):
            return Completeness.EXTENDABLE
        return Completeness.CLOSED

    def examples(self, choice: int = 0) -> list[str]:
        """One thing to say for each rule; `choice` picks the fillings of the slots."""
        return [rule.phrases[0].example(self.vocabularies, choice) for rule in self.rules]

    def replier(self, *, seed: int, local_time: Callable[[], datetime] = datetime.now) -> "Replier":
        """Someone to answer after this script."""
        return Replier(
            self, ReplyContext(local_time, random.Random(seed), self.examples(choice=seed))
        )


@dataclass(slots=True)
class Replier:
    """Finds the replies of one conversation."""

    script: Script
    context: ReplyContext
    _next_reply: dict[int, int] = field(default_factory=dict)

    def greeting(self) -> str | None:
        """What the agent says first, if the script has a greeting."""
        greeting = self.script.greeting
        return None if greeting is None else self._say(greeting, {})

    def reply(self, understanding: Understanding | None) -> str:
        """The words that answer what was understood; the fallback to None."""
        if understanding is None:
            return self._say(self.script.fallback, {})
        replies = understanding.rule.replies
        # In turn from a random beginning: a caller who asks twice does not hear the same joke.
        key = id(understanding.rule)
        turn = self._next_reply.get(key, self.context.random.randrange(len(replies)))
        self._next_reply[key] = turn + 1
        return self._say(replies[turn % len(replies)], understanding.slots)

    def _say(self, template: Template, slots: Mapping[str, str]) -> str:
        self.context.slots = slots
        text = template.fill(self.context)
        self.context.last_reply = text
        return text[:1].upper() + text[1:]
