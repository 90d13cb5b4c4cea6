"""Which calls a media thread has time for: those that it carries, and those on their way to it."""

import asyncio
from types import TracebackType
from typing import Self
from weakref import WeakKeyDictionary, WeakSet

from voicectl.errors import AdmissionError
from voicectl.rtc.media_thread import LoopPlane

__all__ = ["Place"]

MAX_LATE_SHARE = 0.05
"""Of the times that calls are woken at: a machine that is busy with something else is full before
the thread has used up its share of a core."""


class Place:
    """A call's place on the running loop's media thread, kept for it until it gets there.

    A call gets there after ICE and DTLS: without its place, all offers of a burst find the thread
    as the first one did. As a context manager it lets go of a call whose description failed.
    """

    _of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakSet["Place"]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._kept_with: WeakSet[Place] = WeakSet()

    def ask(self, max_load: float) -> Self:
        """Take it if the thread has time for one call more.

        Args:
            max_load: The share of a core that the thread may take.

        Raises:
            AdmissionError: It has no time.
        """
        if (reason := self._reason_to_refuse(max_load)) is not None:
            raise AdmissionError(
                "no capacity for another call",
                detail=reason,
                hint="try again when a call has ended, or on another machine",
            )
        return self.take()

    def take(self) -> Self:
        """Take it, whatever the load."""
        self._kept_with = self._of_loop.setdefault(asyncio.get_running_loop(), WeakSet())
        self._kept_with.add(self)
        return self

    def release(self) -> None:
        """Keep it no longer: the call is there, goes elsewhere or has ended."""
        self._kept_with.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.release()

    def _reason_to_refuse(self, max_load: float) -> str | None:
        loop = asyncio.get_running_loop()
        calls = len(self._of_loop.get(loop, ())) + 1
        if (load := LoopPlane.load_of_loop(loop, calls)) > max_load:
            return f"the media thread would take {load:.0%} of a core, allowed are {max_load:.0%}"
        plane = LoopPlane.of_loop(loop)
        if plane is not None and plane.late_share > MAX_LATE_SHARE:
            return f"the media thread is over 20 ms late {plane.late_share:.0%} of the time"
        return None
