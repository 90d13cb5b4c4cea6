"""The agent's voice breaks in the middle of a reply: the call ends with what was heard of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from support.speech import hibari_pcm

from voicectl.agent.script_file import default_script
from voicectl.agent.tts import Speech
from voicectl.agent.tts.hibari import Hibari
from voicectl.clock import SystemClock
from voicectl.device.wav import Audio, TwoChannelRecording
from voicectl.dialogue.latency import speech_spans
from voicectl.errors import ServiceError
from voicectl.session import events
from voicectl.session.inputs import at_call_rate
from voicectl.session.local_agent import Models, load_models
from voicectl.session.local_call import LocalCall
from voicectl.session.sound import SoundCard, SoundChoice
from voicectl.session.utterance import Utterance
from voicectl.session.utterance_plan import AfterReply


class BreakingVoice:
    """Speaks its first clause and then fails."""

    def __init__(self) -> None:
        self._voice = Hibari()

    @property
    def sample_rate_hz(self) -> int:
        return self._voice.sample_rate_hz

    def load(self) -> None:
        self._voice.load()

    def speak(self, text: str) -> Iterator[Speech]:
        yield next(iter(self._voice.speak(text)))
        raise ServiceError("the voice is gone")


@pytest.mark.timeout(120)
def test_call_fails_with_its_reason_and_keeps_its_recording_and_report(tmp_path: Path) -> None:
    emitted: list[events.SessionEvent] = []
    recording = tmp_path / "call.wav"

    async def hold() -> None:
        script = default_script()
        models = Models((await load_models(script)).stt, BreakingVoice())
        await asyncio.to_thread(models.tts.load)
        asked = at_call_rate(Audio(hibari_pcm("what can i say"), 24000))
        call = LocalCall(
            script,
            models,
            [Utterance("asked", asked, AfterReply())],
            sound=SoundCard(SoundChoice(), warn=lambda message: None),
            vad="earshot",
            recording=TwoChannelRecording(recording, 48000),
            emit=emitted.append,
            duration_s=30,
            clock=SystemClock(),
        )
        await call.run()

    with pytest.raises(ServiceError, match="the voice is gone"):
        asyncio.run(hold())
    ended = emitted[-1]
    assert isinstance(ended, events.CallEnded)
    assert "the voice is gone" in ended.report.end
    [exchange] = ended.report.exchanges
    assert exchange.transcript == "what can i say"
    channels, _ = soundfile.read(recording, dtype="int16")
    assert speech_spans(channels[:, 0], 48000)
    assert len(channels) == pytest.approx(ended.report.duration_ms * 48, abs=4800)
