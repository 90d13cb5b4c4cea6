"""The live screen of a call: levels, words, the last reply's stages, the network, keys."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from voicectl.cli.output import Printer, printable
from voicectl.cli.talk_output import TalkOutput, print_summary, setup_total_ms
from voicectl.session import events
from voicectl.session.report import AudioReport, CallReport, Exchange

__all__ = ["ScreenState", "TalkScreen", "screen_lines"]

_LEVEL_BLOCKS = " ▁▂▃▄▅▆▇█"
_LEVEL_HISTORY = 24
_QUIETEST_DBFS = -60.0
_WORDS_KEPT = 200
_STAGE_FILLS = ("█", "▓", "▒", "░", "▚", "·")
_KEYS = "ctrl-c ends · m mutes · s stops the agent · ? keys"
_HELP = (
    "keys",
    "  m       mute or unmute your side",
    "  s       stop the agent's reply",
    "  q       hang up (ctrl-c does too)",
    "  ?       show or hide this",
)


@dataclass
class ScreenState:
    """All that the screen shows; `handle_event` keeps it up to date."""

    title: str
    elapsed_s: float = 0.0
    setup_ms: float | None = None
    muted: bool = False
    helping: bool = False
    notice: str | None = None
    said_dbfs: deque[float] = field(default_factory=lambda: deque(maxlen=_LEVEL_HISTORY))
    heard_dbfs: deque[float] = field(default_factory=lambda: deque(maxlen=_LEVEL_HISTORY))
    words: deque[str] = field(default_factory=lambda: deque(maxlen=_WORDS_KEPT))
    last_reply: Exchange | None = None
    audio: AudioReport | None = None

    def handle_event(self, event: events.SessionEvent) -> None:
        """Take what happened in the call."""
        match event:
            case events.CallConnected(setup=setup):
                self.setup_ms = setup_total_ms(setup)
            case events.LevelsMeasured(at_ms=at_ms, said_dbfs=said, heard_dbfs=heard):
                self.elapsed_s = at_ms / 1000
                self.said_dbfs.append(said)
                self.heard_dbfs.append(heard)
            case events.TranscriptReceived(text=text):
                self.words.append(f"● {printable(text) or '(not understood)'}")
            case events.ReplyTextReceived(text=text):
                self.words.append(f"○ {printable(text)}")
            case events.ExchangeCompleted(exchange=exchange):
                self._handle_exchange(exchange)
            case events.NetworkMeasured(audio=audio):
                self.audio = audio
            case _:
                pass

    def _handle_exchange(self, exchange: Exchange) -> None:
        if exchange.heard_latency_ms is not None:
            self.last_reply = exchange
        if exchange.interrupted:
            stopped = exchange.stopped_in_ms
            after = "" if stopped is None else f": stopped in {stopped:.0f} ms"
            self.words.append(f"■ you spoke over it{after}")


def screen_lines(state: ScreenState, width: int, height: int) -> list[Text]:
    """The screen as at most `height` lines of at most `width` columns."""
    head = [_title(state, width), Text()]
    if width >= 60:
        head += [_levels(state), Text()]
    foot = [Text(), *_last_reply(state, width), _network(state)]
    foot.append(Text(state.notice or _KEYS, style="dim"))
    room = max(height - len(head) - len(foot), 1)
    lines = head + _conversation(state, width, room) + foot
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[:height]


def _title(state: ScreenState, width: int) -> Text:
    clock = f"{int(state.elapsed_s) // 60:02d}:{int(state.elapsed_s) % 60:02d}"
    right = clock if state.setup_ms is None else f"{clock}  connected in {state.setup_ms:.0f} ms"
    left = f" {state.title}"
    gap = max(width - len(left) - len(right) - 1, 2)
    return Text(left, style="bold").append(" " * gap + right, style="default not bold")


def _levels(state: ScreenState) -> Text:
    you = "you (muted)" if state.muted else "you"
    line = Text(f"  {you:<6} ")
    line.append(_bars(state.said_dbfs).ljust(_LEVEL_HISTORY), style="cyan")
    line.append("   agent ").append(_bars(state.heard_dbfs), style="green")
    return line


def _bars(levels_dbfs: Sequence[float]) -> str:
    top = len(_LEVEL_BLOCKS) - 1
    shares = [(level - _QUIETEST_DBFS) / -_QUIETEST_DBFS for level in levels_dbfs]
    return "".join(_LEVEL_BLOCKS[round(min(max(share, 0.0), 1.0) * top)] for share in shares)


def _conversation(state: ScreenState, width: int, room: int) -> list[Text]:
    if state.helping:
        lines = [f"  {line}" for line in _HELP]
    elif state.setup_ms is None:
        lines = ["  loading the models and connecting"]
    else:
        lines = []
        for said in list(state.words)[-room:]:
            lines += _wrapped(said, width - 4)
    shown = lines[-room:]
    return [Text(line) for line in shown] + [Text()] * (room - len(shown))


def _wrapped(said: str, width: int) -> list[str]:
    """Break a line at its spaces, indented under its mark."""
    lines, line = [], "  "
    for word in said.split():
        if len(line) + len(word) + 1 > width and line.strip():
            lines.append(line)
            line = "   "
        line += (" " if line.strip() else "") + word
    return [*lines, line]


def _last_reply(state: ScreenState, width: int) -> list[Text]:
    exchange = state.last_reply
    if exchange is None or exchange.heard_latency_ms is None:
        return [Text("  last reply   none yet", style="dim"), Text()]
    line = Text(f"  last reply   {exchange.heard_latency_ms:.0f} ms heard  ")
    latency = exchange.latency
    if latency is None:
        return [line, Text()]
    stages = {
        "endpoint": latency.stages.endpoint_ms,
        "stt": latency.stages.stt_ms,
        "reply": latency.stages.reply_ms,
        "tts": latency.stages.tts_ms,
        "net+buf": latency.network_ms,
        "unexpl": latency.unexplained_ms,
    }
    cells = max(width - len(line) - 2, 10)
    total = sum(max(ms, 0.0) for ms in stages.values()) or 1.0
    for fill, ms in zip(_STAGE_FILLS, stages.values(), strict=True):
        line.append(fill * round(max(ms, 0.0) / total * cells))
    legend = Text("  ")
    for fill, (name, ms) in zip(_STAGE_FILLS, stages.items(), strict=True):
        legend.append(f" {fill} {name} {ms:.0f}")
    return [line, legend]


def _network(state: ScreenState) -> Text:
    audio = state.audio
    if audio is None:
        return Text("  network      measuring", style="dim")
    expected = audio.packets_received + audio.packets_lost
    lost = audio.packets_lost / expected if expected else 0.0
    return Text(
        f"  network      loss {lost:.1%}  jitter {audio.jitter_ms:.0f} ms"
        f"  buffer {audio.jitter_buffer_delay_ms:.0f} ms  concealed {audio.concealed_share:.1%}"
    )


class TalkScreen(TalkOutput):
    """The live screen; when the call is over, what was said and the summary stay on the terminal.

    Drawn when something changes, at most ten times a second: the levels' own rhythm.
    """

    takes_keys = True

    def __init__(self, printer: Printer, title: str) -> None:
        super().__init__(printer)
        self._state = ScreenState(title)
        self._live = Live(
            _Screen(self._state),
            console=printer.stdout_console,
            screen=True,
            auto_refresh=False,
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the terminal back as it was."""
        self._live.stop()

    def handle_event(self, event: events.SessionEvent) -> None:
        """Take what happened; the levels come ten times a second and carry the rest along."""
        if isinstance(event, events.CallEnded):
            self._end(event.report)
            return
        self._state.handle_event(event)
        if isinstance(event, events.LevelsMeasured | events.CallConnected):
            self._live.refresh()

    def _end(self, report: CallReport) -> None:
        """Give the terminal back with what was said and the summary."""
        self._live.stop()
        for said in self._state.words:
            self._printer.answer(Text(f"  {said}"))
        print_summary(self._printer, report)

    def warn(self, message: str) -> None:
        """Show trouble with a device where the keys are told."""
        if not self._live.is_started:
            super().warn(message)
            return
        self._state.notice = message
        self._live.refresh()

    def show_ending(self) -> None:
        """Say so where the keys are told."""
        if self._live.is_started:
            self._state.notice = "ending…"
            self._live.refresh()

    def show_muted(self, muted: bool) -> None:
        """Show whether the microphone is muted."""
        self._state.muted = muted
        self._live.refresh()

    def toggle_help(self) -> None:
        """Show the keys in the place of the words, or hide them again."""
        self._state.helping = not self._state.helping
        self._live.refresh()


@dataclass(frozen=True)
class _Screen:
    state: ScreenState

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.height
        lines = screen_lines(self.state, options.max_width, height)
        yield Text("\n").join(lines)
