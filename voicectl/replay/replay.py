"""A whole replay: a file, a network, one or more strategies, and what is written of it."""

import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicectl._native import is_capture
from voicectl.device.wav import TwoChannelRecording
from voicectl.errors import MediaError, SetupError, UsageError
from voicectl.replay.captured_call import CallAgain, play_again
from voicectl.replay.file_bytes import FileBytes, read_file
from voicectl.replay.files import Choice, material_of
from voicectl.replay.gaps import shorten_gaps
from voicectl.replay.material import SAMPLE_RATE_HZ, Material, OfferedPacket, across, delivery
from voicectl.replay.network import Network
from voicectl.replay.outputs import with_parts
from voicectl.replay.pipeline import Played, Strategy, play
from voicectl.replay.report import Figures, FileReport, figures_of
from voicectl.replay.sequence import Place, places_of

__all__ = ["ReplayPlan", "parse_strategies", "replay_file"]

_MOST_SCORED_S = 120
"""Longer speech would be scored for longer than it takes to speak it."""


@dataclass(frozen=True)
class ReplayPlan:
    """What is done with each file."""

    strategies: tuple[Strategy, ...] | None = None
    """None: a capture of our own as it was, anything else with `balanced`."""
    network: Network | None = None
    choice: Choice = Choice()
    output: Path | None = None
    plot: Path | None = None
    scored: bool = True
    """Compare with the clean speech, where there is one."""


def parse_strategies(text: str) -> tuple[Strategy, ...]:
    """Read `balanced,eager`.

    Raises:
        UsageError: One of them is none, or stands twice.
    """
    names = [name.strip() for name in text.split(",")]
    known = ", ".join(Strategy)
    for name in names:
        if name not in tuple(Strategy):
            raise UsageError(f"there is no strategy `{name}`", hint=f"there are {known}")
    if len(set(names)) < len(names):
        raise UsageError(f"a strategy stands twice in `{text}`", hint=f"there are {known}")
    return tuple(Strategy(name) for name in names)


def replay_file(
    path: Path,
    plan: ReplayPlan,
    on_progress: Callable[[str, float], None] = lambda stage, share: None,
) -> FileReport:
    """Replay one file.

    Args:
        path: Of any kind that `material_of` takes.
        plan: What to do with it.
        on_progress: Told what is going on, and the share of it that is done.

    Raises:
        UsageError: The file or the choice cannot be used.
        MediaError: There is nothing in it to be replayed.
        SetupError: A package is missing, or an output cannot be written.
    """
    if plan.plot is not None:
        from voicectl.replay.plot import check_matplotlib

        check_matplotlib()
    file = read_file(path)
    as_it_was = plan.strategies is None and plan.network is None and not plan.choice.is_made
    if is_capture(file.data) and as_it_was:
        return _again(file, plan, on_progress)
    material = material_of(file, plan.choice, lambda share: on_progress("reading", share))
    material.packets = _without_long_gaps(path, material, material.packets)
    packets = material.packets
    if plan.network is not None:
        packets = across(packets, plan.network.link(plan.choice.seed))
    delivered = delivery(material, packets)
    if plan.network is not None:
        packets = _without_long_gaps(path, material, packets)
    strategies = plan.strategies or (Strategy.BALANCED,)
    runs = [_play(packets, strategy, material, path, on_progress) for strategy in strategies]
    figures = _score(runs, material, plan, on_progress)
    outputs = _write(path, plan, runs, packets, on_progress)
    network = plan.network.fields() if plan.network is not None else None
    return FileReport(str(path), material, network, plan.choice.seed, figures, outputs, delivered)


def _without_long_gaps(
    path: Path, material: Material, packets: list[OfferedPacket]
) -> list[OfferedPacket]:
    try:
        shortened = shorten_gaps(packets)
    except MediaError as error:
        error.message = f"{path} {error.message}"
        raise
    material.notes += shortened.notes()
    if shortened.gaps and material.speech is not None:
        # Its timestamps no longer tell where in the clean speech a packet belongs.
        material.speech = None
        material.notes.append("not scored: a pause was shortened")
    return shortened.packets


def _again(
    file: FileBytes, plan: ReplayPlan, on_progress: Callable[[str, float], None]
) -> FileReport:
    """A call of our own capture, to the bit."""
    path = file.path
    try:
        call = play_again(file.data, lambda share: on_progress("playing", min(share, 1.0)))
    except MediaError as error:
        error.message = f"{path}: {error.message}"
        raise
    material = material_of(file, plan.choice)
    material.notes += call.notes()
    outputs = []
    if plan.output is not None:
        _write_call(plan.output, call)
        outputs.append(str(plan.output))
    if plan.plot is not None and call.sample_rate_hz != SAMPLE_RATE_HZ:
        raise UsageError(f"--plot draws audio at 48 kHz, and {path} has {call.sample_rate_hz} Hz")
    if plan.plot is not None:
        outputs.append(_draw(path, plan, [call.played], material.packets, on_progress))
    figures = [figures_of(call.played)]
    return FileReport(str(path), material, None, plan.choice.seed, figures, outputs, call=call)


def _write_call(path: Path, call: CallAgain) -> None:
    """As `talk --output` writes it: two channels, where the call kept what was said."""
    if not call.said:
        _write_wav(path, call.played.heard(), call.sample_rate_hz)
        return
    with TwoChannelRecording(path, call.sample_rate_hz) as recording:
        for pcm in call.said:
            recording.write_left(pcm)
        recording.write_right(call.played.heard())


def _play(
    packets: list[OfferedPacket],
    strategy: Strategy,
    material: Material,
    path: Path,
    on_progress: Callable[[str, float], None],
) -> Played:
    played = play(
        packets,
        strategy,
        payload_types=material.payload_types,
        frame_samples=material.frame_samples,
        red_payload_type=material.red_payload_type,
        on_progress=lambda share: on_progress(f"playing ({strategy.value})", share),
    )
    if not packets:
        raise MediaError(
            f"{path}: no packet arrived", hint="the network loses them all: choose another one"
        )
    if played is None:
        raise MediaError(
            f"{path}: none of its packets could be played",
            hint="take only its timing, with speech of our own: add --headers",
        )
    return played


def _score(
    runs: list[Played],
    material: Material,
    plan: ReplayPlan,
    on_progress: Callable[[str, float], None],
) -> list[Figures]:
    if material.speech is None or not plan.scored:
        return [figures_of(run) for run in runs]
    # scipy and the recognizer take a second to import.
    from voicectl.replay.quality import QualityMeter

    on_progress("scoring", 0.0)
    undisturbed = play(
        material.packets,
        Strategy.EAGER,
        payload_types=material.payload_types,
        frame_samples=material.frame_samples,
        red_payload_type=material.red_payload_type,
    )
    meter = QualityMeter(
        material.speech,
        undisturbed=undisturbed,
        at_most_s=_MOST_SCORED_S,
        runs=len(runs),
        on_progress=lambda share: on_progress("scoring", share),
    )
    if meter.is_sample:
        minutes = len(material.speech.pcm) / SAMPLE_RATE_HZ / 60
        material.notes.append(
            f"scores are of a sample of {_MOST_SCORED_S / 60:g} of {minutes:.1f} minutes"
        )
    if meter.missing:
        material.notes.append(
            f"without {' and '.join(meter.missing)} there are no such scores: "
            f"pip install {' '.join(meter.missing)}"
        )
    figures = [figures_of(run, meter.score(run)) for run in runs]
    if meter.too_little_speech:
        material.notes.append("no STOI: it takes 0.4 s of speech within a segment of 8 s")
    return figures


def _write(
    path: Path,
    plan: ReplayPlan,
    runs: list[Played],
    packets: list[OfferedPacket],
    on_progress: Callable[[str, float], None],
) -> list[str]:
    written = []
    if plan.output is not None:
        for run in runs:
            target = with_parts(plan.output, [run.strategy.value] if len(runs) > 1 else [])
            _write_wav(target, run.heard(), SAMPLE_RATE_HZ)
            written.append(str(target))
    if plan.plot is not None:
        written.append(_draw(path, plan, runs, packets, on_progress))
    return written


def _draw(
    path: Path,
    plan: ReplayPlan,
    runs: list[Played],
    packets: list[OfferedPacket],
    on_progress: Callable[[str, float], None],
) -> str:
    from voicectl.replay.plot import draw

    on_progress("drawing", 0.0)
    target = plan.plot or path.with_suffix(".png")
    title = path.name if plan.network is None else f"{path.name} · {plan.network.name}"
    draw(target, title, runs, lost_at_s(packets))
    return str(target)


def lost_at_s(packets: list[OfferedPacket]) -> list[float]:
    """When packets that never came were first missed, from the first packet on.

    As many as were missed at once have one time.
    """
    rtp = [packet for packet in packets if packet.timestamp is not None]
    places = places_of(int.from_bytes(packet.data[2:4], "big") for packet in rtp)
    came = set(places)
    times: list[float] = []
    highest: dict[int, int] = {}
    for packet, place in zip(rtp, places, strict=True):
        if place is None:
            continue
        before = highest.setdefault(place.run, place.number)
        missed = (Place(place.run, number) for number in range(before + 1, place.number))
        if any(number not in came for number in missed):
            times.append((packet.at_ns - packets[0].at_ns) / 1e9)
        highest[place.run] = max(before, place.number)
    return times


def _write_wav(path: Path, pcm: NDArray[np.int16], sample_rate_hz: int) -> None:
    try:
        # Opened here: a `wave.open` that fails leaves a file object that fails again in __del__.
        with path.open("wb") as raw, wave.open(raw) as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate_hz)
            file.writeframes(pcm.astype("<i2").tobytes())
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {error.strerror}", hint="choose another --output"
        ) from error
