"""The commands: parse, call, render. `run` turns what they raise into an exit status."""

import os
import traceback
from typing import Annotated

import typer

import voicectl
from voicectl.cli import bench, devices, doctor, interrupt, probe, replay, talk
from voicectl.cli.exit_status import ExitStatus
from voicectl.cli.output import Printer, accept_any_text, as_unwritable
from voicectl.errors import VoicectlError

__all__ = ["app", "run"]

app = typer.Typer(
    name="voicectl",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        Printer().answer(f"voicectl {voicectl.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Talk to, serve, probe, replay and bench voice AI over WebRTC."""


app.command(help=talk.HELP)(talk.talk)
app.command(help=probe.HELP)(probe.probe)
app.command(help=replay.HELP)(replay.replay)
app.add_typer(bench.app, name="bench")
app.command(help=devices.HELP)(devices.devices)
app.command(help=doctor.HELP)(doctor.doctor)


def run() -> int:
    """Run the command line; the `ExitStatus` it ends with."""
    accept_any_text()
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else ExitStatus.YES
    except Exception as error:  # the one broad except: no traceback reaches a user
        # What an interruption has broken is no error of its own; what is no VoicectlError, our bug.
        return ExitStatus.INTERRUPTED if interrupt.noted() else _explain(error)
    return ExitStatus.YES


def _explain(error: Exception) -> int:
    if isinstance(error, OSError):
        # Of what typer prints itself, its help for one.
        error = as_unwritable(error) or error
    if isinstance(error, VoicectlError):
        Printer().error(error)
        return error.exit_status
    _report_bug(error)
    return ExitStatus.BUG


def _report_bug(error: Exception) -> None:
    bug = VoicectlError(
        f"voicectl failed in a way it should not: {type(error).__name__}: {error}",
        hint="this is a bug; run it again with VOICECTL_TRACEBACK=1 and report what it prints",
    )
    if os.environ.get("VOICECTL_TRACEBACK"):
        bug.detail = traceback.format_exc()
    Printer().error(bug)
