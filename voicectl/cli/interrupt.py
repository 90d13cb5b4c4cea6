"""Ctrl-C, from the first import to the last thread: status 130 within a second, no traceback.

Python's own handler raises KeyboardInterrupt wherever the main thread happens to be. That fails
three ways here: within an extension's import it becomes an ImportError, which is then taken for a
package that is not installed; within a task of asyncio it stays in the task; within a callback from
C it is lost.

This is installed before all else, so it imports only what costs nothing.
"""

import _thread
import atexit
import contextlib
import os
import signal
import sys
import time  # noqa: TID251 - voicectl.clock imports typing, for which Ctrl-C does not wait
from collections.abc import Callable, Iterator
from types import FrameType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["STATUS", "calling", "finish", "give_time", "install", "leave_soon", "noted"]

STATUS = 130
"""`ExitStatus.INTERRUPTED`, whose module imports enum."""
_UNWINDING_S = 1.0
_RETRY_S = 0.02
_PATIENCE_S = 0.3
"""So long it is raised in code of our own only: others may not expect it."""
_SHOW_CURSOR = b"\x1b[?25h"
_STDIN, _STDERR = 0, 2
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"
_CALLED_BACK = frozenset({"soundfile", "miniaudio", "voicectl.device._miniaudio_private"})
"""cffi and ctypes print what is raised within a callback, and drop it."""


class _Interruption:
    """Takes SIGINT in the main thread.

    What goes on is unwound by a KeyboardInterrupt. If that has not ended the process in time, be it
    lost or held up by a thread that cannot be stopped, the process ends all the same.
    """

    def __init__(self) -> None:
        self.listener: Callable[[], object] | None = None
        self.unwinding_s = _UNWINDING_S
        self.finished = False
        self.noted = False
        self._put_off = False
        self._patient = True
        self._watched = False
        self._main_thread = _thread.get_ident()
        self._terminal = _terminal_settings()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """SIGINT's handler; called again for what was put off."""
        if self.finished:
            # Raised while the interpreter waits for its threads, it would be printed.
            self._leave()
        if self.listener is not None:
            self.listener()
            return
        if self.noted and not self._put_off:
            return
        self.noted = True
        self.watch()
        if (loop := _running_loop()) is not None:
            # Out of a callback of its own it leaves the loop, which then cancels every task.
            self._put_off = False
            loop.call_soon_threadsafe(_raise)
            return
        self._put_off = _loses_exceptions(frame) or (self._patient and not _within_voicectl(frame))
        if not self._put_off:
            _raise()

    def watch(self) -> None:
        """End the process if it has not ended by itself in `unwinding_s`."""
        if not self._watched:
            self._watched = True
            # Not a threading.Thread: what is interrupted may hold that module's lock.
            _thread.start_new_thread(self._watch, ())

    def _watch(self) -> None:
        never = _thread.allocate_lock()
        never.acquire()
        began_s = time.monotonic()
        while (passed_s := time.monotonic() - began_s) < self.unwinding_s:
            self._patient = passed_s < _PATIENCE_S
            never.acquire(timeout=_RETRY_S)
            if self._put_off:
                signal.pthread_kill(self._main_thread, signal.SIGINT)
        self._leave()

    def _leave(self) -> None:
        if self._terminal is not None:
            import termios

            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(_STDIN, termios.TCSANOW, self._terminal)
        with contextlib.suppress(OSError):
            if os.isatty(_STDERR):
                os.write(_STDERR, _SHOW_CURSOR)
        # Answers are flushed as they are printed.
        os._exit(STATUS)


def _terminal_settings() -> list[int | list[bytes | int]] | None:
    """How the terminal is set before a command changes it."""
    import termios

    with contextlib.suppress(OSError, termios.error):
        if os.isatty(_STDIN):
            return termios.tcgetattr(_STDIN)
    return None


def _running_loop() -> "AbstractEventLoop | None":
    # Not imported for this: a loop that runs has imported it.
    get_running_loop = getattr(sys.modules.get("asyncio.events"), "get_running_loop", None)
    if get_running_loop is None:
        return None
    try:
        loop: AbstractEventLoop = get_running_loop()
    except RuntimeError:
        return None
    return loop


def _loses_exceptions(frame: FrameType | None) -> bool:
    """Whether an import or a library that is called back from C is on the stack."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            return True
        if frame.f_globals.get("__name__") in _CALLED_BACK:
            return True
        frame = frame.f_back
    return False


def _within_voicectl(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_globals.get("__name__", "").startswith("voicectl.")


def _raise() -> None:
    raise KeyboardInterrupt


_interruption = _Interruption()


def install() -> None:
    """Take SIGINT until the process ends; call it in the main thread, before any other import."""
    # The first to be registered runs last: then there is nothing left to interrupt.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGINT, _interruption.handle)


def noted() -> bool:
    """Whether Ctrl-C has come and is to end the process, whatever became of its exception."""
    return _interruption.noted


def finish() -> None:
    """Say that the command is over: what comes now ends the process at once."""
    _interruption.finished = True


def leave_soon() -> None:
    """Wait a second at most for threads that cannot be stopped, then end with 130."""
    _interruption.watch()


def give_time(unwinding_s: float) -> None:
    """Let a Ctrl-C that comes later take so long to unwind what the command has built."""
    _interruption.unwinding_s = unwinding_s


@contextlib.contextmanager
def calling(listener: Callable[[], object]) -> Iterator[None]:
    """Have the next Ctrl-C call `listener`, within the main thread; one that follows unwinds."""

    def once() -> None:
        _interruption.listener = None
        listener()

    _interruption.listener = once
    try:
        yield
    finally:
        _interruption.listener = None
