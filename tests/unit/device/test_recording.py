"""The recording of a call."""

from pathlib import Path

import pytest

from voicectl.device.wav import TwoChannelRecording


@pytest.mark.parametrize("mode_before", [None, 0o644, 0o600])
def test_recording_of_two_voices_is_readable_only_by_its_owner(
    mode_before: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    if mode_before is not None:
        path.touch()
        path.chmod(mode_before)
    with TwoChannelRecording(path, 48000):
        pass
    assert path.stat().st_mode & 0o777 == 0o600


def test_recording_into_a_device_leaves_its_mode(tmp_path: Path) -> None:
    mode = Path("/dev/null").stat().st_mode
    with TwoChannelRecording(Path("/dev/null"), 48000):
        pass
    assert Path("/dev/null").stat().st_mode == mode
