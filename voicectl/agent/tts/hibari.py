"""Text to speech with hibari: a neural voice that comes in its package and runs on one core."""

import re
from collections.abc import Iterator

import hibari
import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (  # type: ignore[import-untyped] # it has none
    Fail,
    RuntimeException,
)

from voicectl.agent.tts import Speech
from voicectl.dialogue.barge_in import SpokenWord
from voicectl.errors import ServiceError, SetupError

__all__ = ["Hibari", "split_clauses"]

_CLAUSE = re.compile(r"(?<=[,;:.!?])\s+")
_MIN_CLAUSE_CHARACTERS = 24
"""Shorter pieces are joined: the voice needs a few words to find its melody."""
_SENTENCE_PAUSE_MS = 260
_CLAUSE_PAUSE_MS = 120
_ONSET_MARGIN_MS = 3
"""Every millisecond of it is one of the reply's latency."""
_END_MARGIN_MS = 12
_SILENCE_SHARE = 0.01
"""Of the peak: what is softer at the ends of a piece is the voice's own silence."""
_STRESS_MARKS = "ˈˌ"
# In phonemes, fitted to a forced alignment of 89 words: with them the middle of a word is told
# to 40 ms (median) and 120 ms (90th percentile).
_WORD_WEIGHT = 0.5
_FINAL_WEIGHT = 4.0
"""Speakers draw out the last word before a pause."""
_PAUSE_WEIGHT = 2.5
_SEED = 1


class Hibari:
    """`TextToSpeech` by hibari-tts, 24 kHz.

    A text is spoken clause by clause. The same text always gives the same samples.

    Args:
        voice: A voice of the package; others than the default are downloaded by hibari.
        speed: 1.0 is the voice's own pace, 0.5 slow, 2.0 fast.
    """

    def __init__(self, *, voice: str = "heart", speed: float = 1.0) -> None:
        self._voice = voice
        self._speed = speed
        self._model: hibari.Hibari | None = None

    @property
    def sample_rate_hz(self) -> int:
        """Of the PCM that it gives."""
        return int(hibari.SAMPLE_RATE)

    def load(self) -> None:
        """Load the voice and its lexicon, and speak once: the first run is a slow one."""
        if self._model is not None:
            return
        try:
            model = hibari.Hibari(voice=self._voice)
            for _ in model.stream("Hello there.", seed=_SEED):
                pass
        except (OSError, KeyError, ValueError, Fail, RuntimeException) as error:
            raise SetupError(
                f"the voice `{self._voice}` cannot be loaded: {error}",
                hint="reinstall it: pip install --force-reinstall hibari-tts",
            ) from error
        self._model = model

    def speak(self, text: str) -> Iterator[Speech]:
        """The clauses of `text` in order, each made when it is asked for."""
        self.load()
        for clause in split_clauses(text):
            speech = self._speak_clause(clause)
            if len(speech.pcm):
                yield speech

    def _speak_clause(self, clause: str) -> Speech:
        model = self._model
        if model is None:
            raise ServiceError("the voice was not loaded")
        try:
            phonemes = model.phonemize(clause)
            parts = [model.from_phonemes(part, self._speed, _SEED) for part in phonemes]
        except (KeyError, ValueError, IndexError, Fail, RuntimeException) as error:
            raise ServiceError(f"the voice failed on `{clause}`: {error}") from error
        samples = _trim(np.concatenate([np.zeros(0, np.float32), *parts]), self.sample_rate_hz)
        spoken_ms = len(samples) * 1000 / self.sample_rate_hz
        pause_ms = _SENTENCE_PAUSE_MS if clause[-1] in ".!?" else _CLAUSE_PAUSE_MS
        pause = np.zeros(self.sample_rate_hz * pause_ms // 1000, np.float32)
        pcm = np.clip(np.concatenate([samples, pause]), -1.0, 1.0) * 32767.0
        return Speech(pcm.astype(np.int16), _time_words(clause, " ".join(phonemes), spoken_ms))


def split_clauses(text: str) -> list[str]:
    """Pieces that are spoken in one breath: sentences, and long ones at their commas."""
    clauses: list[str] = []
    for part in _CLAUSE.split(text.strip()):
        if clauses and clauses[-1][-1] not in ".!?" and len(clauses[-1]) < _MIN_CLAUSE_CHARACTERS:
            clauses[-1] += f" {part}"
        elif part:
            clauses.append(part)
    return clauses


def _trim(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
    """Take off the silence around the voice: 300 ms before and 430 ms after each piece."""
    if not len(samples):
        return samples
    loud = np.flatnonzero(np.abs(samples) > _SILENCE_SHARE * np.abs(samples).max())
    if not len(loud):
        return samples[:0]
    lead = sample_rate_hz * _ONSET_MARGIN_MS // 1000
    tail = sample_rate_hz * _END_MARGIN_MS // 1000
    kept = samples[max(int(loud[0]) - lead, 0) : int(loud[-1]) + tail].copy()
    # What was cut off was not quite silent; a step of it would click.
    rise = min(lead, len(kept))
    kept[:rise] *= np.linspace(0.0, 1.0, rise, dtype=np.float32)
    fall = min(tail // 2, len(kept) - rise)
    kept[len(kept) - fall :] *= np.linspace(1.0, 0.0, fall, dtype=np.float32)
    return kept


def _time_words(clause: str, phonemes: str, spoken_ms: float) -> tuple[SpokenWord, ...]:
    """Share a clause's time among its words by their phonemes, or letters where these differ."""
    words = clause.split()
    sounds = phonemes.split()
    if len(sounds) != len(words):
        sounds = words
    weights = [_weight(word, sound) for word, sound in zip(words, sounds, strict=True)]
    # The pause behind a comma belongs to no word.
    pauses = [_PAUSE_WEIGHT if word[-1] in ",;:" else 0.0 for word in words[:-1]] + [0.0]
    total = sum(weights) + sum(pauses)
    timed, position = [], 0.0
    for word, weight, pause in zip(words, weights, pauses, strict=True):
        start_ms = position / total * spoken_ms
        end_ms = (position + weight) / total * spoken_ms
        timed.append(SpokenWord(word, start_ms, end_ms))
        position += weight + pause
    return tuple(timed)


def _weight(word: str, sounds: str) -> float:
    heard = sum(sound.isalpha() and sound not in _STRESS_MARKS for sound in sounds)
    return _WORD_WEIGHT + heard + (_FINAL_WEIGHT if word[-1] in ",;:.!?" else 0.0)
