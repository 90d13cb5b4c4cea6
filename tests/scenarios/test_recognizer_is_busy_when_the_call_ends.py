"""The call is over while the recognizer is at work: its report does not wait for that."""

import asyncio
import threading

import numpy as np
import pytest
from numpy.typing import NDArray
from support.conversation import FakeTts
from support.speech import hibari_pcm

from voicectl.agent.script_file import default_script
from voicectl.agent.stt import Transcript
from voicectl.clock import SystemClock
from voicectl.device.wav import Audio
from voicectl.session import events
from voicectl.session.inputs import at_call_rate
from voicectl.session.local_agent import Models
from voicectl.session.local_call import LocalCall
from voicectl.session.sound import SoundCard, SoundChoice
from voicectl.session.utterance import Utterance
from voicectl.session.utterance_plan import AfterReply


class BusyStt:
    """Is at work from the first word until the report is there."""

    sample_rate_hz = 16_000

    def __init__(self) -> None:
        self.busy = threading.Event()
        self.reported = threading.Event()
        self.waited_in_vain = False

    def load(self) -> None:
        pass

    def start(self) -> None:
        self.busy.set()
        self.waited_in_vain = not self.reported.wait(15)

    def accept(self, pcm: NDArray[np.int16]) -> str:
        return ""

    def finish(self) -> Transcript:
        return Transcript("")


@pytest.mark.parametrize("how", ["duration", "hung up"])
def test_call_was_recorded_on_until_its_recognizer_was_done(how: str) -> None:
    stt = BusyStt()
    emitted: list[events.SessionEvent] = []

    def emit(event: events.SessionEvent) -> None:
        emitted.append(event)
        if isinstance(event, events.CallEnded):
            stt.reported.set()

    async def hold() -> None:
        asked = at_call_rate(Audio(hibari_pcm("what can i say"), 24000))
        call = LocalCall(
            default_script(),
            Models(stt, FakeTts()),
            [Utterance("asked", asked, AfterReply())],
            sound=SoundCard(SoundChoice(), warn=lambda message: None),
            vad="earshot",
            recording=None,
            emit=emit,
            duration_s=3 if how == "duration" else None,
            clock=SystemClock(),
        )
        running = asyncio.ensure_future(call.run())
        if how == "hung up":
            await asyncio.to_thread(stt.busy.wait, 30)
            call.hang_up(how)
        await running

    asyncio.run(hold())
    ended = emitted[-1]
    assert isinstance(ended, events.CallEnded)
    assert ended.report.end == ("3 s were over" if how == "duration" else how)
    assert not stt.waited_in_vain
