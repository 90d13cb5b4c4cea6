"""Draws a replay: delay, losses and concealment over time, the waveform, how delays are spread."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voicectl.errors import SetupError
from voicectl.replay.material import SAMPLE_RATE_HZ
from voicectl.replay.outputs import plot_format
from voicectl.replay.pipeline import Played, Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["check_matplotlib", "draw"]

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Okabe and Ito's: told apart by everyone."""
_CONCEALED = "#d55e00"
_WAVEFORM_COLUMNS = 2000
_BINS = 40
_METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def check_matplotlib() -> None:
    """Fail before the work rather than after it.

    Raises:
        SetupError: matplotlib is missing.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise SetupError("plots need matplotlib", hint="pip install 'voicectl[plot]'") from error


def draw(path: Path, title: str, runs: list[Played], lost_at_s: list[float]) -> None:
    """Write a picture of one or several runs over the same packets.

    Args:
        path: PNG, SVG or PDF, by its ending; without one PNG.
        title: Above it.
        runs: At least one.
        lost_at_s: When packets were found missing, from the first packet on.

    Raises:
        SetupError: matplotlib is missing, or the file cannot be written.
    """
    check_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = len(runs)
    figure = Figure(figsize=(11, 5.2 + 1.3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2 + rows, 4, height_ratios=[3, 1.3, *[1.1] * rows])
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in title)
    figure.suptitle(shown, fontsize=11, parse_math=False)
    delay = figure.add_subplot(grid[0, :3])
    _draw_delay(delay, runs)
    _draw_distribution(figure.add_subplot(grid[0, 3], sharey=delay), runs)
    losses = figure.add_subplot(grid[1, :3], sharex=delay)
    _draw_losses(losses, runs, lost_at_s)
    _draw_legend(figure.add_subplot(grid[1, 3]), runs)
    for index, run in enumerate(runs):
        _draw_waveform(figure.add_subplot(grid[2 + index, :3], sharex=delay), run)
        _draw_summary(figure.add_subplot(grid[2 + index, 3]), run)
    kind = plot_format(path)
    try:
        # Without dates and with names that are not drawn by lot: equal runs give equal pictures.
        with matplotlib.rc_context({"svg.hashsalt": "voicectl"}):
            figure.savefig(path, dpi=110, format=kind, metadata=_METADATA[kind])
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {error.strerror}", hint="choose another --plot"
        ) from error


def _draw_delay(axes: "Axes", runs: list[Played]) -> None:
    for run, color in zip(runs, _COLORS, strict=False):
        times = [window.at_ns / 1e9 for window in run.windows]
        axes.plot(times, [_mean(w.delay_ms, w) for w in run.windows], color=color, lw=1.1)
        if run.sink == "playout":
            targets = [_mean(w.target_ms, w) for w in run.windows]
            axes.plot(times, targets, color=color, lw=0.9, ls=":")
    axes.set_ylabel("buffer delay, ms")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.set_title("delay (dotted: target)", loc="left", fontsize=9)


def _draw_distribution(axes: "Axes", runs: list[Played]) -> None:
    windows = [window for run in runs for window in run.windows if window.emitted_samples]
    highest = max([1.0, *(_mean(window.delay_ms, window) for window in windows)])
    bins = [highest * edge / _BINS for edge in range(_BINS + 1)]
    for run, color in zip(runs, _COLORS, strict=False):
        delays = [_mean(w.delay_ms, w) for w in run.windows if w.emitted_samples]
        weights = [w.emitted_samples for w in run.windows if w.emitted_samples]
        axes.hist(
            delays, bins, weights=weights, density=True, orientation="horizontal",
            histtype="step", color=color, lw=1.3,
        )  # fmt: skip
    axes.set_xticks([])
    axes.tick_params(labelleft=False)
    axes.set_title("share of the audio", loc="left", fontsize=9)


def _draw_losses(axes: "Axes", runs: list[Played], lost_at_s: list[float]) -> None:
    for run, color in zip(runs, _COLORS, strict=False):
        times = [window.at_ns / 1e9 for window in run.windows]
        concealed = [window.concealed_samples * 1000 / SAMPLE_RATE_HZ for window in run.windows]
        axes.step(times, concealed, color=color, lw=1.1, where="pre")
    axes.set_ylabel("ms in 100")
    axes.set_ylim(-18, 105)
    axes.plot(lost_at_s, [-9] * len(lost_at_s), "|", color="black", ms=6, mew=0.8)
    axes.grid(alpha=0.25)
    axes.set_title("concealed (below, in black: packets lost)", loc="left", fontsize=9)


def _draw_legend(axes: "Axes", runs: list[Played]) -> None:
    axes.axis("off")
    for run, color in zip(runs, _COLORS, strict=False):
        axes.plot([], [], color=color, label=run.strategy.value)
    axes.legend(loc="center left", frameon=False, fontsize=9)


def _draw_waveform(axes: "Axes", run: Played) -> None:
    pcm = run.heard().astype(np.float32) / np.float32(32768)
    times, low, high = _envelope(pcm)
    axes.fill_between(times, low, high, color="#555555", lw=0)
    for begin, end in run.concealed_ranges():
        axes.axvspan(
            begin / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ, color=_CONCEALED, alpha=0.45, lw=0
        )
    peak = max(float(np.abs(pcm).max()) if len(pcm) else 0.0, 0.01)
    axes.set_ylim(-peak, peak)
    axes.set_yticks([])
    axes.set_xlabel("s")
    axes.set_title(f"{run.strategy.value}: heard (orange: concealed)", loc="left", fontsize=9)


def _draw_summary(axes: "Axes", run: Played) -> None:
    stats = run.stats
    emitted = max(stats.jitter_buffer_emitted_count, 1)
    total = max(stats.total_samples_received, 1)
    axes.axis("off")
    axes.text(
        0,
        0.5,
        f"delay {stats.jitter_buffer_delay_ms / emitted:.0f} ms\n"
        f"concealed {stats.concealed_samples / total:.2%}\n"
        f"skipped {stats.skipped_samples * 1000 / SAMPLE_RATE_HZ:.0f} ms\n"
        f"lost {stats.packets_lost}   late {stats.late_packets}",
        va="center",
        fontsize=9,
        transform=axes.transAxes,
    )


def _envelope(
    pcm: NDArray[np.float32],
) -> tuple[list[float], list[float], list[float]]:
    """What a line a pixel wide would show: millions of samples make a slow picture."""
    per_column = max(len(pcm) // _WAVEFORM_COLUMNS, 1)
    columns = len(pcm) // per_column
    blocks = pcm[: columns * per_column].reshape(columns, per_column)
    times = np.arange(columns) * per_column / SAMPLE_RATE_HZ
    return times.tolist(), blocks.min(axis=1).tolist(), blocks.max(axis=1).tolist()


def _mean(total: float, window: Window) -> float:
    return total / window.emitted_samples if window.emitted_samples else float("nan")
