"""G.711 through a call: both laws, both sinks, beside other implementations."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.engine_pair import End, EnginePair, Link, is_rtcp
from support.signals import tone

from voicectl._native import EngineSettings
from voicectl.units import NS_PER_MS

LAWS = {"pcmu": 0, "pcma": 8}


def call(codec: str, *, sink: str = "eager", link: Link | None = None) -> EnginePair:
    settings = EngineSettings(sink=sink)  # type: ignore[arg-type]  # one of the two
    pair = EnginePair(EngineSettings(sink="eager"), settings, to_agent=link)
    for end in pair.ends:
        end.engine.configure_receive({LAWS[codec]: codec})
        end.engine.configure_send(codec)
        end.engine.start_sending(ssrc=end.ssrc, payload_type=LAWS[codec], cname="test")
    return pair


def snr_db(pcm: NDArray[np.int16], frequency_hz: float) -> float:
    """What is left of `pcm` beside the tone that fits it best."""
    phase = 2 * np.pi * frequency_hz * np.arange(len(pcm)) / 48_000
    waves = np.column_stack((np.sin(phase), np.cos(phase)))
    fit = waves @ np.linalg.lstsq(waves, pcm.astype(float), rcond=None)[0]
    return float(10 * np.log10(np.mean(fit**2) / np.mean((pcm - fit) ** 2)))


def speak(pair: EnginePair, milliseconds: int = 1000) -> End:
    pair.caller.engine.queue_audio(tone(997, 48_000, 48 * milliseconds), 48_000)
    pair.caller.engine.finish_audio()
    pair.run_ms(milliseconds + 400)
    return pair.agent


@pytest.mark.parametrize("sink", ["eager", "playout"])
@pytest.mark.parametrize("codec", list(LAWS))
def test_tone_comes_back_as_clean_as_eight_bits_are(codec: str, sink: str) -> None:
    agent = speak(call(codec, sink=sink))
    heard = agent.received_pcm()
    loud = np.flatnonzero(np.abs(heard) > 1000)
    assert loud[-1] - loud[0] > 44_000
    # By then the buffer for ears has settled and shortens nothing any more.
    assert snr_db(heard[loud[-1] - 14_400 : loud[-1] - 4800], 997) > 33
    assert agent.concealed_samples() == 0
    assert agent.inbound().jitter_ms < 1


@pytest.mark.parametrize("codec", list(LAWS))
def test_packets_are_20_ms_of_8_khz_and_reports_are_in_its_clock(codec: str) -> None:
    jittery = Link(carry=lambda index, packet: (20 + 4 * (index % 2)) * NS_PER_MS)
    pair = call(codec, link=jittery)
    pair.run_ms(5000)
    packets = pair.caller.sent_rtp()
    assert {len(packet) for packet in packets} == {12 + 160}
    times = [int.from_bytes(packet[4:8]) for packet in packets]
    assert {(b - a) % 2**32 for a, b in zip(times, times[1:], strict=False)} == {160}
    # The agent hears 4 ms of jitter, and the caller is told of it in units of 8 kHz.
    assert pair.agent.inbound().jitter_ms == pytest.approx(4, abs=0.5)
    reports = [packet for _, packet in pair.agent.sent if is_rtcp(packet)]
    block = reports[-1][28:52] if reports[-1][1] == 200 else reports[-1][8:32]
    assert int.from_bytes(block[12:16]) == pytest.approx(32, abs=4)
    remote = pair.caller.engine.stats().remote_inbound
    assert remote is not None
    assert remote.jitter_ms == pytest.approx(4, abs=0.5)


def test_lost_packets_are_concealed_and_counted() -> None:
    lossy = Link(carry=lambda index, packet: None if index % 10 == 5 else 20 * NS_PER_MS)
    agent = speak(call("pcma", link=lossy))
    inbound = agent.inbound()
    assert inbound.packets_lost > 4
    assert inbound.concealment_events == inbound.packets_lost
    assert inbound.repaired_frames == 0
    heard = agent.received_pcm()
    loud = np.flatnonzero(np.abs(heard) > 1000)
    assert snr_db(heard[loud[0] + 4800 : loud[-1] - 4800], 997) > 12


def test_peer_may_change_from_opus_to_g711() -> None:
    pair = EnginePair(EngineSettings(sink="eager"), EngineSettings(sink="eager"))
    pair.agent.engine.configure_receive({111: "opus", 0: "pcmu"})
    speak(pair, 400)
    pair.caller.engine.configure_send("pcmu")
    pair.caller.engine.start_sending(ssrc=0xCA11E5, payload_type=0, cname="test")
    before = len(pair.agent.received_pcm())
    agent = speak(pair, 600)
    heard = agent.received_pcm()[before:]
    loud = np.flatnonzero(np.abs(heard) > 1000)
    assert snr_db(heard[loud[0] + 4800 : loud[-1] - 4800], 997) > 33


def decoded_by_engine(codec: str, codes: bytes) -> NDArray[np.int16]:
    """The samples at 8 kHz of codes, each held for long enough to settle in the resampler."""
    pair = call(codec)
    agent = pair.agent.engine
    held = b"".join(bytes([code]) * 40 for code in codes + codes[-1:] * 4)
    for index in range(0, len(held), 160):
        sequence_number = (index // 160).to_bytes(2)
        header = bytes([0x80, LAWS[codec]]) + sequence_number + index.to_bytes(4) + bytes(4)
        agent.handle_rtp(header + held[index : index + 160], index // 160 * 20 * NS_PER_MS)
    pair.run_ms(100)
    # In the middle of each, 3 ms later for the resampler.
    settled = pair.agent.received_pcm()[20 * 6 + 3 * 48 :: 40 * 6]
    return settled[: len(codes)]


@pytest.mark.parametrize("codec", list(LAWS))
def test_codes_decode_as_sox_decodes_them(codec: str, tmp_path: Path) -> None:
    if shutil.which("sox") is None:
        pytest.skip("sox is not installed")
    codes = bytes(range(0, 256, 5))
    raw = tmp_path / "codes.raw"
    raw.write_bytes(codes)
    encoding = {"pcmu": "mu-law", "pcma": "a-law"}[codec]
    command = ["sox", "-t", "raw", "-r", "8000", "-c", "1", "-e", encoding, raw]
    command += ["-t", "raw", "-e", "signed-integer", "-b", "16", "-L", "-"]
    expected = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<i2")
    ours = decoded_by_engine(codec, codes)
    assert len(ours) == len(expected)
    # The resampler's gain is within 0.2 % of one, and it rounds.
    assert np.all(np.abs(ours.astype(int) - expected) <= np.abs(expected.astype(int)) / 500 + 8)
