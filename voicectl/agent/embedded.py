"""The embedded agent: one spoken conversation, with STT and TTS in worker threads.

    audio, speech edges ──▶ Floor ──▶ Listener (STT) ──▶ Replier ──▶ Voice (TTS) ──▶ AudioPort

The rules of the conversation are `dialogue.floor`'s, without I/O; here is what moves the audio
and the words between them on an event loop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from voicectl.agent.audio_history import AudioHistory
from voicectl.agent.audio_port import AudioPort
from voicectl.agent.listener import Listener
from voicectl.agent.script import Replier
from voicectl.agent.stt import SpeechToText, Transcript
from voicectl.agent.tts import TextToSpeech
from voicectl.agent.voice import Voice
from voicectl.clock import Clock
from voicectl.dialogue.endpointing import SAMPLES_PER_MS
from voicectl.dialogue.events import (
    AgentFailed,
    DialogueEvent,
    ReplyAudioStarted,
    ReplyFinished,
    ReplyInterrupted,
    ReplyStarted,
    UtteranceEnded,
    UtteranceResumed,
    UtteranceStarted,
    UtteranceTranscribed,
)
from voicectl.dialogue.floor import Floor, FloorSettings, FloorState
from voicectl.dialogue.latency import StageReport
from voicectl.errors import VoicectlError
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = ["AgentSettings", "EmbeddedAgent"]

_MIN_CONFIDENCE = 0.5


def _one_thread() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="voicectl-agent")


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How the agent converses."""

    floor: FloorSettings = field(default_factory=FloorSettings)
    preroll_ms: int = 250
    """STT hears this much before the VAD's onset: a soft first consonant lies there."""
    min_answered_ms: int = 250
    """Speech shorter than this in which STT finds no words is a noise and gets no answer."""


class EmbeddedAgent:
    """Hears the caller and answers through `port`.

    Feed it from the event loop's thread: `handle_audio` and the speech edges that the VAD found
    in that audio (edges first), `handle_stream_started` and `handle_audio_drained`. `run` lives
    as long as the conversation and is where a failure comes out; what is fed after its end is
    ignored.

    Args:
        replier: The agent's mind.
        stt: Hears; used in a thread of its own.
        tts: Speaks; used in a thread of its own.
        port: Takes the audio to send.
        clock: Times the events.
        on_event: Told on the event loop what happens. Must return quickly and not raise.
        settings: How it converses.
        new_worker: Makes the executors that STT and TTS run in, a thread each by default.
    """

    def __init__(
        self,
        replier: Replier,
        stt: SpeechToText,
        tts: TextToSpeech,
        *,
        port: AudioPort,
        clock: Clock,
        on_event: Callable[[DialogueEvent], None],
        settings: AgentSettings | None = None,
        new_worker: Callable[[], Executor] = _one_thread,
    ) -> None:
        self._settings = settings or AgentSettings()
        self._replier = replier
        self._clock = clock
        self._on_event = on_event
        self._floor = Floor(self._settings.floor)
        history_ms = (
            self._settings.floor.endpointing.max_utterance_ms + self._settings.preroll_ms + 2000
        )
        self._history = AudioHistory(history_ms * SAMPLES_PER_MS)
        self._listener = Listener(
            stt, new_worker(), on_partial=self._understand_partial, on_failure=self._fail
        )
        self._voice = Voice(tts, port, new_worker())
        self._utterance_start = 0
        self._reply: asyncio.Task[None] | None = None
        self._reply_to = 0
        self._timer: asyncio.TimerHandle | None = None
        self._error: BaseException | None = None
        self._failed = asyncio.Event()
        self._closed = False

    async def load(self) -> None:
        """Load the models of STT and TTS side by side. Call it before the call is answered.

        Raises:
            SetupError: a package or model is missing.
        """
        await asyncio.gather(self._listener.load(), self._voice.load())

    async def run(self, *, greet: bool = False) -> None:
        """Converse until cancelled.

        Args:
            greet: Begin with the script's greeting, if it has one.

        Raises:
            ServiceError: STT or TTS failed; `AgentFailed` was told before. What was queued of a
                reply is still sent.
        """
        greeting = self._replier.greeting() if greet else None
        if greeting is not None:
            self._begin_reply(self._greet(greeting), 0)
        try:
            await self._failed.wait()
        finally:
            await self._close()
        if self._error is not None:
            raise self._error

    def handle_audio(self, pcm: NDArray[np.int16], first_sample: int, arrived_ns: int) -> None:
        """The caller's audio, 16 kHz, whose first sample has this media time.

        It came out of the jitter buffer at `arrived_ns`, from which on its latency counts: what a
        busy event loop adds is the agent's.
        """
        if self._closed:
            return
        now_ns = self._clock.now_ns()
        hearing = self._floor.state is FloorState.CALLER
        heard_until = max(self._history.until_samples, first_sample)
        self._history.append(pcm, first_sample, arrived_ns)
        if hearing:
            self._listener.accept(self._history.since(heard_until))
        self._floor.handle_audio(self._history.until_samples, now_ns)
        self._voice.handle_room()
        self._follow_floor()

    def handle_speech_started(self, at_samples: int) -> None:
        """The caller began to speak at this media time."""
        if not self._closed:
            self._floor.handle_speech_started(at_samples, self._clock.now_ns())
            self._follow_floor()

    def handle_speech_ended(self, at_samples: int) -> None:
        """The caller fell silent at this media time."""
        if not self._closed:
            self._floor.handle_speech_ended(at_samples, self._clock.now_ns())
            self._follow_floor()

    def handle_stream_started(self) -> None:
        """The caller sends another stream: media time begins anew."""
        if not self._closed:
            self._floor.handle_stream_started(self._clock.now_ns())
            self._follow_floor()
            self._history.clear()
            self._utterance_start = 0

    def handle_audio_drained(self) -> None:
        """Everything queued at the port was sent."""
        self._voice.handle_drained()
        self._finish_reply()

    def stop_reply(self) -> None:
        """The caller wants no more of the reply that is being said."""
        if self._reply is None or self._floor.state is not FloorState.AGENT:
            return
        self._interrupt_reply()
        self._floor.handle_reply_ended(self._clock.now_ns())
        self._follow_floor()

    def _follow_floor(self) -> None:
        while (event := self._floor.poll_event()) is not None:
            match event:
                case UtteranceStarted():
                    if event.over_reply:
                        self._interrupt_reply()
                    else:
                        self._drop_reply()
                    self._on_event(event)
                    self._listen_from(event.start_samples)
                case UtteranceResumed():
                    self._drop_reply()
                    self._on_event(event)
                    self._listen_from(self._utterance_start)
                case UtteranceEnded():
                    self._on_event(event)
                    self._begin_reply(self._answer(event), event.utterance)
        self._arm_timer()

    def _listen_from(self, start_samples: int) -> None:
        self._utterance_start = start_samples
        preroll = self._settings.preroll_ms * SAMPLES_PER_MS
        self._listener.start(self._history.since(start_samples - preroll))

    def _understand_partial(self, text: str) -> None:
        if self._floor.state is FloorState.CALLER:
            completeness = self._replier.script.completeness(text)
            self._floor.handle_completeness(completeness, self._clock.now_ns())
            self._follow_floor()

    def _begin_reply(self, reply: Coroutine[object, object, None], utterance: int) -> None:
        self._reply_to = utterance
        self._reply = asyncio.get_running_loop().create_task(reply)
        self._reply.add_done_callback(self._report)

    async def _greet(self, text: str) -> None:
        self._on_event(ReplyStarted(self._clock.now_ns(), 0, text))
        await self._say(text, StageReport(0.0, 0.0, 0.0, 0.0))

    async def _answer(self, ended: UtteranceEnded) -> None:
        transcript = await self._listener.finish()
        understanding = None
        if transcript.confidence is None or transcript.confidence >= _MIN_CONFIDENCE:
            understanding = self._replier.script.understand(transcript.text)
        transcribed_ns = self._clock.now_ns()
        self._on_event(
            UtteranceTranscribed(
                transcribed_ns,
                ended.utterance,
                transcript.text,
                transcript.confidence,
                understood=understanding is not None,
            )
        )
        text = "" if self._is_noise(ended, transcript) else self._replier.reply(understanding)
        replied_ns = self._clock.now_ns()
        self._on_event(ReplyStarted(replied_ns, ended.utterance, text))
        spoken_ns = self._history.arrived_ns(ended.end_samples)
        stages = StageReport(
            endpoint_ms=(ended.at_ns - (spoken_ns or ended.at_ns)) / NS_PER_MS,
            stt_ms=(transcribed_ns - ended.at_ns) / NS_PER_MS,
            reply_ms=(replied_ns - transcribed_ns) / NS_PER_MS,
            tts_ms=0.0,
        )
        await self._say(text, stages)

    def _is_noise(self, ended: UtteranceEnded, transcript: Transcript) -> bool:
        duration = ended.end_samples - ended.start_samples
        return not transcript.text and duration < self._settings.min_answered_ms * SAMPLES_PER_MS

    async def _say(self, text: str, stages: StageReport) -> None:
        begun_ns = self._clock.now_ns()
        audible = False
        async for _piece in self._voice.speak(text):
            if not audible:
                audible = True
                now_ns = self._clock.now_ns()
                self._floor.handle_reply_audio_started()
                stages = replace(stages, tts_ms=(now_ns - begun_ns) / NS_PER_MS)
                self._on_event(ReplyAudioStarted(now_ns, self._reply_to, stages))
        # With nothing to send, or all of it sent already, no drain will tell of the end.
        self._finish_reply()

    def _finish_reply(self) -> None:
        if self._reply is None or not self._voice.is_finished:
            return
        self._reply = None
        now_ns = self._clock.now_ns()
        self._on_event(ReplyFinished(now_ns, self._reply_to))
        self._floor.handle_reply_ended(now_ns)
        self._follow_floor()

    def _interrupt_reply(self) -> None:
        self._drop_reply()
        heard_text, heard_ms = self._voice.stop()
        self._on_event(ReplyInterrupted(self._clock.now_ns(), self._reply_to, heard_text, heard_ms))

    def _drop_reply(self) -> None:
        if self._reply is not None:
            self._reply.cancel()
            self._reply = None

    def _arm_timer(self) -> None:
        self._disarm_timer()
        due_ns = self._floor.next_timeout()
        if due_ns is not None:
            delay_s = max(due_ns - self._clock.now_ns(), 0) / NS_PER_S
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._handle_timeout)

    def _disarm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _handle_timeout(self) -> None:
        self._timer = None
        self._floor.handle_timeout(self._clock.now_ns())
        self._follow_floor()

    def _report(self, reply: "asyncio.Task[None]") -> None:
        if not reply.cancelled() and (error := reply.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._closed or self._failed.is_set():
            return
        message = error.message if isinstance(error, VoicectlError) else repr(error)
        self._on_event(AgentFailed(self._clock.now_ns(), message))
        self._error = error
        self._failed.set()

    async def _close(self) -> None:
        self._closed = True
        self._disarm_timer()
        self._drop_reply()
        self._voice.close()
        await self._listener.aclose()
