"""What a replay came to, in figures; the definitions are those of W3C webrtc-stats."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from voicectl.replay.captured_call import CallAgain
from voicectl.replay.material import SAMPLE_RATE_HZ, Delivery, Material
from voicectl.replay.pipeline import Played, Window

__all__ = ["SCHEMA", "Figures", "FileReport", "Quality", "delays_by_second", "figures_of"]

SCHEMA = "voicectl.replay/1"
_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
_WINDOWS_PER_SECOND = 10


@dataclass(frozen=True)
class Quality:
    """Beside the clean signal; None: not measured."""

    stoi: float | None
    """Short-time objective intelligibility, 0 to 1 (Taal et al., 2011)."""
    pesq_wb: float | None
    """ITU-T P.862.2, 1 to 4.64, mean over segments of some 8 s."""
    words: int | None
    """Understood in the clean signal."""
    words_lost: int | None
    """Of those: not understood, or otherwise, after the call."""


@dataclass(frozen=True)
class Figures:
    """One strategy's."""

    strategy: str
    heard_ms: float
    delay_mean_ms: float
    """In the jitter buffer, from the arrival of a packet to its decoding, over all samples."""
    delay_p50_ms: float
    """Over seconds."""
    delay_p95_ms: float
    target_mean_ms: float | None
    """None for eager: it aims at no delay."""
    concealed_ms: float
    concealed_percent: float
    """Of the audio that came out."""
    silent_concealed_ms: float
    concealment_events: int
    skipped_ms: float
    accelerated_ms: float
    decelerated_ms: float
    packets_received: int
    packets_lost: int
    late_packets: int
    discarded_packets: int
    duplicate_packets: int
    malformed_packets: int
    repaired_frames: int
    jitter_ms: float
    quality: Quality | None = None


@dataclass
class FileReport:
    """One file's."""

    file: str
    material: Material
    network: dict[str, str] | None
    seed: int
    runs: list[Figures]
    outputs: list[str]
    delivery: Delivery | None = None
    """None: the file does not tell what was sent."""
    call: CallAgain | None = None
    """Of a capture of our own, replayed as it was."""

    def fields(self) -> dict[str, Any]:
        """As it stands in the JSON."""
        material = self.material
        reception = material.reception
        return {
            "schema": SCHEMA,
            "file": self.file,
            "format": material.format,
            "stream": {
                **material.description,
                "frame_ms": _rounded(material.frame_samples / _SAMPLES_PER_MS),
                "duration_ms": _rounded(material.duration_ns / 1e6),
                "packets_sent": material.sent,
            },
            "capture": None
            if reception is None
            else {name: _rounded(value) for name, value in vars(reception).items()},
            "delivery": None
            if self.delivery is None
            else {name: _rounded(value) for name, value in self.delivery._asdict().items()},
            "network": self.network,
            "seed": self.seed,
            "call": None if self.call is None else self.call.fields(),
            "runs": [_run_fields(run) for run in self.runs],
            "outputs": self.outputs,
            "notes": material.notes,
        }


def figures_of(played: Played, quality: Quality | None = None) -> Figures:
    """Count a run."""
    stats = played.stats
    emitted = max(stats.jitter_buffer_emitted_count, 1)
    total = max(stats.total_samples_received, 1)
    delays = delays_by_second(played.windows)
    target_ms = stats.jitter_buffer_target_delay_ms / emitted
    return Figures(
        strategy=played.strategy.value,
        heard_ms=stats.total_samples_received / _SAMPLES_PER_MS,
        delay_mean_ms=stats.jitter_buffer_delay_ms / emitted,
        delay_p50_ms=float(np.percentile(delays, 50)) if delays else 0.0,
        delay_p95_ms=float(np.percentile(delays, 95)) if delays else 0.0,
        target_mean_ms=target_ms if played.sink == "playout" else None,
        concealed_ms=stats.concealed_samples / _SAMPLES_PER_MS,
        concealed_percent=stats.concealed_samples * 100 / total,
        silent_concealed_ms=stats.silent_concealed_samples / _SAMPLES_PER_MS,
        concealment_events=stats.concealment_events,
        skipped_ms=stats.skipped_samples / _SAMPLES_PER_MS,
        accelerated_ms=stats.removed_samples_for_acceleration / _SAMPLES_PER_MS,
        decelerated_ms=stats.inserted_samples_for_deceleration / _SAMPLES_PER_MS,
        packets_received=stats.packets_received,
        packets_lost=stats.packets_lost,
        late_packets=stats.late_packets,
        discarded_packets=stats.packets_discarded,
        duplicate_packets=stats.duplicate_packets,
        malformed_packets=stats.malformed_packets,
        repaired_frames=stats.repaired_frames,
        jitter_ms=stats.jitter_ms,
        quality=quality,
    )


def delays_by_second(windows: Sequence[Window]) -> list[float]:
    """The mean delay of each second in which something was emitted."""
    delays = []
    for begin in range(0, len(windows), _WINDOWS_PER_SECOND):
        second = windows[begin : begin + _WINDOWS_PER_SECOND]
        emitted = sum(window.emitted_samples for window in second)
        if emitted:
            delays.append(sum(window.delay_ms for window in second) / emitted)
    return delays


def _run_fields(run: Figures) -> dict[str, Any]:
    fields = {name: _rounded(value) for name, value in vars(run).items()}
    quality = run.quality
    fields["quality"] = (
        None if quality is None else {name: _rounded(v) for name, v in vars(quality).items()}
    )
    return fields


def _rounded(value: Any) -> Any:  # noqa: ANN401 (whatever stands in the JSON)
    return round(value, 3) if isinstance(value, float) else value
