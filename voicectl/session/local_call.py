"""A call to the embedded agent: two peers in this process, signaling in memory."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

from voicectl import _native
from voicectl.agent.script import Script
from voicectl.clock import Clock, SystemClock
from voicectl.device.wav import TwoChannelRecording
from voicectl.errors import ConnectError, VoicectlError
from voicectl.rtc.peer import Peer
from voicectl.rtc.settings import PeerSettings
from voicectl.session import events
from voicectl.session.call_audio import SAMPLE_RATE_HZ, CallAudio
from voicectl.session.call_stats import audio_report, buffer_delay_ms, setup_times
from voicectl.session.caller import Caller, Utterance
from voicectl.session.local_agent import LocalAgent
from voicectl.session.report import CallReport
from voicectl.signaling import memory

__all__ = ["LocalCall"]

_CONNECT_TIMEOUT_S = 10.0
_FRAME_MS = 20.0
_OPUS_LOOK_AHEAD_MS = 6.5
_SETTINGS = PeerSettings(host_addresses="loopback")


class LocalCall:
    """One call of `talk local`, from the first packet to the report.

    Args:
        script: What the agent can talk about.
        utterances: What the caller says.
        recording: Both channels are written to it, if given, and it is closed at the end.
        emit: Told of everything as it happens.
        duration_s: The call is hung up after so long.
        clock: Of both ends.
    """

    def __init__(
        self,
        script: Script,
        utterances: Sequence[Utterance],
        *,
        recording: TwoChannelRecording | None,
        emit: Callable[[events.SessionEvent], None],
        duration_s: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._utterances = utterances
        self._recording = recording
        self._emit = emit
        self._duration_s = duration_s
        self._clock = clock or SystemClock()
        self._audio = CallAudio(recording)
        self._agent = LocalAgent(script, _SETTINGS, clock=self._clock, seed=_seed())
        engine = _native.Engine(
            _native.EngineSettings(sink="playout", output_rate_hz=SAMPLE_RATE_HZ, tap_sent=True),
            now_ns=self._clock.now_ns(),
            seed=_seed(),
        )
        self._peer = Peer(
            engine,
            _SETTINGS,
            on_events=self._handle_engine_events,
            on_message=self._handle_message,
            clock=self._clock,
        )
        self._caller = Caller(self._peer, utterances, self._audio, emit, self._network_ms)
        self._hung_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hang_up(self, reason: str) -> None:
        """End the call; `run` returns its report, which names the reason."""
        if not self._hung_up.done():
            self._hung_up.set_result(reason)

    async def run(self) -> CallReport:
        """Hold the call.

        Raises:
            VoicectlError: it could not be set up, or the agent failed. What was recorded until
                then is kept, and if the call had been connected its report was emitted.
        """
        try:
            await self._agent.load()
            await self._connect()
            return await self._converse()
        finally:
            await asyncio.gather(self._peer.close(), self._agent.close())
            self._audio.close()

    async def _connect(self) -> None:
        await memory.connect(self._peer, self._agent.peer)
        await asyncio.gather(
            self._peer.connected(_CONNECT_TIMEOUT_S), self._agent.peer.connected(_CONNECT_TIMEOUT_S)
        )
        self._emit(events.CallConnected(setup_times(self._peer.timings)))

    async def _converse(self) -> CallReport:
        self._caller.start()
        failure: VoicectlError | None = None
        try:
            end = await self._wait_for_end()
        except VoicectlError as error:
            failure, end = error, error.message
        self._caller.exchanges.close()
        report = self._report(end)
        self._audio.close()
        self._emit(events.CallEnded(report))
        if failure is not None:
            raise failure
        return report

    async def _wait_for_end(self) -> str:
        """Why the call is over.

        Raises:
            VoicectlError: because something failed.
        """
        endings = {
            asyncio.ensure_future(self._caller.wait_until_over()): "the conversation was over",
            asyncio.ensure_future(self._agent.run()): "the agent left",
            asyncio.ensure_future(self._peer.wait_closed()): "the far end hung up",
            asyncio.ensure_future(_hung_up(self._hung_up)): "",
        }
        done, pending = await asyncio.wait(
            endings, timeout=self._duration_s, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if not done:
            return f"--duration of {self._duration_s:g} s was over"
        for task in done:
            task.result()
        if self._peer.close_reason is not None:
            raise ConnectError(f"the call was lost: {self._peer.close_reason.value}")
        if self._hung_up.done():
            return self._hung_up.result()
        return endings[done.pop()]

    def _report(self, end: str) -> CallReport:
        recording = self._recording
        return CallReport(
            setup=setup_times(self._peer.timings),
            exchanges=self._caller.exchanges.completed,
            audio=audio_report(self._peer.stats()),
            duration_ms=self._audio.said.end * 1000 / SAMPLE_RATE_HZ,
            unanswered=self._caller.unanswered,
            recording=None if recording is None else str(recording.path),
            end=end,
        )

    def _network_ms(self) -> float:
        """A frame and the codec's look-ahead each way, and both jitter buffers."""
        stats = self._peer.stats()
        buffers_ms = buffer_delay_ms(stats) + buffer_delay_ms(self._agent.peer.stats())
        return 2 * (_FRAME_MS + _OPUS_LOOK_AHEAD_MS) + buffers_ms

    def _handle_engine_events(self, batch: Sequence[_native.EngineEvent]) -> None:
        self._caller.handle_engine_events(batch)

    def _handle_message(self, message: str) -> None:
        self._caller.handle_message(message)


async def _hung_up(reason: asyncio.Future[str]) -> None:
    await asyncio.shield(reason)


def _seed() -> int:
    return secrets.randbits(64)
