"""`voicectl talk`, from what was asked for to a call that is held."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from voicectl.agent.script import Script
from voicectl.agent.script_file import default_script, load_script
from voicectl.agent.stt.pocketsphinx import unknown_words
from voicectl.device.wav import TwoChannelRecording
from voicectl.session.call_audio import SAMPLE_RATE_HZ
from voicectl.session.caller import Utterance
from voicectl.session.demo import demo_utterances
from voicectl.session.events import SessionEvent
from voicectl.session.inputs import read_utterances
from voicectl.session.local_call import LocalCall
from voicectl.session.report import CallReport
from voicectl.session.target import parse_target

__all__ = ["Talk"]


@dataclass
class Talk:
    """A conversation as it was asked for; `hold` holds it."""

    script: Script
    utterances: Sequence[Utterance] | None
    """None: the demo conversation, whose utterances are spoken when it is held."""
    recording: Path | None
    duration_s: float | None
    title: str
    notes: list[str] = field(default_factory=list)
    """What to tell the user before the call."""
    _call: LocalCall | None = None

    @classmethod
    def plan(
        cls,
        target: str,
        *,
        inputs: Sequence[str],
        output: Path | None,
        script: Path | None,
        duration_s: float | None,
    ) -> Self:
        """Check everything that can be checked before a call.

        Raises:
            UsageError: the target, a file or the script is not what it should be.
            MediaError: an input is no audio or has no speech in it.
        """
        parse_target(target)
        talk = cls(
            script=default_script()
            if script is None
            else load_script(script, unknown_words=unknown_words),
            utterances=read_utterances(inputs) if inputs else None,
            recording=output,
            duration_s=duration_s,
            title="voicectl talk · local agent",
        )
        if talk.utterances is None:
            talk.notes.append(
                "no microphone is used by this version: a spoken caller holds a demo conversation"
            )
            if output is None:
                talk.recording = Path(f"call-{datetime.now():%Y-%m-%d-%H%M%S}.wav")
        return talk

    async def hold(self, emit: Callable[[SessionEvent], None]) -> CallReport:
        """Hold the call and tell `emit` of everything in it.

        Raises:
            VoicectlError: it could not be held to its end; what was recorded is kept.
        """
        utterances = self.utterances
        if utterances is None:
            utterances = await asyncio.to_thread(demo_utterances)
        recording = None
        if self.recording is not None:
            recording = TwoChannelRecording(self.recording, SAMPLE_RATE_HZ)
        self._call = LocalCall(
            self.script,
            utterances,
            recording=recording,
            emit=emit,
            duration_s=self.duration_s,
        )
        return await self._call.run()

    def hang_up(self, reason: str) -> None:
        """End the call early, with its summary; before the call there is nothing to end."""
        if self._call is not None:
            self._call.hang_up(reason)
