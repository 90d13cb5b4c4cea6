"""`voicectl talk`: hold a spoken conversation with an agent."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicectl.cli.exit_status import ExitStatus
from voicectl.cli.options import JsonOption, QuietOption, VerboseOption
from voicectl.cli.output import Printer

if TYPE_CHECKING:
    from voicectl.session.events import SessionEvent
    from voicectl.session.talk import Talk

__all__ = ["HELP", "talk"]

HELP = """
Hold a spoken conversation with a voice agent over WebRTC.

Without --input the caller is a spoken demo of voicectl's own. Each reply's latency is measured
on the call's audio: from the caller's last sound to the agent's first, as it was heard.

\b
Examples:
  voicectl talk                                        the demo conversation
  voicectl talk --input question.wav --output call.wav
  voicectl talk --input a.wav --input b.wav@reply+600ms --json
  voicectl talk --script dialogue.toml --input hello.wav
"""


def talk(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="`local`: the embedded agent.")
    ] = "local",
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="FILE[@START]",
            help="Speak this WAV or FLAC file; may be given again. Each starts after the reply to "
            "the one before, or at START: @reply+600ms into that reply, @12s into the call.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Record the call: WAV, you left, agent right."
        ),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option("--script", metavar="FILE", help="The embedded agent's dialogue, in TOML."),
    ] = None,
    duration_s: Annotated[
        float | None,
        typer.Option("--duration", metavar="SECONDS", min=0.1, help="Hang up after so long."),
    ] = None,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbosity: VerboseOption = 0,
) -> None:
    """Hold a spoken conversation."""
    # aiortc, onnxruntime and the models take a second to import: `voicectl --help` does not wait.
    from voicectl.session.talk import Talk

    printer = Printer(json_output=json_output, quiet=quiet, verbosity=verbosity)
    conversation = Talk.plan(
        target, inputs=inputs or [], output=output, script=script, duration_s=duration_s
    )
    for note in conversation.notes:
        printer.note(note)
    interrupted = asyncio.run(_hold(conversation, _output(printer, conversation.title)))
    raise typer.Exit(ExitStatus.INTERRUPTED if interrupted else ExitStatus.YES)


def _output(printer: Printer, title: str) -> "Callable[[SessionEvent], None]":
    from voicectl.cli.talk_output import JsonTalkOutput, PlainTalkOutput

    if printer.json_output:
        return JsonTalkOutput(printer).handle_event
    return PlainTalkOutput(printer, title).handle_event


async def _hold(conversation: "Talk", handle_event: "Callable[[SessionEvent], None]") -> bool:
    """Run the call; whether Ctrl-C ended it."""
    loop = asyncio.get_running_loop()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        conversation.hang_up("Ctrl-C")
        # The second Ctrl-C finds the default handler again and ends the process at once.
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        await conversation.hold(handle_event)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return interrupted
