"""A client made with Pion (Go) calls us, and hears its own tone again."""

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.own_network import missing
from support.real_calls import (
    PATHS,
    RATE_HZ,
    Echo,
    call_seconds,
    check_counts,
    check_feedback,
    check_tone,
    check_trickled,
    tone,
)

from voicectl._native import OpusDecoder, OpusEncoder

HERE = Path(__file__).parent
GO = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
REASON = missing() or (None if GO else "the Pion client needs go")
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=REASON or ""),
    pytest.mark.timeout(600),
]
HEADER = struct.Struct("!IH")
MESSAGE_BYTES = 64_000
"""Pion sends none beyond 64 KiB."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("pion") / "pion-client"
    done = subprocess.run(
        [str(GO), "build", "-o", str(built), "."],
        cwd=HERE / "pion",
        capture_output=True,
        text=True,
        timeout=500,
    )
    if done.returncode != 0:
        pytest.skip(f"the Pion client does not build here: {done.stderr.strip()[-200:]}")
    return built


def encoded_tone(seconds: int) -> bytes:
    encoder = OpusEncoder(bitrate_bps=64_000)
    frames = tone(seconds).reshape(-1, 960)
    packets = [encoder.encode(frame) for frame in frames]
    return b"".join(HEADER.pack(n * 960, len(p)) + p for n, p in enumerate(packets))


def decoded(kept: bytes) -> np.ndarray:
    """The kept packets, each where its timestamp puts it."""
    decoder = OpusDecoder()
    packets = []
    while kept:
        timestamp, length = HEADER.unpack_from(kept)
        packets.append((timestamp, kept[HEADER.size : HEADER.size + length]))
        kept = kept[HEADER.size + length :]
    first = packets[0][0]
    pcm = np.zeros((packets[-1][0] - first) % (1 << 32) + RATE_HZ, np.int16)
    for timestamp, packet in packets:
        at = (timestamp - first) % (1 << 32)
        frame = decoder.decode(packet)
        pcm[at : at + len(frame)] = frame
    return pcm


@pytest.mark.parametrize("path", PATHS)
def test_tone_of_a_pion_client_comes_back_clean(path: str, tmp_path: Path, client: Path) -> None:
    seconds = call_seconds(path)
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.write_bytes(encoded_tone(seconds))
    with Echo(path, tmp_path).running() as echo:
        files = ("-send", str(sent), "-keep", str(kept))
        process = echo.network.start("pion", str(client), "-url", echo.url, *files)
        end = echo.finish(process, "pion", seconds + 25)
    check_counts(end, path)
    check_feedback(end, seconds)
    assert end.endpoint["transport_feedback"]["messages_sent"] >= end.peer["feedback"] > 3 * seconds
    check_tone(decoded(kept.read_bytes()), end, path, seconds)


@pytest.mark.parametrize("path", ["ipv4", "relay-udp"])
def test_a_pion_client_and_we_connect_by_trickled_candidates(
    path: str, tmp_path: Path, client: Path
) -> None:
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.write_bytes(encoded_tone(2))
    with Echo(path, tmp_path).running() as echo:
        more = ("-trickle", "-message", str(MESSAGE_BYTES), "-send", str(sent), "-keep", str(kept))
        process = echo.network.start("pion", str(client), "-url", echo.url, *more)
        end = echo.finish(process, "pion", 30)
    check_counts(end, path)
    check_trickled(end, path)
    assert end.peer["echoed"] == MESSAGE_BYTES
