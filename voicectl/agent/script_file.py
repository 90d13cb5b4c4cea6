"""Reads dialogue scripts from TOML and says where one is wrong.

`scripts/default.toml` shows and explains the format.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NoReturn, TypeGuard

from voicectl.agent.phrase import Phrase, PhraseError, words_of
from voicectl.agent.reply import ACTIONS, Template, TemplateError
from voicectl.agent.script import Rule, Script
from voicectl.errors import UsageError

__all__ = ["UnknownWords", "default_script", "load_script", "parse_script"]

UnknownWords = Callable[[set[str]], set[str]]
"""Tells which of the words the recognizer has no pronunciation of."""

_KEYS = ("fallback", "greeting", "phrase", "slots")
_PHRASE_KEYS = ("reply", "say")
_MAX_REPLY_CHARACTERS = 1000
_FILE_HINT = "give --script a TOML file"
_BROUGHT_ALONG = files("voicectl.agent") / "scripts" / "default.toml"
_HINT = f"the script that voicectl brings along shows the format: {_BROUGHT_ALONG}"


def default_script() -> Script:
    """The script that voicectl brings along."""
    return parse_script(_BROUGHT_ALONG.read_text(encoding="utf-8"), "default.toml")


def load_script(path: Path, *, unknown_words: UnknownWords | None = None) -> Script:
    """Read and check a script.

    Args:
        path: A TOML file.
        unknown_words: Tells which of the script's words the recognizer has no pronunciation of.

    Raises:
        UsageError: the file cannot be read, is no TOML or no script; says the line and what was
            expected there.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=_FILE_HINT) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: it is no text", hint=_FILE_HINT) from error
    return parse_script(source, str(path), unknown_words=unknown_words)


def parse_script(source: str, name: str, *, unknown_words: UnknownWords | None = None) -> Script:
    """Read and check the text of a script; `name` stands for the file in errors.

    Raises:
        UsageError: as `load_script`.
    """
    return _Reader(source, name).read(unknown_words)


class _Reader:
    """Checks a script, keeping at hand where in the file each thing is written."""

    def __init__(self, source: str, name: str) -> None:
        self._lines = source.splitlines()
        self._source = source
        self._name = name

    def read(self, unknown_words: UnknownWords | None) -> Script:
        try:
            document = tomllib.loads(self._source)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", str(error))
            line = int(found[1]) if found and found[1] else len(self._lines)
            self._refuse(line, str(error).partition(" (at")[0])
        self._check_keys(document, _KEYS, "the script", 1, len(self._lines))
        vocabularies = self._vocabularies(document.get("slots", {}))
        rules = self._rules(document.get("phrase"), vocabularies)
        fallback = self._template(document.get("fallback"), "fallback", self._line("fallback"), {})
        greeting = document.get("greeting")
        script = Script(
            rules,
            vocabularies,
            fallback,
            greeting and self._template(greeting, "greeting", self._line("greeting"), {}),
        )
        for word in sorted(unknown_words(script.words())) if unknown_words else ():
            self._refuse(
                self._line_with(word),
                f"the recognizer's dictionary lacks `{word}`",
                "say it in other words, or spell it as it is usually spelled",
            )
        return script

    def _vocabularies(self, slots: object) -> dict[str, tuple[tuple[str, ...], ...]]:
        if not isinstance(slots, dict):
            self._refuse(self._line("slots"), "expected a table [slots]")
        vocabularies = {}
        for name, entries in slots.items():
            line = self._line(name)
            if not re.fullmatch(r"[a-z_]+", name):
                self._refuse(line, f"`{name}` is no name of a slot: expected a-z and _")
            if not _is_strings(entries):
                self._refuse(line, f"slot `{name}`: expected a list of what may be said in it")
            split = tuple(tuple(words_of(entry)) for entry in entries)
            if not split or not all(split):
                self._refuse(line, f"slot `{name}` has an empty vocabulary")
            vocabularies[name] = split
        return vocabularies

    def _rules(
        self, tables: object, vocabularies: Mapping[str, tuple[tuple[str, ...], ...]]
    ) -> tuple[Rule, ...]:
        if not isinstance(tables, list) or not tables:
            self._refuse(self._line("phrase"), "expected at least one [[phrase]]")
        headers = [
            number
            for number, line in enumerate(self._lines, start=1)
            if re.match(r"\s*\[\[\s*phrase\s*\]\]", line)
        ] or [1] * len(tables)
        bounds = zip(headers, [*headers[1:], len(self._lines) + 1], strict=True)
        return tuple(
            self._rule(table, first, last - 1, vocabularies)
            for table, (first, last) in zip(tables, bounds, strict=False)
        )

    def _rule(
        self,
        table: Mapping[str, object],
        first: int,
        last: int,
        vocabularies: Mapping[str, tuple[tuple[str, ...], ...]],
    ) -> Rule:
        self._check_keys(table, _PHRASE_KEYS, "a phrase", first, last)
        line = self._line("say", first, last)
        said = table.get("say")
        if not _is_strings(said) or not said:
            self._refuse(line, "expected `say`, a list of what the caller may say")
        phrases = [self._phrase(text, first, last, vocabularies) for text in said]
        # A reply may use only what every form of the phrase fills in.
        common = set.intersection(*({slot.name for slot in phrase.slots} for phrase in phrases))
        slots = {
            slot.name: [" ".join(entry) for entry in vocabularies[slot.vocabulary]]
            for phrase in phrases
            for slot in phrase.slots
            if slot.name in common
        }
        replies = table.get("reply")
        line = self._line("reply", first, last)
        texts = replies if isinstance(replies, list) and replies else [replies]
        return Rule(
            tuple(phrases), tuple(self._template(text, "reply", line, slots) for text in texts)
        )

    def _phrase(
        self,
        text: str,
        first: int,
        last: int,
        vocabularies: Mapping[str, tuple[tuple[str, ...], ...]],
    ) -> Phrase:
        line = self._line_with(text, first, last)
        try:
            phrase = Phrase.parse(text)
        except PhraseError as error:
            self._refuse(line, f"phrase `{text}`: {error}")
        names = [slot.name for slot in phrase.slots]
        if len(set(names)) < len(names):
            self._refuse(
                line,
                f"phrase `{text}` fills one slot twice",
                "tell them apart: {a:number} and {b:number}",
            )
        for slot in phrase.slots:
            if slot.vocabulary not in vocabularies:
                self._refuse(
                    line,
                    f"phrase `{text}`: slot `{slot.vocabulary}` is not defined in [slots]",
                    f"defined are: {', '.join(sorted(vocabularies)) or 'none'}",
                )
        return phrase

    def _template(
        self, text: object, key: str, line: int, slots: Mapping[str, Sequence[str]]
    ) -> Template:
        if not isinstance(text, str):
            self._refuse(line, f"expected `{key}`, the text to say")
        if len(text) > _MAX_REPLY_CHARACTERS:
            self._refuse(line, f"`{key}` is longer than {_MAX_REPLY_CHARACTERS} characters")
        template = Template(text)
        try:
            template.check(slots)
        except TemplateError as error:
            self._refuse(
                line,
                f"`{key}`: {error}",
                f"slots here: {', '.join(sorted(slots)) or 'none'}; actions: {', '.join(ACTIONS)}",
            )
        return template

    def _check_keys(
        self, table: object, known: Iterable[str], where: str, first: int, last: int
    ) -> None:
        if not isinstance(table, dict):
            self._refuse(first, f"expected a table for {where}")
        for key in table:
            if key not in known:
                self._refuse(
                    self._line(key, first, last),
                    f"unknown key `{key}` in {where}",
                    f"expected one of: {', '.join(known)}",
                )

    def _line(self, key: str, first: int = 1, last: int | None = None) -> int:
        """The line that sets `key`, or the first of the range."""
        pattern = re.compile(rf'\s*\[*\s*"?{re.escape(key)}"?\s*[=\].]')
        for number, line in enumerate(self._lines[first - 1 : last], start=first):
            if pattern.match(line):
                return number
        return first

    def _line_with(self, text: str, first: int = 1, last: int | None = None) -> int:
        """The line that holds `text` as whole words, or the first of the range."""
        pattern = re.compile(rf"(?<![\w']){re.escape(text.strip())}(?![\w'])")
        for number, line in enumerate(self._lines[first - 1 : last], start=first):
            if pattern.search(line.partition("#")[0]):
                return number
        return first

    def _refuse(self, line: int, what: str, hint: str = _HINT) -> NoReturn:
        raise UsageError(f"{self._name}, line {line}: {what}", hint=hint)


def _is_strings(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
