"""Single keys from the terminal while a call goes on."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Self

__all__ = ["Keys"]


class Keys:
    """Hands each key that is pressed to `on_key`, without waiting for Enter and without echo.

    Ctrl-C stays a signal. Where stdin is no terminal, no key ever comes. Use it as a context
    manager on the running event loop; the terminal is given back as it was.
    """

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._descriptor = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._saved: list[int | list[bytes | int]] | None = None

    def __enter__(self) -> Self:
        if self._descriptor is not None:
            self._saved = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
            asyncio.get_running_loop().add_reader(self._descriptor, self._read, self._descriptor)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor is not None and self._saved is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)

    def _read(self, descriptor: int) -> None:
        for key in os.read(descriptor, 32).decode("ascii", errors="ignore"):
            self._on_key(key)
