"""Speech to text without a grammar: pocketsphinx with the model of English that it comes with.

It mishears a good deal that a person would not, but the same speech always the same way: enough to
tell what one rendering of an utterance lost beside another.
"""

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from voicectl.errors import SetupError

__all__ = ["Dictation"]


class Dictation:
    """Recognizes whole utterances of English; 16 kHz mono.

    Raises:
        SetupError: pocketsphinx' model is missing.
    """

    def __init__(self) -> None:
        try:
            # The channel is learned from each utterance by itself, so that none bears on the next.
            self._decoder = pocketsphinx.Decoder(loglevel="FATAL", cmn="batch")
        except (RuntimeError, ValueError, OSError) as error:
            raise SetupError(
                f"pocketsphinx cannot be set up: {error}",
                hint="reinstall it: pip install --force-reinstall pocketsphinx",
            ) from error

    def words(self, pcm: NDArray[np.int16]) -> list[str]:
        """The words of an utterance, in lower case."""
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return [] if hypothesis is None else str(hypothesis.hypstr).split()
