"""A call to the embedded agent: two peers in this process, signaling in memory."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from voicectl import _native
from voicectl.agent.script import Script
from voicectl.clock import Clock
from voicectl.device.wav import TwoChannelRecording
from voicectl.errors import ConnectError, SetupError, VoicectlError
from voicectl.rtc.peer import Peer
from voicectl.rtc.settings import PeerSettings
from voicectl.session import events
from voicectl.session.call_audio import SAMPLE_RATE_HZ, CallAudio
from voicectl.session.call_stats import audio_report, buffer_delay_ms, setup_times
from voicectl.session.caller import Caller
from voicectl.session.capture_file import CAPTURE_LIMIT_BYTES, CaptureFile
from voicectl.session.exchanges import Exchanges
from voicectl.session.local_agent import FRAME_MS, LocalAgent, Models, VadName
from voicectl.session.mouth import LiveMouth, Mouth, PlannedMouth
from voicectl.session.report import CallReport, unanswered
from voicectl.session.sound import SoundCard
from voicectl.session.utterance import Utterance
from voicectl.signaling import openai
from voicectl.signaling.memory import connect_in_memory

__all__ = ["LocalCall"]

_CONNECT_TIMEOUT_S = 10.0
_OPUS_LOOK_AHEAD_MS = 6.5
_SETTINGS = PeerSettings(host_addresses="loopback")


class LocalCall:
    """One call of `talk local`, from the first packet to the report.

    Args:
        script: What the agent can talk about.
        models: What the agent hears and speaks with.
        utterances: What the caller says; None for a person at the microphone of `sound`.
        vad: What the agent's engine finds speech with.
        sound: Running; what is heard goes to its speaker, if it has one.
        recording: Both channels are written to it, if given, and it is closed at the end.
        capture: What goes into the caller's engine is written to it, likewise.
        emit: Told of everything as it happens.
        duration_s: The call is hung up after so long.
        clock: Of both ends; their engines' ticks begin now.
    """

    def __init__(
        self,
        script: Script,
        models: Models,
        utterances: Sequence[Utterance] | None,
        *,
        sound: SoundCard,
        vad: VadName,
        recording: TwoChannelRecording | None,
        capture: CaptureFile | None = None,
        emit: Callable[[events.SessionEvent], None],
        duration_s: float | None,
        clock: Clock,
    ) -> None:
        self._recording = recording
        self._capture = capture
        self._emit = emit
        self._duration_s = duration_s
        self._audio = CallAudio(recording)
        self._agent = LocalAgent(script, models, _SETTINGS, vad=vad, clock=clock, seed=_seed())
        self._engine = _native.Engine(
            _native.EngineSettings(
                sink="playout",
                output_rate_hz=SAMPLE_RATE_HZ,
                tap_sent=True,
                adaptation="lan",
                frame_ms=FRAME_MS,
            ),
            now_ns=clock.now_ns(),
            seed=_seed(),
            capture_limit_bytes=None if capture is None else CAPTURE_LIMIT_BYTES,
        )
        self._peer = Peer(
            self._engine,
            _SETTINGS,
            on_events=self._handle_engine_events,
            on_message=self._handle_message,
            before_tick=self._read_microphone if utterances is None else None,
            clock=clock,
        )
        self._exchanges = Exchanges(self._audio, emit, self._network_ms)
        self._mouth = self._make_mouth(utterances, sound)
        self._caller = Caller(
            self._mouth,
            self._audio,
            self._exchanges,
            emit,
            measure_network=lambda: audio_report(self._peer.stats()),
            play=None if sound.speaker is None else sound.speaker.write,
        )
        self._hung_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ended = False
        self._leaving: list[asyncio.Future[Any]] = []

    def hang_up(self, reason: str) -> None:
        """End the call; `run` returns its report, which names the reason."""
        if not self._hung_up.done():
            self._hung_up.set_result(reason)

    def stop_reply(self) -> None:
        """Ask the agent to be silent."""
        for message in openai.encode_stop():
            self._peer.send_message(message)

    async def run(self) -> CallReport | None:
        """Hold the call.

        Returns:
            None when it was hung up before it was connected.

        Raises:
            VoicectlError: it could not be set up, or the agent failed. What was recorded until
                then is kept, and if the call had been connected its report was emitted.
        """
        try:
            return await self._converse() if await self._connect() else None
        finally:
            self._ended = True
            self._end_capture()
            # Last: an agent leaves once its recognizer is done with the words in hand.
            await asyncio.gather(*self._leaving, return_exceptions=True)
            await asyncio.gather(self._peer.close(), self._agent.close())
            self._audio.close()

    async def _connect(self) -> bool:
        """Whether it came about before it was hung up."""
        connecting = asyncio.ensure_future(self._connect_peers())
        hung_up = asyncio.ensure_future(asyncio.shield(self._hung_up))
        self._leaving = [connecting, hung_up]
        done, pending = await asyncio.wait(self._leaving, return_when=asyncio.FIRST_COMPLETED)
        for future in pending:
            future.cancel()
        if hung_up in done:
            return False
        connecting.result()
        self._emit(events.CallConnected(setup_times(self._peer.timings)))
        return True

    async def _connect_peers(self) -> None:
        await connect_in_memory(self._peer, self._agent.peer)
        await asyncio.gather(
            self._peer.connected(_CONNECT_TIMEOUT_S), self._agent.peer.connected(_CONNECT_TIMEOUT_S)
        )

    async def _converse(self) -> CallReport:
        self._mouth.start()
        failure: VoicectlError | None = None
        try:
            end = await self._wait_for_end()
        except VoicectlError as error:
            failure, end = error, error.message
        self._ended = True
        self._end_capture()
        self._exchanges.close()
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
        over = asyncio.ensure_future(self._caller.wait_until_over())
        agent = asyncio.ensure_future(self._agent.run())
        lost = asyncio.ensure_future(self._peer.wait_closed())
        hung_up = asyncio.ensure_future(asyncio.shield(self._hung_up))
        endings: list[asyncio.Future[None] | asyncio.Future[str]] = [over, agent, lost, hung_up]
        done, pending = await asyncio.wait(
            endings, timeout=self._duration_s, return_when=asyncio.FIRST_COMPLETED
        )
        self._leaving = [*endings]
        for future in pending:
            future.cancel()
        for future in done:
            future.result()
        if lost in done and self._peer.close_reason is not None:
            raise ConnectError(f"the call was lost: {self._peer.close_reason.value}")
        if hung_up in done:
            return hung_up.result()
        return "the conversation was over" if done else f"{self._duration_s:g} s were over"

    def _report(self, end: str) -> CallReport:
        recording = self._recording
        return CallReport(
            setup=setup_times(self._peer.timings),
            exchanges=self._exchanges.completed,
            audio=audio_report(self._peer.stats()),
            duration_ms=self._audio.said.end * 1000 / SAMPLE_RATE_HZ,
            unanswered=unanswered(self._mouth.planned, self._exchanges.completed),
            recording=None if recording is None else str(recording.path),
            capture=None if self._capture is None else self._capture.report(),
            end=end,
        )

    def _network_ms(self) -> float:
        """What the way there and back adds to a latency, on average.

        Half a frame to fill the caller's last one and half a frame until the agent's next one is
        due, the codec's look-ahead each way, and both jitter buffers; loopback itself is nothing.
        """
        buffers_ms = buffer_delay_ms(self._peer.stats()) + buffer_delay_ms(self._agent.peer.stats())
        return 2 * (FRAME_MS / 2 + _OPUS_LOOK_AHEAD_MS) + buffers_ms

    def _make_mouth(self, utterances: Sequence[Utterance] | None, sound: SoundCard) -> Mouth:
        if utterances is not None:
            return PlannedMouth(utterances, self._peer, self._audio, self._exchanges)
        if sound.microphone is None:
            raise SetupError("there is no microphone", hint="speak from a file: --input a.wav")
        return LiveMouth(sound.microphone, self._peer, self._exchanges)

    def _read_microphone(self) -> None:
        self._mouth.before_tick()

    def _handle_engine_events(self, batch: Sequence[_native.EngineEvent]) -> None:
        # Hanging up takes a few ticks more; the recording ends where the conversation did.
        if not self._ended:
            self._caller.handle_engine_events(batch)
            if self._capture is not None:
                self._capture.drain(self._engine)

    def _end_capture(self) -> None:
        """Where the recording ends: a replay gives the same audio."""
        if self._capture is not None:
            self._capture.end(self._engine)
            self._capture.close()

    def _handle_message(self, message: str) -> None:
        self._caller.handle_message(message)


def _seed() -> int:
    return secrets.randbits(64)
