"""What of a reply has been said."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from support.conversation import FakePort

from voicectl.agent.tts import Speech
from voicectl.agent.voice import Voice


class OneTone:
    """Says everything in half a second."""

    sample_rate_hz = 16_000

    def load(self) -> None:
        """There is nothing to load."""

    def speak(self, text: str) -> Iterator[Speech]:
        yield Speech(np.ones(8000, np.int16), ())


def test_reply_that_was_stopped_is_not_finished_by_what_is_told_of_it_afterwards() -> None:
    async def stop_and_drain() -> None:
        voice = Voice(OneTone(), FakePort(), ThreadPoolExecutor(1))
        try:
            assert [len(piece.pcm) async for piece in voice.speak("hello")] == [8000]
            voice.handle_drained()
            assert voice.is_finished
            assert [len(piece.pcm) async for piece in voice.speak("again")] == [8000]
            assert not voice.is_finished
            voice.stop()
            voice.handle_drained()
            assert not voice.is_finished
        finally:
            voice.close()

    asyncio.run(stop_and_drain())
