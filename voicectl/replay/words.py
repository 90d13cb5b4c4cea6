"""How many words a recognizer loses because of the network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voicectl.agent.script_file import default_script
from voicectl.agent.stt.pocketsphinx import Pocketsphinx

__all__ = ["WordCounter", "lost_words"]

_MAX_SPEECH_S = 300
"""Longer speech is not recognized: it would take minutes."""
_SAMPLE_RATE_HZ = 16_000


class WordCounter:
    """Recognizes utterances as they were said and as they were heard, with the same recognizer.

    It hears the phrases of the embedded agent's script in everything, so that only lines which
    are known to be said count, and of those the ones that it understands in the clean speech.

    Args:
        lines: What is said, in the script's grammar; empty: not known.
        clean: Each utterance at 16 kHz.
    """

    def __init__(self, lines: Sequence[str], clean: Sequence[NDArray[np.int16]]) -> None:
        total = sum(len(pcm) for pcm in clean)
        self._recognizer: Pocketsphinx | None = None
        self._understood: list[list[str]] = []
        if lines and 0 < total <= _MAX_SPEECH_S * _SAMPLE_RATE_HZ:
            self._recognizer = Pocketsphinx(default_script().jsgf())
            understood = [self._words(pcm) for pcm in clean]
            self._understood = [words if " ".join(words) in lines else [] for words in understood]

    def lost(self, heard: Sequence[NDArray[np.int16]]) -> tuple[int | None, int | None]:
        """Of how many words how many were lost; None where no word is understood when clean."""
        words = sum(len(utterance) for utterance in self._understood)
        if not words:
            return None, None
        lost = sum(
            lost_words(clean, self._words(pcm))
            for clean, pcm in zip(self._understood, heard, strict=True)
            if clean
        )
        return words, lost

    def _words(self, pcm: NDArray[np.int16]) -> list[str]:
        if self._recognizer is None:
            return []
        self._recognizer.start()
        self._recognizer.accept(pcm)
        return self._recognizer.finish().text.split()


def lost_words(said: Sequence[str], understood: Sequence[str]) -> int:
    """Words said that are not in the longest common subsequence of the two."""
    row = [0] * (len(understood) + 1)
    for word in said:
        previous = 0
        for index, other in enumerate(understood, start=1):
            above = row[index]
            row[index] = previous + 1 if word == other else max(above, row[index - 1])
            previous = above
    return len(said) - row[-1]
