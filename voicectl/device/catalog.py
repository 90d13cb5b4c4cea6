"""The sound devices of this machine, and the choice of one by number or name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from voicectl.device import _miniaudio_private as driver
from voicectl.errors import SetupError, UsageError

__all__ = ["Catalog", "Device", "Direction", "choose_device", "list_devices"]

_NULL_DEVICES = frozenset({"auto_null", "auto_null.monitor"})
"""PulseAudio's stand-ins on a machine without devices."""


class Direction(StrEnum):
    """What a device is for."""

    INPUT = "input"
    OUTPUT = "output"

    @property
    def noun(self) -> str:
        """The word for people."""
        return "microphone" if self is Direction.INPUT else "speaker"

    @property
    def option(self) -> str:
        """The option that chooses one."""
        return "--mic" if self is Direction.INPUT else "--speaker"


@dataclass(frozen=True)
class Device:
    """One microphone or speaker."""

    direction: Direction
    number: int
    """From 1, in its direction; stays as long as nothing is plugged in or out."""
    name: str
    id: str
    """The driver's own name of it, in hexadecimal if it is not text."""
    default: bool
    channels: tuple[int, ...]
    """The widths it has by itself; none where its driver takes any."""
    sample_rates_hz: tuple[int, ...]
    """The rates it has by itself; none where its driver takes any. Others are converted."""
    raw_id: bytes = field(repr=False)


@dataclass(frozen=True)
class Catalog:
    """What the sound system lists."""

    backend: str | None
    """PulseAudio, ALSA, Core Audio, WASAPI…; None where there is no sound system."""
    inputs: tuple[Device, ...]
    outputs: tuple[Device, ...]

    def devices(self, direction: Direction) -> tuple[Device, ...]:
        """Those of one direction."""
        return self.inputs if direction is Direction.INPUT else self.outputs


def list_devices(backend: str | None = None) -> Catalog:
    """List the devices, null ones left out.

    Args:
        backend: Name of a miniaudio backend; `"null"` has one device each way, for tests.

    Raises:
        SetupError: the sound system does not answer.
    """
    try:
        name, inputs, outputs = driver.enumerate_devices(backend)
    except driver.DriverError as error:
        raise SetupError(
            "the sound system does not answer",
            detail=str(error),
            hint="restart it, or speak from a file with `--input a.wav`",
        ) from error
    return Catalog(
        name if inputs or outputs else None,
        _numbered(Direction.INPUT, inputs),
        _numbered(Direction.OUTPUT, outputs),
    )


def _numbered(direction: Direction, found: list[driver.FoundDevice]) -> tuple[Device, ...]:
    real = [device for device in found if _text(device.raw_id) not in _NULL_DEVICES]
    return tuple(
        Device(
            direction,
            number,
            device.name,
            _text(device.raw_id),
            device.default,
            tuple(sorted({channels for channels, _ in device.formats} - {0})),
            tuple(sorted({rate_hz for _, rate_hz in device.formats} - {0})),
            device.raw_id,
        )
        for number, device in enumerate(real, start=1)
    )


def _text(raw_id: bytes) -> str:
    """A device id as text: a C string, a wide one (WASAPI), or bytes of some other kind."""
    for encoding, width in (("utf-8", 1), ("utf-16-le", 2)):
        end = next(
            (at for at in range(0, len(raw_id), width) if not any(raw_id[at : at + width])),
            len(raw_id),
        )
        try:
            text = raw_id[:end].decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.isprintable() and not any(raw_id[end:]):
            return text
    return raw_id.rstrip(b"\0").hex()


def choose_device(catalog: Catalog, direction: Direction, wanted: str | None) -> Device:
    """Find the device a user means.

    Args:
        catalog: Of `list_devices`.
        direction: Microphone or speaker.
        wanted: Its number, its name, or a part of name or id that no other has, in any case;
            None is the default device.

    Raises:
        SetupError: there is no device in this direction.
        UsageError: no device or more than one is meant by `wanted`; the detail lists them.
    """
    devices = catalog.devices(direction)
    if not devices:
        raise SetupError(
            f"this machine has no {direction.noun}",
            hint="connect one and look with `voicectl devices`, or speak from a file with "
            "`--input a.wav`",
        )
    if wanted is None:
        return next((device for device in devices if device.default), devices[0])
    matches = _matches(devices, wanted.strip())
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(
            f'{direction.option} "{wanted}" means more than one {direction.noun}',
            detail=_listing(matches),
            hint=f"give its number: `{direction.option} {matches[0].number}`",
        )
    raise UsageError(
        f'{direction.option} "{wanted}" is no {direction.noun} of this machine',
        detail=_listing(devices),
        hint="give a number or a part of the name",
    )


def _matches(devices: Sequence[Device], wanted: str) -> list[Device]:
    if wanted.isdecimal():
        return [device for device in devices if device.number == int(wanted)]
    folded = wanted.casefold()
    exact = [d for d in devices if folded in (d.name.casefold(), d.id.casefold())]
    parts = [d for d in devices if folded in d.name.casefold() or folded in d.id.casefold()]
    return exact or (parts if folded else [])


def _listing(devices: Sequence[Device]) -> str:
    return "\n".join(
        f"{device.number}  {device.name}{'  (default)' if device.default else ''}"
        for device in devices
    )
