"""`voicectl devices`: the microphones and speakers of this machine."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from voicectl.cli.options import JsonOption, QuietOption, VerboseOption
from voicectl.cli.output import Printer, printable

if TYPE_CHECKING:
    from voicectl.device.catalog import Catalog, Device

__all__ = ["HELP", "devices", "format_text"]

HELP = """
List the microphones and speakers of this machine.

`voicectl talk` takes one with --mic or --speaker, by its number or a part of its name. A machine
without any is no error: the lists are empty, and the exit status is 0.

\b
Examples:
  voicectl devices
  voicectl devices --json
"""

_CHANNELS = {1: "mono", 2: "stereo"}


def devices(
    json_output: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = 0
) -> None:
    """List the devices."""
    from voicectl.device.catalog import Direction, list_devices

    printer = Printer(json_output=json_output, quiet=quiet, verbosity=verbose)
    catalog = list_devices()
    printer.record(_fields(catalog))
    for direction in Direction:
        found = catalog.devices(direction)
        if not found:
            printer.answer(Text(f"no {direction.noun}"))
            continue
        printer.answer(Text(f"{direction.noun}s"))
        printer.answer(_table(found))
    if catalog.inputs or catalog.outputs:
        printer.note(f"{catalog.backend} · choose with --mic and --speaker: number or part of name")
    else:
        printer.note("without a device `voicectl talk` holds a demo, or speaks --input a.wav")


def format_text(device: "Device") -> str:
    """What a device does by itself, such as `48 kHz stereo`; nothing where it takes anything."""
    rates = device.sample_rates_hz
    if not rates:
        return ""
    text = f"{rates[0] / 1000:g} kHz" if len(rates) == 1 else f"to {rates[-1] / 1000:g} kHz"
    if not device.channels:
        return text
    channels = device.channels[-1]
    return f"{text} {_CHANNELS.get(channels, f'{channels} ch')}"


def _table(found: "tuple[Device, ...]") -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", min_width=3)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for device in found:
        table.add_row(
            str(device.number),
            Text(printable(device.name)),
            format_text(device),
            "default" if device.default else "",
        )
    return table


def _fields(catalog: "Catalog") -> dict[str, Any]:
    return {
        "schema": "voicectl.devices/1",
        "backend": catalog.backend,
        "microphones": [_device_fields(device) for device in catalog.inputs],
        "speakers": [_device_fields(device) for device in catalog.outputs],
    }


def _device_fields(device: "Device") -> dict[str, Any]:
    fields = asdict(device)
    del fields["raw_id"], fields["direction"]
    return fields
