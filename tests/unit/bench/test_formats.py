"""What each format says of a run with one figure of each verdict."""

import io
import json
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from support.bench_figures import COST, QUALITY, QUIET, SCORE, calibration, cost, quality

from voicectl.bench.formats.json import report_fields
from voicectl.bench.formats.junit import render_junit
from voicectl.bench.formats.markdown import render_markdown
from voicectl.bench.formats.table import render_table
from voicectl.bench.gate import check_gate
from voicectl.bench.report import Figure, FigureSpec, Report, Verdict

MISSING = FigureSpec("dsp", "resample-vs-soxr", "resample 48k -> 16k", "us", 1.0)


@pytest.fixture
def report() -> Report:
    figures = (
        Figure(COST, cost(0.6), None, (check_gate(COST, cost(0.6), 0.5, QUIET),)),
        Figure(QUALITY, quality(-84.1), None, (check_gate(QUALITY, quality(-84.1), -75, QUIET),)),
        Figure(SCORE, quality(0.95)),
        Figure(
            MISSING,
            None,
            "soxr cannot be imported: pip install 'voicectl[bench]'",
            (check_gate(MISSING, None, 1.0, QUIET),),
        ),
    )
    return Report(calibration(), figures, notes=("another processor",))


def test_junit_has_a_case_a_figure_and_names_the_one_that_failed(report: Report) -> None:
    root = ET.fromstring(render_junit(report))
    [suite] = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases) == ["decode-vs-other", "aliases", "auc", "resample-vs-soxr"]
    failure = cases["decode-vs-other"].find("failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("dsp.decode-vs-other: ratio 0.600 [0.597")
    skipped = cases["resample-vs-soxr"].find("skipped")
    assert skipped is not None
    assert "pip install" in str(skipped.get("message"))
    assert cases["aliases"].find("failure") is None


def test_markdown_is_a_table_whose_cells_cannot_break_it(report: Report) -> None:
    text = render_markdown(report)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 4
    assert all(row.replace("\\|", "").count("|") == 6 for row in rows)
    assert "A Processor \\| 3 GHz" in text
    assert "- `dsp.decode-vs-other`: ratio" in text


def test_the_table_keeps_within_eighty_columns_and_gives_the_reason(report: Report) -> None:
    stream = io.StringIO()
    Console(file=stream, width=80, markup=False).print(render_table(report))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    decode = next(line for line in lines if line.startswith("  decode"))
    assert "fail ≤ 0.5" in decode
    assert "0.60x [0.60, 0.60] other" in decode
    assert any(line.startswith("  dsp.decode-vs-other: ratio") for line in lines)
    assert lines[-1].split() == "1 pass · 1 fail · 1 inconclusive".split()


def test_json_has_every_figure_beside_its_rivals_with_the_interval(report: Report) -> None:
    fields = json.loads(json.dumps(report_fields(report), allow_nan=False))
    assert fields["schema"] == "voicectl.bench/1"
    assert fields["verdict"] == "fail"
    decode, aliases, score, missing = fields["figures"]
    assert decode["rivals"] == [{"name": "other", "value": 20.0, "ratio": None}]
    assert decode["ratio"]["low"] < decode["ratio"]["value"] < decode["ratio"]["high"]
    assert sum(map(len, decode["ratios"])) == decode["ratio"]["n"] == 30
    assert aliases["checks"][0]["limit"] == -75.0
    assert score["verdict"] is None
    assert missing["value"] is None
    assert fields["calibration"]["noise"]["n"] == 60


def test_a_run_fails_before_it_is_inconclusive_before_it_passes(report: Report) -> None:
    assert report.verdict is Verdict.FAIL
    assert Report(calibration(), report.figures[1:]).verdict is Verdict.INCONCLUSIVE
    assert Report(calibration(), report.figures[1:3]).verdict is Verdict.PASS
