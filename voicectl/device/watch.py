"""When a sound card has gone, and when to open the next."""

from voicectl.units import NS_PER_MS

__all__ = ["DeviceWatch"]

_STALL_NS = 1000 * NS_PER_MS
_SETTLING_NS = 5000 * NS_PER_MS
_PAUSES_NS = tuple(ms * NS_PER_MS for ms in (0, 250, 500, 1000, 2000, 5000))


class DeviceWatch:
    """Says when to open a device again: its driver stopped it, or no block came for a second.

    In its first 5 s a device may pause for as long: wireless ones take seconds to start, and
    PulseAudio's null sink begins with a block and two seconds of nothing.

    A device that cannot be opened is tried again after growing pauses, every 5 s in the end.
    Driver notifications alone do not do: not every system sends them.
    """

    def __init__(self) -> None:
        self._settled_ns = 0
        self._stall_due_ns: int | None = None
        self._open_due_ns: int | None = None
        self._failures = 0

    @property
    def lost(self) -> bool:
        """Whether there is no device at present."""
        return self._stall_due_ns is None

    def handle_opened(self, now_ns: int) -> None:
        """A device was opened."""
        self._settled_ns = self._stall_due_ns = now_ns + _SETTLING_NS
        self._open_due_ns = None

    def handle_block(self, at_ns: int) -> None:
        """The device's last block came at `at_ns`."""
        if self._stall_due_ns is not None:
            self._stall_due_ns = max(at_ns + _STALL_NS, self._settled_ns)
            self._failures = 0

    def handle_stopped(self, now_ns: int) -> None:
        """The driver says that the device has stopped."""
        if self._stall_due_ns is not None:
            self._lose(now_ns)

    def handle_open_failed(self, now_ns: int) -> None:
        """The device asked for by `poll_open` could not be opened."""
        self._lose(now_ns)

    def handle_timeout(self, now_ns: int) -> None:
        """Time has passed."""
        if self._stall_due_ns is not None and now_ns >= self._stall_due_ns:
            self._lose(now_ns)

    def next_timeout(self) -> int:
        """When to call `handle_timeout` and `poll_open` next."""
        if self._stall_due_ns is not None:
            return self._stall_due_ns
        return self._open_due_ns if self._open_due_ns is not None else 0

    def poll_open(self, now_ns: int) -> bool:
        """Whether to open a device now."""
        return (
            self._stall_due_ns is None
            and self._open_due_ns is not None
            and now_ns >= self._open_due_ns
        )

    def _lose(self, now_ns: int) -> None:
        pause_ns = _PAUSES_NS[min(self._failures, len(_PAUSES_NS) - 1)]
        self._failures += 1
        self._stall_due_ns = None
        self._open_due_ns = now_ns + pause_ns
