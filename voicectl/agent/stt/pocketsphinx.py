"""Speech to text with pocketsphinx and a grammar: exact for what the script knows."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from voicectl.agent.stt import Transcript
from voicectl.agent.stt.rejection import WordScore, confidence
from voicectl.errors import ServiceError, SetupError

__all__ = ["Pocketsphinx", "unknown_words"]

_Decoders = tuple[pocketsphinx.Decoder, pocketsphinx.Decoder]
"""The grammar's, and one that hears any sequence of phones."""
_GRAMMAR = "script"
_PHONES = "phones"
_LEAST_NATS = -745.0
_GRAMMAR_WEIGHT = 1.0
"""The default of 6.5 suits a language model; a grammar's alternatives are all as likely."""
_SILENCE = 0.1
"""Of a pause between words. With the default of 0.005 a lone "stop" is heard as longer words."""
_PIECE_SAMPLES = 320
_HEAD_SAMPLES = 16_000
"""With the agent's preroll this holds about three quarters of a second of speech."""
_PRIOR_FRAMES = 500
"""CMN_WIN of pocketsphinx's live cepstral mean."""
_DITHER = np.random.default_rng(0).normal(0, 20, 16_000).astype(np.int16)
"""About -64 dBFS."""


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

    Decoding goes on while the utterance is being said, so that the words are there a few
    milliseconds after its end. pocketsphinx holds the GIL meanwhile; audio is given to it in
    pieces that keep other threads waiting for about a millisecond.

    pocketsphinx learns the channel (the cepstral mean) only from whole utterances, over seconds;
    a caller whose microphone is unlike the model's own is then misheard in their first words: at
    20 dB of white noise two of three sentences. Here the mean is estimated anew from the first
    `_HEAD_SAMPLES` of each utterance before these are decoded: then noise costs no more than a
    few sentences in a hundred, and no utterance spoils the hearing of the next.

    Args:
        grammar: JSGF, every word of it in the dictionary (`unknown_words`).
    """

    def __init__(self, grammar: str) -> None:
        self._grammar = grammar
        self._decoder: pocketsphinx.Decoder | None = None
        self._phone_loop: pocketsphinx.Decoder | None = None
        self._mean_before: NDArray[np.float64] = np.zeros(0)
        self._head: list[NDArray[np.int16]] = []
        self._heard_samples = 0
        self._is_decoding = False

    @property
    def sample_rate_hz(self) -> int:
        """Of the PCM that it takes."""
        return 16_000

    def load(self) -> None:
        """Load the acoustic model and the dictionary, and compile the grammar."""
        if self._decoder is not None:
            return
        try:
            # All senones: scores are relative to the best of those computed.
            decoder = pocketsphinx.Decoder(
                lm=None, loglevel="FATAL", compallsen=True, lw=_GRAMMAR_WEIGHT, silprob=_SILENCE
            )
            decoder.add_jsgf_string(_GRAMMAR, self._grammar)
            decoder.activate_search(_GRAMMAR)
            phone_loop = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
            phone_loop.add_allphone_file(_PHONES, None)
            phone_loop.activate_search(_PHONES)
        except (RuntimeError, ValueError, OSError) as error:
            raise SetupError(
                f"pocketsphinx cannot be set up: {error}",
                hint="reinstall it: pip install --force-reinstall pocketsphinx",
            ) from error
        self._mean_before = _parse_mean(decoder.get_cmn())
        self._decoder, self._phone_loop = decoder, phone_loop

    def start(self) -> None:
        """Begin an utterance; one that was not finished is forgotten."""
        self.load()
        with self._decoding() as decoders:
            if self._is_decoding:
                for decoder in decoders:
                    decoder.end_utt()
        self._is_decoding = False
        self._head = []
        self._heard_samples = 0

    def accept(self, pcm: NDArray[np.int16]) -> str:
        """Hear more of the utterance, and say what it seems to be so far."""
        pcm = self._dither(pcm)
        with self._decoding() as decoders:
            if self._is_decoding:
                _process(decoders, pcm)
                return _hypothesis(decoders[0])
            self._head.append(pcm)
            if self._heard_samples < _HEAD_SAMPLES:
                return ""
            self._begin(decoders)
            return _hypothesis(decoders[0])

    def finish(self) -> Transcript:
        """The utterance is over: the words that the grammar has for it, and how sure they are."""
        with self._decoding() as decoders:
            if not self._is_decoding:
                self._begin(decoders)
            for decoder in decoders:
                decoder.end_utt()
            self._is_decoding = False
            grammar, phone_loop = decoders
            text = _hypothesis(grammar)
            if not text:
                return Transcript("", 0.0)
            return Transcript(text, confidence(_word_scores(grammar), _phones_heard(phone_loop)))

    def _begin(self, decoders: _Decoders) -> None:
        """Decode what was held back, with the mean estimated from it."""
        head = np.concatenate([np.zeros(0, np.int16), *self._head])
        self._head = []
        mean = _format_mean(self._estimate_mean(decoders[1], head))
        for decoder in decoders:
            decoder.set_cmn(mean)
            decoder.start_utt()
        self._is_decoding = True
        _process(decoders, head)

    def _estimate_mean(
        self, decoder: pocketsphinx.Decoder, pcm: NDArray[np.int16]
    ) -> NDArray[np.float64]:
        decoder.set_cmn(_format_mean(self._mean_before))
        decoder.start_utt()
        _process((decoder,), pcm, no_search=True)
        mixed = _parse_mean(decoder.get_cmn(True))
        decoder.end_utt()
        frames = decoder.n_frames()  # counted at the end when nothing is searched
        if not frames:
            return self._mean_before
        # The decoder weighs the mean it was given as `_PRIOR_FRAMES`; take that share out again.
        own = (_PRIOR_FRAMES + frames) * mixed - _PRIOR_FRAMES * self._mean_before
        mean: NDArray[np.float64] = own / frames
        return mean

    def _dither(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Add a little noise: digital silence is like nothing that the model was trained on."""
        positions = np.arange(self._heard_samples, self._heard_samples + len(pcm)) % len(_DITHER)
        self._heard_samples += len(pcm)
        dithered: NDArray[np.int32] = pcm.astype(np.int32) + _DITHER[positions]
        return np.clip(dithered, -32768, 32767).astype(np.int16)

    @contextmanager
    def _decoding(self) -> Iterator[_Decoders]:
        if self._decoder is None or self._phone_loop is None:
            raise ServiceError("pocketsphinx was not loaded")
        try:
            yield self._decoder, self._phone_loop
        except RuntimeError as error:
            raise ServiceError(f"pocketsphinx failed: {error}") from error


def _process(
    decoders: tuple[pocketsphinx.Decoder, ...],
    pcm: NDArray[np.int16],
    *,
    no_search: bool = False,
) -> None:
    for start in range(0, len(pcm), _PIECE_SAMPLES):
        piece = pcm[start : start + _PIECE_SAMPLES].tobytes()
        for decoder in decoders:
            decoder.process_raw(piece, no_search=no_search)


def _hypothesis(decoder: pocketsphinx.Decoder) -> str:
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


def _word_scores(decoder: pocketsphinx.Decoder) -> list[WordScore]:
    scores = []
    for segment in decoder.seg():
        if not _is_filler(segment.word):
            frames = segment.end_frame - segment.start_frame + 1
            phones = decoder.lookup_word(segment.word) or ""
            # The binding gives the score as a probability, which runs out of range.
            nats = math.log(segment.ascore) if segment.ascore > 0 else _LEAST_NATS
            scores.append(WordScore(tuple(phones.split()), frames, nats))
    return scores


def _phones_heard(phone_loop: pocketsphinx.Decoder) -> list[str]:
    if phone_loop.hyp() is None:
        return []
    return [segment.word for segment in phone_loop.seg() if not _is_filler(segment.word)]


def _is_filler(word: str) -> bool:
    """Silence and noises, and the marks that a search puts between words."""
    return word == "SIL" or word.startswith(("<", "[", "(", "+"))


def _parse_mean(text: str) -> NDArray[np.float64]:
    return np.array([float(value) for value in text.split(",")])


def _format_mean(mean: NDArray[np.float64]) -> str:
    return ",".join(f"{value:.4f}" for value in mean)
