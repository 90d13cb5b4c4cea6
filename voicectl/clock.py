"""The only reader of clocks; everything below the edges has `now_ns` passed in."""

import time
from typing import Protocol

__all__ = ["NS_PER_MS", "NS_PER_S", "Clock", "SystemClock"]

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """A monotonic clock in integer nanoseconds, of any origin."""

    def now_ns(self) -> int:
        """The present instant."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        """The present instant on `time.monotonic_ns`, which asyncio's loop runs on too."""
        return time.monotonic_ns()
