"""What is wrong with a file is said with its name, and with what can be done about it."""

from pathlib import Path

import pytest

from voicectl import _native
from voicectl.errors import MediaError, UsageError, VoicectlError
from voicectl.replay.network import find_network
from voicectl.replay.replay import ReplayPlan, replay_file


def refusal(path: Path, data: bytes, plan: ReplayPlan) -> VoicectlError:
    path.write_bytes(data)
    with pytest.raises((MediaError, UsageError)) as raised:
        replay_file(path, plan)
    assert str(path) in raised.value.message
    return raised.value


def test_bad_line_of_a_trace_is_said_with_the_file(tmp_path: Path) -> None:
    error = refusal(tmp_path / "bad.csv", b"0,0,1\n1,nan,2\n", ReplayPlan())
    assert "line 2" in error.message
    with pytest.raises(UsageError) as raised:
        find_network(str(tmp_path / "bad.csv"))
    assert "bad.csv: line 2" in raised.value.message


def test_trace_that_lost_all_blames_no_network(tmp_path: Path) -> None:
    error = refusal(tmp_path / "lost.csv", b"0,0,\n1,20,\n", ReplayPlan())
    assert "none arrived (2 lost)" in error.message
    assert "network" not in (error.hint or "")


def test_network_that_loses_all_is_blamed(tmp_path: Path) -> None:
    lossy = ReplayPlan(network=find_network("loss=100%"), scored=False)
    error = refusal(tmp_path / "fine.csv", b"0,0,1\n1,20,21\n", lossy)
    assert "the network loses them all" in (error.hint or "")


def test_capture_cut_before_its_audio_says_where(tmp_path: Path) -> None:
    engine = _native.Engine(_native.EngineSettings(), now_ns=0, seed=1, capture_limit_bytes=1 << 20)
    engine.handle_timeout(10_000_000)
    whole = engine.end_capture()
    error = refusal(tmp_path / "call.voicecap", whole, ReplayPlan())
    assert error.detail is None
    assert "probe" in (error.hint or "")
    error = refusal(tmp_path / "cut.voicecap", whole[:-3], ReplayPlan())
    assert "in what is left of the call" in error.message
    assert "Damaged at byte" in (error.detail or "")
    assert "cut off" in (error.detail or "")
    assert "probe" not in (error.hint or "")
