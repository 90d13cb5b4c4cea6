"""The agent's end of a call: the embedded agent behind a peer of its own."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voicectl import _native
from voicectl.agent.embedded import EmbeddedAgent
from voicectl.agent.script import Script
from voicectl.agent.stt import SpeechToText
from voicectl.agent.stt.pocketsphinx import Pocketsphinx
from voicectl.agent.tts import TextToSpeech
from voicectl.agent.tts.hibari import Hibari
from voicectl.clock import Clock
from voicectl.dialogue.events import DialogueEvent
from voicectl.rtc.peer import Peer
from voicectl.rtc.settings import PeerSettings
from voicectl.signaling import openai

__all__ = ["FRAME_MS", "LocalAgent", "Models", "VadName", "load_models"]

FRAME_MS = 10
"""Of both ends of a call in one process, as the preset `lan` has it: nothing is saved by longer
ones, and speech waits half a frame on each way."""
_AGENT_RATE_HZ = 16000

VadName = Literal["earshot", "silero"]


@dataclass(frozen=True)
class Models:
    """What the agent hears and speaks with, loaded."""

    stt: SpeechToText
    tts: TextToSpeech


async def load_models(script: Script) -> Models:
    """Load both, side by side, before there is a call that would have to wait for them.

    Raises:
        SetupError: a package or a model is missing.
    """
    models = Models(Pocketsphinx(script.jsgf()), Hibari())
    await asyncio.gather(asyncio.to_thread(models.stt.load), asyncio.to_thread(models.tts.load))
    return models


class LocalAgent:
    """Answers one call with the embedded agent and tells the far end what it does.

    Its engine's sink is `eager`: a recognizer needs no playout clock.

    Args:
        script: What it can talk about.
        models: What it hears and speaks with.
        settings: How its peer connects.
        vad: What its engine finds speech with.
        clock: Of its engine and its events.
        seed: Of its engine's identifiers and of the script's choices.
    """

    def __init__(
        self,
        script: Script,
        models: Models,
        settings: PeerSettings,
        *,
        vad: VadName,
        clock: Clock,
        seed: int,
    ) -> None:
        engine = _native.Engine(
            _native.EngineSettings(
                sink="eager",
                output_rate_hz=_AGENT_RATE_HZ,
                vad=vad,
                adaptation="lan",
                frame_ms=FRAME_MS,
            ),
            now_ns=clock.now_ns(),
            seed=seed,
        )
        self.peer = Peer(
            engine,
            settings,
            on_events=self._handle_engine_events,
            on_message=self._handle_message,
            clock=clock,
        )
        self._agent = EmbeddedAgent(
            script.replier(seed=seed),
            models.stt,
            models.tts,
            port=self.peer,
            clock=clock,
            on_event=self._tell,
        )

    async def run(self) -> None:
        """Converse until cancelled.

        Raises:
            ServiceError: STT or TTS failed; the far end was told.
        """
        await self._agent.run()

    async def close(self) -> None:
        """Leave the call."""
        await self.peer.close()

    def _handle_message(self, message: str) -> None:
        if openai.is_stop(message):
            self._agent.stop_reply()

    def _tell(self, event: DialogueEvent) -> None:
        for message in openai.encode(event):
            self.peer.send_message(message)

    def _handle_engine_events(self, batch: Sequence[_native.EngineEvent]) -> None:
        # Edges first: the agent wants to know of them before the audio that they lie in.
        for event in batch:
            match event:
                case _native.StreamStarted():
                    self._agent.handle_stream_started()
                case _native.SpeechStarted():
                    self._agent.handle_speech_started(event.at_samples)
                case _native.SpeechEnded():
                    self._agent.handle_speech_ended(event.at_samples)
                case _:
                    pass
        for event in batch:
            match event:
                case _native.AudioReceived():
                    self._agent.handle_audio(event.pcm, event.media_time_samples, event.at_ns)
                case _native.AudioDrained():
                    self._agent.handle_audio_drained()
                case _:
                    pass
