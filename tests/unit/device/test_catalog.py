"""Which devices are listed and which one a user means."""

import pytest

from voicectl.device import catalog as catalog_module
from voicectl.device._miniaudio_private import FoundDevice
from voicectl.device.catalog import Catalog, Device, Direction, choose_device, list_devices
from voicectl.errors import SetupError, UsageError


def device(number: int, name: str, identity: str = "", *, default: bool = False) -> Device:
    return Device(
        Direction.INPUT,
        number,
        name,
        identity or f"id{number}",
        default,
        (1, 2),
        (48000,),
        identity.encode(),
    )


DESK = Catalog(
    "PulseAudio",
    (
        device(1, "Built-in Audio", "alsa_input.pci"),
        device(2, "Jabra Evolve", "alsa_input.usb", default=True),
        device(3, "Jabra Evolve 65", "bluez_input"),
        device(4, "USB Mic 9"),
    ),
    (),
)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (None, 2),
        ("3", 3),
        (" 1 ", 1),
        ("built", 1),
        ("BUILT-IN AUDIO", 1),
        ("jabra evolve", 2),
        ("evolve 65", 3),
        ("alsa_input.usb", 2),
        ("bluez", 3),
        ("mic 9", 4),
    ],
)
def test_device_is_meant_by_number_name_part_of_it_or_id(wanted: str | None, number: int) -> None:
    assert choose_device(DESK, Direction.INPUT, wanted).number == number


@pytest.mark.parametrize("wanted", ["9", "0", "headset", "", "  "])
def test_device_that_is_not_there_names_those_that_are(wanted: str) -> None:
    with pytest.raises(UsageError, match="is no microphone") as caught:
        choose_device(DESK, Direction.INPUT, wanted)
    assert "2  Jabra Evolve  (default)" in (caught.value.detail or "")


def test_part_of_two_names_asks_for_the_number() -> None:
    with pytest.raises(UsageError, match="more than one microphone") as caught:
        choose_device(DESK, Direction.INPUT, "jabra")
    assert (caught.value.detail or "").splitlines() == [
        "2  Jabra Evolve  (default)",
        "3  Jabra Evolve 65",
    ]
    assert "--mic 2" in (caught.value.hint or "")


def test_no_device_in_a_direction_is_a_matter_of_setup() -> None:
    with pytest.raises(SetupError, match="this machine has no speaker"):
        choose_device(DESK, Direction.OUTPUT, None)


def test_null_backend_lists_its_devices_when_asked_for() -> None:
    catalog = list_devices("null")
    assert catalog.backend == "Null"
    assert [d.name for d in catalog.inputs] == ["NULL Capture Device"]
    assert [d.name for d in catalog.outputs] == ["NULL Playback Device"]
    assert catalog.inputs[0].default


def test_null_backend_is_never_fallen_back_to(capfd: pytest.CaptureFixture[str]) -> None:
    catalog = list_devices()
    assert catalog.backend != "Null"
    assert capfd.readouterr() == ("", "")


def test_stand_ins_for_missing_cards_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        FoundDevice(b"auto_null" + bytes(247), "Dummy Output", True, []),
        FoundDevice("{0.0.1}".encode("utf-16-le") + bytes(242), "Wide", False, [(2, 44100)]),
        FoundDevice(bytes([1, 0, 255, 0, 254]) + bytes(251), "Bytes", False, [(0, 0)]),
    ]
    monkeypatch.setattr(
        catalog_module.driver, "enumerate_devices", lambda _: ("PulseAudio", [], found)
    )
    wide, binary = list_devices().outputs
    assert (wide.number, wide.id, wide.sample_rates_hz) == (1, "{0.0.1}", (44100,))
    assert (binary.id, binary.sample_rates_hz, binary.channels) == ("0100ff00fe", (), ())
