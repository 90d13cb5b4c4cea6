"""A script that is wrong is refused with its line and what was expected."""

from pathlib import Path

import pytest

from voicectl.agent.script_file import load_script, parse_script
from voicectl.agent.stt.pocketsphinx import unknown_words
from voicectl.errors import UsageError

GOOD = """\
fallback = "Sorry."

[slots]
number = ["one", "two"]
fruit = ["apple"]

[[phrase]]
say = ["count to {number}"]
reply = "{count number}."

[[phrase]]
say = [
    "i like {fruit}",
    "give me {fruit}",
]
reply = ["Have {fruit}.", "No."]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"Sorry."', '"Sorry.', 1, "Illegal character"),
        ('fallback = "Sorry."', 'falback = "Sorry."', 1, "unknown key `falback`"),
        ('fallback = "Sorry."', "", 1, "expected `fallback`"),
        ('reply = "{count', 'repply = "{count', 9, "unknown key `repply` in a phrase"),
        ('say = ["count to {number}"]', "", 7, "expected `say`"),
        ('say = ["count to {number}"]', "say = []", 8, "expected `say`"),
        ('reply = "{count number}."', "reply = 3", 9, "expected `reply`"),
        ("count to {number}", "count to {numbr}", 8, "slot `numbr` is not defined"),
        ("give me {fruit}", "give me {vegetable}", 14, "slot `vegetable` is not defined"),
        ("give me {fruit}", "give me Fruit", 14, "not a lower-case word"),
        ("give me {fruit}", "give me", 16, "neither a slot of the phrase nor an action"),
        ("give me {fruit}", "{fruit} and {fruit}", 14, "fills one slot twice"),
        ("give me {fruit}", "[please]", 14, "a phrase needs a word"),
        ('["one", "two"]', "[]", 4, "slot `number` has an empty vocabulary"),
        ('["one", "two"]', '["one", "!"]', 4, "slot `number` has an empty vocabulary"),
        ('["one", "two"]', "3", 4, "expected a list"),
        ('["one", "two"]', '["one", "several"]', 9, "`several` is none"),
        ("{count number}", "{count}", 9, "takes 1 slots"),
        ("{count number}", "{count fruit}", 9, "`fruit` in {count fruit} is not a slot"),
        ("{count number}", "{launch}", 9, "neither a slot of the phrase nor an action"),
        ("{count number}", "{count number", 9, "a brace without its partner"),
        ('["apple"]', '["xylozap"]', 5, "the recognizer's dictionary lacks `xylozap`"),
    ],
)
def test_mistake_is_told_with_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        parse_script(GOOD.replace(old, new, 1), "my.toml", unknown_words=unknown_words)
    assert caught.value.message.startswith(f"my.toml, line {line}: ")
    assert message in caught.value.message
    assert caught.value.hint


def test_good_script_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    script = load_script(path, unknown_words=unknown_words)
    assert script.understand("give me apple") is not None


@pytest.mark.parametrize("source", ["", "[[phrase]]\n", 'fallback = "x"\nphrase = []\n', "x"])
def test_what_is_no_script_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match=r"^s\.toml, line \d+: "):
        parse_script(source, "s.toml")


def test_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_script(tmp_path / "missing.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        load_script(binary)
