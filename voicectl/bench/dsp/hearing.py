"""How well a detector tells speech from noise: made speech under three noises at two levels.

Each 10 ms of a scene is speech, silence, or too near an edge to ask. The labels come from the
level of the clean speech, the scores from the noisy scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voicectl.bench.dsp.speech import chunks, speech, spoken_sentences

__all__ = ["Hearing", "Scene", "hear_native", "hear_webrtcvad", "noisy_scenes", "rank_auc"]

_RATE_HZ = 16_000
_TICK_SAMPLES = 160
_SNRS_DB = (20.0, 10.0)
_BELOW_PEAK_DB = 40.0
"""What is softer than this under the loudest 10 ms is no speech."""
_BRIDGED_TICKS = 10
"""A gap in speech up to this long is a stop consonant, not a pause."""
_EDGE_TICKS = 6
"""Detectors look at up to 48 ms at once: this near an edge no answer is right."""
_FALSE_ALARMS = 0.05
_BABBLE_VOICES = 6


@dataclass(frozen=True)
class Scene:
    """Speech in noise, and which ticks of it are speech."""

    pcm: NDArray[np.int16]
    is_speech: NDArray[np.bool_]
    """A tick's label, shape (ticks,)."""
    asked: NDArray[np.bool_]
    """The ticks that are far enough from an edge."""


@dataclass(frozen=True)
class Hearing:
    """A detector's mean over all scenes."""

    auc: float
    """The chance that a tick of speech scores above a tick without; a half for equal scores."""
    hits: float
    """The share of speech found at a threshold that 5 % of the rest exceeds."""


@cache
def noisy_scenes() -> tuple[Scene, ...]:
    """White, pink and babble noise, 20 and 10 dB below the speech."""
    clean = speech(_RATE_HZ).astype(float)
    is_speech = _labels(clean)
    asked = ~_near_edges(is_speech)
    power = float(np.mean(np.square(clean[np.repeat(is_speech, _TICK_SAMPLES).nonzero()[0]])))
    scenes = []
    for noise in (_white(len(clean)), _pink(len(clean)), _babble(len(clean))):
        for snr_db in _SNRS_DB:
            gain = np.sqrt(power / np.mean(np.square(noise)) / 10 ** (snr_db / 10))
            pcm = np.clip(np.rint(clean + gain * noise), -32768, 32767).astype(np.int16)
            scenes.append(Scene(pcm, is_speech, asked))
    return tuple(scenes)


@cache
def hear_native(name: Literal["earshot", "silero"]) -> Hearing:
    """The extension's detectors."""
    from voicectl._native import VoiceDetector

    def scores(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
        detector = VoiceDetector(name)
        frame = detector.frame_samples
        return _by_tick([detector.score(part) for part in chunks(pcm, frame)], frame, len(pcm))

    return _mean([(scene, scores(scene.pcm)) for scene in noisy_scenes()])


@cache
def hear_webrtcvad(module: Any) -> Hearing:  # noqa: ANN401 (untyped package)
    """WebRTC's: it only says yes or no, so the score is how many of its four modes say yes."""

    def scores(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
        frames = [frame.tobytes() for frame in chunks(pcm, _TICK_SAMPLES)]
        votes = np.zeros(len(frames))
        for mode in range(4):
            is_speech = module.Vad(mode).is_speech
            votes += [is_speech(frame, _RATE_HZ) for frame in frames]
        return votes

    return _mean([(scene, scores(scene.pcm)) for scene in noisy_scenes()])


def rank_auc(speech_scores: NDArray[np.float64], other_scores: NDArray[np.float64]) -> float:
    """The chance that one of the first is above one of the second; equals count a half."""
    ordered = np.sort(other_scores)
    below = np.searchsorted(ordered, speech_scores, side="left")
    up_to = np.searchsorted(ordered, speech_scores, side="right")
    return float(np.mean((below + up_to) / 2) / len(ordered))


def _mean(heard: Sequence[tuple[Scene, NDArray[np.float64]]]) -> Hearing:
    aucs, hits = [], []
    for scene, scores in heard:
        asked = scene.asked[: len(scores)]
        labels = scene.is_speech[: len(scores)]
        yes, no = scores[asked & labels], scores[asked & ~labels]
        aucs.append(rank_auc(yes, no))
        hits.append(float(np.mean(yes > np.quantile(no, 1.0 - _FALSE_ALARMS))))
    return Hearing(float(np.mean(aucs)), float(np.mean(hits)))


def _by_tick(scores: list[float], frame_samples: int, samples: int) -> NDArray[np.float64]:
    """The score of the frame that holds each tick's middle."""
    middles = np.arange(samples // _TICK_SAMPLES) * _TICK_SAMPLES + _TICK_SAMPLES // 2
    inside = middles[middles // frame_samples < len(scores)]
    return np.asarray(scores, float)[inside // frame_samples]


def _labels(clean: NDArray[np.float64]) -> NDArray[np.bool_]:
    ticks = clean[: len(clean) // _TICK_SAMPLES * _TICK_SAMPLES].reshape(-1, _TICK_SAMPLES)
    levels = 10 * np.log10(np.mean(np.square(ticks), axis=1) + 1e-9)
    loud: NDArray[np.bool_] = levels > levels.max() - _BELOW_PEAK_DB
    edges = np.flatnonzero(np.diff(loud.astype(np.int8)))
    for end, start in zip(edges, edges[1:], strict=False):
        if not loud[end + 1] and start - end <= _BRIDGED_TICKS:
            loud[end + 1 : start + 1] = True
    return loud


def _near_edges(is_speech: NDArray[np.bool_]) -> NDArray[np.bool_]:
    near = np.zeros(len(is_speech), bool)
    for edge in np.flatnonzero(np.diff(is_speech.astype(np.int8))) + 1:
        near[max(edge - _EDGE_TICKS, 0) : edge + _EDGE_TICKS] = True
    return near


def _white(samples: int) -> NDArray[np.float64]:
    return np.random.default_rng(11).normal(size=samples)


def _pink(samples: int) -> NDArray[np.float64]:
    """The same power in every octave from 20 Hz."""
    spectrum = np.fft.rfft(np.random.default_rng(12).normal(size=samples))
    frequencies = np.fft.rfftfreq(samples, 1 / _RATE_HZ)
    pink: NDArray[np.float64] = np.fft.irfft(
        spectrum / np.sqrt(np.maximum(frequencies, 20.0)), samples
    )
    return pink


def _babble(samples: int) -> NDArray[np.float64]:
    """People at other tables: the sentences over each other, six at any time, without a pause."""
    rng = np.random.default_rng(13)
    talk = np.concatenate(spoken_sentences(_RATE_HZ)).astype(float)
    repeated = np.tile(talk, samples // len(talk) + 2)
    starts = rng.integers(len(talk), size=_BABBLE_VOICES)
    voices: NDArray[np.float64] = sum(
        (repeated[start : start + samples] for start in starts), np.zeros(samples)
    )
    return voices
