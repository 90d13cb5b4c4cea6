"""The capture of one end of a call, on disk while the call goes on."""

from pathlib import Path

from voicectl import _native
from voicectl.errors import SetupError
from voicectl.paths import open_private
from voicectl.session.report import CaptureReport

__all__ = ["CAPTURE_LIMIT_BYTES", "CaptureFile"]

CAPTURE_LIMIT_BYTES = 256 << 20
"""Some 40 minutes of a microphone that is never muted, hours of a dialogue from files."""


class CaptureFile:
    """What goes into an engine, in a file that nobody but its owner can read.

    A disk that is full ends the capture, not the call.

    Args:
        path: Written anew.

    Raises:
        SetupError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = open_private(path, buffering=0)
        except OSError as error:
            raise SetupError(
                f"{path} cannot be written: {error.strerror}", hint="choose another --capture"
            ) from error
        self._path = path
        self._size_bytes = 0
        self._truncated = False

    def drain(self, engine: _native.Engine) -> None:
        """Append what `engine` has written down."""
        self._write(engine.take_capture())

    def end(self, engine: _native.Engine) -> None:
        """End the capture with what has been polled of `engine` until now."""
        self._write(engine.end_capture())
        self._truncated |= engine.capture_is_truncated

    def close(self) -> None:
        """Close the file; what comes later is not written."""
        self._file.close()

    def report(self) -> CaptureReport:
        """What was written."""
        return CaptureReport(str(self._path), self._size_bytes, self._truncated)

    def _write(self, data: bytes) -> None:
        if self._file.closed or not data:
            return
        rest = memoryview(data)
        try:
            while rest:  # a disk that is nearly full takes a part, and fails at the next write
                written = self._file.write(rest)
                self._size_bytes += written
                rest = rest[written:]
        except OSError:
            self._truncated = True
            self._file.close()
