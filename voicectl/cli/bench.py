"""`voicectl bench`: figures beside rivals', judged; for a CI job to gate on."""

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from voicectl.cli import interrupt
from voicectl.cli.exit_status import ExitStatus
from voicectl.cli.options import JsonOption, QuietOption, VerboseOption, chosen_format
from voicectl.cli.output import Printer
from voicectl.errors import SetupError, UsageError
from voicectl.paths import refuse_overwriting, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicectl.bench.report import Report
    from voicectl.bench.suite import Effort, Suite

__all__ = ["app", "exit_status"]

_TAKE_DOWN_S = 10.0
"""For a lab of namespaces."""


class OutputFormat(StrEnum):
    """How a report is written to stdout."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"


QuickOption = Annotated[
    bool, typer.Option("--quick", help="Fewer samples, wider intervals: minutes a suite.")
]
GateOption = Annotated[
    Path | None,
    typer.Option("--gate", metavar="TOML", help="Limits to hold figures to, instead of our own."),
]
BaselineOption = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="FILE", help="A saved run; fail where a ratio grew 15 %."),
]
SaveOption = Annotated[
    Path | None, typer.Option("--save", metavar="FILE", help="Keep the run for --baseline.")
]
FormatOption = Annotated[
    OutputFormat | None,
    typer.Option("--format", help="How stdout is written; a table by default."),
]

_EXAMPLES = """
\b
Examples:
  voicectl bench --quick
  voicectl bench dsp --json
  voicectl bench playout --format markdown
  voicectl bench --save today.json
  voicectl bench --baseline today.json
  voicectl bench --quick --gate gate.toml --format junit > bench.xml

\b
Status:
  0 every gate passed · 1 one failed · 75 this machine was too busy to say
"""

_CALLS_EXAMPLES = """
\b
Examples:
  voicectl bench calls --quick
  voicectl bench calls --json > calls.json
  voicectl bench calls --format markdown

\b
Status:
  0 every gate passed · 1 one failed · 3 not Linux
  75 a time missed its limit on a machine with more to do than it has cores
"""

_PROBE_EXAMPLES = """
\b
Examples:
  sudo voicectl bench probe --quick
  sudo voicectl bench probe --seed 7 --json > probe.json
  sudo voicectl bench probe --format markdown

\b
Status:
  0 every gate passed · 1 one failed · 3 not root, or coturn, dnsmasq, nft or tinyproxy is missing
  75 a time missed its limit on a machine with more to do than it has cores
"""

app = typer.Typer(
    help="Measure voicectl beside its rivals and gate on the ratios.",
    epilog=_EXAMPLES,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(frozen=True)
class _Options:
    quick: bool
    gate: Path | None
    baseline: Path | None
    save: Path | None
    output_format: OutputFormat | None
    json_output: bool
    quiet: bool
    verbose: int

    def __post_init__(self) -> None:
        """Refuse formats that exclude each other before anything is measured."""
        _ = self.format

    @property
    def format(self) -> OutputFormat:
        return chosen_format(self.output_format, json_output=self.json_output, formats=OutputFormat)

    @property
    def printer(self) -> Printer:
        return Printer(
            json_output=self.format is OutputFormat.JSON,
            quiet=self.quiet,
            verbosity=self.verbose,
        )


@app.callback(invoke_without_command=True)
def _all(
    context: typer.Context,
    quick: QuickOption = False,
    gate: GateOption = None,
    baseline: BaselineOption = None,
    save: SaveOption = None,
    output_format: FormatOption = None,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
) -> None:
    options = _Options(quick, gate, baseline, save, output_format, json_output, quiet, verbose)
    if context.invoked_subcommand is None:
        from voicectl.bench.suites import all_suites

        _run(all_suites(quick=quick), options)
    elif options != _Options(False, None, None, None, None, False, False, 0):
        suite = context.invoked_subcommand
        raise UsageError(
            f"options of `bench` stand before `{suite}`", hint=f"write `voicectl bench {suite} …`"
        )


def _suite_command(name: str, build: "Callable[[bool], Suite]", epilog: str = _EXAMPLES) -> None:
    """Add the command of a suite that has no options but those of all; `build` describes it."""

    @app.command(name, epilog=epilog, help=build.__doc__)
    def _suite(
        quick: QuickOption = False,
        gate: GateOption = None,
        baseline: BaselineOption = None,
        save: SaveOption = None,
        output_format: FormatOption = None,
        json_output: JsonOption = False,
        quiet: QuietOption = False,
        verbose: VerboseOption = 0,
    ) -> None:
        options = _Options(quick, gate, baseline, save, output_format, json_output, quiet, verbose)
        _run_suite(build(quick), options)


def _dsp(quick: bool) -> "Suite":
    """Codec, resampler, detectors and border, beside PyAV, aiortc and others."""
    from voicectl.bench.dsp import DSP

    return DSP


def _playout(quick: bool) -> "Suite":
    """Jitter buffers on recorded traces, beside NetEq and a fixed one.

    --quick leaves the speech scores out.
    """
    from voicectl.bench.playout import playout_suite

    return playout_suite(quick=quick)


def _calls(quick: bool) -> "Suite":
    """What calls cost, how late they are and how many there can be, beside aiortc and Pion.

    Takes some fifteen minutes on two cores, some three with --quick. Pion is built where Go is.
    """
    from voicectl.bench.calls import calls_suite

    return calls_suite(quick=quick)


_suite_command("dsp", _dsp)
_suite_command("playout", _playout)
_suite_command("calls", _calls, _CALLS_EXAMPLES)


@app.command("probe", epilog=_PROBE_EXAMPLES)
def _probe(
    quick: QuickOption = False,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="N", min=0, help="Draw the same order, ports, names and addresses."
        ),
    ] = None,
    gate: GateOption = None,
    baseline: BaselineOption = None,
    save: SaveOption = None,
    output_format: FormatOption = None,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """`voicectl probe` on every fault, beside turnutils, stun and aioice. Needs root and coturn.

    It runs in network namespaces on this machine and takes some twenty minutes, a minute with
    --quick, which takes a sample of the cases and leaves the rivals out.
    """
    from voicectl.bench.probe import probe_suite

    # Its processes and namespaces are taken down.
    interrupt.give_time(_TAKE_DOWN_S)
    options = _Options(quick, gate, baseline, save, output_format, json_output, quiet, verbose)
    _run_suite(probe_suite(seed=seed, quick=quick), options)


@app.command("self-test")
def _self_test(
    quick: QuickOption = False,
    output_format: FormatOption = None,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Time a workload against itself: can figures be trusted here?"""
    from voicectl.bench.gate import too_noisy
    from voicectl.bench.suite import run_self_test
    from voicectl.clock import ThreadCpuClock

    options = _Options(quick, None, None, None, output_format, json_output, quiet, verbose)
    report = run_self_test(clock=ThreadCpuClock(), effort=_effort(options))
    _show(report, options.format, options.printer)
    if too_noisy(report.calibration.noise):
        raise typer.Exit(ExitStatus.INCONCLUSIVE)


def exit_status(report: "Report") -> ExitStatus:
    """What a run ends with."""
    from voicectl.bench.report import Verdict

    return {
        Verdict.PASS: ExitStatus.YES,
        Verdict.FAIL: ExitStatus.NO,
        Verdict.INCONCLUSIVE: ExitStatus.INCONCLUSIVE,
    }[report.verdict]


def _effort(options: _Options) -> "Effort":
    from voicectl.bench.suite import Effort

    return Effort.quick() if options.quick else Effort.thorough()


def _run_suite(suite: "Suite", options: _Options) -> None:
    """One that was asked for by name, so it is not left out where this machine cannot run it."""
    if (reason := suite.missing()) is not None:
        raise reason
    _run([suite], options)


def _run(suites: "list[Suite]", options: _Options) -> None:
    from voicectl.bench.baseline import read_baseline
    from voicectl.bench.gate import read_gate
    from voicectl.bench.suite import run_suites
    from voicectl.bench.suites import all_suites
    from voicectl.clock import ThreadCpuClock

    if options.save:
        read = [path for path in (options.baseline, options.gate) if path is not None]
        refuse_overwriting(read, [("--save", options.save)])
    known = [spec for suite in all_suites() for spec in suite.specs]
    limits = read_gate(options.gate, known) if options.gate else None
    baseline = read_baseline(options.baseline) if options.baseline else None
    if options.save:
        _refuse_unwritable(options.save)
    printer = options.printer
    suites, left_out = _measurable(suites, limits)
    with _progress(printer, sum(len(suite.benches) for suite in suites)) as progress:
        task = progress.add_task("", total=None)
        report = run_suites(
            suites,
            clock=ThreadCpuClock(),
            effort=_effort(options),
            limits=limits,
            baseline=baseline,
            on_step=lambda step: progress.update(task, description=step),
        )
    report = replace(report, notes=(*report.notes, *left_out))
    if options.save:
        _save(report, options.save)
    _show(report, options.format, printer)
    if status := exit_status(report):
        raise typer.Exit(status)


def _measurable(
    suites: "list[Suite]", limits: dict[str, float] | None
) -> "tuple[list[Suite], list[str]]":
    """Those that this machine can run, and why the others are left out.

    One that a gate names stays: its figures are then not measured, which is no pass.
    """
    kept, left_out = [], []
    for suite in suites:
        reason = suite.missing()
        gated = any(spec.id in (limits or {}) for spec in suite.specs)
        if reason is None or gated:
            kept.append(suite)
        else:
            left_out.append(f"{suite.name}: left out, {reason.message}")
    return kept, left_out


def _progress(printer: Printer, benches: int) -> Progress:
    if not printer.animates:
        printer.note(f"measuring {benches} figures")
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=printer.stderr_console,
        transient=True,
        disable=not printer.animates,
        # Its thread would compete with what is measured.
        refresh_per_second=2,
    )


def _show(report: "Report", output_format: OutputFormat, printer: Printer) -> None:
    match output_format:
        case OutputFormat.TABLE:
            from voicectl.bench.formats.table import render_table

            printer.answer(render_table(report))
        case OutputFormat.JSON:
            from voicectl.bench.formats.json import report_fields

            printer.record(report_fields(report))
        case OutputFormat.JUNIT:
            from voicectl.bench.formats.junit import render_junit

            printer.raw(render_junit(report))
        case OutputFormat.MARKDOWN:
            from voicectl.bench.formats.markdown import render_markdown

            printer.raw(render_markdown(report))


def _refuse_unwritable(path: Path) -> None:
    """Say so now, not after a minute of measuring."""
    if (reason := unwritable(path)) is not None:
        raise _unsaved(path, reason)


def _save(report: "Report", path: Path) -> None:
    from voicectl.bench.formats.json import report_fields

    try:
        path.write_text(json.dumps(report_fields(report), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise _unsaved(path, error.strerror) from error


def _unsaved(path: Path, reason: str | None) -> SetupError:
    return SetupError(f"{path} cannot be written: {reason}", hint="choose another --save")
