"""Speech of voicectl's own, for captures and traces that have none."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voicectl._native import Resampler
from voicectl.agent.tts.hibari import Hibari
from voicectl.replay.material import SAMPLE_RATE_HZ

__all__ = ["LINES", "spoken_lines", "talk_in"]

LINES = (
    "what time is it",
    "what is seven times eight",
    "repeat after me the sky is blue",
    "how do you spell elephant",
    "what is the date today",
    "count to twelve",
    "tell me another joke",
    "how much is eleven plus four",
    "please say practice makes perfect",
    "what is your name",
)
"""All in the default script's grammar, so that words lost can be counted."""
_PAUSE_MS = 600
_FADE_MS = 5
_LEVEL = 0.05
"""Root mean square: -26 dBFS, as ITU-T P.56 speech is kept at."""
_HANGOVER_MS = 200
"""An encoder sends so much silence before it stops sending (libopus, DTX)."""


def spoken_lines() -> NDArray[np.int16]:
    """The lines with pauses between them, at 48 kHz, some 25 s; the same samples every time.

    Raises:
        SetupError: The voice is missing.
    """
    voice = Hibari()
    voice.load()
    resampler = Resampler(voice.sample_rate_hz, SAMPLE_RATE_HZ, quality="high")
    pause = np.zeros(SAMPLE_RATE_HZ * _PAUSE_MS // 1000, np.int16)
    parts = [pause[: len(pause) // 2]]
    for line in LINES:
        spoken = np.concatenate([piece.pcm for piece in voice.speak(f"{line}.")])
        parts += [_leveled(resampler.convert(spoken)), pause]
    return np.concatenate(parts)


def talk_in(sent: Sequence[bool], frame_samples: int) -> NDArray[np.int16]:
    """Speech that goes on in the frames that were sent and is silent in the others (DTX).

    Args:
        sent: For each frame from the first on, whether the far end sent it.
        frame_samples: Length of a frame at 48 kHz.
    """
    lines = spoken_lines()
    if all(sent):
        return np.resize(lines, len(sent) * frame_samples) if sent else lines[:0]
    spurts = _spurts(sent)
    speech = np.resize(lines, sum(end - begin for begin, end in spurts) * frame_samples)
    pcm = np.zeros(len(sent) * frame_samples, np.int16)  # no memory where nothing is said
    spoken = 0
    hangover = SAMPLE_RATE_HZ * _HANGOVER_MS // 1000
    for begin, end in spurts:
        at = begin * frame_samples
        length = (end - begin) * frame_samples - (hangover if end < len(sent) else 0)
        if length >= hangover:
            pcm[at : at + length] = _faded(speech[spoken : spoken + length])
            spoken += length
    return pcm


def _spurts(sent: Sequence[bool]) -> list[tuple[int, int]]:
    """Runs of frames that were sent."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], np.asarray(sent, bool), [False]))))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return list(runs)


def _faded(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    ramp = np.linspace(0.0, 1.0, SAMPLE_RATE_HZ * _FADE_MS // 1000)
    faded = pcm.astype(np.float64)
    faded[: len(ramp)] *= ramp
    faded[len(faded) - len(ramp) :] *= ramp[::-1]
    return np.rint(faded).astype(np.int16)


def _leveled(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    samples = pcm.astype(np.float64)
    level = float(np.sqrt(np.mean(np.square(samples)))) or 1.0
    scaled = np.clip(samples * (_LEVEL * 32768 / level), -32768, 32767)
    return np.rint(scaled).astype(np.int16)
