"""`voicectl bench`, on a suite whose figures do not depend on the machine."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.bench_figures import QUALITY, SCORE, quality
from typer.testing import CliRunner, Result

import voicectl.bench.suites
from voicectl.bench.report import FigureSpec, Measurement
from voicectl.bench.suite import Bench, Stopwatch, Suite
from voicectl.cli.app import app
from voicectl.errors import SetupError, UsageError

SUITE = Suite(
    "dsp", (Bench(QUALITY, lambda _: quality(-80.0)), Bench(SCORE, lambda _: quality(0.95)))
)


@pytest.fixture(autouse=True)
def _one_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voicectl.bench.suites, "all_suites", lambda quick=False: [SUITE])


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate.toml"
    path.write_text("[dsp]\naliases = -79.0\n")
    return path


def test_all_suites_run_without_a_name_and_pass_their_own_limits() -> None:
    result = run("--quick", "--json")
    assert result.exit_code == 0
    fields = json.loads(result.stdout)
    assert fields["schema"] == "voicectl.bench/1"
    assert [figure["verdict"] for figure in fields["figures"]] == ["pass", "pass"]


def test_a_gate_below_reach_ends_with_1_and_the_figures_name(gate: Path) -> None:
    assert run("--quick", "--gate", gate, "--format", "junit").exit_code == 0
    gate.write_text("[dsp]\naliases = -90.0\n")
    result = run("--quick", "--gate", gate, "--format", "junit")
    assert result.exit_code == 1
    failures = list(ET.fromstring(result.stdout).iter("failure"))
    assert [str(failure.get("message")).split(":")[0] for failure in failures] == ["dsp.aliases"]


def test_a_saved_run_is_a_baseline(tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    assert run("--quick", "--save", saved).exit_code == 0
    result = run("--quick", "--baseline", saved, "--json")
    assert result.exit_code == 0
    checks = json.loads(result.stdout)["figures"][0]["checks"]
    assert [check["by"] for check in checks] == ["gate", "baseline"]


def test_a_gate_on_a_figure_that_does_not_exist_is_refused_before_measuring(gate: Path) -> None:
    gate.write_text("[dsp]\naliasses = -79.0\n")
    result = run("--gate", gate)
    assert isinstance(result.exception, UsageError)
    assert "dsp.aliasses" in result.exception.message
    assert result.stdout == ""


@pytest.mark.parametrize("flag", ["--baseline", "--gate"])
def test_saved_run_overwrote_what_it_was_judged_by(flag: str, tmp_path: Path, gate: Path) -> None:
    read = gate
    if flag == "--baseline":
        read = tmp_path / "saved.json"
        assert run("--quick", "--save", read).exit_code == 0
    before = read.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(read)
    for name in (read, link, tmp_path / "." / read.name):
        result = run("--quick", flag, read, "--save", name)
        assert isinstance(result.exception, UsageError)
        assert "would overwrite" in result.exception.message
        assert result.exception.hint == "give --save a file of its own"
    assert read.read_bytes() == before


def test_a_run_that_cannot_be_saved_is_refused_before_measuring(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "no" / "such" / "folder.json", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        result = run("--save", path)
        assert isinstance(result.exception, SetupError)
        assert result.exception.message == f"{path} cannot be written: {reason}"
        assert result.stdout == ""


def test_options_before_the_suites_name_are_refused() -> None:
    result = run("--quick", "dsp")
    assert isinstance(result.exception, UsageError)
    assert result.exception.hint == "write `voicectl bench dsp …`"


def test_the_table_and_markdown_name_the_figures() -> None:
    assert "aliases" in run("--quick").stdout
    assert "| `dsp.aliases`" in run("--quick", "--format", "markdown").stdout


def test_a_suite_that_cannot_run_here_is_left_out_unless_a_gate_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reason = SetupError("needs root")

    def refuse(_: Stopwatch) -> Measurement:
        raise reason

    spec = FigureSpec("lab", "named", "named", "%", 100.0, "quality", higher_is_better=True)
    barred = Suite("lab", (Bench(spec, refuse),), missing=lambda: reason)
    both = [SUITE, barred]
    monkeypatch.setattr(voicectl.bench.suites, "all_suites", lambda quick=False: both)
    result = run("--quick", "--json")
    assert result.exit_code == 0
    fields = json.loads(result.stdout)
    assert [figure["id"] for figure in fields["figures"]] == ["dsp.aliases", "dsp.auc"]
    assert fields["notes"] == ["lab: left out, needs root"]
    gate = tmp_path / "gate.toml"
    gate.write_text("[lab]\nnamed = 100\n")
    assert run("--quick", "--gate", gate).exit_code == 75


@pytest.mark.parametrize("name", ["junit", "table", "markdown"])
def test_json_and_another_format_were_asked_for_at_once(name: str) -> None:
    for before in ((), ("self-test",)):
        result = run(*before, "--quick", "--json", "--format", name)
        assert isinstance(result.exception, UsageError)
        assert result.exception.message == f"--json and --format {name} exclude each other"
        assert result.stdout == ""


def test_json_and_the_same_format_are_one() -> None:
    assert json.loads(run("--quick", "--json", "--format", "json").stdout)["figures"]
