"""Calls joined: what one receives is what another one sends.

Media threads carry what calls of theirs hand on; the event loop does for the others.
"""

from dataclasses import dataclass
from typing import Literal

from voicectl._native import Engine
from voicectl.clock import Clock
from voicectl.errors import UsageError
from voicectl.rtc.driver import EngineDriver
from voicectl.rtc.media_thread import CarriedCall

__all__ = ["BridgeEnd", "join", "leave", "part"]


@dataclass(eq=False)
class BridgeEnd:
    """One call's part in bridges."""

    engine: Engine
    driver: EngineDriver
    clock: Clock
    carried: CarriedCall | None = None
    """The media thread's part, where one carries the call."""
    target: "BridgeEnd | None" = None
    """Whom it hands on to."""
    source: "BridgeEnd | None" = None
    """Who hands on to it."""


def join(source: BridgeEnd, target: BridgeEnd, media: Literal["audio", "packets"]) -> None:
    """Let `source` hand on to `target`, in place of the bridges that both were in this way.

    Raises:
        UsageError: The engines' settings do not allow it; nothing is bridged then.
    """
    part(source)
    if target.source is not None:
        part(target.source)
    now_ns = source.clock.now_ns()
    ours, theirs = source.engine, target.engine
    theirs.bridge_in(media, now_ns=now_ns)
    try:
        ours.bridge_out(media, now_ns=now_ns)
    except UsageError:
        theirs.bridge_in(None, now_ns=now_ns)
        raise
    source.target, target.source = target, source
    source.driver.hand_on(lambda now_ns: ours.hand_on(theirs, now_ns=now_ns), target.driver)
    if source.carried is not None:
        source.carried.bridge_to(theirs, target.carried)


def part(source: BridgeEnd) -> None:
    """Let `source` hand on to nobody."""
    target, source.target = source.target, None
    if target is None:
        return
    target.source = None
    if source.carried is not None:
        source.carried.bridge_to(None, None)
    source.driver.hand_on(None, None)
    now_ns = source.clock.now_ns()
    source.engine.bridge_out(None, now_ns=now_ns)
    target.engine.bridge_in(None, now_ns=now_ns)
    source.driver.drain()
    target.driver.drain()


def leave(end: BridgeEnd) -> None:
    """Neither hand on nor be handed on to."""
    part(end)
    if end.source is not None:
        part(end.source)
