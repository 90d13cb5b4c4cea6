"""How a replayed call sounds beside what was said.

Scores are taken on the audio put back to when it was said: neither STOI nor PESQ tolerates
stretched time, and neither punishes delay.
"""

import math
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicectl._native import Resampler, SpeechEnded, SpeechGate, SpeechStarted
from voicectl.replay.material import SAMPLE_RATE_HZ, CleanSpeech
from voicectl.replay.report import Quality
from voicectl.replay.words import WordCounter

__all__ = ["Heard", "QualityMeter"]

_SCORED_HZ = 16_000
_SEGMENT_S = 8
"""PESQ is made for 8 to 12 s of speech."""
_SHORTEST_S = 1
_MAX_SHIFT_SAMPLES = _SCORED_HZ // 50
_SPEECH_MARGIN_SAMPLES = _SCORED_HZ // 5
_NOT_ENOUGH_FRAMES = "Not enough STFT frames"
_SPEECH_LEVEL = 50
"""Root mean square of 16-bit samples: below it a segment holds no speech worth scoring."""


class Heard(Protocol):
    """What came out of a buffer."""

    @property
    def first_timestamp(self) -> int:
        """The RTP timestamp of media time 0."""
        ...

    def in_media_time(self) -> NDArray[np.int16]:
        """The audio put back to when it was said."""
        ...


class QualityMeter:
    """Scores runs of one stream.

    Args:
        clean: What was said.
        from_s: What comes before is not scored.
        words: Whether words are recognized, which takes a while.
        undisturbed: The same stream without the network, where words are not known: those lost are
            counted against what is recognized in it, so that none is lost to the codec.
        at_most_s: Of longer speech so much is scored, spread evenly over it.
        runs: How many will be scored.
        on_progress: Told the share that is done of all of them.
    """

    def __init__(
        self,
        clean: CleanSpeech,
        *,
        from_s: float = 0.0,
        words: bool = True,
        undisturbed: Heard | None = None,
        at_most_s: float = math.inf,
        runs: int = 1,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        self._from_samples = round(from_s * _SCORED_HZ)
        self._timestamp = clean.timestamp
        self._clean = _at_scored_rate(clean.pcm)
        self._stoi = _module("pystoi")
        self._pesq = _module("pesq")
        at_most_samples = at_most_s * _SCORED_HZ
        segments = self._speaking_segments()
        self._segments = _sample(segments, sum(length for _, length in segments), at_most_samples)
        utterances = _utterances(self._clean) if words else []
        spoken_samples = sum(end - begin for begin, end in utterances)
        self._utterances = _sample(utterances, spoken_samples, at_most_samples)
        self.is_sample = len(self._segments) < len(segments)
        """Whether some of the speech is left out."""
        self.too_little_speech = False
        """Whether what was scored last has too little speech in it for a STOI."""
        self._steps_left = len(self._utterances) + runs * (
            2 * len(self._segments) + len(self._utterances)
        )
        self._steps = max(self._steps_left, 1)
        self._on_progress = on_progress
        said = self._clean
        if undisturbed is not None and not clean.lines:
            said = _at_scored_rate(self._aligned(undisturbed))
        spoken = [said[a:b] for a, b in self._utterances]
        self._words = WordCounter(clean.lines, spoken, on_step=self._take_step)

    @property
    def missing(self) -> list[str]:
        """The packages whose scores are left out."""
        return [
            name
            for name, module in (("pystoi", self._stoi), ("pesq", self._pesq))
            if module is None
        ]

    def score(self, played: Heard) -> Quality:
        """Compare what came out of a run."""
        heard = _at_scored_rate(self._aligned(played))
        pairs = [_pair(self._clean, heard, begin, length) for begin, length in self._segments]
        words, lost = self._words.lost([heard[a:b] for a, b in self._utterances])
        return Quality(
            stoi=self._mean_stoi(pairs),
            pesq_wb=self._mean_pesq(pairs),
            words=words,
            words_lost=lost,
        )

    def _speaking_segments(self) -> list[tuple[int, int]]:
        """Begin and length of those in which something is said."""
        segments = [
            (self._from_samples + begin, length)
            for begin, length in _segments(len(self._clean) - self._from_samples)
        ]
        return [
            (begin, length)
            for begin, length in segments
            if _level(self._clean[begin : begin + length]) > _SPEECH_LEVEL
        ]

    def _take_step(self) -> None:
        self._steps_left -= 1
        self._on_progress(1 - max(self._steps_left, 0) / self._steps)

    def _aligned(self, played: Heard) -> NDArray[np.int16]:
        """What was heard, sample for sample beside the clean signal."""
        heard = played.in_media_time()
        difference = (self._timestamp - played.first_timestamp) & 0xFFFFFFFF
        ahead = difference - (1 << 32) if difference >= 1 << 31 else difference
        length = len(self._clean) * (SAMPLE_RATE_HZ // _SCORED_HZ)
        aligned = np.zeros(length, np.int16)
        source = heard[max(ahead, 0) :]
        begin = max(-ahead, 0)
        count = max(min(len(source), length - begin), 0)
        aligned[begin : begin + count] = source[:count]
        return aligned

    def _mean_stoi(self, pairs: list[tuple[NDArray[np.int16], NDArray[np.int16]]]) -> float | None:
        if self._stoi is None:
            return None
        scores = []
        for clean, heard in pairs:
            score = self._stoi_of(clean, heard)
            if score is not None:
                scores.append(score)
            self._take_step()
        self.too_little_speech = not scores
        return float(np.mean(scores)) if scores else None

    def _stoi_of(self, clean: NDArray[np.int16], heard: NDArray[np.int16]) -> float | None:
        """None where the speech is too short for one of STOI's windows: pystoi then gives 1e-5."""
        if self._stoi is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=_NOT_ENOUGH_FRAMES, category=RuntimeWarning)
            try:
                return float(self._stoi.stoi(clean / 32768, heard / 32768, _SCORED_HZ))
            except RuntimeWarning:
                return None

    def _mean_pesq(self, pairs: list[tuple[NDArray[np.int16], NDArray[np.int16]]]) -> float | None:
        if self._pesq is None:
            return None
        scores = []
        for clean, heard in pairs:
            if not np.any(heard):
                heard = heard.copy()
                heard[:: _SCORED_HZ // 100] = 1  # of digital silence it has no score
            score = self._pesq.pesq(
                _SCORED_HZ, clean, heard, "wb", on_error=self._pesq.PesqError.RETURN_VALUES
            )
            # Negative: no utterance was found in it.
            if score > 0:
                scores.append(float(score))
            self._take_step()
        return float(np.mean(scores)) if scores else None


def _module(name: str) -> ModuleType | None:
    """An optional package."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _at_scored_rate(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    return Resampler(SAMPLE_RATE_HZ, _SCORED_HZ, quality="high").convert(pcm)


def _segments(samples: int) -> list[tuple[int, int]]:
    """Equal parts of at most `_SEGMENT_S`."""
    if samples < _SHORTEST_S * _SCORED_HZ:
        return []
    count = -(-samples // (_SEGMENT_S * _SCORED_HZ))
    length = samples // count
    return [(index * length, length) for index in range(count)]


def _sample(
    spans: list[tuple[int, int]], samples: int, at_most_samples: float
) -> list[tuple[int, int]]:
    """As many of the spans as are allowed, spread evenly; all if they are."""
    if samples <= at_most_samples:
        return spans
    count = max(int(len(spans) * at_most_samples / samples), 1)
    return [spans[(2 * index + 1) * len(spans) // (2 * count)] for index in range(count)]


def _pair(
    clean: NDArray[np.int16], heard: NDArray[np.int16], begin: int, length: int
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """A segment of both, the heard one shifted to where the two are most alike.

    Time-scaling moves speech by up to a pitch period within the pieces that were put back.
    """
    said = clean[begin : begin + length]
    padded = np.pad(heard, _MAX_SHIFT_SAMPLES)[begin : begin + length + 2 * _MAX_SHIFT_SAMPLES]
    size = 1 << (len(padded) + length).bit_length()
    spectrum = np.fft.rfft(padded, size) * np.conj(np.fft.rfft(said, size))
    likeness = np.fft.irfft(spectrum)[: 2 * _MAX_SHIFT_SAMPLES + 1]
    shift = int(np.argmax(likeness)) if np.any(said) and np.any(padded) else _MAX_SHIFT_SAMPLES
    return said, padded[shift : shift + length]


def _utterances(pcm: NDArray[np.int16]) -> list[tuple[int, int]]:
    """Where something is said, with a margin."""
    gate = SpeechGate(hangover_ms=400)
    spans: list[tuple[int, int]] = []
    began: int | None = None
    for event in [*gate.process(pcm, 0), *gate.reset()]:
        match event:
            case SpeechStarted(at_samples=at):
                began = at
            case SpeechEnded(at_samples=at) if began is not None:
                begin = max(began - _SPEECH_MARGIN_SAMPLES, 0)
                spans.append((begin, min(at + _SPEECH_MARGIN_SAMPLES, len(pcm))))
                began = None
    return spans


def _level(pcm: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(np.square(pcm.astype(np.float64))))) if len(pcm) else 0.0
