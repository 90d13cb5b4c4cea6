"""Speaks one reply at a time: TTS in a worker thread, its audio into the call."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from voicectl.agent.audio_port import AudioPort
from voicectl.agent.tts import Speech, TextToSpeech
from voicectl.dialogue.barge_in import SpokenWord, heard_text

__all__ = ["Voice"]


class Voice:
    """Hands replies to an `AudioPort` and remembers what of them was sent.

    At most one piece of a reply is made ahead of what the port takes. `tts` is used in `worker`
    only, which runs one job at a time and is shut down by `close`.
    """

    def __init__(self, tts: TextToSpeech, port: AudioPort, worker: Executor) -> None:
        self._tts = tts
        self._port = port
        self._worker = worker
        self._words: list[SpokenWord] = []
        self._queued_ms = 0.0
        self._refused: NDArray[np.int16] = np.zeros(0, np.int16)
        self._room = asyncio.Event()
        self._complete = False
        self._drained = True

    async def load(self) -> None:
        """Load the voice and warm it up."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._tts.load)

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        """Say `text`; yields each piece after its beginning was queued."""
        self._words.clear()
        self._queued_ms = 0.0
        self._complete = False
        pieces = self._tts.speak(text)
        loop = asyncio.get_running_loop()
        while (piece := await loop.run_in_executor(self._worker, _next, pieces)) is not None:
            offset_ms = self._queued_ms + self._duration_ms(self._refused)
            self._words += [
                SpokenWord(word.text, word.start_ms + offset_ms, word.end_ms + offset_ms)
                for word in piece.words
            ]
            self._refused = np.concatenate([self._refused, piece.pcm])
            self.handle_room()
            yield piece
            while len(self._refused):
                self._room.clear()
                await self._room.wait()
        if self._queued_ms:
            self._port.finish_audio()
        self._complete = True

    def handle_room(self) -> None:
        """The port may take more: offer what it refused."""
        if not len(self._refused):
            return
        taken = self._port.queue_audio(self._refused, self._tts.sample_rate_hz)
        self._queued_ms += self._duration_ms(self._refused[:taken])
        self._refused = self._refused[taken:]
        self._drained = self._drained and not taken
        if not len(self._refused):
            self._room.set()

    def handle_drained(self) -> None:
        """The port has sent all it had."""
        self._drained = True

    @property
    def is_finished(self) -> bool:
        """Whether the reply was made and sent to its end."""
        return self._complete and self._drained

    def stop(self) -> tuple[str, float]:
        """Stop speaking: the words that were sent of the reply, and its milliseconds."""
        self._refused = self._refused[:0]
        self._complete = False
        cleared = self._port.clear_audio()
        heard_ms = max(self._queued_ms - cleared.dropped_ms, 0.0)
        self._drained = True
        return heard_text(self._words, heard_ms), heard_ms

    def close(self) -> None:
        """Let the worker thread go once the piece in hand is made."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _duration_ms(self, pcm: NDArray[np.int16]) -> float:
        return len(pcm) * 1000 / self._tts.sample_rate_hz


def _next(pieces: Iterator[Speech]) -> Speech | None:
    return next(pieces, None)
