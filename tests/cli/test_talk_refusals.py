"""What `voicectl talk` says to input it cannot use: one message, a hint, the documented status."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.command import Finished, voicectl


def assert_refused(finished: Finished, status: int, *expected: str) -> None:
    assert finished.status == status, finished.stderr
    assert finished.stdout == ""
    assert finished.stderr.startswith("error: ")
    assert "hint: " in finished.stderr
    assert "Traceback" not in finished.stderr
    for text in expected:
        assert text in finished.stderr


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    samples = np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)
    path = tmp_path / "tone.wav"
    soundfile.write(path, (samples * 8000).astype(np.int16), 16000)
    return path


def test_missing_wav_is_a_usage_error(tmp_path: Path) -> None:
    finished = voicectl("talk", "--input", tmp_path / "none.wav")
    assert_refused(finished, 2, "none.wav does not exist")


def test_truncated_wav_tells_how_much_is_missing(tone: Path) -> None:
    tone.write_bytes(tone.read_bytes()[:-1000])
    finished = voicectl("talk", "--input", tone)
    assert_refused(finished, 5, "cut short", "1000 of its 32000 data bytes")


def test_wav_without_samples_is_a_media_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0, np.int16), 16000)
    assert_refused(voicectl("talk", "--input", path), 5, "holds no samples")


def test_wav_without_speech_is_a_media_error(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(32000, np.int16), 16000)
    assert_refused(voicectl("talk", "--input", path), 5, "has no speech in it", "2.0 s long")


def test_file_that_is_no_audio_is_a_media_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("these are words, not samples")
    assert_refused(voicectl("talk", "--input", path), 5, "is not audio that can be read")


def test_malformed_start_names_the_forms_there_are(tone: Path) -> None:
    assert_refused(voicectl("talk", "--input", f"{tone}@reply+soon"), 2, "@reply+600ms", "@12s")


def test_unknown_target_names_the_known_ones() -> None:
    assert_refused(voicectl("talk", "carrier-pigeon:42"), 2, "unknown target", "`local`")


def test_script_with_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "dialogue.toml"
    path.write_text('fallback = "Pardon?"\n[[phrase]\nsay = ["hello"]\n')
    assert_refused(voicectl("talk", "--script", path), 2, "dialogue.toml", "line 2")


def test_script_with_an_unknown_key_names_the_line_and_the_known_keys(tmp_path: Path) -> None:
    path = tmp_path / "dialogue.toml"
    path.write_text('fallback = "Pardon?"\n[[phrase]]\nsya = ["hello"]\nreply = "Hello."\n')
    assert_refused(voicectl("talk", "--script", path), 2, "dialogue.toml", "sya", "say")


def test_output_that_cannot_be_written_is_a_setup_error(tone: Path, tmp_path: Path) -> None:
    finished = voicectl("talk", "--input", tone, "--output", tmp_path / "no" / "call.wav")
    assert_refused(finished, 3, "call.wav cannot be written")


def test_unknown_flag_is_a_usage_error() -> None:
    finished = voicectl("talk", "--frobnicate")
    assert finished.status == 2
    assert "--frobnicate" in finished.stderr


def test_capture_needs_a_file_of_its_own_in_a_place_that_is_there(
    tone: Path, tmp_path: Path
) -> None:
    same = tmp_path / "call"
    finished = voicectl("talk", "--input", tone, "--output", same, "--capture", same)
    assert_refused(finished, 2, "the same file")
    nowhere = tmp_path / "none" / "call.voicecap"
    finished = voicectl("talk", "--input", tone, "--capture", nowhere)
    assert finished.status == 3
    assert "cannot be written" in finished.stderr


@pytest.mark.parametrize("flag", ["--output", "--capture"])
def test_recording_that_is_spoken_is_not_overwritten(flag: str, tone: Path) -> None:
    before = tone.read_bytes()
    other = f"../{tone.parent.name}/{tone.name}"
    finished = voicectl("talk", "--input", f"{tone.name}@2s", flag, other, cwd=tone.parent)
    assert_refused(finished, 2, f"{flag} {other} would overwrite tone.wav")
    assert tone.read_bytes() == before
