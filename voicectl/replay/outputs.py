"""The files that a replay writes, known before it begins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicectl.errors import SetupError, UsageError
from voicectl.paths import is_directory, refuse_overwriting, unwritable

__all__ = ["PLOT_FORMATS", "Outputs", "plan_outputs", "plot_format", "with_parts"]

PLOT_FORMATS = ("png", "svg", "pdf")


@dataclass(frozen=True)
class Outputs:
    """Where one file's replay goes; None: not asked for."""

    output: Path | None
    plot: Path | None


def plan_outputs(
    files: Sequence[Path],
    *,
    output: Path | None,
    plot: Path | None,
    strategies: Sequence[str] = (),
    also_read: Iterable[Path] = (),
) -> list[Outputs]:
    """Give each file's outputs their names, in the order of the files.

    Args:
        files: What is replayed.
        output: As the user named what is heard.
        plot: As the user named the drawing.
        strategies: Those that are compared, each with a WAV of its own.
        also_read: Other files that must stay.

    Raises:
        UsageError: Something would be overwritten that is read, or that was just written, or a
            name is none for what is to be written.
        SetupError: Something cannot be written.
    """
    for flag, path in (("--output", output), ("--plot", plot)):
        if path is not None and is_directory(path):
            raise UsageError(f"{flag} {path} is a directory", hint="name a file in it")
    if plot is not None and plot_format(plot) not in PLOT_FORMATS:
        known = ", ".join(f"plot.{name}" for name in PLOT_FORMATS)
        raise UsageError(
            f"--plot {plot}: {plot.suffix} is no kind of picture that is drawn",
            hint=f"name it {known}",
        )
    planned = []
    written: list[tuple[str, Path]] = []
    for label in _labels(files):
        parts = [label] if len(files) > 1 else []
        outputs = Outputs(
            output=None if output is None else with_parts(output, parts),
            plot=None if plot is None else with_parts(plot, parts),
        )
        planned.append(outputs)
        if outputs.output is not None:
            written += (
                ("--output", with_parts(outputs.output, [name] if len(strategies) > 1 else []))
                for name in strategies or ("",)
            )
        if outputs.plot is not None:
            written.append(("--plot", outputs.plot))
    refuse_overwriting([*files, *also_read], written)
    for flag, path in written:
        if (trouble := unwritable(path)) is not None:
            raise SetupError(f"{path} cannot be written: {trouble}", hint=f"choose another {flag}")
    return planned


def plot_format(path: Path) -> str:
    """What is drawn into a file, by its ending; without one it is PNG."""
    return path.suffix.removeprefix(".").lower() or "png"


def with_parts(path: Path, parts: Sequence[str]) -> Path:
    """The path with what tells it from its siblings: `out-call-eager.wav`."""
    return path.with_stem("-".join([path.stem, *parts])) if parts else path


def _labels(files: Sequence[Path]) -> list[str]:
    """The files' own names without their endings; equal ones are numbered."""
    labels: list[str] = []
    taken = {path.stem for path in files}
    for path in files:
        label, number = path.stem, 1
        while label in labels or (number > 1 and label in taken):
            number += 1
            label = f"{path.stem}-{number}"
        labels.append(label)
    return labels
