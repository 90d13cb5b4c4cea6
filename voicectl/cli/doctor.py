"""`voicectl doctor`: whether this machine has what voicectl needs, and how to get the rest."""

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table
from rich.text import Text

import voicectl
from voicectl.cli.exit_status import ExitStatus
from voicectl.cli.options import JsonOption, QuietOption, VerboseOption
from voicectl.cli.output import Printer, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicectl.cli.doctor_checks import Check

__all__ = ["HELP", "doctor"]

HELP = """
Look at what voicectl needs on this machine, and say how to get what is missing.

Packages are compared with the ranges voicectl asks for and loaded, models too. Exits with 0 when
everything needed is there, whatever optional parts are not, and with 3 when something is not.

\b
Examples:
  voicectl doctor
  voicectl doctor --json
"""

_STYLES = {"ok": "green", "missing": "yellow", "outdated": "yellow", "broken": "red"}


def doctor(
    json_output: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = 0
) -> None:
    """Examine this machine."""
    from voicectl.cli.doctor_checks import examine

    printer = Printer(json_output=json_output, quiet=quiet, verbosity=verbose)
    if printer.animates:
        with printer.stderr_console.status("looking at packages, models and devices"):
            checks = list(examine())
    else:
        checks = list(examine())
    stopping = [check for check in checks if check.stops]
    printer.record(_fields(checks, healthy=not stopping))
    printer.answer(_verdict(stopping))
    printer.answer(Text(_machine()))
    printer.answer("")
    printer.answer(_table([check for check in checks if check.needed]))
    printer.answer("")
    printer.answer(Text("optional"))
    printer.answer(_table([check for check in checks if not check.needed]))
    _say_fixes(printer, checks)
    if stopping:
        raise typer.Exit(ExitStatus.SETUP)


def _verdict(stopping: "Sequence[Check]") -> Text:
    if not stopping:
        return Text("everything needed is here", style="bold green")
    names = ", ".join(f"{check.name} {check.state}" for check in stopping)
    return Text(f"voicectl cannot work here: {printable(names)}", style="bold red")


def _machine() -> str:
    return f"voicectl {voicectl.__version__} · {platform.system()} {platform.machine()}"


def _table(checks: "Sequence[Check]") -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        told = check.found if check.found is not None else check.purpose
        table.add_row(
            Text(f"  {check.name}"),
            Text(check.state, style=_STYLES[check.state]),
            Text(printable(told or "")),
        )
    return table


def _say_fixes(printer: Printer, checks: "Sequence[Check]") -> None:
    """Commands on lines of their own, whole, so that they can be copied."""
    for needed, title in ((True, "to mend it"), (False, "to add what is optional")):
        fixes = [check.fix for check in checks if check.fix and check.needed is needed]
        if not fixes:
            continue
        printer.answer("")
        printer.answer(Text(title))
        for fix in dict.fromkeys(fixes):
            printer.answer(Text(f"  {fix}", no_wrap=True, overflow="ignore"))


def _fields(checks: "Sequence[Check]", *, healthy: bool) -> dict[str, Any]:
    return {
        "schema": "voicectl.doctor/1",
        "healthy": healthy,
        "voicectl": voicectl.__version__,
        "platform": platform.platform(),
        "checks": [asdict(check) for check in checks],
    }
