"""A call that voicectl captured itself, given to another engine: the same audio and counters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicectl import _native
from voicectl.errors import MediaError
from voicectl.replay.pipeline import Block, Played, Strategy, WindowCounter
from voicectl.units import NS_PER_MS, NS_PER_S
from voicectl.wire.capture import Damage
from voicectl.wire.rtpdump import DumpedPacket, RtpDump

__all__ = ["CallAgain", "captured_packets", "play_again"]

_SHOWN_DAMAGE = 3
_STEP_NS = 100 * NS_PER_MS
_LONGEST_NS = 24 * 3600 * NS_PER_S


@dataclass(frozen=True)
class CallAgain:
    """What a captured call came to when it was replayed."""

    played: Played
    said: list[NDArray[np.int16]]
    """What went into the call's encoder, where the call kept it: on the grid of what was heard."""
    sample_rate_hz: int
    counters: dict[str, Any]
    """The engine's statistics after the last input."""
    identical: bool | None
    """The same audio, events and packets as in the call; None: the file does not say."""
    made_by: str
    is_of_this_build: bool
    is_complete: bool
    truncated_at_ms: float | None

    def fields(self) -> dict[str, Any]:
        """As it stands in the JSON."""
        return {
            "identical": self.identical,
            "complete": self.is_complete,
            "truncated_at_ms": self.truncated_at_ms,
            "made_by": self.made_by,
            "counters": self.counters,
        }

    def notes(self) -> list[str]:
        """What keeps it from being the whole call."""
        notes = []
        if self.truncated_at_ms is not None:
            notes.append(
                f"the capture reached its bound {self.truncated_at_ms / 1000:.1f} s into the call"
            )
        elif not self.is_complete:
            notes.append("the capture was cut off: this is the call's beginning")
        if self.identical is False:
            notes.append("the audio differs from the call's")
        if not self.is_of_this_build:
            notes.append(f"captured by another build ({self.made_by})")
        return notes


def captured_packets(file: bytes) -> RtpDump:
    """The packets that reached the call's engine, to be replayed like those of any capture.

    Raises:
        MediaError: Its beginning is damaged.
    """
    call = _native.CaptureReplay(file)
    dump = RtpDump(bytes(4), 0, damage=_damage(call))
    dump.packets += (
        DumpedPacket(at_ns, packet, is_rtcp, 0)
        for at_ns, packet, is_rtcp in call.received_packets()
    )
    return dump


def play_again(file: bytes, on_progress: Callable[[float], None] = lambda share: None) -> CallAgain:
    """Give another engine what the call's was given.

    Raises:
        MediaError: The file's beginning is damaged, no audio was received in the call, or its
            times span more than a day.
    """
    call = _native.CaptureReplay(file)
    last_ns = max((at_ns for at_ns, _, _ in call.received_packets()), default=call.begun_ns)
    if last_ns - call.begun_ns > _LONGEST_NS:
        raise _too_long()
    windows = WindowCounter(call.begun_ns)
    blocks: list[Block] = []
    said: list[NDArray[np.int16]] = []
    until_ns = call.begun_ns + _STEP_NS
    while (events := call.run_until(until_ns)) is not None:
        for event in events:
            match event:
                case _native.AudioReceived():
                    blocks.append(
                        Block(event.pcm, event.at_ns, event.media_time_samples, event.concealed)
                    )
                case _native.AudioSent():
                    said.append(event.pcm)
                case _:
                    pass
        windows.end(until_ns, call.stats().inbound)
        on_progress((until_ns - call.begun_ns) / max(last_ns - call.begun_ns, _STEP_NS))
        until_ns += _STEP_NS
        if until_ns - call.begun_ns > _LONGEST_NS:
            raise _too_long()
    stats = call.stats()
    if stats.inbound is None:
        raise _no_audio(call)
    settings = call.settings
    strategy = Strategy.EAGER if settings.sink == "eager" else Strategy(settings.strategy)
    truncated_ns = call.truncated_at_ns
    known = call.same_events is not None and call.same_packets is not None
    return CallAgain(
        played=Played(strategy, stats.inbound, stats.drops, windows.windows, blocks),
        said=said,
        sample_rate_hz=settings.output_rate_hz,
        counters=_counters(stats),
        identical=bool(call.same_events and call.same_packets) if known else None,
        made_by=call.made_by,
        is_of_this_build=call.is_of_this_build,
        is_complete=call.is_complete,
        truncated_at_ms=None
        if truncated_ns is None
        else round((truncated_ns - call.begun_ns) / NS_PER_MS, 1),
    )


def _too_long() -> MediaError:
    return MediaError(
        "the times in it span more than a day: no call did",
        hint="replay what it received as it came: add --strategy balanced",
    )


def _no_audio(call: _native.CaptureReplay) -> MediaError:
    damage = [f"Damaged {place}." for place in _damage(call)[:_SHOWN_DAMAGE]]
    if call.is_complete and not damage:
        return MediaError(
            "no audio was received in the call", hint="`voicectl probe` finds out why media fails"
        )
    return MediaError(
        "no audio was received in what is left of the call",
        detail="\n".join([*damage, *([] if call.is_complete else ["The capture was cut off."])]),
        hint="copy it again from where it was made",
    )


def _damage(call: _native.CaptureReplay) -> list[Damage]:
    return [Damage(offset, what) for offset, what in call.damage]


def _counters(stats: object) -> Any:  # noqa: ANN401 (as it stands in the JSON)
    """The properties of a native object, by name."""
    if stats is None or isinstance(stats, int | float | str):
        return round(stats, 3) if isinstance(stats, float) else stats
    names = [name for name in dir(stats) if not name.startswith("_")]
    return {name: _counters(getattr(stats, name)) for name in names}
