"""An event loop whose time jumps to the next timer instead of waiting for it."""

import asyncio
import selectors


class _JumpingSelector(selectors.SelectSelector):
    """Moves the clock on by the time that a real selector would have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            msg = "nothing is scheduled: the loop would wait for ever"
            raise RuntimeError(msg)
        self.now_s += max(timeout, 0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop for timers only; as a `Clock` it has an origin of its own."""

    ORIGIN_NS = 7_000_000_000

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def now_ns(self) -> int:
        return self.ORIGIN_NS + round(self._jumping.now_s * 1e9)

    def stall(self, seconds: float) -> None:
        """Let time pass while the loop is busy elsewhere."""
        self._jumping.now_s += seconds
