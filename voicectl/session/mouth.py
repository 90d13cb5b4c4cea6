"""How the caller speaks: planned utterances from files, or a person at a microphone."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicectl.device.streams import MicrophoneStream
from voicectl.rtc.peer import Peer
from voicectl.session.call_audio import SAMPLE_RATE_HZ, CallAudio, to_ns
from voicectl.session.exchanges import Exchanges
from voicectl.session.hearing import Hearing, VoiceEnded, VoiceStarted
from voicectl.session.utterance import Utterance
from voicectl.session.utterance_plan import UtterancePlan

__all__ = ["LiveMouth", "Mouth", "PlannedMouth"]

_PAUSE_IN_SPEECH_MS = 250


class Mouth(Protocol):
    """The caller's half of the conversation. Times are the call's, in the recording."""

    @property
    def planned(self) -> int:
        """How many utterances there are to be answered."""
        ...

    def start(self) -> None:
        """The call is connected."""
        ...

    def before_tick(self) -> None:
        """The engine is about to take its next audio."""
        ...

    def handle_said(self, pcm: NDArray[np.int16]) -> None:
        """The next samples of the said channel."""
        ...

    def handle_reply_started(self, onset_samples: int) -> None:
        """The agent is heard since then."""
        ...

    def handle_reply_ended(self) -> None:
        """The agent has fallen silent."""
        ...

    def handle_drained(self) -> None:
        """What was queued has been said."""
        ...

    def advance(self) -> bool:
        """Say what is due; whether everything has been said and answered."""
        ...


class PlannedMouth:
    """Speaks utterances as they were planned.

    Args:
        utterances: In the order in which they are spoken.
        peer: Takes the audio.
        audio: Tells how far the call has come.
        exchanges: Told of each utterance.
    """

    def __init__(
        self, utterances: Sequence[Utterance], peer: Peer, audio: CallAudio, exchanges: Exchanges
    ) -> None:
        self._utterances = utterances
        self._peer = peer
        self._audio = audio
        self._exchanges = exchanges
        self._plan: UtterancePlan | None = None
        self._unanswered_seen = 0

    @property
    def planned(self) -> int:
        """All that were given, spoken or not."""
        return len(self._utterances)

    def start(self) -> None:
        """The call is connected: the plan begins."""
        starts = [utterance.start for utterance in self._utterances]
        self._plan = UtterancePlan(starts, now_ns=to_ns(self._audio.said.end))

    def before_tick(self) -> None:
        """Whole utterances are queued at once; nothing is due at a tick."""

    def handle_said(self, pcm: NDArray[np.int16]) -> None:
        """The plan knows what it says."""

    def handle_reply_started(self, onset_samples: int) -> None:
        """The agent is heard since then."""
        if self._plan is not None:
            self._plan.handle_reply_started(to_ns(onset_samples))

    def handle_reply_ended(self) -> None:
        """The agent has fallen silent."""
        if self._plan is not None:
            self._plan.handle_reply_ended(to_ns(self._audio.said.end))

    def handle_drained(self) -> None:
        """An utterance has been said to its end."""
        self._exchanges.handle_utterance_ended(self._audio.said.end)
        if self._plan is not None:
            self._plan.handle_utterance_ended(to_ns(self._audio.said.end))

    def advance(self) -> bool:
        """Say what is due; whether everything has been said and answered."""
        if self._plan is None:
            return False
        now_ns = to_ns(self._audio.said.end)
        while (index := self._plan.poll_due(now_ns)) is not None:
            self._speak(index)
        for unanswered in self._plan.unanswered[self._unanswered_seen :]:
            self._exchanges.handle_unanswered(unanswered)
        self._unanswered_seen = len(self._plan.unanswered)
        return self._plan.finished

    def _speak(self, index: int) -> None:
        utterance = self._utterances[index]
        self._exchanges.handle_utterance_started(index, utterance.source, self._audio.said.end)
        self._peer.queue_audio(utterance.audio.pcm, utterance.audio.sample_rate_hz)
        self._peer.finish_audio()


class LiveMouth:
    """A person at a microphone: what they say is found in the said channel.

    Args:
        microphone: Running.
        peer: Takes the audio, tick by tick.
        exchanges: Told of each utterance.
    """

    def __init__(self, microphone: MicrophoneStream, peer: Peer, exchanges: Exchanges) -> None:
        self._microphone = microphone
        self._peer = peer
        self._exchanges = exchanges
        self._voice = Hearing(SAMPLE_RATE_HZ, end_silence_ms=_PAUSE_IN_SPEECH_MS)
        self._utterances = 0
        self._started = False

    @property
    def planned(self) -> int:
        """None: a person knows what got no answer."""
        return 0

    def start(self) -> None:
        """The call is connected: the microphone is heard from now on."""
        self._started = True
        self._microphone.read_available()

    def before_tick(self) -> None:
        """Hand the engine what the microphone has until now."""
        if self._started and len(pcm := self._microphone.read_available()):
            self._peer.queue_audio(pcm, SAMPLE_RATE_HZ)

    def handle_said(self, pcm: NDArray[np.int16]) -> None:
        """Find the utterances in what was said."""
        for voice in self._voice.handle_audio(pcm):
            match voice:
                case VoiceStarted(onset_samples=onset):
                    self._handle_voice_started(onset)
                case VoiceEnded(end_samples=end):
                    self._exchanges.handle_utterance_ended(end)

    def _handle_voice_started(self, onset_samples: int) -> None:
        if self._exchanges.resume_utterance():
            return
        self._exchanges.handle_utterance_started(self._utterances, "microphone", onset_samples)
        self._utterances += 1

    def handle_reply_started(self, onset_samples: int) -> None:
        """The person hears it too."""

    def handle_reply_ended(self) -> None:
        """The person hears it too."""

    def handle_drained(self) -> None:
        """A microphone's audio has no end."""

    def advance(self) -> bool:
        """A person hangs up when they like."""
        return False
