"""Packets, losses and jitter are those that Wireshark counts in the same capture."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.captures import START_NS, ethernet, opus_payloads, pcap, pcapng, rtp, udp4
from support.command import voicectl

from voicectl.replay.file_bytes import read_file
from voicectl.replay.files import Choice, material_of
from voicectl.replay.rtp_stream import ReceptionFigures

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n"
    "m=audio 6004 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n"
)
_INVITE = (
    "INVITE sip:a@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\n"
    "From: <sip:b@10.0.0.2>;tag=1\r\nTo: <sip:a@10.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
    f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n\r\n{_SDP}"
)
"""From it tshark learns the clock rate; the heuristics here need none."""


def bad_call(*, loss: float, jitter_ms: float, reordered: bool) -> list[tuple[int, bytes]]:
    random = np.random.default_rng(3)
    frames, latest_ns = [], 0
    for n, payload in enumerate(opus_payloads(400)):
        if random.random() < loss:
            continue
        at_ns = START_NS + n * 20_000_000 + int(random.exponential(jitter_ms * 1e6))
        at_ns = at_ns if reordered else max(at_ns, latest_ns + 1000)
        latest_ns = at_ns
        packet = ethernet(udp4(rtp(n + 65_400, payload, timestamp=n * 960 + 4_294_900_000)))
        frames.append((at_ns // 1000 * 1000, packet))
    invite = ethernet(udp4(_INVITE.encode(), source_port=5060, destination_port=5060))
    return [(START_NS - 10_000_000, invite), *sorted(frames, key=lambda frame: frame[0])]


def wireshark_counts(path: Path) -> tuple[int, int, float, float, float]:
    """Packets, lost, longest gap, mean and highest jitter, in ms."""
    command = ["tshark", "-r", str(path), "-q", "-z", "rtp,streams"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    row = next(line for line in answer.stdout.splitlines() if "0x1234ABCD" in line).split()
    after = row[row.index("opus") + 1 :]
    packets, lost, _, _, _, max_gap, _, mean_jitter, max_jitter = after[:9]
    return int(packets), int(lost), float(max_gap), float(mean_jitter), float(max_jitter)


@pytest.mark.parametrize(
    ("loss", "jitter_ms", "reordered"), [(0, 0, False), (0.05, 4, False), (0.1, 15, True)]
)
@pytest.mark.parametrize("write", [pcap, pcapng])
def test_figures_are_those_of_wireshark(
    tmp_path: Path, loss: float, jitter_ms: float, reordered: bool, write: object
) -> None:
    path = tmp_path / "call.pcap"
    path.write_bytes((pcap if write is pcap else pcapng)(bad_call(
        loss=loss, jitter_ms=jitter_ms, reordered=reordered
    )))  # fmt: skip
    packets, lost, max_gap_ms, mean_jitter_ms, max_jitter_ms = wireshark_counts(path)
    ours = material_of(read_file(path), Choice()).reception
    assert isinstance(ours, ReceptionFigures)
    assert (ours.packets, ours.lost) == (packets, lost)
    # tshark prints microseconds.
    assert ours.max_gap_ms == pytest.approx(max_gap_ms, abs=0.0011)
    assert ours.mean_jitter_ms == pytest.approx(mean_jitter_ms, abs=0.0011)
    assert ours.max_jitter_ms == pytest.approx(max_jitter_ms, abs=0.0011)


def in_order_of(numbers: list[int]) -> list[tuple[int, bytes]]:
    """Packets each 20 ms."""
    payloads = opus_payloads(20)
    frames = [
        (START_NS + n * 20_000_000, ethernet(udp4(rtp(number, payloads[number % 20]))))
        for n, number in enumerate(numbers)
    ]
    invite = ethernet(udp4(_INVITE.encode(), source_port=5060, destination_port=5060))
    return [(START_NS - 10_000_000, invite), *frames]


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([1, 0, *range(2, 100)], id="the first two overtake each other"),
        pytest.param([n for n in range(100) for _ in range(1 + (n % 30 == 7))], id="some twice"),
        pytest.param([*range(50), *range(20_050, 20_100)], id="the sender begins anew"),
    ],
)
def test_what_the_command_answers_is_what_wireshark_counts(
    tmp_path: Path, numbers: list[int]
) -> None:
    path = tmp_path / "call.pcap"
    path.write_bytes(pcap(in_order_of(numbers)))
    packets, lost, max_gap_ms, mean_jitter_ms, max_jitter_ms = wireshark_counts(path)
    finished = voicectl("replay", path, "--strategy", "eager", "--json")
    assert finished.status == 0, finished.stderr
    answer = finished.records[0]
    captured = answer["capture"]
    assert (captured["packets"], captured["lost"]) == (packets, lost)
    assert captured["max_gap_ms"] == pytest.approx(max_gap_ms, abs=0.0011)
    assert captured["mean_jitter_ms"] == pytest.approx(mean_jitter_ms, abs=0.0011)
    assert captured["max_jitter_ms"] == pytest.approx(max_jitter_ms, abs=0.0011)
    if lost < 100:
        assert answer["runs"][0]["packets_lost"] == lost
