"""Runs arriving packets through the real pipeline on a virtual clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicectl import _native
from voicectl.replay.material import SAMPLE_RATE_HZ, OfferedPacket
from voicectl.replay.sequence import signed
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = ["Block", "Played", "Strategy", "Window", "WindowCounter", "play"]

_WINDOW_NS = 100 * NS_PER_MS
_TICK_NS = 10 * NS_PER_MS
_LONGEST_QUIET_NS = 3 * NS_PER_S
"""Without anything out of a packet: then nothing is left in the buffer."""
_PIECE_SAMPLES = SAMPLE_RATE_HZ // 25
_LONGEST_CUT_SAMPLES = SAMPLE_RATE_HZ * 45 // 1000
"""What playing faster takes out of a voice in one tick: three of the longest periods."""


class Strategy(StrEnum):
    """Whom the audio is for, and how a buffer for ears leans."""

    CONSERVATIVE = "conservative"
    BALANCED = "balanced"
    AGGRESSIVE = "aggressive"
    EAGER = "eager"

    @property
    def settings(self) -> _native.EngineSettings:
        """Of a receiver with this strategy."""
        match self:
            case Strategy.EAGER:
                return _native.EngineSettings(sink="eager")
            case Strategy.CONSERVATIVE:
                return _native.EngineSettings(strategy="conservative")
            case Strategy.AGGRESSIVE:
                return _native.EngineSettings(strategy="aggressive")
            case Strategy.BALANCED:
                return _native.EngineSettings(strategy="balanced")


class Window(NamedTuple):
    """A tenth of a second of a run. Sums, so that windows can be joined."""

    at_ns: int
    """Its end, from the first packet's arrival."""
    emitted_samples: int
    delay_ms: float
    """Times `emitted_samples`, as the sums of W3C webrtc-stats are."""
    target_ms: float
    concealed_samples: int
    skipped_samples: int
    received_samples: int
    """All that came out, of whatever kind."""


class WindowCounter:
    """Makes windows out of counters that grow; with another source they begin anew.

    Args:
        start_ns: What the windows' times count from.
    """

    def __init__(self, start_ns: int) -> None:
        self.windows: list[Window] = []
        self._start_ns = start_ns
        self._before: _native.InboundRtpStats | None = None

    def end(self, now_ns: int, after: _native.InboundRtpStats | None) -> None:
        """End a window; `after`: the counters now."""
        before = self._before
        if after is None:
            return
        if before is not None and after.total_samples_received < before.total_samples_received:
            before = None

        def gained(of: Callable[[_native.InboundRtpStats], float]) -> float:
            return of(after) - (of(before) if before is not None else 0)

        self.windows.append(
            Window(
                now_ns - self._start_ns,
                int(gained(lambda stats: stats.jitter_buffer_emitted_count)),
                gained(lambda stats: stats.jitter_buffer_delay_ms),
                gained(lambda stats: stats.jitter_buffer_target_delay_ms),
                int(gained(lambda stats: stats.concealed_samples)),
                int(gained(lambda stats: stats.skipped_samples)),
                int(gained(lambda stats: stats.total_samples_received)),
            )
        )
        self._before = after


class Block(NamedTuple):
    """Audio as it came out."""

    pcm: NDArray[np.int16]
    at_ns: int
    media_samples: int
    concealed: list[tuple[int, int]]


@dataclass
class Played:
    """What came out of a run, at 48 kHz."""

    strategy: Strategy
    stats: _native.InboundRtpStats
    drops: _native.EngineDrops
    windows: list[Window] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    first_timestamp: int = 0
    """The RTP timestamp of media time 0."""

    @property
    def sink(self) -> Literal["playout", "eager"]:
        """Whom it is for."""
        return "eager" if self.strategy is Strategy.EAGER else "playout"

    def heard(self) -> NDArray[np.int16]:
        """The audio as it was heard: in the order in which it came out, time-scaled as it was.

        Eager audio has no rhythm of its own: it is given in media time, gaps as silence.
        """
        if self.strategy is Strategy.EAGER:
            return self.in_media_time()
        return np.concatenate([np.zeros(0, np.int16), *(block.pcm for block in self.blocks)])

    def in_media_time(self) -> NDArray[np.int16]:
        """The audio put back to when it was said, in pieces of 40 ms; a gap is silence."""
        if self.strategy is Strategy.EAGER:
            return self._placed()
        heard = self.heard()
        media = np.array([block.media_samples for block in self.blocks])
        outputs = np.cumsum([0, *(len(block.pcm) for block in self.blocks)])
        after_gaps = self._after_gaps()
        pieces = []
        for at in range(0, self._media_length(), _PIECE_SAMPLES):
            # A block may begin before the one ahead of it ended: the later one is what was heard.
            index = int(np.flatnonzero(media <= at)[-1]) if media[0] <= at else 0
            begin = int(min(outputs[index] + max(at - media[index], 0), outputs[index + 1]))
            gap = int(np.searchsorted(after_gaps, index, side="right"))
            if gap < len(after_gaps) and media[after_gaps[gap]] < at + _PIECE_SAMPLES:
                resumes = int(outputs[after_gaps[gap]])
                before = int(media[after_gaps[gap]]) - at
                pieces.append(_padded(heard[begin : min(begin + before, resumes)], before))
                rest = _PIECE_SAMPLES - before
                pieces.append(_padded(heard[resumes : resumes + rest], rest))
            elif gap < len(after_gaps):
                end = int(min(begin + _PIECE_SAMPLES, outputs[after_gaps[gap]]))
                pieces.append(_padded(heard[begin:end], _PIECE_SAMPLES))
            else:
                pieces.append(_padded(heard[begin : begin + _PIECE_SAMPLES], _PIECE_SAMPLES))
        return np.concatenate([np.zeros(0, np.int16), *pieces])[: self._media_length()]

    def _after_gaps(self) -> list[int]:
        """The blocks before which nothing was sent, or much was passed over."""
        found = []
        for index in range(1, len(self.blocks)):
            before, block = self.blocks[index - 1], self.blocks[index]
            unheard = block.media_samples - before.media_samples - len(before.pcm)
            waited = index > 1 and before.media_samples == self.blocks[index - 2].media_samples
            if unheard > (0 if waited and not before.concealed else _LONGEST_CUT_SAMPLES):
                found.append(index)
        return found

    def _placed(self) -> NDArray[np.int16]:
        pcm = np.zeros(self._media_length(), np.int16)
        for block in self.blocks:
            begin = max(-block.media_samples, 0)
            start = block.media_samples + begin
            pcm[start : start + len(block.pcm) - begin] = block.pcm[begin:]
        return pcm

    def _media_length(self) -> int:
        return max((block.media_samples + len(block.pcm) for block in self.blocks), default=0)

    def concealed_ranges(self) -> list[tuple[int, int]]:
        """Where `heard()` was made up."""
        ranges, position = [], 0
        for block in self.blocks:
            start = block.media_samples if self.strategy is Strategy.EAGER else position
            ranges += [(start + begin, start + end) for begin, end in block.concealed]
            position += len(block.pcm)
        return ranges


def play(
    packets: list[OfferedPacket],
    strategy: Strategy,
    *,
    payload_types: dict[int, str],
    frame_samples: int,
    phase_ns: int = 0,
    red_payload_type: int | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Played | None:
    """Give the packets to a receiver at their times and take what comes out until all is played.

    The same packets give the same result on every run. None: no packet was taken.

    Args:
        packets: In the order of their arrival, RTP and RTCP.
        strategy: Of the receiver.
        payload_types: What they are, by the names of `Engine.configure_receive`.
        frame_samples: Of a packet at 48 kHz, to know where the stream ends.
        phase_ns: How long before the first packet the receiver began, which is where packets fall
            between its ticks of 10 ms. At most the first packet's time.
        red_payload_type: Which of the packets are RED (RFC 2198) of Opus.
        on_progress: Told the share that is done.
    """
    if not packets:
        return None
    run = _Run(strategy, payload_types, packets[0].at_ns, phase_ns)
    if red_payload_type is not None:
        run.take_red(red_payload_type)
    last_ns = packets[-1].at_ns
    span_ns = max(last_ns - packets[0].at_ns, 1)
    for packet in packets:
        if run.advance(packet.at_ns):
            on_progress((packet.at_ns - packets[0].at_ns) / span_ns)
        run.take(packet)
    run.finish(last_ns, frame_samples)
    on_progress(1.0)
    return run.played()


class _Run:
    def __init__(
        self, strategy: Strategy, payload_types: dict[int, str], start_ns: int, phase_ns: int
    ) -> None:
        self._strategy = strategy
        self._engine = _native.Engine(strategy.settings, now_ns=start_ns - phase_ns, seed=0)
        self._engine.configure_receive(payload_types)
        self._payload_types = payload_types
        self._codec: str | None = None
        """Of the packet of speech that came last."""
        self._next_window_ns = start_ns + _WINDOW_NS
        self._windows = WindowCounter(start_ns)
        self._blocks: list[Block] = []
        self._waiting: list[int] = []
        """Timestamps that came before the first frame went."""
        self._first_timestamp: int | None = None
        """Of the stream's present part: with another codec the engine begins media time anew."""
        self._part_began_at_samples = 0
        self._emitted_before_part = 0
        self._highest_timestamp = 0
        self._very_first_timestamp: int | None = None
        self._final: _native.EngineStats | None = None
        """As of the last tick in which something came out of a packet."""

    def take_red(self, payload_type: int) -> None:
        self._engine.configure_repairs(_native.Repairs(receive_red=payload_type))

    def advance(self, now_ns: int) -> bool:
        """Run what is due before `now_ns`; whether a window ended on the way.

        A tick at `now_ns` itself waits for the packets of that moment, as the engine has it.
        """
        if self._first_timestamp is None and self._waiting:
            self._step_to_first_frame(now_ns)
        ended = False
        while self._next_window_ns < now_ns:
            self._engine.handle_timeout(self._next_window_ns)
            self._end_window(self._next_window_ns)
            self._next_window_ns += _WINDOW_NS
            ended = True
        return ended

    def take(self, packet: OfferedPacket) -> None:
        if packet.timestamp is None:
            self._engine.handle_rtcp(packet.data, packet.at_ns)
            return
        if packet.is_speech:
            self._begin_part_with(packet)
        self._engine.handle_rtp(packet.data, packet.at_ns)
        if not packet.is_speech:
            return
        if self._first_timestamp is None:
            self._waiting.append(packet.timestamp)
            self._note_first_frame()
        ahead = (packet.timestamp - self._highest_timestamp) & 0xFFFFFFFF
        if len(self._waiting) == 1 or ahead < 1 << 31:
            self._highest_timestamp = packet.timestamp

    def _begin_part_with(self, packet: OfferedPacket) -> None:
        """Forget the timestamps of the codec before."""
        codec = self._payload_types.get(packet.data[1] & 0x7F, "opus")
        if self._codec not in (None, codec):
            self._waiting.clear()
            self._first_timestamp = None
            self._emitted_before_part = _emitted(self._engine.stats())
        self._codec = codec

    def finish(self, now_ns: int, frame_samples: int) -> None:
        """Play what is buffered, and stop before an ear would hear the silence after it."""
        self.advance(now_ns)
        self._collect()
        # What comes out after the last that was received is not heard: nobody would listen.
        heard, blocks = self._engine.stats(), len(self._blocks)
        quiet_since_ns = now_ns
        while (due_ns := self._engine.next_timeout()) is not None:
            if due_ns > quiet_since_ns + _LONGEST_QUIET_NS:
                break
            now_ns = max(due_ns, now_ns)
            self._engine.handle_timeout(now_ns)
            self._note_first_frame()
            self._collect()
            after = self._engine.stats()
            if _emitted(after) > _emitted(heard):
                heard, blocks, quiet_since_ns = after, len(self._blocks), now_ns
                if self._to_be_played(frame_samples) <= 0:
                    break
            elif self._to_be_played(frame_samples) <= frame_samples:
                break  # Time-scaling may leave a few samples of the last frame unplayed.
        self._final = heard
        del self._blocks[blocks:]
        self._end_window(now_ns)

    def played(self) -> Played | None:
        stats = self._stats()
        if stats.inbound is None:
            return None
        return Played(
            self._strategy,
            stats.inbound,
            stats.drops,
            self._windows.windows,
            self._blocks,
            self._very_first_timestamp or 0,
        )

    def _stats(self) -> _native.EngineStats:
        return self._final if self._final is not None else self._engine.stats()

    def _to_be_played(self, frame_samples: int) -> int:
        """From what came out last to the end of the newest packet; unknown before the first."""
        if self._first_timestamp is None:
            return 1 << 31
        last_sample = (
            (self._highest_timestamp - self._first_timestamp) & 0xFFFFFFFF
        ) + frame_samples
        return last_sample - (self._media_end() - self._part_began_at_samples)

    def _media_end(self) -> int:
        if not self._blocks:
            return 0
        block = self._blocks[-1]
        return block.media_samples + len(block.pcm)

    def _step_to_first_frame(self, now_ns: int) -> None:
        """Tick by tick: the packets that are there when the first frame goes tell which it is."""
        while self._first_timestamp is None:
            due_ns = self._engine.next_timeout()
            if due_ns is None or due_ns >= now_ns:
                return
            self._engine.handle_timeout(due_ns)
            self._note_first_frame()

    def _note_first_frame(self) -> None:
        if self._first_timestamp is not None or not self._waiting:
            return
        inbound = self._engine.stats().inbound
        if inbound is not None and inbound.jitter_buffer_emitted_count > self._emitted_before_part:
            newest = self._waiting[-1]
            self._first_timestamp = min(self._waiting, key=lambda t: signed(t - newest, 32))
            if self._very_first_timestamp is None:
                self._very_first_timestamp = self._first_timestamp

    def _collect(self) -> None:
        for event in self._engine.poll_events():
            if isinstance(event, _native.StreamStarted):
                # What it has comes after all that was heard, wherever its own clock begins.
                self._part_began_at_samples = self._media_end()
            elif isinstance(event, _native.AudioReceived):
                media_samples = self._part_began_at_samples + event.media_time_samples
                self._blocks.append(Block(event.pcm, event.at_ns, media_samples, event.concealed))

    def _end_window(self, now_ns: int) -> None:
        self._collect()
        self._windows.end(now_ns, self._stats().inbound)


def _padded(pcm: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    return np.pad(pcm, (0, samples - len(pcm)))


def _emitted(stats: _native.EngineStats) -> int:
    return 0 if stats.inbound is None else stats.inbound.jitter_buffer_emitted_count
