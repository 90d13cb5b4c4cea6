"""`voicectl talk`, from what was asked for to a call that is held."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from pathlib import Path

from voicectl.agent.script import Script
from voicectl.agent.script_file import default_script, load_script
from voicectl.agent.stt.pocketsphinx import unknown_words
from voicectl.clock import SystemClock
from voicectl.device.catalog import Catalog, list_devices
from voicectl.device.wav import TwoChannelRecording
from voicectl.errors import SetupError, UsageError
from voicectl.paths import refuse_overwriting
from voicectl.session.call_audio import SAMPLE_RATE_HZ
from voicectl.session.capture_file import CaptureFile
from voicectl.session.demo import demo_utterances
from voicectl.session.events import SessionEvent
from voicectl.session.inputs import read_utterances
from voicectl.session.local_agent import Models, VadName, load_models
from voicectl.session.local_call import LocalCall
from voicectl.session.report import CallReport
from voicectl.session.sound import SoundCard, SoundChoice
from voicectl.session.target import parse_target
from voicectl.session.utterance import Utterance
from voicectl.session.utterance_plan import parse_start

__all__ = ["CallerKind", "Talk", "TalkOptions"]


@dataclass(frozen=True)
class TalkOptions:
    """What the command line asks for."""

    target: str = "local"
    inputs: Sequence[str] = ()
    output: Path | None = None
    script: Path | None = None
    microphone: str | None = None
    speaker: str | None = None
    vad: VadName = "earshot"
    duration_s: float | None = None
    capture: Path | None = None


class CallerKind(Enum):
    """Who speaks on the caller's side."""

    FILES = auto()
    PERSON = auto()
    DEMO = auto()


@dataclass
class Talk:
    """A conversation that can be held: `plan` makes one, `hold` holds it, once."""

    script: Script
    caller: CallerKind
    utterances: Sequence[Utterance]
    """Of the files; the demo's are spoken when it is held, and a person speaks for themselves."""
    sound: SoundChoice
    recording: Path | None
    vad: VadName
    duration_s: float | None
    title: str
    capture: Path | None = None
    notes: list[str] = field(default_factory=list)
    """What to tell the user before the call."""
    recording_unasked: bool = False
    """It is the demo's own idea: where it cannot be written, there is none."""
    _call: LocalCall | None = None
    _card: SoundCard | None = None
    _hang_up_asked: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def plan(cls, options: TalkOptions) -> "Talk":
        """Check everything that can be checked before a call.

        Raises:
            UsageError: the target, a file, a device or the script is not what it should be.
            SetupError: a device was named and there is none.
            MediaError: an input is no audio or has no speech in it.
        """
        parse_target(options.target)
        _refuse_overwriting(options)
        script = default_script()
        if options.script is not None:
            script = load_script(options.script, unknown_words=unknown_words)
        utterances = read_utterances(options.inputs)
        talk = cls(
            script=script,
            caller=CallerKind.FILES,
            utterances=utterances,
            sound=SoundChoice(),
            recording=options.output,
            vad=options.vad,
            duration_s=options.duration_s,
            title="voicectl talk · local agent",
            capture=options.capture,
        )
        if options.capture is not None:
            talk.notes.append(
                f"{options.capture} will hold both voices as a recording does: only you can read it"
            )
        if not utterances:
            talk._choose_caller(options)
        elif options.microphone is not None or options.speaker is not None:
            raise UsageError("--mic and --speaker do not go with --input")
        return talk

    async def hold(
        self, emit: Callable[[SessionEvent], None], warn: Callable[[str], None]
    ) -> CallReport | None:
        """Hold the call, tell `emit` of everything in it and `warn` of trouble with the devices.

        Returns:
            None when it was hung up before it was connected.

        Raises:
            VoicectlError: it could not be held to its end; what was recorded is kept.
        """
        recording = self._open_recording(warn)
        capture = None if self.capture is None else CaptureFile(self.capture)
        loaded = await self._load_unless_hung_up()
        if loaded is None:
            return None
        models, utterances = loaded
        self._card = SoundCard(self.sound, warn)
        try:
            await self._card.start()
            self._call = LocalCall(
                self.script,
                models,
                utterances,
                sound=self._card,
                vad=self.vad,
                recording=recording,
                capture=capture,
                emit=emit,
                duration_s=self.duration_s,
                clock=SystemClock(),
            )
            if self._hang_up_asked.is_set():
                return None
            return await self._call.run()
        finally:
            await self._card.close()

    def _open_recording(self, warn: Callable[[str], None]) -> TwoChannelRecording | None:
        if self.recording is None:
            return None
        try:
            return TwoChannelRecording(self.recording, SAMPLE_RATE_HZ)
        except SetupError as error:
            if not self.recording_unasked:
                raise
            warn(f"{error.message}: the demo is not recorded")
            return None

    async def _load_unless_hung_up(self) -> tuple[Models, Sequence[Utterance] | None] | None:
        """What the call needs; None as soon as it was hung up, whatever is still being loaded."""
        loading = asyncio.ensure_future(self._load())
        waiting = asyncio.ensure_future(self._hang_up_asked.wait())
        await asyncio.wait((loading, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._hang_up_asked.is_set():
            loading.cancel()
        await asyncio.gather(loading, waiting, return_exceptions=True)
        return None if self._hang_up_asked.is_set() else loading.result()

    async def _load(self) -> tuple[Models, Sequence[Utterance] | None]:
        models = await load_models(self.script)
        match self.caller:
            case CallerKind.DEMO:
                return models, await asyncio.to_thread(demo_utterances)
            case CallerKind.PERSON:
                return models, None
            case CallerKind.FILES:
                return models, self.utterances

    def hang_up(self, reason: str) -> None:
        """End the call early, with its summary."""
        self._hang_up_asked.set()
        if self._call is not None:
            self._call.hang_up(reason)

    def stop_reply(self) -> None:
        """Ask the agent to be silent."""
        if self._call is not None:
            self._call.stop_reply()

    def toggle_mute(self) -> bool:
        """Mute or unmute the microphone; whether it is muted now."""
        if self._card is None or self._card.microphone is None:
            return False
        self._card.microphone.muted = not self._card.microphone.muted
        return self._card.microphone.muted

    def _choose_caller(self, options: TalkOptions) -> None:
        """A person if there is a microphone and a speaker, else the demo."""
        catalog, trouble = _devices()
        named = options.microphone is not None or options.speaker is not None
        if named or (catalog is not None and catalog.inputs and catalog.outputs):
            if catalog is None:
                raise SetupError(trouble, hint="speak from a file: --input a.wav")
            self.caller = CallerKind.PERSON
            self.sound = SoundChoice.of(catalog, options.microphone, options.speaker)
            return
        self.caller = CallerKind.DEMO
        self.notes.append(f"{trouble}: a spoken caller holds a demo conversation")
        if self.recording is None:
            self.recording_unasked = True
            self.recording = Path(f"call-{datetime.now():%Y-%m-%d-%H%M%S}.wav")


def _refuse_overwriting(options: TalkOptions) -> None:
    read = [Path(parse_start(specification)[0]) for specification in options.inputs]
    if options.script is not None:
        read.append(options.script)
    named = (("--output", options.output), ("--capture", options.capture))
    refuse_overwriting(read, [(flag, path) for flag, path in named if path is not None])


def _devices() -> tuple[Catalog | None, str]:
    """The sound devices, and what is missing of them in words."""
    try:
        catalog = list_devices()
    except SetupError as error:
        return None, error.message
    if catalog.inputs:
        return catalog, "no speaker was found"
    return catalog, "no microphone was found"
