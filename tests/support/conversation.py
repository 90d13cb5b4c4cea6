"""A conversation with the embedded agent in virtual time: no thread, no sleep, no model.

STT and TTS are fakes that run where they are called, on a `VirtualLoop`.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from support.virtual_time import VirtualLoop

from voicectl.agent.embedded import AgentSettings, EmbeddedAgent
from voicectl.agent.script import Script
from voicectl.agent.script_file import default_script
from voicectl.agent.stt import Transcript
from voicectl.agent.tts import Speech
from voicectl.dialogue.barge_in import SpokenWord
from voicectl.dialogue.events import DialogueEvent
from voicectl.errors import ServiceError

EventT = TypeVar("EventT")

FRAME_MS = 10
MS_A_WORD = 200


class InlineWorker(Executor):
    """Does the work where it is submitted, or, while `held`, when it is let go."""

    def __init__(self) -> None:
        self.held = False
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except ServiceError as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        if self.held:
            self._waiting.append(work)
        else:
            work()
        return future

    def let_go(self) -> None:
        """Do what was held."""
        self.held = False
        for work in self._waiting:
            work()
        self._waiting.clear()


@dataclass(frozen=True)
class Cleared:
    sent_ms: float
    dropped_ms: float


class FakePort:
    """Sends what is queued in real time, `FRAME_MS` a tick; holds at most `capacity_ms`."""

    def __init__(self, capacity_ms: float = 60_000) -> None:
        self.capacity_ms = capacity_ms
        self.queued_ms = 0.0
        self.sent_ms = 0.0
        self.finished = 0

    def queue_audio(self, pcm: NDArray[np.int16], sample_rate_hz: int) -> int:
        room = int((self.capacity_ms - self.queued_ms) * sample_rate_hz / 1000)
        taken = min(len(pcm), room)
        self.queued_ms += taken * 1000 / sample_rate_hz
        return taken

    def finish_audio(self) -> None:
        self.finished += 1

    def clear_audio(self) -> Cleared:
        cleared = Cleared(self.sent_ms, self.queued_ms)
        self.queued_ms = 0.0
        return cleared

    def tick(self) -> bool:
        """Send; whether the queue ran empty by it."""
        sent = min(self.queued_ms, FRAME_MS)
        self.queued_ms -= sent
        self.sent_ms += sent
        return sent > 0 and self.queued_ms == 0


class FakeStt:
    """Hears words in sample values, as `Conversation.caller_says` numbers them.

    As a real recognizer, it knows a word only when it has heard some of it.
    """

    sample_rate_hz = 16_000
    _NEEDED_SAMPLES = 100 * 16

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._vocabulary = vocabulary
        self._heard: NDArray[np.int16] = np.zeros(0, np.int16)
        self.fails = False
        self.confidence: float | None = None

    def load(self) -> None:
        pass

    def start(self) -> None:
        self._heard = self._heard[:0]

    def accept(self, pcm: NDArray[np.int16]) -> str:
        self._heard = np.concatenate([self._heard, pcm])
        edges = np.flatnonzero(np.diff(self._heard, prepend=0, append=0))
        words = []
        for start, end in pairwise(edges):
            value = self._heard[start]
            if value and end - start >= self._NEEDED_SAMPLES:
                words.append(self._vocabulary[value - 1])
        return " ".join(words)

    def finish(self) -> Transcript:
        if self.fails:
            raise ServiceError("the recognizer is gone")
        return Transcript(self.accept(self._heard[:0]), self.confidence)


class FakeTts:
    """Speaks `MS_A_WORD` for each word, a sentence at a time."""

    sample_rate_hz = 24_000

    def __init__(self) -> None:
        self.fails_after: int | None = None

    def load(self) -> None:
        pass

    def speak(self, text: str) -> Iterator[Speech]:
        sentences = [part for part in text.split(". ") if part]
        for number, sentence in enumerate(sentences):
            if self.fails_after == number:
                raise ServiceError("the voice is gone")
            words = sentence.split()
            yield Speech(
                np.ones(len(words) * MS_A_WORD * 24, np.int16),
                tuple(
                    SpokenWord(word, index * MS_A_WORD, (index + 1) * MS_A_WORD)
                    for index, word in enumerate(words)
                ),
            )


class Conversation:
    """The agent, a caller and the call between them, in virtual time."""

    def __init__(
        self,
        *,
        script: Script | None = None,
        settings: AgentSettings | None = None,
        port: FakePort | None = None,
    ) -> None:
        script = script or default_script()
        self._vocabulary = [*sorted(script.words()), "gibberish"]
        self.stt = FakeStt(self._vocabulary)
        self.tts = FakeTts()
        self.port = port or FakePort()
        self.events: list[DialogueEvent] = []
        self.workers: list[InlineWorker] = []
        """Those of STT and TTS."""
        self._clock = cast(VirtualLoop, asyncio.get_running_loop())
        self.agent = EmbeddedAgent(
            script.replier(seed=1),
            self.stt,
            self.tts,
            port=self.port,
            clock=self._clock,
            on_event=self.events.append,
            settings=settings,
            new_worker=self._new_worker,
        )
        self._position = 0
        self._hangover_ms = 60
        self._edges: list[tuple[int, str, int]] = []

    @property
    def position_ms(self) -> float:
        """How much of the caller's stream has arrived."""
        return self._position / 16

    async def caller_says(self, text: str, *, ms_a_word: int = MS_A_WORD) -> None:
        """Speech, whose words follow each other without a pause."""
        start = self._position
        self._edges.append((start + 30 * 16, "started", start))
        for word in text.split():
            value = self._vocabulary.index(word) + 1
            await self._send(np.full(ms_a_word * 16, value, np.int16))
        end = self._position
        self._edges.append((end + self._hangover_ms * 16, "ended", end))

    async def caller_is_silent(self, ms: int) -> None:
        """Silence, whose audio arrives."""
        await self._send(np.zeros(ms * 16, np.int16))

    def restart_stream(self) -> None:
        """The caller sends another stream, whose media time begins at 0."""
        self._position = 0
        self._edges.clear()
        self.agent.handle_stream_started()

    async def network_is_dry(self, ms: int) -> None:
        """Nothing arrives."""
        await asyncio.sleep(ms / 1000)

    def of(self, kind: type[EventT]) -> list[EventT]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def _new_worker(self) -> InlineWorker:
        self.workers.append(InlineWorker())
        return self.workers[-1]

    async def _send(self, pcm: NDArray[np.int16]) -> None:
        frame = FRAME_MS * 16
        for offset in range(0, len(pcm), frame):
            piece = pcm[offset : offset + frame]
            await asyncio.sleep(len(piece) / 16_000)
            due = [edge for edge in self._edges if edge[0] <= self._position + len(piece)]
            self._edges = [edge for edge in self._edges if edge not in due]
            for _, kind, at_samples in due:
                if kind == "started":
                    self.agent.handle_speech_started(at_samples)
                else:
                    self.agent.handle_speech_ended(at_samples)
            self.agent.handle_audio(piece, self._position, self._clock.now_ns())
            self._position += len(piece)
            if self.port.tick():
                self.agent.handle_audio_drained()


def in_virtual_time(play: Callable[[Conversation], Any], **arguments: Any) -> Conversation:
    """Play a conversation to its end and give it back to look at its events."""

    async def main() -> Conversation:
        conversation = Conversation(**arguments)
        await conversation.agent.load()
        running = asyncio.create_task(conversation.agent.run())
        await asyncio.sleep(0)
        try:
            await play(conversation)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return conversation

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
