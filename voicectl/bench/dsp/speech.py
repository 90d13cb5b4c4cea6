"""What the suite listens to: made speech, the same every time, kept in memory."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from voicectl._native import Resampler

__all__ = ["SENTENCES", "chunks", "spoken_sentences", "speech"]

SENTENCES = (
    "What time does the last train to the coast leave on Sunday?",
    "I would like to book a table for four people, please.",
    "The parcel was delivered this morning, but nobody was at home.",
    "Yes.",
    "Could you say that again a little more slowly?",
    "My number is seven, three, zero, nine, double five.",
    "He thought the whole thing was rather a shame.",
    "Three fresh fish were thrown into the ship.",
)
_PAUSE_MS = 700
_SEED = 1
_LEVEL = 0.05
"""Root mean square of the sentences: -26 dBFS, as ITU-T P.56 speech is kept at."""


@cache
def spoken_sentences(sample_rate_hz: int) -> tuple[NDArray[np.int16], ...]:
    """Each sentence by itself, at paces from 0.85 to 1.2."""
    import hibari

    resampler = Resampler(int(hibari.SAMPLE_RATE), sample_rate_hz, quality="high")
    return tuple(resampler.convert(pcm) for pcm in _made_sentences())


@cache
def speech(sample_rate_hz: int) -> NDArray[np.int16]:
    """The sentences with pauses of digital silence around them: some 25 s, shape (samples,)."""
    pause = np.zeros(sample_rate_hz * _PAUSE_MS // 1000, np.int16)
    parts = [part for pcm in spoken_sentences(sample_rate_hz) for part in (pause, pcm)]
    return np.concatenate([*parts, pause])


def chunks(pcm: NDArray[np.int16], samples: int) -> list[NDArray[np.int16]]:
    """The whole chunks of `pcm`, each on its own memory as it comes from a socket."""
    count = len(pcm) // samples
    return [chunk.copy() for chunk in pcm[: count * samples].reshape(count, samples)]


@cache
def _made_sentences() -> tuple[NDArray[np.int16], ...]:
    """At the voice's own rate."""
    import hibari

    voice = hibari.Hibari()
    paces = np.linspace(0.85, 1.2, len(SENTENCES))
    return tuple(
        _leveled(voice(text, speed=float(pace), seed=_SEED))
        for text, pace in zip(SENTENCES, paces, strict=True)
    )


def _leveled(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    level = float(np.sqrt(np.mean(np.square(samples))))
    scaled = np.clip(samples * (_LEVEL / level), -1.0, 1.0) * 32767.0
    pcm: NDArray[np.int16] = scaled.astype(np.int16)
    return pcm
