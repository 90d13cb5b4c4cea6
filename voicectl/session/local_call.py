"""A call to the embedded agent: two peers in this process, signaling in memory."""

import asyncio
import os
from collections.abc import Callable, Sequence

from voicectl import _native
from voicectl.agent.embedded import EmbeddedAgent
from voicectl.agent.script import Script
from voicectl.clock import Clock, SystemClock
from voicectl.device.wav import TwoChannelRecording
from voicectl.dialogue.events import AgentFailed, DialogueEvent
from voicectl.errors import ConnectError, ServiceError, VoicectlError
from voicectl.rtc.peer import Peer
from voicectl.rtc.settings import PeerSettings
from voicectl.rtc.stats import CloseReason, PeerTimings
from voicectl.session import events
from voicectl.session.call_audio import SAMPLE_RATE_HZ, CallAudio
from voicectl.session.caller import Caller, Utterance
from voicectl.session.report import AudioReport, CallReport, SetupTimes
from voicectl.signaling import openai
from voicectl.signaling.memory import connect_in_memory
from voicectl.units import NS_PER_MS

__all__ = ["LocalCall"]

_CONNECT_TIMEOUT_S = 10.0
_FRAME_MS = 20
_OPUS_LOOK_AHEAD_MS = 6.5
_AGENT_RATE_HZ = 16000


class LocalCall:
    """One call of `talk local`, from the first packet to the report.

    Args:
        script: What the agent can talk about.
        utterances: What the caller says.
        recording: Both channels are written to it, if given, and it is closed at the end.
        emit: Told of everything as it happens.
        duration_ms: The call is hung up after so long.
    """

    def __init__(
        self,
        script: Script,
        utterances: Sequence[Utterance],
        *,
        recording: TwoChannelRecording | None,
        emit: Callable[[events.SessionEvent], None],
        duration_ms: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._script = script
        self._utterances = utterances
        self._recording = recording
        self._emit = emit
        self._duration_ms = duration_ms
        self._clock = clock or SystemClock()
        self._audio = CallAudio(recording)
        self._hung_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hang_up(self, reason: str) -> None:
        """End the call; `run` returns its report."""
        if not self._hung_up.done():
            self._hung_up.set_result(reason)

    async def run(self) -> CallReport:
        """Hold the call.

        Raises:
            VoicectlError: it could not be set up, or the agent failed; what was recorded until
                then is kept, and the report was emitted if the call had been connected.
        """
        try:
            return await self._run()
        finally:
            self._audio.close()

    async def _run(self) -> CallReport:
        agent = await EmbeddedAgent.create(self._script, clock=self._clock)
        try:
            return await self._call(agent)
        finally:
            await agent.close()
