"""Sample rates, in 20 ms chunks of a stream: cost, aliases, noise, delay."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voicectl.bench.dsp.rivals import rival, rival_values
from voicectl.bench.dsp.tones import delay_ms, tone_to_noise_db, worst_alias_db
from voicectl.bench.measure import Workload
from voicectl.bench.report import FigureSpec, Measurement
from voicectl.bench.suite import Bench, Stopwatch

__all__ = ["BENCHES"]

_CHUNK_MS = 20
_CHUNKS = 50


class Stream(Protocol):
    """Converts chunk after chunk of one stream."""

    def prepare(self, pcm: NDArray[np.int16], /) -> object:
        """The chunk in the form that `process` takes."""
        ...

    def process(self, chunk: Any, /) -> NDArray[np.int16]:  # noqa: ANN401 (any form)
        """What comes out for it."""
        ...


@dataclass(frozen=True)
class Rates:
    """From, to."""

    from_hz: int
    to_hz: int

    @property
    def name(self) -> str:
        """As figures name it."""
        return f"{self.from_hz // 1000}k-{self.to_hz // 1000}k"

    @property
    def title(self) -> str:
        """As people read it."""
        return f"{self.from_hz // 1000}k -> {self.to_hz // 1000}k"

    @property
    def chunk_samples(self) -> int:
        """Of the input."""
        return self.from_hz * _CHUNK_MS // 1000


class _Ours:
    def __init__(self, rates: Rates) -> None:
        from voicectl._native import Resampler

        self.process = Resampler(rates.from_hz, rates.to_hz).process

    def prepare(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        return pcm


class _Swr:
    """libswresample through PyAV, as aiortc and what is built on it use it."""

    def __init__(self, rates: Rates) -> None:
        self._av = rival("av")
        self._rates = rates
        self._resampler = self._av.AudioResampler(format="s16", layout="mono", rate=rates.to_hz)

    def prepare(self, pcm: NDArray[np.int16]) -> object:
        frame = self._av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rates.from_hz
        return frame

    def process(self, chunk: object) -> NDArray[np.int16]:
        parts = [frame.to_ndarray()[0] for frame in self._resampler.resample(chunk)]
        return np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else _NOTHING


class _Soxr:
    """libsoxr by its Python package, at the quality that it recommends."""

    def __init__(self, rates: Rates) -> None:
        stream = rival("soxr").ResampleStream(rates.from_hz, rates.to_hz, 1, dtype="int16")
        self.process: Callable[[NDArray[np.int16]], NDArray[np.int16]] = stream.resample_chunk

    def prepare(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        return pcm


_NOTHING = np.zeros(0, np.int16)
_RIVALS: dict[str, Callable[[Rates], Stream]] = {"swr": _Swr, "soxr": _Soxr}


def _converting(stream: Stream, pcm: NDArray[np.int16], rates: Rates) -> Workload:
    from voicectl.bench.dsp.speech import chunks

    prepared = [stream.prepare(chunk) for chunk in chunks(pcm, rates.chunk_samples)[:_CHUNKS]]

    def run() -> None:
        for chunk in prepared:
            stream.process(chunk)

    return Workload(run, len(prepared))


def _cost(rates: Rates, name: str) -> Callable[[Stopwatch], Measurement]:
    def measure(stopwatch: Stopwatch) -> Measurement:
        from voicectl.bench.dsp.speech import speech

        theirs = _RIVALS[name](rates)
        pcm = speech(rates.from_hz)[rates.from_hz :]
        return stopwatch.cost(
            _converting(_Ours(rates), pcm, rates), name, _converting(theirs, pcm, rates)
        )

    return measure


def _converted(stream: Stream, rates: Rates) -> Callable[[NDArray[np.int16]], NDArray[np.int16]]:
    """The stream as a function of a whole signal. The filter is fed on from call to call."""
    from voicectl.bench.dsp.speech import chunks

    def convert(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        parts = [stream.process(stream.prepare(c)) for c in chunks(pcm, rates.chunk_samples)]
        return np.concatenate(parts)

    return convert


def _quality(
    rates: Rates,
    measured: Callable[[Callable[[NDArray[np.int16]], NDArray[np.int16]], int, int], float],
) -> Callable[[Stopwatch], Measurement]:
    def measure(_: Stopwatch) -> Measurement:
        def of(make: Callable[[Rates], Stream]) -> float:
            return measured(_converted(make(rates), rates), rates.from_hz, rates.to_hz)

        rivals = {name: partial(of, make) for name, make in _RIVALS.items()}
        return Measurement(of(_Ours), rival_values(rivals))

    return measure


def _benches(rates: Rates, cost_limits: dict[str, float]) -> list[Bench]:
    name, title = f"resample-{rates.name}", rates.title
    alias = "aliases" if rates.from_hz > rates.to_hz else "images"
    costs = [
        Bench(
            FigureSpec("dsp", f"{name}-vs-{other}", f"resample {title}", "us", limit),
            _cost(rates, other),
        )
        for other, limit in cost_limits.items()
    ]
    return [
        *costs,
        Bench(
            FigureSpec(
                "dsp", f"{name}-{alias}", f"  {alias}", "dB", -75.0, "quality", tolerance=1.0
            ),
            _quality(rates, worst_alias_db),
        ),
        Bench(
            FigureSpec(
                "dsp",
                f"{name}-snr-1k",
                "  SNR at 1 kHz",
                "dB",
                84.0,
                "quality",
                higher_is_better=True,
                tolerance=1.0,
            ),
            _quality(rates, tone_to_noise_db),
        ),
        Bench(
            FigureSpec("dsp", f"{name}-delay", "  delay", "ms", 2.0, "quality", tolerance=0.1),
            _quality(rates, delay_ms),
        ),
    ]


BENCHES = (
    *_benches(Rates(48_000, 16_000), {"swr": 0.25, "soxr": 0.75}),
    *_benches(Rates(16_000, 48_000), {"swr": 0.3, "soxr": 1.0}),
    *_benches(Rates(24_000, 48_000), {"swr": 0.4, "soxr": 1.0}),
)
