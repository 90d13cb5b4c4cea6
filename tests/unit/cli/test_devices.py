"""`voicectl devices` on machines with and without sound."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import voicectl
from support.pulse_server import PulseServer

from voicectl.cli.devices import devices, format_text
from voicectl.device.catalog import Catalog, Device, Direction


def device(number: int, name: str, direction: Direction = Direction.INPUT) -> Device:
    return Device(direction, number, name, f"id{number}", number == 1, (2,), (44100,), b"\x01")


DESK = Catalog(
    "ALSA",
    (device(1, "Built-in Audio Analogue Stereo"), device(2, "Evil \x1b[31m\u202e mic")),
    (device(1, "HDMI", Direction.OUTPUT),),
)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicectl.device.catalog.list_devices", lambda: DESK)


@pytest.fixture
def silent_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Catalog(None, (), ())
    monkeypatch.setattr("voicectl.device.catalog.list_devices", lambda: empty)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("columns", ["80", "40"])
def test_no_line_is_wider_than_the_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    devices()
    out, _ = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= int(columns)
    assert "1  Built-in" in out
    assert "44.1 kHz" in out
    assert "default" in out


@pytest.mark.usefixtures("desk")
def test_name_of_a_device_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    devices()
    out, _ = capsys.readouterr()
    assert "\x1b" not in out
    assert "\u202e" not in out


@pytest.mark.usefixtures("desk")
def test_json_has_what_chooses_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    devices(json_output=True)
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "voicectl.devices/1"
    assert record["backend"] == "ALSA"
    assert record["speakers"] == [
        {
            "number": 1,
            "name": "HDMI",
            "id": "id1",
            "default": True,
            "channels": [2],
            "sample_rates_hz": [44100],
        }
    ]


@pytest.mark.usefixtures("silent_machine")
def test_machine_without_sound_says_so_and_is_no_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    devices()
    out, err = capsys.readouterr()
    assert out == "no microphone\nno speaker\n"
    assert "demo" in err
    devices(json_output=True)
    record = json.loads(capsys.readouterr().out)
    assert (record["microphones"], record["speakers"]) == ([], [])


def test_reader_that_has_left_is_one_line_and_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [str(Path(sys.executable).with_name("voicectl")), "devices", "--json", "--quiet"]
    finished = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert finished.returncode == 0
    assert finished.stderr.splitlines() == [
        "warning: stdout was closed by its reader; no more is written to it"
    ]


@pytest.mark.parametrize(
    ("rates", "channels", "text"),
    [
        ((), (), ""),
        ((48000,), (1,), "48 kHz mono"),
        ((44100,), (2,), "44.1 kHz stereo"),
        ((8000, 192000), (1, 2, 6), "to 192 kHz 6 ch"),
        ((48000,), (), "48 kHz"),
    ],
)
def test_native_format_in_few_words(
    rates: tuple[int, ...], channels: tuple[int, ...], text: str
) -> None:
    assert format_text(Device(Direction.INPUT, 1, "", "", True, channels, rates, b"")) == text


@pytest.mark.skipif(PulseServer.missing() is not None, reason=str(PulseServer.missing()))
def test_installed_command_lists_the_cards_of_a_sound_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = PulseServer(tmp_path)
    monkeypatch.setenv("PULSE_SERVER", server.address)
    server.start("one", "two")
    try:
        finished = voicectl("devices", "--json")
    finally:
        server.stop()
    assert finished.status == 0
    [record] = finished.records
    assert [speaker["id"] for speaker in record["speakers"]] == ["one", "two"]
    assert [microphone["default"] for microphone in record["microphones"]] == [True, False]
    assert finished.stderr.count("\n") == 1
