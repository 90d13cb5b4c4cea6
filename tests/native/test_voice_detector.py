"""The detectors by themselves, frame by frame."""

import numpy as np
import pytest

from voicectl._native import SpeechEnded, SpeechGate, SpeechStarted, VoiceDetector
from voicectl.bench.dsp.hearing import noisy_scenes
from voicectl.bench.dsp.silero_onnx import OnnxSilero, model_path
from voicectl.bench.dsp.speech import SENTENCES, chunks, speech
from voicectl.errors import SetupError, UsageError


def test_silero_scores_speech_in_noise_as_onnxruntime_does() -> None:
    try:
        onnx = OnnxSilero(model_path())
    except SetupError as error:
        pytest.skip(error.message)
    for scene in noisy_scenes():
        detector = VoiceDetector("silero")
        scores = [detector.score(frame) for frame in chunks(scene.pcm, detector.frame_samples)]
        assert np.abs(np.subtract(scores, onnx.scores(scene.pcm))).max() < 1e-3


@pytest.mark.parametrize(("vad", "frame_samples"), [("earshot", 256), ("silero", 512)])
def test_a_frame_of_another_length_is_refused(vad: str, frame_samples: int) -> None:
    detector = VoiceDetector(vad)
    assert detector.frame_samples == frame_samples
    for samples in (0, frame_samples - 1, frame_samples + 1):
        with pytest.raises(ValueError, match=f"a frame is {frame_samples} samples"):
            detector.score(np.zeros(samples, np.int16))


@pytest.mark.parametrize("vad", ["earshot", "silero"])
def test_a_reset_detector_scores_as_a_new_one(vad: str) -> None:
    detector = VoiceDetector(vad)
    frames = chunks(speech(16_000)[:32_000], detector.frame_samples)
    first = [detector.score(frame) for frame in frames]
    detector.reset()
    assert [detector.score(frame) for frame in frames] == first


@pytest.mark.parametrize("vad", ["earshot", "silero"])
def test_a_gate_on_either_detector_hears_every_sentence(vad: str) -> None:
    gate = SpeechGate(vad=vad)
    events = gate.process(speech(16_000), 0) + gate.reset()
    assert [type(event) for event in events[::2]] == [SpeechStarted] * (len(events) // 2)
    assert [type(event) for event in events[1::2]] == [SpeechEnded] * (len(events) // 2)
    assert len(SENTENCES) <= len(events) // 2 <= 2 * len(SENTENCES)


def test_a_detector_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="neither earshot nor silero"):
        VoiceDetector("webrtc")
    with pytest.raises(UsageError, match="neither earshot nor silero"):
        SpeechGate(vad="webrtc")
