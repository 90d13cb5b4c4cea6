"""The caller's end of a call: a mouth that speaks, an ear, and the book of what was heard."""

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from voicectl import _native
from voicectl.errors import ServiceError, WireError
from voicectl.session import events
from voicectl.session.call_audio import SAMPLE_RATE_HZ, CallAudio
from voicectl.session.exchanges import Exchanges
from voicectl.session.hearing import Hearing, VoiceEnded, VoiceStarted
from voicectl.session.mouth import Mouth
from voicectl.session.report import AudioReport
from voicectl.signaling import openai

__all__ = ["Caller"]

_LEVELS_EVERY_SAMPLES = SAMPLE_RATE_HZ // 10
_NETWORK_EVERY_SAMPLES = SAMPLE_RATE_HZ


class Caller:
    """Steers one call by what is heard in it.

    Audio comes in batches from the engine, and each batch moves the call on: no timer of its own
    runs beside the engine's 10 ms ticks.

    Args:
        mouth: Speaks.
        audio: Both channels are written to it.
        exchanges: The book that is kept.
        emit: Told of everything as it happens.
        measure_network: How the inbound audio does.
        play: Takes what is heard, for a speaker.
    """

    def __init__(
        self,
        mouth: Mouth,
        audio: CallAudio,
        exchanges: Exchanges,
        emit: Callable[[events.SessionEvent], None],
        *,
        measure_network: Callable[[], AudioReport],
        play: Callable[[NDArray[np.int16]], None] | None = None,
    ) -> None:
        self._mouth = mouth
        self._audio = audio
        self._exchanges = exchanges
        self._emit = emit
        self._measure_network = measure_network
        self._play = play
        self._hearing = Hearing(SAMPLE_RATE_HZ)
        self._levels_due = _LEVELS_EVERY_SAMPLES
        self._network_due = _NETWORK_EVERY_SAMPLES
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

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
                    self._mouth.handle_said(event.pcm)
                case _native.AudioReceived():
                    self._handle_heard(event.pcm)
                case _native.AudioDrained():
                    self._mouth.handle_drained()
                case _:
                    pass
        self._measure()
        if self._mouth.advance() and not self._over.done():
            self._over.set_result(None)

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
            case openai.AgentErrorReported(message=text) if not self._over.done():
                self._over.set_exception(ServiceError(f"the agent failed: {text}"))
            case _:
                pass

    def _handle_heard(self, pcm: NDArray[np.int16]) -> None:
        self._audio.handle_heard(pcm)
        if self._play is not None:
            self._play(pcm)
        for voice in self._hearing.handle_audio(pcm):
            match voice:
                case VoiceStarted(onset_samples=onset):
                    self._exchanges.handle_reply_started(onset)
                    self._mouth.handle_reply_started(onset)
                case VoiceEnded(end_samples=end):
                    self._exchanges.handle_reply_ended(end)
                    self._mouth.handle_reply_ended()

    def _measure(self) -> None:
        end = self._audio.said.end
        if end >= self._levels_due:
            self._levels_due = end + _LEVELS_EVERY_SAMPLES
            said, heard = (
                channel.level_dbfs(_LEVELS_EVERY_SAMPLES)
                for channel in (self._audio.said, self._audio.heard)
            )
            self._emit(events.LevelsMeasured(end * 1000 / SAMPLE_RATE_HZ, said, heard))
        if end >= self._network_due:
            self._network_due = end + _NETWORK_EVERY_SAMPLES
            self._emit(events.NetworkMeasured(self._measure_network()))
