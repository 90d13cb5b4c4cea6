"""The floor: who speaks, who is to speak next, and who gives way.

     speech                 silence              reply's audio
FREE ──────────▶ CALLER ──────────────▶ REPLY_DUE ───────────▶ AGENT
 ▲                 ▲ ▲     speech           │                   │ │
 │                 │ └──────────────────────┘                   │ │
 │                 └────────── barge-in ────────────────────────┘ │
 └───────────────────────── reply ended ──────────────────────────┘
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from voicectl.dialogue.barge_in import BargeIn
from voicectl.dialogue.endpointing import Completeness, Endpointing, EndpointingSettings
from voicectl.dialogue.events import UtteranceEnded, UtteranceResumed, UtteranceStarted

__all__ = ["Floor", "FloorEvent", "FloorSettings", "FloorState"]

FloorEvent = UtteranceStarted | UtteranceEnded | UtteranceResumed


class FloorState(Enum):
    """Who has the floor."""

    FREE = auto()
    CALLER = auto()
    REPLY_DUE = auto()
    """The caller has ended; the reply is being prepared and nothing of it was sent."""
    AGENT = auto()


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """How the floor changes hands."""

    endpointing: EndpointingSettings = field(default_factory=EndpointingSettings)
    barge_in_ms: int = 80
    """Speech over the agent for this long interrupts it; what is shorter is let pass."""


class Floor:
    """Follows one conversation. Does no I/O and reads no clock.

    Feed it the caller's speech edges and how far the audio has come (in that order, in media
    time), what STT understood so far, and when the agent's audio begins and ends; act on what
    `poll_event` returns, and call `handle_timeout` no later than `next_timeout`.
    """

    def __init__(self, settings: FloorSettings) -> None:
        self._endpointing = Endpointing(settings.endpointing)
        self._barge_in = BargeIn(settings.barge_in_ms)
        self._state = FloorState.FREE
        self._utterance = 0
        self._start_samples = 0
        # At most a handful between two polls: every event needs a change of state.
        self._events: deque[FloorEvent] = deque()

    @property
    def state(self) -> FloorState:
        """Who has the floor now."""
        return self._state

    @property
    def utterance(self) -> int:
        """The number of the utterance that began last; 0 before the first."""
        return self._utterance

    def handle_speech_started(self, at_samples: int, now_ns: int) -> None:
        """The caller began to speak at `at_samples`."""
        self._barge_in.handle_speech_started(at_samples)
        match self._state:
            case FloorState.FREE:
                self._start_utterance(at_samples, now_ns, over_reply=False)
            case FloorState.CALLER:
                self._endpointing.handle_speech_started()
            case FloorState.REPLY_DUE:
                self._state = FloorState.CALLER
                self._endpointing.start(self._start_samples, now_ns)
                self._events.append(UtteranceResumed(now_ns, self._utterance))
            case FloorState.AGENT:
                pass  # `handle_audio` judges how long it lasts

    def handle_speech_ended(self, at_samples: int, now_ns: int) -> None:
        """The caller fell silent at `at_samples`."""
        self._barge_in.handle_speech_ended()
        self._endpointing.handle_speech_ended(at_samples)
        self._end_utterance(now_ns)

    def handle_audio(self, until_samples: int, now_ns: int) -> None:
        """Audio up to `until_samples` has arrived; call after the speech edges that lie in it."""
        self._barge_in.handle_audio(until_samples)
        onset = self._barge_in.onset_samples
        if self._state is FloorState.AGENT and self._barge_in.is_due and onset is not None:
            self._start_utterance(onset, now_ns, over_reply=True)
        self._endpointing.handle_audio(until_samples, now_ns)
        self._end_utterance(now_ns)

    def handle_stream_started(self, now_ns: int) -> None:
        """The caller sends another stream, whose media time begins at 0."""
        self._barge_in.handle_stream_started()
        self._endpointing.handle_stream_started()
        self._end_utterance(now_ns)
        self._start_samples = 0

    def handle_completeness(self, completeness: Completeness, now_ns: int) -> None:
        """STT understood more of the running utterance."""
        self._endpointing.handle_completeness(completeness)
        self._end_utterance(now_ns)

    def handle_reply_audio_started(self) -> None:
        """The first audio of a reply (or of a greeting) is on its way."""
        if self._state in (FloorState.REPLY_DUE, FloorState.FREE):
            self._state = FloorState.AGENT

    def handle_reply_ended(self, now_ns: int) -> None:
        """The reply was sent to its end, or there is none to send."""
        if self._state not in (FloorState.REPLY_DUE, FloorState.AGENT):
            return
        self._state = FloorState.FREE
        onset = self._barge_in.onset_samples
        if onset is not None:
            self._start_utterance(onset, now_ns, over_reply=False)

    def handle_timeout(self, now_ns: int) -> None:
        """End an utterance whose audio has ceased to come."""
        self._endpointing.handle_timeout(now_ns)
        self._end_utterance(now_ns)

    def next_timeout(self) -> int | None:
        """When `handle_timeout` wants to be called."""
        return self._endpointing.next_timeout()

    def poll_event(self) -> FloorEvent | None:
        """The next change of the floor; call until None."""
        return self._events.popleft() if self._events else None

    def _start_utterance(self, start_samples: int, now_ns: int, *, over_reply: bool) -> None:
        self._state = FloorState.CALLER
        self._utterance += 1
        self._start_samples = start_samples
        self._endpointing.start(start_samples, now_ns)
        self._events.append(UtteranceStarted(now_ns, self._utterance, start_samples, over_reply))

    def _end_utterance(self, now_ns: int) -> None:
        endpoint = self._endpointing.poll_endpoint()
        if endpoint is not None:
            self._state = FloorState.REPLY_DUE
            self._events.append(
                UtteranceEnded(
                    now_ns, self._utterance, endpoint.start_samples, endpoint.end_samples
                )
            )
