import re
from pathlib import Path
from string import Formatter

from voicectl.probe.catalogue import CATALOGUE

DOCS = Path(__file__).parents[3] / "docs" / "probe.md"
RULES = Path(__file__).parents[3] / "voicectl" / "probe"
WORDS = {
    "alternate", "closed", "code", "delay", "detail", "expired_ago", "family_problem", "host",
    "issuer", "jitter", "largest", "lifetime", "loss", "names", "offender", "outcome", "paths",
    "peer", "proxy", "rate", "refused_ports", "relay_ip", "relayed", "slower", "slower_loss",
    "tls_error", "tls_place", "udp_ports", "validity",
}  # fmt: skip


def test_every_verdict_has_its_section_in_the_docs() -> None:
    text = DOCS.read_text()
    assert set(re.findall(r"^### `([a-z0-9-]+)`$", text, re.MULTILINE)) == set(CATALOGUE)


def test_docs_have_the_words_of_the_catalogue() -> None:
    sections = dict(
        re.findall(r"^### `([a-z0-9-]+)`$(.*?)(?=^#|\Z)", DOCS.read_text(), re.M | re.S)
    )
    for verdict, entry in CATALOGUE.items():
        texts = (entry.title, entry.meaning, entry.network_fix, entry.server_fix, entry.cannot_tell)
        for text in filter(None, texts):
            words = {name: f"*{name.replace('_', ' ')}*" for name in WORDS}
            assert text.format(**words).rstrip(".") in sections[verdict], verdict
        assert "\n- Evidence: " in sections[verdict]


def test_every_note_is_in_the_docs() -> None:
    named = set(re.findall(r'Note\(\s*"([a-z0-9-]+)"', (RULES / "notes.py").read_text()))
    assert len(named) > 10
    assert named == set(re.findall(r"`([a-z0-9-]+)`", _section("## Notes")))


def _section(heading: str) -> str:
    return DOCS.read_text().split(f"{heading}\n")[1].split("\n#")[0]


def test_every_verdict_that_a_rule_names_is_in_the_catalogue() -> None:
    source = "".join(path.read_text() for path in RULES.glob("rules*.py"))
    named = set(re.findall(r'(?:Finding|_tls)\(\s*"([a-z0-9-]+)"', source))
    assert named <= set(CATALOGUE)
    assert len(named) > 30


def test_every_word_in_the_catalogue_can_be_filled() -> None:
    for entry in CATALOGUE.values():
        for text in (entry.title, entry.meaning, entry.network_fix, entry.server_fix):
            assert {name for _, name, _, _ in Formatter().parse(text) if name} <= WORDS


def test_every_verdict_says_what_to_change_on_each_side() -> None:
    for entry in CATALOGUE.values():
        assert entry.network_fix
        assert entry.server_fix
