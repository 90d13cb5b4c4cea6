"""A call's report from what its engine and its peer counted."""

from voicectl import _native
from voicectl.rtc.stats import PeerTimings
from voicectl.session.report import (
    AudioReport,
    SenderReport,
    SetupTimes,
    TransportFeedbackReport,
)
from voicectl.units import NS_PER_MS

__all__ = ["audio_report", "buffer_delay_ms", "setup_times"]

_SAMPLES_PER_MS = 48


def setup_times(timings: PeerTimings) -> SetupTimes:
    """How long each step took; None where it was not reached."""
    return SetupTimes(
        signaling_ms=_between_ms(timings.created_ns, timings.signaling_done_ns),
        ice_ms=_between_ms(timings.signaling_done_ns, timings.ice_connected_ns),
        dtls_ms=_between_ms(timings.ice_connected_ns, timings.dtls_connected_ns),
        channel_open_ms=_between_ms(timings.dtls_connected_ns, timings.channel_open_ns),
        first_audio_ms=_between_ms(timings.created_ns, timings.first_packet_received_ns),
    )


def audio_report(stats: _native.EngineStats) -> AudioReport:
    """The inbound audio of one end, and what its far end reports of the round trip."""
    sent = stats.outbound.packets_sent if stats.outbound is not None else 0
    inbound = stats.inbound
    if inbound is None:
        return AudioReport(packets_sent=sent, sender=_sender_report(stats))
    samples = inbound.total_samples_received
    remote = stats.remote_inbound
    return AudioReport(
        packets_received=inbound.packets_received,
        packets_lost=inbound.packets_lost,
        packets_late=inbound.late_packets,
        jitter_ms=round(inbound.jitter_ms, 1),
        jitter_buffer_delay_ms=round(buffer_delay_ms(stats), 1),
        concealed_ms=round(inbound.concealed_samples / _SAMPLES_PER_MS, 1),
        concealment_events=inbound.concealment_events,
        concealed_share=round(inbound.concealed_samples / samples, 4) if samples else 0.0,
        round_trip_ms=remote.round_trip_time_ms if remote is not None else None,
        packets_sent=sent,
        sender=_sender_report(stats),
    )


def _sender_report(stats: _native.EngineStats) -> SenderReport | None:
    adaptation, told = stats.adaptation, stats.transport_feedback
    if adaptation is None:
        return None
    queue_delay_ms = adaptation.queue_delay_ms
    return SenderReport(
        preset=adaptation.preset,
        bitrate_bps=adaptation.bitrate_bps,
        frame_ms=adaptation.frame_ms,
        complexity=adaptation.complexity,
        protection=adaptation.protection,
        limit=adaptation.limit,
        loss_percent=round(adaptation.loss_percent, 1),
        queue_delay_ms=None if queue_delay_ms is None else round(queue_delay_ms, 1),
        changes=adaptation.changes,
        congestions=adaptation.congestions,
        available_outgoing_bitrate_bps=adaptation.budget_bps,
        transport_feedback=None
        if told is None
        else TransportFeedbackReport(
            messages_sent=told.messages_sent,
            messages_received=told.messages_received,
            packets_arrived=told.packets_arrived,
            packets_lost=told.packets_lost,
        ),
    )


def buffer_delay_ms(stats: _native.EngineStats) -> float:
    """The mean time from arrival to playout (W3C: jitterBufferDelay / jitterBufferEmittedCount)."""
    inbound = stats.inbound
    if inbound is None or not inbound.jitter_buffer_emitted_count:
        return 0.0
    return inbound.jitter_buffer_delay_ms / inbound.jitter_buffer_emitted_count


def _between_ms(begin_ns: int | None, end_ns: int | None) -> float | None:
    if begin_ns is None or end_ns is None:
        return None
    return round((end_ns - begin_ns) / NS_PER_MS, 2)
