"""How a replay is shown: what was replayed, then a line a strategy; 80 columns do."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from voicectl.cli.output import printable
from voicectl.replay.material import Delivery
from voicectl.replay.report import Figures, FileReport, Quality

__all__ = ["render_report"]

_LABEL_WIDTH = 10


def render_report(report: FileReport) -> Iterator[RenderableType]:
    """The parts of the answer, from the top down."""
    yield Text(printable(_title(report)), style="bold", overflow="fold")
    for name, value in _lines(report):
        yield Text(f"  {name:<{_LABEL_WIDTH}} {printable(value)}")
    yield Text()
    yield _indented(_playout_table(report.runs))
    qualities = [(run, run.quality) for run in report.runs if run.quality is not None]
    if qualities:
        yield Text()
        yield _indented(_quality_table(qualities))
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


def _playout_table(runs: list[Figures]) -> Table:
    table = _table("strategy", "delay p50", "p95", "concealed", "skipped", "late", "lost", "jitter")
    for run in runs:
        table.add_row(
            run.strategy,
            f"{run.delay_p50_ms:.0f} ms",
            f"{run.delay_p95_ms:.0f} ms",
            f"{run.concealed_percent:.2f} %",
            f"{run.skipped_ms:.0f} ms",
            str(run.late_packets),
            str(run.packets_lost),
            f"{run.jitter_ms:.1f} ms",
        )
    return table


def _quality_table(rows: list[tuple[Figures, Quality]]) -> Table:
    columns = ["strategy", "STOI", "PESQ-wb", "words lost", "time-scaled", "repaired"]
    table = _table(*columns)
    for run, quality in rows:
        words = "-" if quality.words is None else f"{quality.words_lost} of {quality.words}"
        table.add_row(
            run.strategy,
            "-" if quality.stoi is None else f"{quality.stoi:.3f}",
            "-" if quality.pesq_wb is None else f"{quality.pesq_wb:.2f}",
            words,
            f"{run.accelerated_ms + run.decelerated_ms:.0f} ms",
            str(run.repaired_frames),
        )
    return table


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 2), expand=False)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
