"""How many words a recognizer loses because of the network."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from voicectl.agent.script_file import default_script
from voicectl.agent.stt.dictation import Dictation
from voicectl.agent.stt.pocketsphinx import Pocketsphinx

__all__ = ["WordCounter", "lost_words"]

_MAX_SPEECH_S = 300
"""Longer speech is not recognized: it would take minutes."""
_MAX_DICTATION_S = 120
"""The same, without a grammar: a sixth of the speech's length for each recognition."""
_SAMPLE_RATE_HZ = 16_000


class WordCounter:
    """Recognizes utterances as they were said and as they were heard, with the same recognizer.

    With a grammar it hears the phrases of the embedded agent's script in everything, so that of
    lines which are known to be said those count that it understands in the clean speech. Of other
    speech all words count that it takes the clean speech for.

    Args:
        lines: What is said, in the script's grammar; empty: not known.
        clean: Each utterance at 16 kHz.
        on_step: Told when an utterance was recognized.
    """

    def __init__(
        self,
        lines: Sequence[str],
        clean: Sequence[NDArray[np.int16]],
        *,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_step = on_step
        samples = sum(len(pcm) for pcm in clean)
        self._recognize: Callable[[NDArray[np.int16]], list[str]] | None = None
        self.understood: list[list[str]] = []
        """Words of each utterance that count."""
        longest_s = _MAX_SPEECH_S if lines else _MAX_DICTATION_S
        if not 0 < samples <= longest_s * _SAMPLE_RATE_HZ:
            return
        recognize = _with_grammar() if lines else Dictation().words
        said = []
        for pcm in clean:
            said.append(recognize(pcm))
            on_step()
        known = [words if not lines or " ".join(words) in lines else [] for words in said]
        self._recognize, self.understood = recognize, known

    def lost(self, heard: Sequence[NDArray[np.int16]]) -> tuple[int | None, int | None]:
        """Of how many words how many were lost; None where no word is understood when clean."""
        words = sum(len(utterance) for utterance in self.understood)
        if self._recognize is None or not words:
            return None, None
        lost = 0
        for clean, pcm in zip(self.understood, heard, strict=True):
            if clean:
                lost += lost_words(clean, self._recognize(pcm))
            self._on_step()
        return words, lost


def _with_grammar() -> Callable[[NDArray[np.int16]], list[str]]:
    recognizer = Pocketsphinx(default_script().jsgf())

    def recognize(pcm: NDArray[np.int16]) -> list[str]:
        recognizer.start()
        recognizer.accept(pcm)
        return recognizer.finish().text.split()

    return recognize


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
