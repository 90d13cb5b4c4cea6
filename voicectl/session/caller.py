"""The caller's end of a call: speaks the planned utterances, hears the replies, keeps the book."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from voicectl import _native
from voicectl.device.wav import Audio
from voicectl.errors import ServiceError, WireError
from voicectl.rtc.peer import Peer
from voicectl.session import events
from voicectl.session.call_audio import SAMPLE_RATE_HZ, CallAudio
from voicectl.session.exchanges import Exchanges
from voicectl.session.hearing import Hearing, ReplyEnded, ReplyStarted
from voicectl.session.utterance_plan import Start, UtterancePlan
from voicectl.signaling import openai
from voicectl.units import NS_PER_S

__all__ = ["Caller", "Utterance"]


@dataclass(frozen=True)
class Utterance:
    """What the caller is to say, and when."""

    source: str
    """The file or the words, for people."""
    audio: Audio
    """At 48 kHz."""
    start: Start


class Caller:
    """Steers one call by what is heard in it.

    Audio comes in batches from the engine, and each batch moves the plan on: no timer of its own
    runs beside the engine's 10 ms ticks.

    Args:
        peer: Connected, or about to be.
        utterances: In the order in which they are spoken.
        audio: Both channels are written to it.
        emit: Told of everything as it happens.
        network_ms: What network and buffers account for of a latency, as known at that time.
    """

    def __init__(
        self,
        peer: Peer,
        utterances: Sequence[Utterance],
        audio: CallAudio,
        emit: Callable[[events.SessionEvent], None],
        network_ms: Callable[[], float],
    ) -> None:
        self._peer = peer
        self._utterances = utterances
        self._audio = audio
        self._hearing = Hearing(SAMPLE_RATE_HZ)
        self._exchanges = Exchanges(audio, emit, network_ms)
        self._plan: UtterancePlan | None = None
        self._unanswered_seen = 0
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def exchanges(self) -> Exchanges:
        """The book of what was said and heard."""
        return self._exchanges

    @property
    def unanswered(self) -> list[int]:
        """Indices of the utterances that no reply came to."""
        return [] if self._plan is None else self._plan.unanswered

    def start(self) -> None:
        """The call is connected: begin with the plan."""
        starts = [utterance.start for utterance in self._utterances]
        self._plan = UtterancePlan(starts, now_ns=self._position_ns())

    async def wait_until_over(self) -> None:
        """Return when everything was said and answered.

        Raises:
            ServiceError: the agent reports that it failed.
        """
        await asyncio.shield(self._over)

    def handle_engine_events(self, batch: Sequence[_native.EngineEvent]) -> None:
        """Take what the caller's engine has to tell."""
        for event in batch:
            match event:
                case _native.AudioSent():
                    self._audio.handle_said(event.pcm)
                case _native.AudioReceived():
                    self._audio.handle_heard(event.pcm)
                    self._handle_heard(event)
                case _native.AudioDrained():
                    self._handle_drained()
                case _:
                    pass
        self._advance()

    def handle_message(self, message: str) -> None:
        """Take one message of the data channel; what is malformed is dropped."""
        try:
            report = openai.decode(message)
        except WireError:
            return
        if report is None:
            return
        self._exchanges.handle_report(report)
        match report:
            case openai.ReplyEndReported():
                self._hearing.expect_end()
            case openai.AgentErrorReported(message=text):
                self._fail(ServiceError(f"the agent failed: {text}"))
            case _:
                pass

    def _handle_heard(self, event: _native.AudioReceived) -> None:
        for heard in self._hearing.handle_audio(event.pcm):
            match heard:
                case ReplyStarted(onset_samples=onset):
                    self._exchanges.handle_reply_started(onset)
                    if self._plan is not None:
                        self._plan.handle_reply_started(_ns(onset))
                case ReplyEnded(end_samples=end):
                    self._exchanges.handle_reply_ended(end)
                    if self._plan is not None:
                        self._plan.handle_reply_ended(self._position_ns())

    def _handle_drained(self) -> None:
        self._exchanges.handle_utterance_ended(self._audio.said.end)
        if self._plan is not None:
            self._plan.handle_utterance_ended(self._position_ns())

    def _advance(self) -> None:
        if self._plan is None or self._over.done():
            return
        now_ns = self._position_ns()
        while (index := self._plan.poll_due(now_ns)) is not None:
            self._speak(index)
        for unanswered in self._plan.unanswered[self._unanswered_seen :]:
            self._exchanges.handle_unanswered(unanswered)
        self._unanswered_seen = len(self._plan.unanswered)
        if self._plan.finished:
            self._over.set_result(None)

    def _speak(self, index: int) -> None:
        utterance = self._utterances[index]
        self._exchanges.handle_utterance_started(index, utterance.source, self._audio.said.end)
        self._peer.queue_audio(utterance.audio.pcm, utterance.audio.sample_rate_hz)
        self._peer.finish_audio()

    def _fail(self, error: ServiceError) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    def _position_ns(self) -> int:
        """The call's time: how far the recording has come."""
        return _ns(self._audio.said.end)


def _ns(samples: int) -> int:
    return samples * NS_PER_S // SAMPLE_RATE_HZ
