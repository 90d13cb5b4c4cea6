"""Voice detectors at 16 kHz: what a second of audio costs, and what they take for speech."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from voicectl.bench.dsp.rivals import rival, rival_values
from voicectl.bench.dsp.silero_onnx import WINDOW_SAMPLES, OnnxSilero, model_path
from voicectl.bench.measure import Workload
from voicectl.bench.report import FigureSpec, Measurement, RivalValue
from voicectl.bench.suite import Bench, Stopwatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voicectl.bench.dsp.hearing import Hearing

__all__ = ["BENCHES"]

_Detector = Literal["earshot", "silero"]

_RATE_HZ = 16_000
_SECONDS = 1
_WEBRTC_FRAME_SAMPLES = 480
_WEBRTC_MODE = 2


def _excerpt() -> "NDArray[np.int16]":
    """A pause, then speech."""
    from voicectl.bench.dsp.speech import speech

    return speech(_RATE_HZ)[: _SECONDS * _RATE_HZ]


def _ours(name: _Detector) -> Workload:
    from voicectl._native import VoiceDetector

    detector = VoiceDetector(name)
    return _scoring(detector.score, detector.frame_samples)


def _scoring(score: "Callable[[NDArray[np.int16]], object]", samples: int) -> Workload:
    from voicectl.bench.dsp.speech import chunks

    frames = chunks(_excerpt(), samples)

    def run() -> None:
        for frame in frames:
            score(frame)

    return Workload(run, _SECONDS)


def _earshot_vs_webrtcvad(stopwatch: Stopwatch) -> Measurement:
    from voicectl.bench.dsp.speech import chunks

    is_speech = rival("webrtcvad").Vad(_WEBRTC_MODE).is_speech
    frames = [frame.tobytes() for frame in chunks(_excerpt(), _WEBRTC_FRAME_SAMPLES)]

    def run() -> None:
        for frame in frames:
            is_speech(frame, _RATE_HZ)

    return stopwatch.cost(_ours("earshot"), "webrtcvad", Workload(run, _SECONDS))


def _silero_vs_onnxruntime(stopwatch: Stopwatch) -> Measurement:
    onnx = OnnxSilero(model_path())
    theirs = _scoring(onnx.score, WINDOW_SAMPLES)
    return stopwatch.cost(_ours("silero"), "onnxruntime", theirs)


def _silero_scores(_: Stopwatch) -> Measurement:
    import numpy as np

    from voicectl._native import VoiceDetector
    from voicectl.bench.dsp.hearing import noisy_scenes
    from voicectl.bench.dsp.speech import chunks

    onnx = OnnxSilero(model_path())
    worst = 0.0
    for scene in noisy_scenes()[:2]:
        detector = VoiceDetector("silero")
        scores = [detector.score(frame) for frame in chunks(scene.pcm, detector.frame_samples)]
        worst = max(worst, float(np.abs(np.subtract(scores, onnx.scores(scene.pcm))).max()))
    return Measurement(worst, (RivalValue("onnxruntime", 0.0),))


def _quality(
    name: _Detector, judged: "Callable[[Hearing], float]"
) -> Callable[[Stopwatch], Measurement]:
    def measure(_: Stopwatch) -> Measurement:
        from voicectl.bench.dsp.hearing import hear_native, hear_webrtcvad

        return Measurement(
            judged(hear_native(name)),
            rival_values({"webrtcvad": lambda: judged(hear_webrtcvad(rival("webrtcvad")))}),
        )

    return measure


def _quality_benches(name: _Detector, auc: float, hits_percent: float) -> list[Bench]:
    return [
        Bench(
            FigureSpec(
                "dsp",
                f"vad-{name}-auc",
                "  AUC in noise",
                "",
                auc,
                "quality",
                higher_is_better=True,
                tolerance=0.01,
            ),
            _quality(name, lambda hearing: hearing.auc),
        ),
        Bench(
            FigureSpec(
                "dsp",
                f"vad-{name}-hits",
                "  hits, 5 % false",
                "%",
                hits_percent,
                "quality",
                higher_is_better=True,
                tolerance=2.0,
            ),
            _quality(name, lambda hearing: 100 * hearing.hits),
        ),
    ]


BENCHES = (
    Bench(
        FigureSpec("dsp", "vad-earshot-vs-webrtcvad", "Earshot, 1 s audio", "us", None),
        _earshot_vs_webrtcvad,
    ),
    *_quality_benches("earshot", 0.95, 90.0),
    Bench(
        FigureSpec("dsp", "vad-silero-vs-onnxruntime", "Silero, 1 s audio", "us", 0.4),
        _silero_vs_onnxruntime,
    ),
    *_quality_benches("silero", 0.97, 93.0),
    Bench(
        FigureSpec(
            "dsp", "vad-silero-scores", "  worst score error", "", 1e-3, "quality", tolerance=1e-3
        ),
        _silero_scores,
    ),
)
