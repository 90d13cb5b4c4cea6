"""Names that the system refuses are told, not thrown."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from voicectl.errors import UsageError
from voicectl.paths import is_regular_file, unreadable
from voicectl.replay.file_bytes import read_file
from voicectl.replay.network import find_network

NOBODY = 65534


@contextmanager
def without_rights() -> Iterator[None]:
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_file_in_a_directory_that_may_not_be_entered_is_a_usage_error(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    path = closed / "call.wav"
    path.write_bytes(b"RIFF")
    closed.chmod(0)
    try:
        with without_rights():
            with pytest.raises(UsageError, match="cannot be read: Permission denied"):
                read_file(path)
            with pytest.raises(UsageError, match="there is no network"):
                find_network(str(path))
            assert not is_regular_file(path)
    finally:
        closed.chmod(0o700)


def test_name_that_is_too_long_is_a_usage_error() -> None:
    path = Path("x" * 300)
    assert not is_regular_file(path)
    assert unreadable(path) == "cannot be read: File name too long"


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    assert unreadable(tmp_path) == "is a directory"
    assert unreadable(tmp_path / "none") == "does not exist"
    assert unreadable(Path("/dev/null")) == "is no regular file: a pipe or a device"
    assert unreadable(Path(__file__)) is None
