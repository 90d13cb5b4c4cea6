"""`voicectl replay`: a bad call on the desk."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from voicectl.cli.options import JsonOption, QuietOption, VerboseOption
from voicectl.cli.output import Printer
from voicectl.errors import UsageError

if TYPE_CHECKING:
    from voicectl.replay.network import Network
    from voicectl.replay.replay import ReplayPlan

__all__ = ["HELP", "NETEM_SCHEMA", "replay"]

NETEM_SCHEMA = "voicectl.netem/1"
"""Of what `--show-netem` prints, which may stand before the replays."""

HELP = """
Replay a call through the real audio pipeline, on a virtual clock.

FILE is a recording (wav, flac), a capture (pcap, pcapng, rtpdump), a trace csv, or what a browser
kept of a call (an rtcstats or webrtc-internals dump). A recording is encoded and sent; of a trace
or a dump the timing is taken and the speech is voicectl's own. The same file, network and seed
give the same result, to the sample.

A capture of `voicectl talk --capture` is the call again, to the bit; with a network, a strategy or
a stream it is replayed like any other.

\b
Examples:
  voicectl replay speech.wav --network wifi-spikes --strategy eager
  voicectl replay call.pcap --compare balanced,eager --plot call.png
  voicectl replay encrypted.pcapng --headers --output heard.wav
  voicectl replay speech.wav --network loss=3%,burst=4,delay=60ms,jitter=20ms
  voicectl replay call.voicecap --output again.wav
  voicectl replay --network ge5 --show-netem

\b
Networks:
  clean loss2 ge5 gauss20 wifi-spikes lte handover step150 bufferbloat
  g1050-a to g1050-h (after ITU-T G.1050's severities; not conformance tests)
  a trace csv: seq,send_ms,arrival_ms, an empty arrival is a loss
  a text of: loss=2% burst=3 delay=40ms jitter=15ms distribution=normal
    reorder=yes duplicate=1% rate=64kbit queue=200ms drift=50ppm
    spike-every=2s spike=30ms..150ms hold-every=20s hold=1s
    blackout-every=60s blackout=1s flap-every=30s flap=150ms, commas between

\b
Strategies, from the shortest delay to the fewest gaps. Measured on the traces wifi-spikes and
lte of `voicectl bench playout`: mean delay in the buffer, concealed audio.
  eager         for machines (STT, VAD): frames as they arrive, no playout clock
                (0 ms, 0.0 %; 0 ms, 0.0 %)
  conservative  for ears: small buffers, the lowest delay, the least resilience
                (73 ms, 1.1 %; 29 ms, 1.1 %)
  balanced      for ears: between the two
                (132 ms, under 0.01 %; 58 ms, 1.1 %)
  aggressive    for ears: large buffers, stability first
                (151 ms, 0.0 %; 251 ms, 0.8 %)
"""


class StrategyName(StrEnum):
    """As typed; `voicectl.replay` has the meaning."""

    CONSERVATIVE = "conservative"
    BALANCED = "balanced"
    AGGRESSIVE = "aggressive"
    EAGER = "eager"


def replay(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="What to replay.")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            "-n",
            metavar="PROFILE|TRACE|SPEC",
            help="A simulated network on the way: a profile, a trace csv, or a text (above).",
        ),
    ] = None,
    strategy: Annotated[
        StrategyName | None,
        typer.Option(
            "--strategy", "-s", help="Of the jitter buffer: short delays first, or few gaps."
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option("--compare", metavar="A,B,...", help="Several strategies, side by side."),
    ] = None,
    headers: Annotated[
        bool,
        typer.Option(
            "--headers",
            help="Of an encrypted capture take the timing only; the speech is voicectl's own.",
        ),
    ] = False,
    stream: Annotated[
        str | None,
        typer.Option("--stream", metavar="SSRC", help="Which stream of a capture."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, max=2**32 - 1, help="Of all that is drawn.")
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write what was heard as WAV; of several strategies one file each.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw it: PNG, SVG or PDF."),
    ] = None,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores/--no-scores", help="Compare with the clean speech: STOI, PESQ, words."
        ),
    ] = True,
    show_netem: Annotated[
        bool,
        typer.Option("--show-netem", help="Print the tc command that does what --network does."),
    ] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbosity: VerboseOption = 0,
) -> None:
    """Replay a call through the real audio pipeline."""
    # numpy, soundfile and the native module: `voicectl --help` does not wait for them.
    from voicectl.replay.file_bytes import check_readable
    from voicectl.replay.files import Choice
    from voicectl.replay.network import find_network
    from voicectl.replay.outputs import plan_outputs
    from voicectl.replay.replay import ReplayPlan, parse_strategies

    printer = Printer(json_output=json_output, quiet=quiet, verbosity=verbosity)
    if strategy is not None and compare is not None:
        raise UsageError("--strategy and --compare exclude each other", hint="leave one out")
    found = find_network(network) if network is not None else None
    if show_netem:
        _show_netem(printer, found, seed)
    if not files:
        if show_netem:
            return
        raise UsageError(
            "there is no FILE to replay", hint="voicectl replay speech.wav --network wifi-spikes"
        )
    for path in files:
        check_readable(path)
    chosen = compare if compare is not None else strategy and strategy.value
    strategies = parse_strategies(chosen) if chosen is not None else None
    outputs = plan_outputs(
        files,
        output=output,
        plot=plot,
        strategies=strategies or (),
        also_read=[found.path] if found is not None and found.path is not None else (),
    )
    choice = Choice(headers=headers, stream=stream, seed=seed)
    plans = [
        ReplayPlan(strategies, found, choice, each.output, each.plot, scores) for each in outputs
    ]
    _replay_all(printer, files, plans)


def _replay_all(printer: Printer, files: list[Path], plans: "list[ReplayPlan]") -> None:
    from voicectl.cli.replay_table import render_report
    from voicectl.replay.replay import replay_file

    told: set[str] = set()
    for path, plan in zip(files, plans, strict=True):
        with _progress(printer) as progress:
            report = replay_file(path, plan, _on_progress(progress))
        printer.record(report.fields())
        for renderable in render_report(report):
            printer.answer(renderable)
        for note in dict.fromkeys(report.material.notes):
            # What holds for every file is said once.
            if note not in told:
                printer.note(f"note: {note}")
            told.add(note)


def _show_netem(printer: Printer, network: "Network | None", seed: int) -> None:
    if network is None:
        raise UsageError("--show-netem shows a network", hint="add --network, such as ge5")
    lines = network.netem(seed)
    printer.record(
        {"schema": NETEM_SCHEMA, "network": network.fields(), "seed": seed, "netem": lines}
    )
    if not printer.json_output:
        # As it is, not folded at the terminal's width: it is there to be copied.
        printer.raw("\n".join(lines))


def _progress(printer: Printer) -> Progress:
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=printer.stderr_console,
        transient=True,
        disable=not printer.animates,
    )


def _on_progress(progress: Progress) -> Callable[[str, float], None]:
    task = progress.add_task("reading", total=1.0)
    stage = "reading"

    def show(name: str, share: float) -> None:
        nonlocal stage
        if name != stage:
            stage = name
            progress.reset(task, description=name)
        progress.update(task, completed=share)

    return show
