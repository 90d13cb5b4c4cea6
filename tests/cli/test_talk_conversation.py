"""Whole conversations with the embedded agent, over WebRTC on loopback, in real time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support.command import voicectl
from support.speech import espeak, hibari_pcm

from voicectl.dialogue.latency import speech_spans

RATE_HZ = 48000


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "question.wav"
    soundfile.write(path, hibari_pcm("what is nine plus four"), 24000)
    return path


def latency_on_recording_ms(recording: Path, reply: dict[str, Any]) -> float:
    """From the end of the caller's speech to the next speech of the agent, from the file alone."""
    channels, rate_hz = soundfile.read(recording, dtype="int16")
    assert rate_hz == RATE_HZ
    asked = [s for s in speech_spans(channels[:, 0], RATE_HZ) if s.start < reply_onset(reply)]
    answers = [s for s in speech_spans(channels[:, 1], RATE_HZ) if s.start > asked[-1].end]
    return (answers[0].start - asked[-1].end) * 1000 / RATE_HZ


def reply_onset(reply: dict[str, Any]) -> float:
    return float(reply["reply_onset_ms"]) * RATE_HZ / 1000


@pytest.mark.timeout(180)
def test_demo_holds_a_conversation_and_tells_where_its_recording_lies(tmp_path: Path) -> None:
    finished = voicectl("talk", "--json", cwd=tmp_path)
    assert finished.status == 0, finished.stderr
    assert "demo conversation" in finished.stderr
    summary = finished.records[-1]
    assert summary["event"] == "summary"
    assert {record["schema"] for record in finished.records} == {"voicectl.talk/1"}
    replies = summary["replies"]
    assert len(replies) >= 3
    for reply in replies:
        assert reply["transcript"] == reply["source"].removeprefix("demo: ")
        assert reply["reply_text"]
    uninterrupted = [reply for reply in replies if not reply["interrupted"]][:3]
    for reply in uninterrupted:
        heard_ms = latency_on_recording_ms(tmp_path / summary["recording"], reply)
        assert reply["heard_latency_ms"] == pytest.approx(heard_ms, abs=10)


@pytest.mark.timeout(120)
def test_question_from_a_file_is_understood_and_answered_on_the_other_channel(
    question: Path, tmp_path: Path
) -> None:
    recording = tmp_path / "call.wav"
    finished = voicectl("talk", "--input", question, "--output", recording, "--json")
    assert finished.status == 0, finished.stderr
    [reply] = finished.records[-1]["replies"]
    assert reply["transcript"] == "what is nine plus four"
    assert reply["reply_text"] == "Nine plus four is thirteen."
    channels, _ = soundfile.read(recording, dtype="int16")
    assert channels.shape[1] == 2
    heard = channels[round(reply_onset(reply)) :, 1]
    spoken_ms = sum(span.end - span.start for span in speech_spans(heard, RATE_HZ)) * 1000 / RATE_HZ
    assert spoken_ms > 800


@pytest.mark.timeout(120)
def test_captured_call_is_replayed_with_the_bytes_of_its_recording(
    question: Path, tmp_path: Path
) -> None:
    capture, recording = tmp_path / "call.voicecap", tmp_path / "call.wav"
    held = voicectl(
        "talk", "--input", question, "--output", recording, "--capture", capture, "--json"
    )
    assert held.status == 0, held.stderr
    assert "both voices" in held.stderr
    summary = held.records[-1]
    assert summary["capture"] == {
        "file": str(capture),
        "size_bytes": capture.stat().st_size,
        "truncated": False,
    }
    assert capture.stat().st_mode & 0o777 == 0o600
    again = tmp_path / "again.wav"
    replayed = voicectl("replay", capture, "--output", again, "--json")
    assert replayed.status == 0, replayed.stderr
    [record] = replayed.records
    assert (record["format"], record["call"]["identical"]) == ("voicecap", True)
    assert again.read_bytes() == recording.read_bytes()
    inbound = record["call"]["counters"]["inbound"]
    assert abs(inbound["packets_received"] - summary["audio"]["packets_received"]) <= 5

    capture.write_bytes(capture.read_bytes()[:-3000])
    cut = voicectl("replay", capture, "--output", again)
    assert cut.status == 0, cut.stderr
    assert "ends within a chunk" in cut.stderr
    assert "cut off" in cut.stderr
    other = voicectl("replay", capture, "--compare", "balanced,eager", "--json")
    assert [run["strategy"] for run in other.records[0]["runs"]] == ["balanced", "eager"]
    assert other.records[0]["call"] is None


@pytest.mark.timeout(120)
def test_espeak_s_voice_at_its_own_rate_is_understood_too(tmp_path: Path) -> None:
    asked = espeak("what time is it", tmp_path / "asked.wav")
    finished = voicectl("talk", "--input", asked, "--json")
    assert finished.status == 0, finished.stderr
    [reply] = finished.records[-1]["replies"]
    assert reply["transcript"] == "what time is it"
    assert finished.records[-1]["recording"] is None


@pytest.mark.timeout(120)
def test_caller_who_speaks_over_the_agent_is_answered_and_the_agent_stops(tmp_path: Path) -> None:
    first, second, recording = (tmp_path / name for name in ("a.wav", "b.wav", "call.wav"))
    soundfile.write(first, hibari_pcm("what can i say"), 24000)
    soundfile.write(second, hibari_pcm("what is seven times eight"), 24000)
    over = f"{second}@reply+600ms"
    finished = voicectl("talk", "--input", first, "--input", over, "--output", recording, "--json")
    assert finished.status == 0, finished.stderr
    interrupted, answered = finished.records[-1]["replies"]
    assert interrupted["interrupted"]
    assert interrupted["stopped_in_ms"] is not None
    assert interrupted["reply_text"].startswith(interrupted["heard_text"])
    assert len(interrupted["heard_text"]) < len(interrupted["reply_text"]) / 2
    assert answered["transcript"] == "what is seven times eight"
    assert not answered["interrupted"]
    # The agent is silent from where it stopped until it answers the second utterance.
    channels, _ = soundfile.read(recording, dtype="int16")
    silence = slice(
        round((interrupted["reply_end_ms"] + 20) * 48),
        round((answered["reply_onset_ms"] - 20) * 48),
    )
    assert np.abs(channels[silence, 1].astype(int)).max() < 330


@pytest.mark.timeout(120)
def test_plain_output_shows_what_was_said_and_then_the_summary(question: Path) -> None:
    finished = voicectl("talk", "--input", question)
    assert finished.status == 0, finished.stderr
    assert "● what is nine plus four" in finished.stdout
    assert "○ Nine plus four is thirteen." in finished.stdout
    assert "1 reply   heard p50" in finished.stdout
    assert "\x1b" not in finished.stdout


@pytest.mark.timeout(120)
def test_ctrl_c_ends_the_call_with_its_summary(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("voicectl"))
    with subprocess.Popen(
        [program, "talk", "--json", "--output", "call.wav"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TERM": "dumb"},
    ) as call:
        assert call.stdout is not None
        assert call.stderr is not None
        for line in call.stdout:
            if json.loads(line)["event"] == "reply_text":
                break
        call.send_signal(signal.SIGINT)
        rest = call.stdout.read().splitlines()
        assert call.wait() == 130
        assert "Traceback" not in call.stderr.read()
    summary = json.loads(rest[-1])
    assert summary["event"] == "summary"
    assert summary["end"] == "Ctrl-C"
    frames = soundfile.info(tmp_path / "call.wav").frames
    assert frames / RATE_HZ * 1000 == pytest.approx(summary["duration_ms"], abs=50)


@pytest.mark.timeout(120)
def test_duration_hangs_up_in_the_middle(tmp_path: Path) -> None:
    finished = voicectl("talk", "--duration", "1.5", "--json", cwd=tmp_path)
    assert finished.status == 1, finished.stderr
    assert finished.records[-1]["end"] == "1.5 s were over"


@pytest.mark.timeout(120)
def test_call_in_which_nobody_answered_is_no_success(question: Path) -> None:
    later = f"{question}@60s"
    cut_off = ("talk", "--input", question, "--input", later, "--duration", "0.5")
    finished = voicectl(*cut_off, "--json")
    assert finished.status == 1, finished.stderr
    assert finished.records[-1]["unanswered"] == [0, 1]
    assert "2 utterances got no reply" in voicectl(*cut_off).stdout


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
@pytest.mark.timeout(120)
def test_demo_is_held_without_a_recording_where_none_can_be_written() -> None:
    finished = voicectl("talk", "--duration", "0.5", "--json", cwd=Path("/proc"))
    assert finished.records[-1]["event"] == "summary", finished.stderr
    assert finished.records[-1]["recording"] is None
    assert "the demo is not recorded" in finished.stderr
    assert "--output" not in finished.stderr
