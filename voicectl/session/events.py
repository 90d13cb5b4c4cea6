"""What a call tells those who watch it, in the order it happens; times are recording positions."""

from dataclasses import dataclass

from voicectl.session.report import AudioReport, CallReport, Exchange, SetupTimes

__all__ = [
    "CallConnected",
    "CallEnded",
    "ExchangeCompleted",
    "LevelsMeasured",
    "NetworkMeasured",
    "ReplyHeard",
    "ReplyTextReceived",
    "SessionEvent",
    "TranscriptReceived",
    "UtteranceStarted",
]


@dataclass(frozen=True)
class CallConnected:
    """ICE and DTLS are up, and the first audio has come."""

    setup: SetupTimes


@dataclass(frozen=True)
class UtteranceStarted:
    """The caller begins to speak."""

    index: int
    source: str
    at_ms: float
    over_reply: bool


@dataclass(frozen=True)
class TranscriptReceived:
    """The agent tells what it understood."""

    index: int
    text: str


@dataclass(frozen=True)
class ReplyTextReceived:
    """The agent tells what it says."""

    index: int
    text: str


@dataclass(frozen=True)
class ReplyHeard:
    """The agent's voice has set in."""

    index: int
    at_ms: float


@dataclass(frozen=True)
class ExchangeCompleted:
    """A reply has ended, or none came; what was measured of it."""

    exchange: Exchange


@dataclass(frozen=True)
class LevelsMeasured:
    """How loud both sides are, ten times a second."""

    at_ms: float
    said_dbfs: float
    heard_dbfs: float


@dataclass(frozen=True)
class NetworkMeasured:
    """How the caller's inbound audio does, once a second."""

    audio: AudioReport


@dataclass(frozen=True)
class CallEnded:
    """Nothing follows."""

    report: CallReport


SessionEvent = (
    CallConnected
    | UtteranceStarted
    | TranscriptReceived
    | ReplyTextReceived
    | ReplyHeard
    | ExchangeCompleted
    | LevelsMeasured
    | NetworkMeasured
    | CallEnded
)
