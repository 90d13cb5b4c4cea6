"""One way to say something: words, optional words, and slots with listed vocabularies.

Written `tell me [please] the time` or `what is {a:number} plus {b:number}`; `{number}` alone
names the slot after its vocabulary. A phrase turns into JSGF for the recognizer, and what the
recognizer hears is matched against it again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Optional", "Phrase", "PhraseError", "Reading", "Slot", "Word", "words_of"]

_ELEMENT = re.compile(
    r"\s*(?:"
    r"\{(?:(?P<slot>[a-z_]+):)?(?P<vocabulary>[a-z_]+)\}"
    r"|\[(?P<optional>[a-z' ]+)\]"
    r"|(?P<word>[a-z']+)"
    r")"
)


class PhraseError(ValueError):
    """What is wrong with the notation of a phrase."""


def words_of(text: str) -> list[str]:
    """The words of a text as a recognizer knows them: lower case, without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


@dataclass(frozen=True, slots=True)
class Word:
    """A word that has to be said."""

    text: str


@dataclass(frozen=True, slots=True)
class Optional:
    """Words that may be left out together."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry of a vocabulary."""

    name: str
    vocabulary: str


Element = Word | Optional | Slot
Vocabularies = Mapping[str, Sequence[tuple[str, ...]]]
"""Each vocabulary's entries, as tuples of words."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read words as (the beginning of) a phrase."""

    slots: Mapping[str, str]
    complete: bool
    """The phrase may end here."""
    extendable: bool
    """The phrase may go on here."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sequence of elements."""

    elements: tuple[Element, ...]

    @classmethod
    def parse(cls, text: str) -> "Phrase":
        """Read the notation.

        Raises:
            PhraseError: it is empty or not in the notation.
        """
        elements: list[Element] = []
        position = 0
        while position < len(text.rstrip()):
            match = _ELEMENT.match(text, position)
            if match is None:
                raise PhraseError(
                    f"`{text[position:].strip()}` is not a lower-case word, [optional words] "
                    "or a {slot}"
                )
            position = match.end()
            if match["vocabulary"]:
                elements.append(Slot(match["slot"] or match["vocabulary"], match["vocabulary"]))
            elif match["optional"]:
                elements.append(Optional(tuple(match["optional"].split())))
            else:
                elements.append(Word(match["word"]))
        if not any(isinstance(element, Word | Slot) for element in elements):
            raise PhraseError("a phrase needs a word that has to be said")
        return cls(tuple(elements))

    @property
    def slots(self) -> list[Slot]:
        """Its slots, in order."""
        return [element for element in self.elements if isinstance(element, Slot)]

    @property
    def words(self) -> set[str]:
        """Its own words, without those of the vocabularies."""
        found: set[str] = set()
        for element in self.elements:
            if isinstance(element, Word):
                found.add(element.text)
            elif isinstance(element, Optional):
                found.update(element.words)
        return found

    def jsgf(self) -> str:
        """The expansion of a JSGF rule; a vocabulary is the rule of its name."""
        parts = []
        for element in self.elements:
            match element:
                case Word(text):
                    parts.append(text)
                case Optional(words):
                    parts.append(f"[{' '.join(words)}]")
                case Slot(_, vocabulary):
                    parts.append(f"<{vocabulary}>")
        return " ".join(parts)

    def example(self, vocabularies: Vocabularies, choice: int = 0) -> str:
        """The phrase as it might be said, each slot filled with an entry that `choice` picks."""
        parts: list[str] = []
        for index, element in enumerate(self.elements):
            match element:
                case Word(text):
                    parts.append(text)
                case Slot(_, vocabulary):
                    entries = vocabularies[vocabulary]
                    parts.extend(entries[(choice + index) % len(entries)])
                case Optional():
                    pass
        return " ".join(parts)

    def read(self, words: Sequence[str], vocabularies: Vocabularies) -> Iterator[Reading]:
        """Every way to read all of `words` as this phrase or its beginning."""
        yield from _read(self.elements, tuple(words), vocabularies, {})


def _read(
    elements: tuple[Element, ...],
    words: tuple[str, ...],
    vocabularies: Vocabularies,
    slots: dict[str, str],
) -> Iterator[Reading]:
    if not words:
        complete = all(isinstance(element, Optional) for element in elements)
        yield Reading(slots, complete=complete, extendable=bool(elements))
        return
    if not elements:
        return
    first, rest = elements[0], elements[1:]
    match first:
        case Word(text):
            alternatives: Sequence[tuple[str, ...]] = ((text,),)
        case Optional(optional):
            alternatives = ((), optional)
        case Slot(_, vocabulary):
            alternatives = vocabularies[vocabulary]
    for entry in alternatives:
        filled = slots | {first.name: " ".join(entry)} if isinstance(first, Slot) else slots
        if words[: len(entry)] == entry:
            yield from _read(rest, words[len(entry) :], vocabularies, filled)
        elif entry[: len(words)] == words:
            yield Reading(slots, complete=False, extendable=True)
