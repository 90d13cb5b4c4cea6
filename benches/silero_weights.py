"""Take Silero's 16 kHz weights out of its ONNX file, and scores to test the Rust inference by.

    pip install onnx 'voicectl[bench]'
    python benches/silero_weights.py

Writes into `rust/media/src/vad/silero/`:

- `weights.f32le`: the layers in the order and layout that `silero/weights.rs` reads.
  The STFT's basis is a DFT under a periodic Hann window, to 8e-8, and is left out; so are filter
  taps that only ever meet the padding: one window gives the third layer two frames and the
  fourth layer one.
- `speech.s16le` and `silero/speech_scores.f32le`: two seconds of made speech in noise and
  what onnxruntime scores each of its 512-sample windows.
"""

from pathlib import Path

import hibari
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from voicectl.bench.dsp.silero_onnx import OnnxSilero, model_path

TARGET = Path(__file__).parents[1] / "rust/media/src/vad/silero"


def main() -> None:
    """Write both, and say what was heard."""
    path = model_path()
    write_weights({t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer})
    pcm = speech_in_noise()
    scores = OnnxSilero(path).scores(pcm)
    (TARGET / "speech.s16le").write_bytes(pcm.astype("<i2").tobytes())
    (TARGET / "speech_scores.f32le").write_bytes(np.asarray(scores, "<f4").tobytes())
    print(f"{len(scores)} windows, {np.mean(np.array(scores) > 0.5):.0%} speech,", end=" ")
    print(f"onnxruntime {onnxruntime.__version__}, {path.name}")


def speech_in_noise() -> NDArray[np.int16]:
    """Pause, speech, pause: the noise is 20 dB below the speech."""
    speech = hibari.Hibari()("The meeting is at nine.", seed=1)
    at_16k = np.interp(np.arange(0, len(speech), 1.5), np.arange(len(speech)), speech)
    pcm = np.zeros(64 * 512)
    pcm[4000 : 4000 + len(at_16k)] = at_16k[: len(pcm) - 4000]
    noise = np.random.default_rng(4).normal(size=len(pcm))
    pcm += noise * np.sqrt(np.mean(at_16k**2)) / 10
    return np.clip(np.rint(pcm * 20000), -32768, 32767).astype(np.int16)


def write_weights(tensors: dict[str, NDArray[np.float32]]) -> None:
    """Lay the layers out as the Rust side reads them."""
    encoder = "model.encoder.{}.reparam_conv.{}".format
    rnn = "model.decoder.rnn.{}".format
    # Rows are outputs; a row's inputs run tap by tap, as frames lie one after the other in memory.
    taps = [slice(0, 3), slice(0, 3), slice(1, 3), slice(1, 2)]
    layers = [
        (
            tensors[encoder(n, "weight")][:, :, used].transpose(0, 2, 1).reshape(outputs, -1),
            tensors[encoder(n, "bias")],
        )
        for n, (used, outputs) in enumerate(zip(taps, [128, 64, 64, 128], strict=True))
    ]
    layers.append(
        (
            np.hstack([tensors[rnn("weight_ih")], tensors[rnn("weight_hh")]]),
            tensors[rnn("bias_ih")] + tensors[rnn("bias_hh")],
        )
    )
    layers.append(
        (
            tensors["model.decoder.decoder.2.weight"].reshape(1, 128),
            tensors["model.decoder.decoder.2.bias"],
        )
    )
    with (TARGET / "weights.f32le").open("wb") as file:
        for weight, bias in layers:
            file.write(np.ascontiguousarray(weight, "<f4").tobytes())
            file.write(np.ascontiguousarray(bias, "<f4").tobytes())


if __name__ == "__main__":
    main()
