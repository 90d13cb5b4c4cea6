"""`voicectl doctor` on machines that have everything, and on those that do not."""

import importlib
import importlib.metadata
import json

import pytest
import typer
from support.command import voicectl

from voicectl.cli import doctor_checks
from voicectl.cli.doctor import doctor
from voicectl.cli.doctor_checks import Check, Group, State, examine
from voicectl.errors import SetupError


def checks_named(name: str) -> Check:
    return next(check for check in examine() if check.name == name)


@pytest.fixture
def without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models take a second to load; only the tests of them do."""
    monkeypatch.setattr(doctor_checks, "_load_voice", lambda: None)
    monkeypatch.setattr(doctor_checks, "_load_speech_model", lambda: None)


def test_installed_command_finds_this_machine_whole() -> None:
    finished = voicectl("doctor", "--json")
    [record] = finished.records
    stopping = [c for c in record["checks"] if c["needed"] and c["state"] != "ok"]
    assert (finished.status, record["healthy"], stopping) == (0, True, [])
    assert record["schema"] == "voicectl.doctor/1"
    names = {check["name"] for check in record["checks"]}
    assert {"aiortc", "miniaudio", "hibari voice", "pocketsphinx model", "opus"} <= names


@pytest.mark.usefixtures("without_models")
def test_missing_package_ends_with_three_and_names_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.metadata.distribution

    def without_aiortc(name: str) -> importlib.metadata.Distribution:
        if name == "aiortc":
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib.metadata, "distribution", without_aiortc)
    with pytest.raises(typer.Exit) as ended:
        doctor()
    assert ended.value.exit_code == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "voicectl cannot work here: aiortc missing"
    assert "  python -m pip install 'aiortc~=1.16.0'" in lines


@pytest.mark.usefixtures("without_models")
def test_package_of_another_version_is_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: ["numpy>=99"])
    check = checks_named("numpy")
    assert check.state is State.OUTDATED
    assert check.stops
    assert (check.found or "").endswith(", not >=99")
    assert check.fix == "python -m pip install 'numpy>=99'"


@pytest.mark.usefixtures("without_models")
def test_package_whose_library_is_missing_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    load = importlib.import_module

    def without_libsndfile(name: str) -> object:
        if name == "soundfile":
            raise OSError("libsndfile.so: cannot open shared object file")
        return load(name)

    monkeypatch.setattr(importlib, "import_module", without_libsndfile)
    check = checks_named("soundfile")
    assert check.state is State.BROKEN
    assert "libsndfile.so" in (check.found or "")
    assert "--force-reinstall" in (check.fix or "")


@pytest.mark.usefixtures("without_models")
def test_extra_that_is_not_installed_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda _: ['nowhere-to-be-found ; extra == "test"']
    )
    monkeypatch.setattr(doctor_checks, "_DEVELOPMENT_EXTRAS", frozenset())
    check = checks_named("nowhere-to-be-found")
    assert (check.group, check.state, check.stops) == (Group.EXTRA, State.MISSING, False)
    assert check.fix == "python -m pip install 'voicectl[test]'"


@pytest.mark.usefixtures("without_models")
def test_requirement_of_another_platform_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda _: ['pywin ; sys_platform == "amiga"']
    )
    assert all(check.name != "pywin" for check in examine())


def test_model_that_does_not_load_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise SetupError("the voice `heart` cannot be loaded: no such file")

    monkeypatch.setattr(doctor_checks, "_load_voice", fail)
    check = checks_named("hibari voice")
    assert check.state is State.BROKEN
    assert check.stops
    assert check.fix == "python -m pip install --force-reinstall hibari-tts"


@pytest.mark.usefixtures("without_models")
@pytest.mark.parametrize("columns", [80, 40])
def test_no_line_but_the_commands_is_wider_than_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(doctor_checks.shutil, "which", lambda _: None)
    doctor()
    out, err = capsys.readouterr()
    told = [line for line in out.splitlines() if "install" not in line]
    assert max(map(len, told)) <= columns
    assert "\x1b" not in out
    assert err == ""


@pytest.mark.usefixtures("without_models")
def test_answer_comes_first_and_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    doctor()
    assert capsys.readouterr().out.startswith("everything needed is here\n")
    doctor(json_output=True)
    record = json.loads(capsys.readouterr().out)
    assert record["healthy"] is True
    assert {"group", "name", "state", "found", "needed", "purpose", "fix"} == set(
        record["checks"][0]
    )
