"""What a call came to: its exchanges, its set-up and its audio."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from voicectl.dialogue.latency import LatencyBreakdown

__all__ = [
    "AudioReport",
    "CallReport",
    "CaptureReport",
    "Exchange",
    "HeardReport",
    "SenderReport",
    "SetupTimes",
    "TransportFeedbackReport",
    "heard_report",
    "percentile",
    "unanswered",
]


@dataclass(frozen=True)
class SetupTimes:
    """How long each step of setting up the call took, from the end of the step before it."""

    signaling_ms: float | None
    """Offer made, answer taken."""
    ice_ms: float | None
    dtls_ms: float | None
    channel_open_ms: float | None
    """The data channel, after DTLS."""
    first_audio_ms: float | None
    """The first RTP packet from the far end, from the beginning of the set-up."""


@dataclass
class Exchange:
    """An utterance of the caller and the reply to it. Times are positions in the recording."""

    index: int
    source: str
    """The file or the line that was spoken."""
    started_ms: float
    ended_ms: float | None = None
    """The last sample of speech."""
    transcript: str | None = None
    """What the agent understood, as it reports."""
    reply_text: str | None = None
    reply_onset_ms: float | None = None
    reply_end_ms: float | None = None
    latency: LatencyBreakdown | None = None
    heard_latency_ms: float | None = None
    """From the last sample of speech to the sustained onset of the reply, on the recording."""
    heard_error_ms: float | None = None
    """How far `heard_latency_ms` can be off, by the noise on the recording."""
    interrupted: bool = False
    """The caller spoke over the reply."""
    heard_text: str | None = None
    """Of an interrupted reply: the words the agent says were heard."""
    stopped_in_ms: float | None = None
    """Of an interrupted reply: from the caller's onset to the agent's last sound."""


@dataclass(frozen=True)
class TransportFeedbackReport:
    """What both ends told of each other's packets."""

    messages_sent: int
    messages_received: int
    packets_arrived: int
    """Of the caller's packets, those that the agent told of."""
    packets_lost: int


@dataclass(frozen=True)
class SenderReport:
    """How the caller's sender fits the network."""

    preset: str
    bitrate_bps: int
    frame_ms: int
    complexity: int
    protection: str
    """Against loss: none, lbrr, repeat or burst."""
    limit: str
    """Why no more is sent: none, preset, peer, queue, loss or silence."""
    loss_percent: float
    """As the far end reports it, in the long run."""
    queue_delay_ms: float | None
    changes: int
    congestions: int
    available_outgoing_bitrate_bps: int
    """What the path may be given, headers included."""
    transport_feedback: TransportFeedbackReport | None
    """None where the far end knows none."""


@dataclass(frozen=True)
class AudioReport:
    """The caller's inbound audio, in the terms of W3C webrtc-stats."""

    packets_received: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    jitter_ms: float = 0.0
    jitter_buffer_delay_ms: float = 0.0
    """Mean over the samples that were played."""
    concealed_ms: float = 0.0
    concealment_events: int = 0
    concealed_share: float = 0.0
    round_trip_ms: float | None = None
    packets_sent: int = 0
    sender: SenderReport | None = None


@dataclass(frozen=True)
class HeardReport:
    """The response latencies of a call, as heard."""

    replies: int
    p50_ms: float | None
    p95_ms: float | None
    error_ms: float | None
    """How far a single latency can be off."""


@dataclass(frozen=True)
class CaptureReport:
    """A capture of the caller's engine."""

    file: str
    size_bytes: int
    truncated: bool
    """It reached its bound, or its disk was full: it holds the call's beginning."""


@dataclass(frozen=True)
class CallReport:
    """The closing summary of a call."""

    setup: SetupTimes
    exchanges: list[Exchange]
    audio: AudioReport
    duration_ms: float
    unanswered: list[int] = field(default_factory=list)
    """The planned utterances that no reply was heard to, those among them that the end of the call
    cut off or left unsaid."""
    recording: str | None = None
    capture: CaptureReport | None = None
    end: str = "the conversation was over"
    """Why the call ended."""

    @property
    def replies(self) -> list[Exchange]:
        """The exchanges in which a reply was heard."""
        return [exchange for exchange in self.exchanges if exchange.reply_onset_ms is not None]


def unanswered(planned: int, exchanges: Sequence[Exchange]) -> list[int]:
    """Which of so many utterances no reply was heard to."""
    answered = {each.index for each in exchanges if each.reply_onset_ms is not None}
    return [index for index in range(planned) if index not in answered]


def heard_report(exchanges: Sequence[Exchange]) -> HeardReport:
    """The distribution of the heard latencies of `exchanges`."""
    latencies = [e.heard_latency_ms for e in exchanges if e.heard_latency_ms is not None]
    if not latencies:
        return HeardReport(0, None, None, None)
    p50, p95 = percentile(latencies, 0.5), percentile(latencies, 0.95)
    error = max(e.heard_error_ms or 0.0 for e in exchanges)
    return HeardReport(len(latencies), round(p50, 1), round(p95, 1), error)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lie, linear between neighbours."""
    return float(np.quantile(values, share))
