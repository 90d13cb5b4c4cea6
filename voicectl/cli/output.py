"""The only writer to stdout and stderr.

stdout carries the answer, stderr all else. NO_COLOR, TERM=dumb and a non-TTY are honoured by Rich.
"""

import contextlib
import errno
import io
import json
import logging
import os
import re
import sys
import unicodedata
from collections.abc import Mapping
from typing import IO, Any

from rich.console import Console, RenderableType
from rich.logging import RichHandler
from rich.text import Text

from voicectl.errors import SetupError, VoicectlError

__all__ = ["Printer", "accept_any_text", "as_unwritable", "printable"]

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def printable(text: str) -> str:
    """Replace what a peer's text could do to a terminal: control, escape and bidi characters."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if character in _BIDI_CONTROLS
        or (unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t")
        else character
        for character in text
    )


def accept_any_text() -> None:
    """Let stdout and stderr take what their encoding cannot say: it is escaped.

    A terminal may be set to ASCII, and a file's name may hold bytes that are no text.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def as_unwritable(error: OSError) -> SetupError | None:
    """The error to show where a stream could not be written; None where it is another mistake."""
    # What fails on a file that was opened by name carries the name.
    if error.filename is not None or error.errno not in _NO_ROOM:
        return None
    _point_at_devnull(sys.stdout)
    return _unwritable(error)


class Printer:
    """Owns both streams of one command.

    Args:
        json_output: The answer is JSON; human renderings of it are dropped.
        quiet: Notes are dropped; the answer, warnings and errors stay.
        verbosity: 1 turns on voicectl's info logs, 2 every library's debug logs.
    """

    def __init__(
        self,
        *,
        json_output: bool = False,
        quiet: bool = False,
        verbosity: int = 0,
        stdout: IO[str] | None = None,
        stderr: IO[str] | None = None,
    ) -> None:
        self.json_output = json_output
        self.quiet = quiet
        self.verbosity = verbosity
        self._stdout = _console(stdout or sys.stdout)
        self._stderr = _console(stderr or sys.stderr)
        self._stdout_closed = False
        if verbosity:
            self._log_to_stderr(verbosity)

    @property
    def stdout_closed(self) -> bool:
        """Whether the reader of stdout has left: nobody sees what is answered from now on."""
        return self._stdout_closed

    @property
    def stderr_console(self) -> Console:
        """Where progress bars and live screens are drawn."""
        return self._stderr

    @property
    def stdout_console(self) -> Console:
        """Where a live answer is drawn."""
        return self._stdout

    @property
    def animates(self) -> bool:
        """Whether progress may be drawn: stderr is a terminal that can move its cursor."""
        return self._stderr.is_terminal and not self._stderr.is_dumb_terminal and not self.quiet

    def answer(self, renderable: RenderableType) -> None:
        """Print a part of the answer for people; nothing under --json."""
        if not self.json_output:
            self._print(renderable)

    def record(self, value: Mapping[str, Any]) -> None:
        """Print one JSON object on a line of its own; nothing without --json.

        Half a surrogate pair, as a byte of a file's name that is no text, stands as U+FFFD: many a
        reader of JSON refuses it, escaped or not.
        """
        if self.json_output:
            line = json.dumps(value, ensure_ascii=False, allow_nan=False)
            line = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", line)
            if not self._stdout.encoding.startswith("utf"):
                # The escapes of the stream's own would be no JSON.
                line = json.dumps(json.loads(line), allow_nan=False)
            self._print(line, raw=True)

    def raw(self, text: str) -> None:
        """Print an answer in a format of its own (JUnit, Prometheus, Markdown) as it is."""
        self._print(text, raw=True)

    def note(self, message: str) -> None:
        """Say what is going on, on stderr."""
        if not self.quiet:
            self._say(Text(message))

    def warn(self, message: str, *, hint: str | None = None) -> None:
        """Say what went less well than asked, on stderr."""
        self._say(Text("warning: ", style="yellow").append(message, style="default"))
        if hint:
            self._hint(hint)

    def error(self, error: VoicectlError) -> None:
        """Say why the command ends, on stderr."""
        head = Text("error: ", style="bold red").append(printable(error.message), style="default")
        self._say(head)
        if error.detail:
            for line in printable(error.detail).splitlines():
                self._say(Text("  " + line))
        if error.hint:
            self._say(Text())
            self._hint(error.hint)

    def _hint(self, hint: str) -> None:
        self._say(Text("hint: ", style="cyan").append(printable(hint), style="default"))

    def _say(self, text: Text) -> None:
        # Where nobody can be told, the answer still counts.
        with contextlib.suppress(OSError):
            # A line is a line, for grep and for paste; the terminal wraps it if it has to.
            self._stderr.print(text, soft_wrap=True)

    def _print(self, renderable: RenderableType, *, raw: bool = False) -> None:
        if self._stdout_closed:
            return
        try:
            if raw:
                self._stdout.file.write(f"{renderable}\n")
            else:
                self._stdout.print(renderable, soft_wrap=isinstance(renderable, Text))
            self._stdout.file.flush()
        except BrokenPipeError:
            # `voicectl talk | head`: the reader has left. The call goes on, its output does not.
            self._stdout_closed = True
            _point_at_devnull(self._stdout.file)
            self.warn("stdout was closed by its reader; no more is written to it")
        except OSError as error:
            self._stdout_closed = True
            _point_at_devnull(self._stdout.file)
            raise _unwritable(error) from error

    def _log_to_stderr(self, verbosity: int) -> None:
        handler = RichHandler(console=self._stderr, show_path=False, rich_tracebacks=False)
        handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
        logging.basicConfig(
            level=logging.WARNING if verbosity == 1 else logging.DEBUG, handlers=[handler]
        )
        logging.getLogger("voicectl").setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)


class _Stream(Console):
    """Rich's console, except that a closed pipe is the printer's to handle."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _console(stream: IO[str]) -> Console:
    return _Stream(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)


def _point_at_devnull(stream: IO[str]) -> None:
    """Spare the interpreter's last flush of `stream` a second error."""
    try:
        descriptor = stream.fileno()
    except OSError:
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, descriptor)
    os.close(devnull)


def _unwritable(error: OSError) -> SetupError:
    return SetupError(
        f"stdout cannot be written: {error.strerror}", hint="send it somewhere with room"
    )
