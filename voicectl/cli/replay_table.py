"""How a replay is shown: a line a strategy, or a block each where the terminal is narrow."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from voicectl.cli.output import printable
from voicectl.replay.material import Delivery
from voicectl.replay.report import Figures, FileReport, Quality

__all__ = ["render_report"]

_LABEL_WIDTH = 10
_UNBOUNDED = 1000


def render_report(report: FileReport) -> Iterator[RenderableType]:
    """The parts of the answer, from the top down."""
    yield Text(printable(_title(report)), style="bold", overflow="fold")
    for name, value in _lines(report):
        yield Text(f"  {name:<{_LABEL_WIDTH}} {printable(value)}")
    yield Text()
    yield _playout_table(report.runs)
    qualities = [(run, run.quality) for run in report.runs if run.quality is not None]
    if qualities:
        yield Text()
        yield _quality_table(qualities)
    for path in report.outputs:
        yield Text(f"  {'written':<{_LABEL_WIDTH}} {printable(path)}", overflow="fold")


def _title(report: FileReport) -> str:
    material = report.material
    duration_s = material.duration_ns / 1e9
    codec = material.description.get("codec", "Opus")
    frame_ms = material.frame_samples / 48
    return f"{report.file} · {material.format} · {codec} {frame_ms:g} ms · {duration_s:.1f} s"


def _lines(report: FileReport) -> Iterator[tuple[str, str]]:
    material = report.material
    if "flow" in material.description:
        yield "stream", f"{material.description['ssrc']}  {material.description['flow']}"
    figures = material.reception
    if figures is not None:
        expected = max(figures.packets + figures.lost, 1)
        line = f"{figures.packets} packets  {figures.lost} lost ({figures.lost / expected:.1%})"
        if figures.duplicates:
            line += f"  {figures.duplicates} twice"
        if figures.reordered:
            line += f"  {figures.reordered} reordered"
        yield "captured", f"{line}  jitter {figures.jitter_ms:.1f} ms"
    if report.call is not None:
        verdicts = {True: "the call, to the bit", False: "not the call to the bit", None: "unknown"}
        yield "replayed", verdicts[report.call.identical]
    if report.network is not None:
        yield "network", f"{report.network['name']}  (seed {report.seed})"
    if report.delivery is not None and (figures is None or report.network is not None):
        yield "sent", _delivery(report.delivery)


def _delivery(delivery: Delivery) -> str:
    share = delivery.packets_lost / max(delivery.packets_sent, 1)
    line = f"{delivery.packets_sent} packets  {delivery.packets_lost} lost on the way ({share:.1%})"
    ends = {"start": delivery.missing_start_ms, "end": delivery.missing_end_ms}
    missing = [f"{ms / 1000:.2f} s at the {end}" for end, ms in ends.items() if ms]
    return f"{line}  {' and '.join(missing)}" if missing else line


def _playout_table(runs: list[Figures]) -> "_Figures":
    columns = ["strategy", "delay p50", "p95", "concealed", "skipped", "late", "lost", "jitter"]
    rows = [
        [
            run.strategy,
            f"{run.delay_p50_ms:.0f} ms",
            f"{run.delay_p95_ms:.0f} ms",
            f"{run.concealed_percent:.2f} %",
            f"{run.skipped_ms:.0f} ms",
            str(run.late_packets),
            str(run.packets_lost),
            f"{run.jitter_ms:.1f} ms",
        ]
        for run in runs
    ]
    return _Figures(columns, rows)


def _quality_table(rows: list[tuple[Figures, Quality]]) -> "_Figures":
    columns = ["strategy", "STOI", "PESQ-wb", "words lost", "time-scaled", "repaired"]
    return _Figures(columns, [[run.strategy, *_quality(run, quality)] for run, quality in rows])


def _quality(run: Figures, quality: Quality) -> list[str]:
    return [
        "-" if quality.stoi is None else f"{quality.stoi:.3f}",
        "-" if quality.pesq_wb is None else f"{quality.pesq_wb:.2f}",
        "-" if quality.words is None else f"{quality.words_lost} of {quality.words}",
        f"{run.accelerated_ms + run.decelerated_ms:.0f} ms",
        str(run.repaired_frames),
    ]


@dataclass(frozen=True)
class _Figures:
    """A table with a line a strategy; where that is too wide, a block a strategy."""

    columns: list[str]
    rows: list[list[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self._table()
        if Measurement.get(console, options.update(width=_UNBOUNDED), table).maximum <= (
            options.max_width
        ):
            yield table
            return
        width = max(map(len, self.columns))
        for first, *values in self.rows:
            yield Text(f"  {first}", overflow="fold")
            for name, value in zip(self.columns[1:], values, strict=True):
                yield Text(f"    {name:<{width}} {value}", overflow="fold")

    def _table(self) -> Padding:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        table.add_column(self.columns[0], no_wrap=True)
        for name in self.columns[1:]:
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return Padding(table, (0, 0, 0, 2), expand=False)
