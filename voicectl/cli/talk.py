"""`voicectl talk`: hold a spoken conversation with an agent."""

import asyncio
import contextlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicectl.cli import interrupt
from voicectl.cli.exit_status import ExitStatus
from voicectl.cli.options import JsonOption, QuietOption, VerboseOption
from voicectl.cli.output import Printer
from voicectl.errors import SetupError

if TYPE_CHECKING:
    from voicectl.cli.talk_output import TalkOutput
    from voicectl.session.events import SessionEvent
    from voicectl.session.talk import Talk

__all__ = ["HELP", "talk"]

HELP = """
Hold a spoken conversation with a voice agent over WebRTC.

You speak through microphone and speaker, or files do with --input; where there is neither, a
spoken caller of voicectl's own holds a demo. Each reply's latency is measured on the call's audio:
from the caller's last sound to the agent's first, as it was heard. Use headphones: the agent hears
what the microphone hears.

\b
Examples:
  voicectl talk
  voicectl talk --mic jabra --speaker 2
  voicectl talk --input question.wav --output call.wav
  voicectl talk --input a.wav --input b.wav@reply+600ms --json
  voicectl talk --script dialogue.toml --input hello.wav
  voicectl talk --capture bad.voicecap && voicectl replay bad.voicecap --output again.wav
"""


class Vad(StrEnum):
    """The voice activity detectors in the extension."""

    EARSHOT = "earshot"
    SILERO = "silero"


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
    capture: Annotated[
        Path | None,
        typer.Option(
            "--capture",
            metavar="FILE",
            help="Write down what goes into your end of the call (packets decrypted, audio, times) "
            "for `voicectl replay`; readable only by you.",
        ),
    ] = None,
    microphone: Annotated[
        str | None,
        typer.Option("--mic", metavar="NAME|NUMBER", help="See `voicectl devices`."),
    ] = None,
    speaker: Annotated[
        str | None,
        typer.Option("--speaker", metavar="NAME|NUMBER", help="See `voicectl devices`."),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option("--script", metavar="FILE", help="The embedded agent's dialogue, in TOML."),
    ] = None,
    vad: Annotated[
        Vad, typer.Option("--vad", help="What the embedded agent finds speech with.")
    ] = Vad.EARSHOT,
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
    from voicectl.session.talk import Talk, TalkOptions

    printer = Printer(json_output=json_output, quiet=quiet, verbosity=verbosity)
    conversation = Talk.plan(
        TalkOptions(
            target,
            inputs or [],
            output,
            script,
            microphone=microphone,
            speaker=speaker,
            vad=vad.value,
            duration_s=duration_s,
            capture=capture,
        )
    )
    for note in conversation.notes:
        printer.note(note)
    raise typer.Exit(asyncio.run(_hold(conversation, _output(printer, conversation.title))))


def _output(printer: Printer, title: str) -> "TalkOutput":
    from voicectl.cli.talk_output import JsonTalkOutput, PlainTalkOutput
    from voicectl.cli.talk_screen import TalkScreen

    if printer.json_output:
        return JsonTalkOutput(printer)
    if printer.animates and printer.stdout_console.is_terminal and not printer.verbosity:
        return TalkScreen(printer, title)
    return PlainTalkOutput(printer, title)


async def _hold(conversation: "Talk", output: "TalkOutput") -> ExitStatus:
    """Run the call; the status to end with."""
    from voicectl.cli.keys import Keys
    from voicectl.session.events import CallConnected, CallEnded

    loop = asyncio.get_running_loop()
    connected = interrupted = False
    unwritable: SetupError | None = None

    def show(event: "SessionEvent") -> None:
        nonlocal connected, unwritable
        connected = connected or isinstance(event, CallConnected)
        try:
            output.handle_event(event)
        except SetupError as error:
            # The call goes on for the sake of its recording; what it prints does not.
            output.warn(error.message)
            unwritable = error
        if interrupted and isinstance(event, CallEnded):
            interrupt.leave_soon()

    def hang_up() -> None:
        nonlocal interrupted
        interrupted = True
        output.show_ending()
        conversation.hang_up("Ctrl-C")
        if not connected:
            interrupt.leave_soon()

    def press(key: str) -> None:
        match key:
            case "m":
                output.show_muted(conversation.toggle_mute())
            case "s":
                conversation.stop_reply()
            case "q":
                conversation.hang_up("you hung up")
            case "?":
                output.toggle_help()
            case _:
                pass

    with interrupt.calling(lambda: loop.call_soon_threadsafe(hang_up)):
        with output, Keys(press) if output.takes_keys else contextlib.nullcontext():
            report = await conversation.hold(show, output.warn)
    if unwritable is not None:
        raise unwritable
    if interrupted:
        return ExitStatus.INTERRUPTED
    return ExitStatus.NO if report is None or report.unanswered else ExitStatus.YES
