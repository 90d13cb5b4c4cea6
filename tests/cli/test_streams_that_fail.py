"""What any command says where stdout takes nothing, or not every character."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Finished

FULL = Path("/dev/full")

needs_full_device = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def run(
    *arguments: str | bytes, stdout: Path | None = None, encoding: str = "utf-8", **environment: str
) -> Finished:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "TERM": "dumb", **environment}
    command = [str(Path(sys.executable).with_name("voicectl")), *arguments]
    with open(stdout or os.devnull, "wb") as target:
        finished = subprocess.run(
            command,
            env=environment,
            stdout=target if stdout else subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    out = (finished.stdout or b"").decode(encoding)
    return Finished(finished.returncode, out, finished.stderr.decode("utf-8", "replace"))


@needs_full_device
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("devices", "--json"),
        ("devices",),
        ("replay", "-n", "ge5", "--show-netem"),
        ("probe", "--format", "markdown"),
    ],
)
def test_full_disk_behind_stdout_is_a_setup_error(arguments: tuple[str, ...]) -> None:
    finished = run(*arguments, stdout=FULL)
    assert finished.status == 3, finished.stderr
    assert "error: stdout cannot be written: No space left on device" in finished.stderr
    assert "hint: " in finished.stderr


@needs_full_device
def test_full_disk_behind_stderr_leaves_the_answer() -> None:
    command = [str(Path(sys.executable).with_name("voicectl")), "devices", "--json"]
    with FULL.open("wb") as full:
        finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, timeout=60)
    assert finished.returncode == 0
    assert json.loads(finished.stdout)["schema"] == "voicectl.devices/1"


def test_terminal_of_ascii_takes_any_answer() -> None:
    finished = run("doctor", encoding="ascii")
    assert "Traceback" not in finished.stderr
    assert finished.status in (0, 3)
    assert "voicectl" in finished.stdout


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_file_whose_name_is_no_text_is_refused_and_named(encoding: str, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9-\xff.wav"
    for command in ([b"replay", name], [b"talk", b"--input", name]):
        finished = run(*command, encoding=encoding)
        assert finished.status == 2, finished.stderr
        assert "does not exist" in finished.stderr


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_json_is_json_in_every_encoding(
    encoding: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from voicectl.cli.output import Printer

    path = tmp_path / "out"
    with path.open("w", encoding=encoding, errors="backslashreplace") as stream:
        Printer(json_output=True, stdout=stream).record({"file": "é\udcff→", "half": "\ud83d!"})
    record = json.loads(path.read_bytes().decode(encoding))
    assert record == {"file": "é\ufffd→", "half": "\ufffd!"}
