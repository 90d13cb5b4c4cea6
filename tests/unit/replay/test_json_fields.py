"""What a replay says in JSON stands in docs/json.md, field for field."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.captures import START_NS, ethernet, opus_payloads, pcap, rtp, udp4

from voicectl.cli.replay import NETEM_SCHEMA, replay
from voicectl.replay.network import find_network
from voicectl.replay.replay import ReplayPlan, replay_file

DOCS = Path(__file__).parents[3] / "docs" / "json.md"
SECTION = (
    DOCS.read_text(encoding="utf-8").split("## voicectl.replay/1")[1].split("## The others")[0]
)
DOCUMENTED = set(re.findall(r"`([a-z0-9_]+)`", SECTION))


def names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            if name != "counters":  # by the engine's own names
                yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


def call(folder: Path) -> Path:
    path = folder / "call.pcap"
    frames = (
        (START_NS + n * 20_000_000, ethernet(udp4(rtp(n, payload))))
        for n, payload in enumerate(opus_payloads(30))
    )
    path.write_bytes(pcap(frames))
    return path


def trace(folder: Path) -> Path:
    path = folder / "short.csv"
    path.write_text("".join(f"{n},{20 * n},{20 * n + 30}\n" for n in range(60)))
    return path


@pytest.mark.parametrize("network", ["ge5", "loss=1%"])
def test_every_field_of_a_replay_is_documented(network: str, tmp_path: Path) -> None:
    found = set(
        names_in(replay_file(call(tmp_path), ReplayPlan(network=find_network(network))).fields())
    )
    scored = replay_file(trace(tmp_path), ReplayPlan(network=find_network(str(trace(tmp_path)))))
    found |= set(names_in(scored.fields()))
    assert scored.runs[0].quality is not None
    assert found - {"schema"} <= DOCUMENTED


def test_profile_says_who_made_it_and_under_which_licence() -> None:
    fields = find_network("g1050-f").fields()
    assert fields["source"] == "voicectl"
    assert fields["licence"] == "numbers of a published standard"
    assert "G.1050" in fields["cite"]
    assert "not a conformance test" in fields["summary"]


def test_netem_lines_have_a_schema_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    replay(network="ge5", show_netem=True, json_output=True)
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == NETEM_SCHEMA == "voicectl.netem/1"
    assert set(names_in(record)) - {"schema"} <= DOCUMENTED
