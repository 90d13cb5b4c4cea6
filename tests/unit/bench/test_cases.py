"""What is said of cases: those that are wrong come first and say what was expected."""

import io
import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from support.bench_figures import QUALITY, QUIET, calibration, quality

from voicectl.bench.formats.json import report_fields
from voicectl.bench.formats.junit import render_junit
from voicectl.bench.formats.markdown import render_markdown
from voicectl.bench.formats.table import render_table
from voicectl.bench.gate import check_gate
from voicectl.bench.report import Case, CaseRival, Figure, Report, Verdict

FINE, HUNG = CaseRival("old", 0, 4.6, "fine", True), CaseRival("old", None, 8.0, "", False)
FOOLED = CaseRival("new", 0, 0.1, "", False)
RIGHT = Case("dsp", "fault", "a | b", "ok", "ok", True, 412.0, 7, (FINE,))
WRONG = Case("dsp", "fault", "c", "ok", "bad", False, None, 8, (HUNG,))
MISLED = Case("dsp", "fault", "d", "bad", "bad", True, 9.0, 9, (FOOLED,))


@pytest.fixture
def report() -> Report:
    return Report(calibration(), (Figure(QUALITY, quality(-84.1)),), cases=(RIGHT, WRONG, MISLED))


def test_wrong_cases_lead_the_table(report: Report) -> None:
    stream = io.StringIO()
    Console(file=stream, width=80, markup=False).print(render_table(report))
    rows = [line.strip() for line in stream.getvalue().splitlines()]
    at = next(index for index, row in enumerate(rows) if row.startswith("fault"))
    assert rows[at].split() == ["fault", "voicectl", "old", "new"]
    assert rows[at + 1].split() == ["c", "bad,", "expected", "ok", "-", "hung", "-"]
    assert rows[at + 2].split() == ["a", "|", "b", "ok", "412", "ms", "0", "-"]
    assert rows[at + 3].split()[-1] == "0!"


def test_markdown_rows_of_cases_cannot_be_broken(report: Report) -> None:
    assert "| a \\| b | ok | 412 ms | 0 | - |" in render_markdown(report).splitlines()


def test_junit_fails_a_case_and_gives_its_seed(report: Report) -> None:
    suite = ET.fromstring(render_junit(report))[1]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("dsp cases", "3", "1")
    [failure] = suite.iter("failure")
    assert failure.get("message") == "found bad, expected ok (seed 8)"


def test_json_has_every_case_with_its_rivals(report: Report) -> None:
    cases = json.loads(json.dumps(report_fields(report)))["cases"]
    assert [case["right"] for case in cases] == [True, False, True]
    assert cases[1]["rivals"] == [
        {"name": "old", "status": None, "took_s": 8.0, "said": "", "right": False}
    ]


def test_a_time_beyond_its_limit_on_a_busy_machine_is_inconclusive() -> None:
    late = replace(quality(-70.0), doubt="the load was 9.0 on 2 cores")
    check = check_gate(QUALITY, late, -75.0, QUIET)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.reason == "-70 dB is above -75, and the load was 9.0 on 2 cores"
    in_time = replace(late, value=-80.0)
    assert check_gate(QUALITY, in_time, -75.0, QUIET).verdict is Verdict.PASS
