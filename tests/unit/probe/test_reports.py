import asyncio
import json
import xml.etree.ElementTree as ET
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from support.fake_servers import LoopbackTurn
from support.fake_turn import FakeTurn, Faults

from voicectl.probe.plan import probe_all
from voicectl.probe.redact import redact
from voicectl.probe.report.junit import render_junit
from voicectl.probe.report.markdown import render_markdown
from voicectl.probe.report.prometheus import render_prometheus
from voicectl.probe.report.record import SCHEMA
from voicectl.probe.report.table import render_ranking, render_record
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.target import parse_target
from voicectl.probe.watch import History, serve_metrics, sparkline
from voicectl.turn.credentials import LongTermCredentials

Record = dict[str, Any]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    async def run() -> list[Record]:
        settings = ProbeSettings(quality_s=0.2, leg_timeout_s=0.7)
        async with LoopbackTurn() as good, LoopbackTurn(FakeTurn(), ip="127.0.0.42") as bad:
            bad.fake.faults = Faults(always_stale=True)
            targets = [
                parse_target(bad.uri(), LongTermCredentials("user", "pass")),
                parse_target(good.uri(), LongTermCredentials("user", "pass")),
            ]
            return await probe_all(targets, settings, epoch_s=1_800_000_000)

    return asyncio.run(run())


def shown(renderable: Any) -> str:  # noqa: ANN401 - whatever Rich can print
    out = StringIO()
    Console(file=out, width=80, markup=False, highlight=False).print(renderable)
    return out.getvalue()


def test_records_keep_the_order_of_their_targets(records: list[Record]) -> None:
    assert [each["usable"] for each in records] == [False, True]
    assert [each["verdict"]["id"] for each in records] == ["nonce-unstable", "ok"]
    assert all(each["schema"] == SCHEMA for each in records)


def test_record_is_json_without_nan_and_without_the_password(records: list[Record]) -> None:
    text = json.dumps(records, allow_nan=False)
    assert 'pass"' not in text
    assert json.loads(text) == records


def test_table_leads_with_the_answer_and_ends_with_the_status(records: list[Record]) -> None:
    lines = [line.rstrip() for line in shown(render_record(records[0])).splitlines()]
    assert lines[0].startswith("  ✗ 127.0.0.42 never accepts its own nonce")
    assert any(line.lstrip().startswith("network side") for line in lines)
    assert any(line.lstrip().startswith("exit 1 · nonce-unstable") for line in lines)
    assert max(len(line) for line in lines) <= 80


def test_table_is_readable_without_colour(records: list[Record]) -> None:
    assert "\x1b" not in shown(render_record(records[1]))


def test_ranking_puts_usable_targets_first(records: list[Record]) -> None:
    lines = shown(render_ranking(records)).splitlines()
    assert "127.0.0.41" in lines[1]
    assert lines[2].split()[0] == "-"


def test_junit_has_a_failure_for_the_unusable_target(records: list[Record]) -> None:
    suite = ET.fromstring(render_junit(records))  # noqa: S314 - our own document
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "nonce-unstable"


def test_prometheus_text_has_each_metric_once_and_no_address_labels(
    records: list[Record],
) -> None:
    text = render_prometheus(records)
    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    assert 'voicectl_probe_usable{target="' in text
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len({line.rpartition(" ")[0] for line in samples})


def test_markdown_escapes_what_a_server_says(records: list[Record]) -> None:
    hostile = json.loads(json.dumps(records[0]))
    hostile["verdict"]["evidence"] = ["<script>|[x](javascript:1)`"]
    text = render_markdown([hostile])
    assert "<script>" not in text
    assert "\\[x\\]" in text


def test_redacted_record_names_no_internal_address(records: list[Record]) -> None:
    mixed = {"a": ["10.1.2.3:99", {"realm": "corp", "b": "fd12:3456::1 and 203.0.113.9"}], "n": 1}
    assert redact(mixed) == {
        "a": ["10.x.x.x:99", {"realm": "-", "b": "x:x::x and 203.0.113.9"}],
        "n": 1,
    }
    assert "127.0.0.4" not in json.dumps(redact(records))


def test_sparkline_shows_failures_and_scales_to_the_highest() -> None:
    assert sparkline([1.0, 8.0, None, 4.0]) == "▁█×▄"
    assert sparkline([]) == ""
    assert sparkline([0.0]) == "▁"


def test_history_keeps_sixty_rounds(records: list[Record]) -> None:
    history = History()
    for _ in range(70):
        history.add(records)
    assert {len(line) for _, _, line, _ in history.lines()} == {60}


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\r\n\r\n", b"405"),
        (b"X" * 20_000 + b"\r\n\r\n", b"405"),
    ],
)
def test_metrics_endpoint_answers_and_survives_bad_requests(
    records: list[Record], request_head: bytes, status: bytes
) -> None:
    history = History()
    history.add(records)

    async def run() -> bytes:
        import socket

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        async with serve_metrics(history, "127.0.0.1", port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_head)
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

    answer = asyncio.run(run())
    assert answer.split(b" ")[1] == status
