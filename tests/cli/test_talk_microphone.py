"""A person at the microphone, played by a PulseAudio null sink: what they say is answered."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from support.command import Finished
from support.pulse_server import PulseServer
from support.speech import hibari_pcm


@pytest.fixture
def pulse(tmp_path: Path) -> PulseServer:
    missing = PulseServer.missing()
    if missing is not None:
        pytest.skip(missing)
    directory = tmp_path / "pulse"
    directory.mkdir()
    return PulseServer(directory)


@pytest.mark.timeout(180)
def test_what_is_said_into_the_microphone_is_answered(pulse: PulseServer, tmp_path: Path) -> None:
    question = tmp_path / "question.wav"
    soundfile.write(question, hibari_pcm("what is nine plus four"), 24000)
    pulse.start("mouth", "ears")
    environment = {**os.environ, "PULSE_SERVER": pulse.address, "TERM": "dumb"}
    program = str(Path(sys.executable).with_name("voicectl"))
    arguments = ["--mic", "mouth", "--speaker", "ears", "--duration", "12", "--json"]
    try:
        with subprocess.Popen(
            [program, "talk", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as call:
            assert call.stdout is not None
            connected = call.stdout.readline()
            play = ["paplay", "--device=mouth", str(question)]
            subprocess.run(play, env=environment, check=True, timeout=60)
            rest, errors = call.communicate(timeout=120)
    finally:
        pulse.stop()
    finished = Finished(call.returncode, connected + rest, errors)
    assert finished.status == 0, finished.stderr
    summary = finished.records[-1]
    answered = [reply for reply in summary["replies"] if reply["source"] == "microphone"]
    assert answered, finished.stdout
    assert answered[0]["transcript"] == "what is nine plus four"
    assert answered[0]["reply_text"] == "Nine plus four is thirteen."
    assert answered[0]["heard_latency_ms"] > 0
