"""How much faster than real time a file is replayed: reading, decoding and, of a WAV, encoding.

What a call of `voicectl replay` takes beside that (plots, scores, STT) is left out.
"""

import struct
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from voicectl.bench.machine import doubt_by_load
from voicectl.bench.playout.others import TraceCase
from voicectl.bench.report import FigureSpec, Measurement, RivalValue
from voicectl.bench.suite import Bench, Stopwatch
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = ["BENCHES"]

_RUNS = 5
"""The fastest counts: what else runs on the machine only ever adds to CPU time."""
_EVEN = 1.1
"""Runs that differ more tell of a machine with other work."""
_LIBOPUS_ALONE = 68.0
"""Times real time: where it encodes no faster, a processor is too slow, or too busy, for the limit
of a WAV, as decoding and all else take a tenth of the time."""
_FRAME_SAMPLES = 960


def _capture_speed(stopwatch: Stopwatch) -> Measurement:
    from voicectl.bench.playout.runs import material

    packets = material(TraceCase("clean")).packets
    dump = [b"#!rtpplay1.0 127.0.0.1/5004\n", struct.pack(">IIIHH", 0, 0, 0, 5004, 0)]
    for packet in packets:
        size, at_ms = len(packet.data), round(packet.at_ns / NS_PER_MS)
        dump += [struct.pack(">HHI", size + 8, size, at_ms), packet.data]
    span_ns = packets[-1].at_ns - packets[0].at_ns
    with _replay("call.rtpdump", lambda path: path.write_bytes(b"".join(dump))) as replay:
        [took_ns] = _timed([replay], stopwatch)
    return _speed(span_ns, took_ns)


def _wav_speed(stopwatch: Stopwatch) -> Measurement:
    from voicectl.bench.playout.runs import unbroken_speech
    from voicectl.replay.material import SAMPLE_RATE_HZ

    pcm = unbroken_speech()

    def write(path: Path) -> None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(pcm.astype("<i2").tobytes())

    span_ns = len(pcm) * NS_PER_S // SAMPLE_RATE_HZ
    with _replay("speech.wav", write) as replay:
        took_ns, alone_ns = _timed([replay, lambda: _encode(pcm)], stopwatch)
    alone = span_ns / min(alone_ns)
    slow = f"libopus alone encodes {alone:.0f}x as fast as real time here"
    doubt = slow if alone < _LIBOPUS_ALONE else None
    return _speed(span_ns, took_ns, (RivalValue("libopus alone", alone),), doubt)


def _encode(pcm: NDArray[np.int16]) -> None:
    from voicectl._native import OpusEncoder

    encoder = OpusEncoder(inband_fec=True, expected_loss_percent=10)
    for at in range(0, len(pcm), _FRAME_SAMPLES):
        encoder.encode(pcm[at : at + _FRAME_SAMPLES])


@contextmanager
def _replay(name: str, write: Callable[[Path], object]) -> Iterator[Callable[[], object]]:
    """What replays the file that `write` writes."""
    from voicectl.replay.replay import ReplayPlan, replay_file

    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        plan = ReplayPlan(scored=False)
        yield lambda: replay_file(path, plan)


def _speed(
    span_ns: int,
    took_ns: list[int],
    rivals: tuple[RivalValue, ...] = (),
    doubt: str | None = None,
) -> Measurement:
    """The fastest run's; in doubt where others use the processor too."""
    took_ns = sorted(took_ns)
    fastest_ns, usual_ns = took_ns[0], took_ns[_RUNS // 2]
    if usual_ns > _EVEN * fastest_ns:
        uneven = f"half of {_RUNS} runs took {usual_ns / fastest_ns:.2f}x longer"
        doubt = doubt or f"this machine was busy: {uneven}"
    return Measurement(span_ns / fastest_ns, rivals, doubt=doubt or doubt_by_load())


def _timed(runs: list[Callable[[], object]], stopwatch: Stopwatch) -> list[list[int]]:
    """CPU time of `_RUNS` of each, in turns, in nanoseconds."""
    took_ns: list[list[int]] = [[] for _ in runs]
    for _ in range(_RUNS):
        for run, took in zip(runs, took_ns, strict=True):
            began_ns = stopwatch.clock.now_ns()
            run()
            took.append(max(stopwatch.clock.now_ns() - began_ns, 1))
    return took_ns


def _bench(name: str, title: str, least: float, measure: Callable[..., Measurement]) -> Bench:
    spec = FigureSpec(
        "playout", name, title, "x real time", least, "quality",
        higher_is_better=True, tolerance=least / 2,
    )  # fmt: skip
    return Bench(spec, measure)


BENCHES = (
    _bench("replay-capture-speed", "replay of a capture", 300.0, _capture_speed),
    _bench("replay-wav-speed", "replay of a WAV", 60.0, _wav_speed),
)
