"""The only reader of clocks; everything below the edges has `now_ns` passed in."""

import time
from typing import Protocol

__all__ = ["Clock", "ProcessCpuClock", "SystemClock", "ThreadCpuClock"]


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


class ThreadCpuClock:
    """CPU time that the calling thread has used: what a bench counts, and nothing else does."""

    def now_ns(self) -> int:
        """The time used so far."""
        return time.thread_time_ns()


class ProcessCpuClock:
    """CPU time that all threads of the process have used."""

    def now_ns(self) -> int:
        """The time used so far."""
        return time.process_time_ns()
