"""Runs a recognizer in a worker thread, beside the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicectl.agent.stt import SpeechToText, Transcript

__all__ = ["Listener"]


@dataclass(slots=True)
class _Start:
    """An utterance begins."""


@dataclass(slots=True)
class _Finish:
    """An utterance is over; the transcript goes to `done`."""

    done: "asyncio.Future[Transcript]"


_Job = _Start | _Finish | NDArray[np.int16]


class Listener:
    """Keeps a recognizer fed in the order things were said, one worker thread at most.

    While the worker is busy its jobs wait; they are bounded by the longest utterance, because
    `start` drops those of the utterance before.

    Args:
        stt: Used in `worker` only.
        worker: Runs one job at a time; shut down by `aclose`.
        on_partial: Called on the event loop with the words of the utterance so far.
        on_failure: Called on the event loop with what the recognizer raised.
    """

    def __init__(
        self,
        stt: SpeechToText,
        worker: Executor,
        *,
        on_partial: Callable[[str], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._stt = stt
        self._on_partial = on_partial
        self._on_failure = on_failure
        self._worker = worker
        self._jobs: deque[_Job] = deque()
        self._task: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Load the recognizer's models."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._stt.load)

    def start(self, pcm: NDArray[np.int16]) -> None:
        """Begin an utterance with the audio there is of it; one in progress is forgotten."""
        for job in self._jobs:
            if isinstance(job, _Finish):
                job.done.cancel()
        self._jobs.clear()
        self._put(_Start())
        self._put(pcm)

    def accept(self, pcm: NDArray[np.int16]) -> None:
        """More audio of the utterance."""
        self._put(pcm)

    async def finish(self) -> Transcript:
        """The utterance is over: its transcript, once all its audio is heard."""
        done: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        self._put(_Finish(done))
        return await done

    async def aclose(self) -> None:
        """Stop once the job in hand is done."""
        self._jobs.clear()
        if self._task is not None:
            await asyncio.wait([self._task])
        self._worker.shutdown(wait=False)

    def _put(self, job: _Job) -> None:
        self._jobs.append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
            self._task.add_done_callback(self._report)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._jobs:
            job = self._jobs.popleft()
            if isinstance(job, _Start):
                await loop.run_in_executor(self._worker, self._stt.start)
            elif isinstance(job, _Finish):
                transcript = await loop.run_in_executor(self._worker, self._stt.finish)
                if not job.done.done():
                    job.done.set_result(transcript)
            else:
                pcm = self._with_waiting_audio(job)
                partial = await loop.run_in_executor(self._worker, self._stt.accept, pcm)
                if not any(isinstance(waiting, _Start) for waiting in self._jobs):
                    self._on_partial(partial)

    def _with_waiting_audio(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        pieces = [pcm]
        while self._jobs and not isinstance(waiting := self._jobs[0], _Start | _Finish):
            pieces.append(waiting)
            self._jobs.popleft()
        return np.concatenate(pieces)

    def _report(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)
