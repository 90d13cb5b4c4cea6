"""What a replay writes has names of its own, settled before anything is read."""

import os
from pathlib import Path

import pytest

from voicectl.errors import SetupError, UsageError
from voicectl.replay.outputs import Outputs, plan_outputs


def plan(files: list[Path], **named: object) -> list[Outputs]:
    return plan_outputs(files, **{"output": None, "plot": None, **named})


@pytest.mark.parametrize("flag", ["output", "plot"])
def test_output_that_would_overwrite_what_is_read_is_refused(flag: str, tmp_path: Path) -> None:
    recording = tmp_path / "call.png"
    recording.write_bytes(b"RIFF")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.png").symlink_to(recording)
    os.link(recording, tmp_path / "hard.png")
    for name in ("call.png", "folder/../call.png", "link.png", "hard.png"):
        with pytest.raises(UsageError, match=f"--{flag} .* would overwrite .*call.png"):
            plan([recording], **{flag: tmp_path / name})
    trace = tmp_path / "trace.csv"
    trace.write_text("0,0,1\n")
    with pytest.raises(UsageError, match=r"would overwrite .*trace\.csv"):
        plan([recording], also_read=[trace], output=trace)


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


@pytest.mark.parametrize("name", ["call.jpeg", "call.wav", "call.png.bak"])
def test_ending_that_is_no_picture_is_refused_before_the_work(name: str) -> None:
    with pytest.raises(UsageError, match="no kind of picture"):
        plan([Path("a.wav")], plot=Path(name))


@pytest.mark.parametrize("flag", ["output", "plot"])
def test_output_that_cannot_be_written_is_refused_before_the_work(
    flag: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling.png").symlink_to(tmp_path / "none" / "call.png")
    for name in ("none/call.png", "file/call.png", "dangling.png", "x" * 300):
        with pytest.raises(SetupError, match="cannot be written: ") as raised:
            plan([Path("a.wav")], **{flag: tmp_path / name})
        assert f"--{flag}" in (raised.value.hint or "")
    (tmp_path / "link.png").symlink_to(tmp_path / "call.png")
    plan([Path("a.wav")], **{flag: tmp_path / "link.png"})
    assert not (tmp_path / "call.png").exists()


def test_device_may_be_written_twice() -> None:
    null = Path("/dev/null")
    assert plan([Path("a.wav")], output=null, plot=null) == [Outputs(null, null)]
