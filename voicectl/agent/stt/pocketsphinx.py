"""Speech to text with pocketsphinx and a grammar: exact for what the script knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from voicectl.agent.stt import Transcript
from voicectl.errors import ServiceError, SetupError

__all__ = ["Pocketsphinx", "unknown_words"]

_GRAMMAR = "script"


def unknown_words(words: set[str]) -> set[str]:
    """Those of `words` (lower case) that the recognizer has no pronunciation of."""
    return words - _dictionary()


@cache
def _dictionary() -> frozenset[str]:
    path = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    with path.open(encoding="utf-8") as file:
        return frozenset(line.partition(" ")[0] for line in file)


class Pocketsphinx:
    """`SpeechToText` by pocketsphinx, 16 kHz, with the grammar of a dialogue script.

    Decoding goes on while the utterance is being said, at about 1/20 of real time, so that the
    words are there a few milliseconds after its end. pocketsphinx holds the GIL meanwhile: a
    20 ms frame costs the other threads under 1 ms.

    Args:
        grammar: JSGF, every word of it in the dictionary (`unknown_words`).
    """

    def __init__(self, grammar: str) -> None:
        self._grammar = grammar
        self._decoder: pocketsphinx.Decoder | None = None
        self._in_utterance = False

    @property
    def sample_rate_hz(self) -> int:
        """Of the PCM that it takes."""
        return 16_000

    def load(self) -> None:
        """Load the acoustic model and the dictionary, and compile the grammar."""
        if self._decoder is not None:
            return
        try:
            decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
            decoder.add_jsgf_string(_GRAMMAR, self._grammar)
            decoder.activate_search(_GRAMMAR)
        except (RuntimeError, ValueError, OSError) as error:
            raise SetupError(
                f"pocketsphinx cannot be set up: {error}",
                hint="reinstall it: pip install --force-reinstall pocketsphinx",
            ) from error
        self._decoder = decoder

    def start(self) -> None:
        """Begin an utterance; one that was not finished is forgotten."""
        self.load()
        with self._decoding() as decoder:
            if self._in_utterance:
                decoder.end_utt()
            decoder.start_utt()
            self._in_utterance = True

    def accept(self, pcm: NDArray[np.int16]) -> str:
        """Hear more of the utterance, and say what it seems to be so far."""
        data = np.ascontiguousarray(pcm, dtype=np.int16).tobytes()
        with self._decoding() as decoder:
            if data:
                decoder.process_raw(data)
            return _hypothesis(decoder)

    def finish(self) -> Transcript:
        """The utterance is over: the words that the grammar has for it."""
        with self._decoding() as decoder:
            decoder.end_utt()
            self._in_utterance = False
            return Transcript(_hypothesis(decoder))

    @contextmanager
    def _decoding(self) -> Iterator[pocketsphinx.Decoder]:
        if self._decoder is None:
            raise ServiceError("pocketsphinx was not loaded")
        try:
            yield self._decoder
        except RuntimeError as error:
            raise ServiceError(f"pocketsphinx failed: {error}") from error


def _hypothesis(decoder: pocketsphinx.Decoder) -> str:
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""
