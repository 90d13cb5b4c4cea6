"""The file of a capture: private, and never a reason for a call to end."""

import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from voicectl import _native
from voicectl.errors import SetupError
from voicectl.session.capture_file import CaptureFile

LIMIT = 1 << 20


def captured_engine() -> _native.Engine:
    settings = _native.EngineSettings()
    return _native.Engine(settings, now_ns=0, seed=1, capture_limit_bytes=LIMIT)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "call.voicecap"
    path.write_bytes(b"from before, and longer than what comes" * 100)
    path.chmod(0o644)
    engine = captured_engine()
    file = CaptureFile(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file.drain(engine)
    engine.handle_timeout(3_000_000_000)
    file.end(engine)
    file.close()
    replay = _native.CaptureReplay(path.read_bytes())
    while replay.run_until(1 << 62) is not None:
        pass
    assert replay.is_complete
    assert file.report().size_bytes == path.stat().st_size
    assert not file.report().truncated


def test_new_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    file = CaptureFile(tmp_path / "new.voicecap")
    file.close()
    assert stat.S_IMODE((tmp_path / "new.voicecap").stat().st_mode) == 0o600


def test_full_disk_ends_the_capture_and_nothing_else() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    engine = captured_engine()
    file = CaptureFile(Path("/dev/full"))
    file.drain(engine)
    file.end(engine)
    file.close()
    assert file.report().truncated


def test_place_that_cannot_be_written_is_an_error_before_the_call(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be written") as caught:
        CaptureFile(tmp_path / "missing" / "call.voicecap")
    assert "--capture" in (caught.value.hint or "")


@contextmanager
def disk_with_room_for(size_bytes: int) -> Iterator[None]:
    """Files can grow to this size: the write across it is short, the next one an error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_that_was_full_for_a_moment_left_a_hole_in_a_capture_that_was_called_whole(
    tmp_path: Path,
) -> None:
    path, whole_path = tmp_path / "call.voicecap", tmp_path / "whole.voicecap"
    engine, twin = captured_engine(), captured_engine()
    file, whole = CaptureFile(path), CaptureFile(whole_path)
    file.drain(engine)
    whole.drain(twin)
    room = 0
    for second in range(1, 4):
        for each in (engine, twin):
            each.handle_timeout(second * 1_000_000_000)
        whole.drain(twin)
        if second == 2:
            room = path.stat().st_size + 5
            with disk_with_room_for(room):
                file.drain(engine)
        else:
            file.drain(engine)
    for each_file, each in ((file, engine), (whole, twin)):
        each_file.end(each)
        each_file.close()
    assert file.report().truncated
    assert not whole.report().truncated
    assert file.report().size_bytes == path.stat().st_size == room
    assert whole_path.read_bytes().startswith(path.read_bytes())
