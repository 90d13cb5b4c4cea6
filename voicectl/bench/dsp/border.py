"""What it costs to cross from Python into the extension and back, by itself.

The extension's three functions do nothing but take and give: a call, 20 ms of PCM in, 20 ms out.
"""

from collections.abc import Callable

from voicectl.bench.dsp.rivals import rival
from voicectl.bench.measure import Workload
from voicectl.bench.report import FigureSpec, Measurement
from voicectl.bench.suite import Bench, Stopwatch

__all__ = ["BENCHES"]

_CALLS = 300
_FRAME_SAMPLES = 960


def _calling(function: Callable[[], object]) -> Workload:
    def run() -> None:
        for _ in range(_CALLS):
            function()

    return Workload(run, _CALLS)


def _call(stopwatch: Stopwatch) -> Measurement:
    from voicectl._native import border_call

    def nothing() -> None:
        return None

    return stopwatch.cost(_calling(border_call), "Python call", _calling(nothing))


def _pcm_in(stopwatch: Stopwatch) -> Measurement:
    import numpy as np

    from voicectl._native import border_in

    frame = rival("av").AudioFrame
    pcm = np.zeros(_FRAME_SAMPLES, np.int16)
    planes = pcm.reshape(1, -1)
    return stopwatch.cost(
        _calling(lambda: border_in(pcm)),
        "PyAV frame",
        _calling(lambda: frame.from_ndarray(planes, format="s16", layout="mono")),
    )


def _pcm_out(stopwatch: Stopwatch) -> Measurement:
    import numpy as np

    from voicectl._native import border_out

    planes = np.zeros((1, _FRAME_SAMPLES), np.int16)
    frame = rival("av").AudioFrame.from_ndarray(planes, format="s16", layout="mono")
    return stopwatch.cost(
        _calling(lambda: border_out(_FRAME_SAMPLES)), "PyAV frame", _calling(frame.to_ndarray)
    )


BENCHES = (
    Bench(FigureSpec("dsp", "border-call-vs-python", "border, a call", "us", None), _call),
    Bench(FigureSpec("dsp", "border-in-vs-pyav", "border, 20 ms in", "us", 0.25), _pcm_in),
    Bench(FigureSpec("dsp", "border-out-vs-pyav", "border, 20 ms out", "us", 0.25), _pcm_out),
)
