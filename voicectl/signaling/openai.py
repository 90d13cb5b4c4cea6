"""The events of the `oai-events` data channel, in OpenAI Realtime's shapes.

The embedded agent speaks them too, so one caller understands both. What OpenAI has no event for
(the stages of a reply's latency, the words that were heard of an interrupted one) travels in
events whose type begins with `voicectl.`.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from voicectl.dialogue import events as dialogue
from voicectl.dialogue.latency import StageReport
from voicectl.errors import WireError

__all__ = [
    "AgentErrorReported",
    "AgentReport",
    "ReplyEndReported",
    "ReplyHeardReported",
    "ReplyTextReported",
    "StagesReported",
    "TranscriptReported",
    "decode",
    "encode",
    "encode_stop",
    "is_stop",
]

_MAX_MESSAGE_CHARACTERS = 65536


@dataclass(frozen=True)
class TranscriptReported:
    """What the agent understood of an utterance."""

    utterance: str
    text: str


@dataclass(frozen=True)
class ReplyTextReported:
    """The agent says, or goes on to say, `text`."""

    reply: str
    text: str


@dataclass(frozen=True)
class StagesReported:
    """What the agent says its reply took."""

    reply: str
    stages: StageReport


@dataclass(frozen=True)
class ReplyEndReported:
    """All audio of a reply was sent, or what was left of it was dropped."""

    reply: str
    interrupted: bool


@dataclass(frozen=True)
class ReplyHeardReported:
    """The words of an interrupted reply whose audio was sent before it stopped."""

    reply: str
    heard_text: str
    heard_ms: float


@dataclass(frozen=True)
class AgentErrorReported:
    """The agent failed; what it says of it."""

    message: str


AgentReport = (
    TranscriptReported
    | ReplyTextReported
    | StagesReported
    | ReplyEndReported
    | ReplyHeardReported
    | AgentErrorReported
)


def encode(event: dialogue.DialogueEvent) -> list[str]:
    """The messages that tell the far end of `event`, in the order to send them."""
    return [
        json.dumps({"event_id": f"event_{event.at_ns}_{index}", **message}, allow_nan=False)
        for index, message in enumerate(_messages(event))
    ]


def _messages(event: dialogue.DialogueEvent) -> list[dict[str, Any]]:
    match event:
        case dialogue.UtteranceStarted(utterance=utterance, start_samples=start):
            return [_speech_edge("started", utterance, audio_start_ms=_ms(start))]
        case dialogue.UtteranceEnded(utterance=utterance, end_samples=end):
            return [_speech_edge("stopped", utterance, audio_end_ms=_ms(end))]
        case dialogue.UtteranceTranscribed(utterance=utterance, text=text):
            completed = "conversation.item.input_audio_transcription.completed"
            item = {"item_id": _item(utterance), "content_index": 0}
            return [{"type": completed, **item, "transcript": text}]
        case dialogue.ReplyStarted(utterance=utterance, text=text):
            delta = "response.output_audio_transcript.delta"
            return [{"type": delta, "response_id": _reply(utterance), "delta": text}]
        case dialogue.ReplyAudioStarted(utterance=utterance, stages=stages):
            reply = {"response_id": _reply(utterance)}
            return [
                {"type": "output_audio_buffer.started", **reply},
                {"type": "voicectl.stages", **reply, **asdict(stages)},
            ]
        case dialogue.ReplyFinished(utterance=utterance):
            return [{"type": "output_audio_buffer.stopped", "response_id": _reply(utterance)}]
        case dialogue.ReplyInterrupted(utterance=utterance, heard_text=text, heard_ms=heard_ms):
            reply = {"response_id": _reply(utterance)}
            heard = {"heard_text": text, "heard_ms": heard_ms}
            return [
                {"type": "output_audio_buffer.cleared", **reply},
                {"type": "voicectl.heard", **reply, **heard},
            ]
        case dialogue.AgentFailed(message=text):
            return [{"type": "error", "error": {"type": "server_error", "message": text}}]
        case _:
            return []


def encode_stop() -> list[str]:
    """The client events that stop the reply that is being said."""
    return [json.dumps({"type": kind}) for kind in ("response.cancel", "output_audio_buffer.clear")]


def is_stop(message: str) -> bool:
    """Whether a client's message asks to stop what is being said."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and fields.get("type") == "output_audio_buffer.clear"


def decode(message: str) -> AgentReport | None:
    """Read one event from the far end; None for one that tells the caller nothing.

    Raises:
        WireError: it is no JSON object, or a known event without its fields.
    """
    if len(message) > _MAX_MESSAGE_CHARACTERS:
        raise WireError("an event is longer than 64 KiB")
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise WireError("an event is no JSON") from error
    if not isinstance(fields, dict):
        raise WireError("an event is no JSON object")
    try:
        return _report(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"an event of type {fields.get('type')!r} lacks its fields") from error


def _report(fields: dict[str, Any]) -> AgentReport | None:
    match fields.get("type"):
        case "conversation.item.input_audio_transcription.completed":
            return TranscriptReported(str(fields["item_id"]), str(fields["transcript"]))
        case "response.output_audio_transcript.delta":
            return ReplyTextReported(str(fields["response_id"]), str(fields["delta"]))
        case "output_audio_buffer.stopped":
            return ReplyEndReported(str(fields["response_id"]), interrupted=False)
        case "output_audio_buffer.cleared":
            return ReplyEndReported(str(fields["response_id"]), interrupted=True)
        case "voicectl.stages":
            names = ("endpoint_ms", "stt_ms", "reply_ms", "tts_ms")
            stages = StageReport(**{name: float(fields[name]) for name in names})
            return StagesReported(str(fields["response_id"]), stages)
        case "voicectl.heard":
            heard = str(fields["heard_text"]), float(fields["heard_ms"])
            return ReplyHeardReported(str(fields["response_id"]), *heard)
        case "error":
            return AgentErrorReported(str(fields["error"]["message"]))
        case _:
            return None


def _speech_edge(edge: str, utterance: int, **at_ms: int) -> dict[str, Any]:
    return {"type": f"input_audio_buffer.speech_{edge}", "item_id": _item(utterance), **at_ms}


def _item(utterance: int) -> str:
    return f"item_{utterance}"


def _reply(utterance: int) -> str:
    return f"resp_{utterance}"


def _ms(samples: int) -> int:
    return samples // 16
