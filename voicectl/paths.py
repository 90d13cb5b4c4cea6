"""Files that a command reads and files that it writes."""

import errno
import os
import stat
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import BinaryIO

from voicectl.errors import UsageError

__all__ = [
    "is_directory",
    "is_regular_file",
    "open_private",
    "refuse_overwriting",
    "unreadable",
    "unwritable",
]

_OWNER_ONLY = 0o600


def is_regular_file(path: Path) -> bool:
    """Whether there is a file that can be seen: never an error, as that of `Path.is_file` may be.

    A name may be too long, or stand in a directory that may not be entered.
    """
    return stat.S_ISREG(_mode(path))


def is_directory(path: Path) -> bool:
    """Whether there is a directory that can be seen; never an error."""
    return stat.S_ISDIR(_mode(path))


def open_private(path: Path, *, buffering: int = -1) -> BinaryIO:
    """Open a file to be written anew that nobody but its owner can read: it holds people's voices.

    A device or a pipe keeps its mode.

    Raises:
        OSError: as of `open`.
    """
    return open(path, "wb", buffering, opener=_open_private)


def _open_private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, _OWNER_ONLY)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, _OWNER_ONLY)  # of a file that was there before
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def unreadable(path: Path) -> str | None:
    """What keeps a file from being read, to be said after its name; None: it is there."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if stat.S_ISDIR(mode):
        return "is a directory"
    if not stat.S_ISREG(mode):
        return "is no regular file: a pipe or a device"
    return None if os.access(path, os.R_OK) else "cannot be read: Permission denied"


def unwritable(path: Path) -> str | None:
    """What will keep a file from being written, in the system's words; None: nothing known.

    Nothing is opened: what is there stays as it is until there is something to write.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        folder = path.resolve().parent
        if not is_directory(folder):
            return os.strerror(errno.ENOENT)
        return None if os.access(folder, os.W_OK | os.X_OK) else os.strerror(errno.EACCES)
    except OSError as error:
        return error.strerror
    if stat.S_ISDIR(mode):
        return os.strerror(errno.EISDIR)
    return None if os.access(path, os.W_OK) else os.strerror(errno.EACCES)


def refuse_overwriting(read: Iterable[Path], written: Iterable[tuple[str, Path]]) -> None:
    """Check that nothing that is read is written, and nothing is written twice.

    Args:
        read: The files that the user named to be read.
        written: What is to be written, each with the flag that names it.

    Raises:
        UsageError: Two names, whatever they look like, are one file.
    """
    sources = {identity: path for path in read if (identity := _identity(path)) is not None}
    targets: dict[Hashable, tuple[str, Path]] = {}
    for flag, path in written:
        identity = _identity(path)
        if identity is None:
            continue
        if identity in sources:
            raise UsageError(
                f"{flag} {path} would overwrite {sources[identity]}, which is read",
                hint=f"give {flag} a file of its own",
            )
        if identity in targets:
            other, _ = targets[identity]
            raise UsageError(
                f"{other} and {flag} name the same file, {path}",
                hint="give each one of its own",
            )
        targets[identity] = flag, path


def _identity(path: Path) -> Hashable | None:
    """What two names of one file have in common; None of a device or a pipe, which keeps nothing.

    The file may be there under another name (a link), or not be there yet.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        try:
            return str(path.resolve())
        except (OSError, ValueError, RuntimeError):
            return str(path)
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
