"""How a call is shown: JSON Lines for programs, plain lines and a closing summary for people."""

from abc import ABC, abstractmethod
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from rich.text import Text

from voicectl.cli.output import Printer, printable
from voicectl.dialogue.latency import LatencyBreakdown
from voicectl.session import events
from voicectl.session.report import (
    AudioReport,
    CallReport,
    CaptureReport,
    Exchange,
    HeardReport,
    SenderReport,
    SetupTimes,
    heard_report,
    percentile,
)

__all__ = [
    "SCHEMA",
    "JsonTalkOutput",
    "PlainTalkOutput",
    "TalkOutput",
    "print_summary",
    "setup_total_ms",
]

SCHEMA = "voicectl.talk/1"


class TalkOutput(ABC):
    """Shows a call while it goes on; a context manager that lasts as long as the call."""

    takes_keys = False
    """Whether single keys have a meaning while it shows."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer

    def __enter__(self) -> Self:
        return self

    def __exit__(  # noqa: B027 (nothing was taken, by default)
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give back what was taken."""

    @abstractmethod
    def handle_event(self, event: events.SessionEvent) -> None:
        """Show what happened."""

    def warn(self, message: str) -> None:
        """Show trouble with a device."""
        self._printer.warn(message)

    def show_ending(self) -> None:
        """Say that Ctrl-C was understood."""
        self._printer.note("ending…")

    def show_muted(self, muted: bool) -> None:  # noqa: B027 (only a screen shows it)
        """Show whether the microphone is muted."""

    def toggle_help(self) -> None:  # noqa: B027 (only a screen shows them)
        """Show the keys, or hide them again."""


class JsonTalkOutput(TalkOutput):
    """One object a line; the last one is the summary (docs/json.md)."""

    def handle_event(self, event: events.SessionEvent) -> None:
        """Print what happened."""
        match event:
            case events.CallConnected(setup=setup):
                self._record("call_connected", setup=asdict(setup))
            case events.UtteranceStarted():
                self._record("utterance_started", **asdict(event))
            case events.TranscriptReceived():
                self._record("transcript", **asdict(event))
            case events.ReplyTextReceived():
                self._record("reply_text", **asdict(event))
            case events.ReplyHeard():
                self._record("reply_heard", **asdict(event))
            case events.ExchangeCompleted(exchange=exchange):
                self._record("exchange", **exchange_fields(exchange))
            case events.CallEnded(report=report):
                self._record("summary", **report_fields(report))

    def _record(self, name: str, **fields: object) -> None:
        self._printer.record({"schema": SCHEMA, "event": name, **fields})


def exchange_fields(exchange: Exchange) -> dict[str, Any]:
    """An exchange as it stands in the JSON."""
    fields = asdict(exchange)
    latency: LatencyBreakdown | None = exchange.latency
    del fields["latency"]
    fields["stages"] = None
    if latency is not None:
        fields["stages"] = {
            **{name: round(value, 1) for name, value in asdict(latency.stages).items()},
            "network_ms": round(latency.network_ms, 1),
            "unexplained_ms": round(latency.unexplained_ms, 1),
        }
    return fields


def report_fields(report: CallReport) -> dict[str, Any]:
    """The summary as it stands in the JSON."""
    return {
        "heard": asdict(heard_report(report.exchanges)),
        "stages_p50": _stage_percentiles(report.exchanges, 0.5),
        "stages_p95": _stage_percentiles(report.exchanges, 0.95),
        "replies": [exchange_fields(exchange) for exchange in report.replies],
        "unanswered": report.unanswered,
        "setup": asdict(report.setup),
        "audio": asdict(report.audio),
        "duration_ms": report.duration_ms,
        "recording": report.recording,
        "capture": None if report.capture is None else vars(report.capture),
        "end": report.end,
    }


def _stage_percentiles(exchanges: list[Exchange], share: float) -> dict[str, float] | None:
    """Each stage's percentile on its own; they need not add up to the heard latency's."""
    rows = [fields["stages"] for e in exchanges if (fields := exchange_fields(e))["stages"]]
    if not rows:
        return None
    return {name: round(percentile([row[name] for row in rows], share), 1) for name in rows[0]}


class PlainTalkOutput(TalkOutput):
    """Lines as things are said, then the summary."""

    def __init__(self, printer: Printer, title: str) -> None:
        super().__init__(printer)
        self._title = title

    def handle_event(self, event: events.SessionEvent) -> None:
        """Print what happened, if it is something people want to read."""
        match event:
            case events.CallConnected(setup=setup):
                self._printer.answer(
                    Text(f"{self._title} · connected in {setup_total_ms(setup):.0f} ms")
                )
            case events.TranscriptReceived(text=text):
                self._printer.answer(Text(f"  ● {printable(text) or '(not understood)'}"))
            case events.ReplyTextReceived(text=text):
                self._printer.answer(Text(f"  ○ {printable(text)}"))
            case events.ExchangeCompleted(exchange=exchange):
                self._printer.answer(Text(f"      {exchange_line(exchange)}", style="dim"))
            case events.CallEnded(report=report):
                print_summary(self._printer, report)
            case _:
                pass


def print_summary(printer: Printer, report: CallReport) -> None:
    """Print the closing summary."""
    for line in summary_lines(report):
        printer.answer(Text(line))


def exchange_line(exchange: Exchange) -> str:
    """What was measured of a reply, in a line."""
    if exchange.heard_latency_ms is None:
        if exchange.reply_onset_ms is None:
            return f"no reply to {exchange.source} was heard"
        return "heard, but its latency could not be measured on the recording"
    line = f"{exchange.heard_latency_ms:.0f} ms heard"
    if exchange.latency is not None:
        stages = exchange.latency.stages
        line += (
            f": endpoint {stages.endpoint_ms:.0f}, stt {stages.stt_ms:.0f}, "
            f"reply {stages.reply_ms:.0f}, tts {stages.tts_ms:.0f}, "
            f"network + buffers {exchange.latency.network_ms:.0f}, "
            f"unexplained {exchange.latency.unexplained_ms:.0f}"
        )
    if exchange.interrupted:
        line += "\n      you spoke over it"
        if exchange.stopped_in_ms is not None:
            line += f": stopped in {exchange.stopped_in_ms:.0f} ms"
        if exchange.heard_text:
            line += f', after "{printable(exchange.heard_text)}"'
    return line


def summary_lines(report: CallReport) -> list[str]:
    """The closing summary."""
    lines = ["", _heard_line(report, heard_report(report.exchanges))]
    lines.append(f"  {'set-up':<11} {_setup_line(report.setup)}")
    lines.append(f"  {'audio':<11} {_audio_line(report.audio)}")
    if report.audio.sender is not None:
        lines.append(f"  {'sender':<11} {_sender_line(report.audio.sender)}")
    if report.recording is not None:
        lines.append(f"  {'recording':<11} {report.recording} (left: you, right: agent)")
    if report.capture is not None:
        lines.append(f"  {'capture':<11} {_capture_line(report.capture)}")
    if report.unanswered:
        count = len(report.unanswered)
        lines.append(f"  {count} {'utterance' if count == 1 else 'utterances'} got no reply")
    return lines


_LIMITS = {
    "peer": " (the far end takes no more)",
    "queue": " (with more a queue grows)",
    "loss": " (with more, more is lost)",
    "silence": " (the far end reports nothing)",
}


def _sender_line(sender: SenderReport) -> str:
    line = f"{sender.preset}: {sender.bitrate_bps / 1000:g} kbit/s, {sender.frame_ms} ms frames"
    line += _LIMITS.get(sender.limit, "")
    if sender.protection != "none":
        line += f", {sender.protection} for {sender.loss_percent:.1f} % loss"
    return line + f", changed {sender.changes} times" if sender.changes else line


def _capture_line(capture: CaptureReport) -> str:
    cut = ", cut short: it holds the call's beginning" if capture.truncated else ""
    return f"{capture.file} ({capture.size_bytes / 1e6:.1f} MB{cut})"


def _heard_line(report: CallReport, heard: HeardReport) -> str:
    count = len(report.replies)
    line = f"  {count} {'reply' if count == 1 else 'replies'}"
    if heard.p50_ms is None or heard.p95_ms is None:
        return line
    line += (
        f"   heard p50 {heard.p50_ms:.0f} ms  p95 {heard.p95_ms:.0f} ms (± {heard.error_ms:.0f})"
    )
    totals = [e.latency.stages.total_ms for e in report.exchanges if e.latency is not None]
    if totals:
        line += f"   reported by the agent {percentile(totals, 0.5):.0f} ms"
    return line


def setup_total_ms(setup: SetupTimes) -> float:
    """From the beginning of the set-up until audio may be sent."""
    steps = (setup.signaling_ms, setup.ice_ms, setup.dtls_ms)
    return sum(step for step in steps if step is not None)


def _setup_line(setup: SetupTimes) -> str:
    steps = {
        "signaling": setup.signaling_ms,
        "ice": setup.ice_ms,
        "dtls": setup.dtls_ms,
        "data channel": setup.channel_open_ms,
        "first audio": setup.first_audio_ms,
    }
    known = [f"{name} {ms:.0f}" for name, ms in steps.items() if ms is not None]
    return "  ".join(known) + " ms"


def _audio_line(audio: AudioReport) -> str:
    expected = audio.packets_received + audio.packets_lost
    lost_share = audio.packets_lost / expected if expected else 0.0
    return (
        f"{audio.packets_received:,} packets".replace(",", " ")
        + f"  {audio.packets_lost} lost ({lost_share:.1%})  {audio.packets_late} late"
        + f"  jitter {audio.jitter_ms:.1f} ms  buffer {audio.jitter_buffer_delay_ms:.0f} ms"
        + f"\n  {'':<11} concealed {audio.concealed_ms:.0f} ms in {audio.concealment_events} events"
    )
