"""What happens in a conversation, in the order it happens.

`at_ns` is when the agent knew of it, on the clock that was passed in. Samples are media time:
positions in the caller's stream at 16 kHz, back-dated to where the speech really began or ended.
"""

from dataclasses import dataclass

from voicectl.dialogue.latency import StageReport

__all__ = [
    "AgentFailed",
    "DialogueEvent",
    "ReplyAudioStarted",
    "ReplyFinished",
    "ReplyInterrupted",
    "ReplyStarted",
    "UtteranceEnded",
    "UtteranceResumed",
    "UtteranceStarted",
    "UtteranceTranscribed",
]


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """The caller began to speak and has the floor."""

    at_ns: int
    utterance: int
    """Counts the utterances of a call from 1."""
    start_samples: int
    over_reply: bool
    """Whether it is a barge-in: the agent was speaking and has to stop."""


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """The caller has been silent for long enough to be answered."""

    at_ns: int
    utterance: int
    start_samples: int
    end_samples: int
    """One past the last sample of speech."""


@dataclass(frozen=True, slots=True)
class UtteranceResumed:
    """The caller went on before the reply could be heard: the end was a false one.

    The utterance ends again later, under the same number; what was being prepared is dropped.
    """

    at_ns: int
    utterance: int


@dataclass(frozen=True, slots=True)
class UtteranceTranscribed:
    """STT has the words of an utterance."""

    at_ns: int
    utterance: int
    text: str
    """What was understood; empty when nothing was."""
    confidence: float | None
    """0 to 1, or None from an STT that does not say."""
    understood: bool
    """Whether the dialogue script knows what to answer; otherwise its fallback is the reply."""


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The agent knows what to say."""

    at_ns: int
    utterance: int
    """The utterance it answers; 0 for a greeting."""
    text: str


@dataclass(frozen=True, slots=True)
class ReplyAudioStarted:
    """The first audio of a reply was handed to the sender."""

    at_ns: int
    utterance: int
    stages: StageReport


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """A reply was sent to its end, or had no words and ended at once."""

    at_ns: int
    utterance: int


@dataclass(frozen=True, slots=True)
class ReplyInterrupted:
    """The caller spoke over a reply; its audio was stopped."""

    at_ns: int
    utterance: int
    """The utterance that was being answered, not the one that interrupts."""
    heard_text: str
    """The words whose audio was sent before it stopped."""
    heard_ms: float


@dataclass(frozen=True, slots=True)
class AgentFailed:
    """STT, the reply or TTS failed; nothing follows."""

    at_ns: int
    message: str


DialogueEvent = (
    UtteranceStarted
    | UtteranceEnded
    | UtteranceResumed
    | UtteranceTranscribed
    | ReplyStarted
    | ReplyAudioStarted
    | ReplyFinished
    | ReplyInterrupted
    | AgentFailed
)
