"""What a replay writes has names of its own, settled before anything is read."""

import os
from pathlib import Path

import pytest

from voicectl.errors import UsageError
from voicectl.replay.outputs import Outputs, plan_outputs


def plan(files: list[Path], **named: object) -> list[Outputs]:
    return plan_outputs(files, **{"output": None, "plot": None, **named})


@pytest.mark.parametrize("flag", ["output", "plot"])
def test_output_that_would_overwrite_what_is_read_is_refused(flag: str, tmp_path: Path) -> None:
    recording = tmp_path / "call.wav"
    recording.write_bytes(b"RIFF")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.wav").symlink_to(recording)
    os.link(recording, tmp_path / "hard.wav")
    for name in ("call.wav", "folder/../call.wav", "link.wav", "hard.wav"):
        with pytest.raises(UsageError, match=f"--{flag} .* would overwrite .*call.wav"):
            plan([recording], **{flag: tmp_path / name})
    trace = tmp_path / "trace.csv"
    trace.write_text("0,0,1\n")
    with pytest.raises(UsageError, match=r"would overwrite .*trace\.csv"):
        plan([recording], also_read=[trace], **{flag: trace})


def test_output_of_one_strategy_that_would_overwrite_what_is_read_is_refused(
    tmp_path: Path,
) -> None:
    recording = tmp_path / "call-eager.wav"
    recording.write_bytes(b"RIFF")
    names = ["balanced", "eager"]
    with pytest.raises(UsageError, match=r"would overwrite .*call-eager\.wav"):
        plan([recording], output=tmp_path / "call.wav", strategies=names)


def test_outputs_of_files_with_equal_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a/call.pcap", "b/call.pcap", "call-2.wav", "c/call.wav")]
    outputs = [each.output for each in plan(files, output=tmp_path / "out.wav")]
    assert [path.name for path in outputs if path is not None] == [
        "out-call.wav",
        "out-call-3.wav",
        "out-call-2.wav",
        "out-call-4.wav",
    ]


def test_plot_and_output_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--output and --plot name the same file"):
        plan([tmp_path / "a.wav"], output=tmp_path / "b", plot=tmp_path / "c" / ".." / "b")


def test_device_may_be_written_twice() -> None:
    null = Path("/dev/null")
    assert plan([Path("a.wav")], output=null, plot=null) == [Outputs(null, null)]
