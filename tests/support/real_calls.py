"""A call of a real peer with the echo endpoint, in a namespace of their own; what it came to."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support.own_network import (
    PASSWORD,
    TURN_HOST,
    TURN_PORT,
    TURNS_PORT,
    USERNAME,
    OwnNetwork,
)

__all__ = [
    "PATHS",
    "RATE_HZ",
    "CallEnd",
    "Echo",
    "call_seconds",
    "check_counts",
    "check_feedback",
    "check_tone",
    "check_trickled",
    "tone",
]

ENDPOINT = Path(__file__).with_name("echo_endpoint.py")
TURN_URIS = {
    "udp": f"turn:{TURN_HOST}:{TURN_PORT}?transport=udp",
    "tcp": f"turn:{TURN_HOST}:{TURN_PORT}?transport=tcp",
    "tls": f"turns:{TURN_HOST}:{TURNS_PORT}?transport=tcp",
}
PATHS = ["ipv4", "ipv6", "relay-udp", "relay-tcp", "relay-tls"]
RATE_HZ = 48_000
TONE_HZ = 1_000.0
WINDOW_S = 0.1
PRESENT = 1000
"""A sample that is no silence."""
EDGE_WINDOWS = 5
"""Half a second at each end, where the buffers fill and the recording stops."""


def call_seconds(path: str) -> int:
    """30 s over the first path and less over the others; VOICECTL_CALL_SECONDS for all."""
    default = 30 if path == PATHS[0] else 5
    return int(os.environ.get("VOICECTL_CALL_SECONDS", default))


@dataclass(frozen=True)
class CallEnd:
    """What both ends said of a call."""

    endpoint: dict[str, Any]
    recording: Path

    @property
    def peer(self) -> dict[str, Any]:
        """The statistics that the peer posted."""
        peer: dict[str, Any] = self.endpoint["peer"]
        return peer


class Echo:
    """The endpoint and its network, for one call over `path`."""

    def __init__(self, path: str, results: Path, page: Path | None = None, *arguments: str) -> None:
        self._path = path
        self._arguments = arguments
        self._results = results
        self._page = page
        self.network = OwnNetwork("ipv6" if path == "ipv6" else "ipv4")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["Echo"]:
        """The endpoint, until the block is left."""
        with self.network:
            command = [sys.executable, str(ENDPOINT), str(self._results)]
            command += ["--page", str(self._page)] if self._page else []
            command += self._arguments
            environment = {}
            if (transport := self._path.partition("relay-")[2]) != "":
                self.network.coturn()
                command += ["--relay", TURN_URIS[transport]]
                command += ["--username", USERNAME, "--password", PASSWORD]
                environment = {"SSL_CERT_FILE": str(self.network.authority)}
            process = self.network.start("endpoint", *command, environment=environment)
            self._process = process
            is_up: Callable[[], bool] = lambda: self.network.log("endpoint").strip().isdigit()  # noqa: E731
            self.network.wait_for(process, "endpoint", is_up)
            self.url = f"http://127.0.0.1:{self.network.log('endpoint').strip()}"
            yield self

    def finish(self, peer: subprocess.Popen[bytes], name: str, timeout_s: float) -> CallEnd:
        """Wait for the result; both logs are the error when there is none."""
        ends = time.monotonic() + timeout_s
        assert self._process is not None
        while self._process.poll() is None:
            if time.monotonic() > ends or peer.poll() not in (None, 0):
                logs = (f"{each}:\n{self.network.log(each)}" for each in (name, "endpoint"))
                raise AssertionError("the call has no result\n" + "\n".join(logs))
            time.sleep(0.05)
        result = self._results / "endpoint.json"
        assert result.exists(), self.network.log("endpoint")
        return CallEnd(json.loads(result.read_text()), self._results / "recording")


def tone(seconds: float) -> NDArray[np.int16]:
    """What is sent."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return np.round(8000 * np.sin(2 * np.pi * TONE_HZ * t)).astype(np.int16)


def check_counts(end: CallEnd, path: str) -> None:
    """Packets sent are packets received, both ways, over the path that was meant."""
    ours, theirs = end.endpoint, end.peer
    assert ours["packets_received"] == theirs["sent"]
    assert ours["packets_lost"] == 0
    assert theirs["received"] == ours["agreed_packets"]
    assert ours["local"][0] == ("relay" if path.startswith("relay") else "host")
    assert (":" in ours["remote"][1].rpartition(":")[0]) == (path == "ipv6")
    assert ours["on_media_thread"] == (not path.startswith("relay"))


def check_feedback(end: CallEnd, seconds: int) -> None:
    """Both ends tell what came of the other's packets, and it is what was sent."""
    told = end.endpoint["transport_feedback"]
    assert told["malformed_messages"] == 0
    assert told["packets_lost"] == 0
    # The last ones were sent when nothing came any more.
    assert told["packets_arrived"] >= 0.9 * told["packets_numbered"] > 40 * seconds
    assert told["messages_received"] > 3 * seconds
    assert told["messages_sent"] > 3 * seconds


def check_trickled(end: CallEnd, path: str) -> None:
    """The pair in use came of candidates that were in no description."""
    ours = end.endpoint
    assert ours["offered_candidates"] == 0
    is_late = {"remote": True, "local": path.startswith("relay")}
    assert (ours["answered_candidates"] == 0) == is_late["local"]
    for end_of_pair in (name for name, late in is_late.items() if late):
        kind, address = ours[end_of_pair]
        host, _, port = address.rpartition(":")
        line = f" {host} {port} typ {kind}"
        assert kind == "prflx" or any(line in each for each in ours["trickled_candidates"])


def check_tone(pcm: NDArray[np.int16], end: CallEnd, path: str, seconds: int) -> None:
    """What came back is the tone, as long as it was sent, with 30 dB of signal to noise."""
    heard = np.flatnonzero(np.abs(pcm) > PRESENT)
    assert heard.size
    whole = pcm[heard[0] : heard[-1]]
    quality = snr_db(whole, tone_hz(whole))[EDGE_WINDOWS:-EDGE_WINDOWS]
    summary = f"least {quality.min():.1f}, median {np.median(quality):.1f} dB"
    print(f"{path}: SNR {summary}; {end.endpoint}")  # noqa: T201 - pytest shows it on a failure
    assert len(quality) >= 10 * seconds - 2 * EDGE_WINDOWS - 15
    assert np.median(quality) >= 30
    # The peer may conceal a frame on a busy machine; what happens all the time is a fault.
    assert np.mean(quality >= 25) > 0.9


def tone_hz(pcm: NDArray[np.int16]) -> float:
    """The frequency of the tone, by the peak of its spectrum."""
    middle = pcm[max(0, len(pcm) // 2 - RATE_HZ) :][: 2 * RATE_HZ]
    middle = middle * np.hanning(len(middle))
    spectrum = np.log(np.abs(np.fft.rfft(middle)) + 1e-9)
    peak = int(spectrum[1:-1].argmax()) + 1
    left, top, right = spectrum[peak - 1 : peak + 2]
    offset = (left - right) / (2 * (left - 2 * top + right))
    return float((peak + offset) * RATE_HZ / len(middle))


def snr_db(pcm: NDArray[np.int16], frequency_hz: float = TONE_HZ) -> NDArray[np.float64]:
    """Signal to noise of each 100 ms: the best sine of that frequency, and all that is not it."""
    size = int(WINDOW_S * RATE_HZ)
    windows = pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float64)
    t = np.arange(size) / RATE_HZ
    phase = 2 * np.pi * frequency_hz * t
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones(size)], axis=1)
    fitted = windows @ np.linalg.pinv(basis).T @ basis.T
    signal, noise = np.square(fitted).sum(axis=1), np.square(windows - fitted).sum(axis=1)
    return 10 * np.log10(np.maximum(signal, 1e-9) / np.maximum(noise, 1e-9))
