"""The book of a call's exchanges: who said what, and what was heard of it, sans-IO."""

from collections.abc import Callable

from voicectl.dialogue.latency import (
    SpeechSpan,
    StageReport,
    break_down,
    response_latency,
    speech_spans,
    stop_latency,
)
from voicectl.session import events
from voicectl.session.call_audio import SAMPLE_RATE_HZ, CallAudio
from voicectl.session.report import Exchange
from voicectl.signaling import openai

__all__ = ["Exchanges"]

_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
_BEFORE_ONSET_SAMPLES = 500 * _SAMPLES_PER_MS
_AFTER_END_SAMPLES = 100 * _SAMPLES_PER_MS


class Exchanges:
    """Joins what the caller did, what was heard and what the agent reports into exchanges.

    Args:
        audio: Both channels; latencies are measured on them.
        emit: Told of everything as it happens.
        network_ms: What network and buffers account for of a latency, as known at that time.
    """

    def __init__(
        self,
        audio: CallAudio,
        emit: Callable[[events.SessionEvent], None],
        network_ms: Callable[[], float],
    ) -> None:
        self.completed: list[Exchange] = []
        self._audio = audio
        self._emit = emit
        self._network_ms = network_ms
        self._open: list[Exchange] = []
        self._by_reply: dict[str, Exchange] = {}
        self._transcripts: dict[str, str] = {}
        self._stages: dict[int, StageReport] = {}
        self._replying: Exchange | None = None
        self._spoken_until: dict[int, int] = {}

    def handle_utterance_started(self, index: int, source: str, at_samples: int) -> None:
        """The caller's next utterance begins at this position."""
        if self._replying is not None:
            self._replying.interrupted = True
        self._transcripts.clear()
        exchange = Exchange(index, source, started_ms=_ms(at_samples))
        self._open.append(exchange)
        over_reply = self._replying is not None
        self._emit(events.UtteranceStarted(index, source, exchange.started_ms, over_reply))

    def resume_utterance(self) -> bool:
        """Go on with the utterance before, if it was not answered yet; whether it goes on."""
        if not self._open or self._open[-1].reply_onset_ms is not None:
            return False
        self._spoken_until.pop(self._open[-1].index, None)
        return True

    def handle_utterance_ended(self, at_samples: int) -> None:
        """The last sample of the current utterance went out at this position."""
        if self._open:
            self._spoken_until[self._open[-1].index] = at_samples

    def handle_reply_started(self, onset_samples: int) -> None:
        """The agent is heard from this position on."""
        if not self._open:
            return
        # An agent may answer before the last of the utterance was sent: it ends in silence.
        answered = [e for e in self._open if e.index in self._spoken_until]
        self._replying = (answered or self._open)[-1]
        self._replying.reply_onset_ms = _ms(onset_samples)
        self._emit(events.ReplyHeard(self._replying.index, _ms(onset_samples)))

    def handle_reply_ended(self, end_samples: int) -> None:
        """The agent was heard up to this position."""
        exchange, self._replying = self._replying, None
        if exchange is not None:
            exchange.reply_end_ms = _ms(end_samples)
            self._complete_through(exchange)

    def handle_unanswered(self, index: int) -> None:
        """No reply came to this utterance in time."""
        for exchange in list(self._open):
            if exchange.index == index:
                self._complete_through(exchange)

    def handle_report(self, report: openai.AgentReport) -> None:
        """The agent tells of what it understands, says and has measured."""
        match report:
            case openai.TranscriptReported(utterance=utterance, text=text) if self._open:
                self._transcripts[utterance] = text
                spoken = self._open[-1]
                spoken.transcript = " ".join(self._transcripts.values())
                self._emit(events.TranscriptReceived(spoken.index, spoken.transcript))
            case openai.ReplyTextReported(reply=reply, text=text) if self._open:
                exchange = self._by_reply.setdefault(reply, self._open[-1])
                exchange.reply_text = (exchange.reply_text or "") + text
                self._emit(events.ReplyTextReceived(exchange.index, text))
            case openai.StagesReported(reply=reply, stages=stages) if reply in self._by_reply:
                self._stages[self._by_reply[reply].index] = stages
            case openai.ReplyEndReported(reply=reply, interrupted=True) if reply in self._by_reply:
                self._by_reply[reply].interrupted = True
            case openai.ReplyHeardReported(reply=reply) if reply in self._by_reply:
                self._by_reply[reply].heard_text = report.heard_text

    def close(self) -> None:
        """The call is over: complete what is open with what was heard of it."""
        if self._replying is not None:
            self.handle_reply_ended(self._audio.heard.end)
        if self._open:
            self._complete_through(self._open[-1])

    def _complete_through(self, exchange: Exchange) -> None:
        """Complete `exchange` and what was left open before it."""
        while self._open:
            oldest = self._open.pop(0)
            self._measure(oldest)
            self.completed.append(oldest)
            self._emit(events.ExchangeCompleted(oldest))
            if oldest is exchange:
                break

    def _measure(self, exchange: Exchange) -> None:
        first = int(exchange.started_ms * _SAMPLES_PER_MS)
        spoken_until = self._spoken_until.pop(exchange.index, self._audio.said.end)
        spoken = [
            SpeechSpan(first + span.start, first + span.end)
            for span in speech_spans(self._audio.said.cut(first, spoken_until), SAMPLE_RATE_HZ)
        ]
        if spoken:
            exchange.ended_ms = _ms(spoken[-1].end)
        if exchange.reply_onset_ms is None:
            return
        self._measure_latency(exchange, SpeechSpan(first, spoken_until))
        if exchange.interrupted and self._open:
            self._measure_stop(exchange, self._open[0])

    def _measure_latency(self, exchange: Exchange, utterance: SpeechSpan) -> None:
        # The steering's onset is good to 10 ms; the recording around it has the exact one. What
        # lies further back may be the reply to the utterance before.
        onset = int((exchange.reply_onset_ms or 0) * _SAMPLES_PER_MS)
        end = onset + 2 * _BEFORE_ONSET_SAMPLES
        heard_from = max(onset - _BEFORE_ONSET_SAMPLES, utterance.start)
        heard = self._audio.heard.cut(utterance.start, end)
        heard[: heard_from - utterance.start] = 0
        measured = response_latency(
            self._audio.said.cut(utterance.start, end),
            heard,
            SAMPLE_RATE_HZ,
            SpeechSpan(0, utterance.end - utterance.start),
        )
        if measured is None:
            return
        exchange.reply_onset_ms = _ms(utterance.start + measured.onset_samples)
        exchange.heard_latency_ms = round(measured.latency_ms, 1)
        exchange.heard_error_ms = measured.error_ms
        stages = self._stages.pop(exchange.index, None)
        if stages is not None:
            exchange.latency = break_down(measured.latency_ms, stages, self._network_ms())

    def _measure_stop(self, interrupted: Exchange, interrupting: Exchange) -> None:
        first = int((interrupted.reply_onset_ms or 0) * _SAMPLES_PER_MS) - _BEFORE_ONSET_SAMPLES
        first = max(first, 0)
        spoke_from = int(interrupting.started_ms * _SAMPLES_PER_MS)
        spans = speech_spans(self._audio.said.cut(spoke_from, self._audio.said.end), SAMPLE_RATE_HZ)
        if not spans:
            return
        onset = spoke_from + spans[0].start
        end = int((interrupted.reply_end_ms or 0) * _SAMPLES_PER_MS) + _AFTER_END_SAMPLES
        heard = self._audio.heard.cut(first, end)
        stopped_ms = stop_latency(heard, SAMPLE_RATE_HZ, onset - first)
        interrupted.stopped_in_ms = None if stopped_ms is None else round(stopped_ms, 1)


def _ms(samples: int) -> float:
    return round(samples / _SAMPLES_PER_MS, 1)
