"""A stream's packets have several payload types: each is taken for what it is, none for a loss."""

from typing import Any

import numpy as np
import pytest
from support.captures import START_NS, ethernet, opus_payloads, pcap, rtp, udp4

from voicectl.replay.capture_stream import captured_material, timing_material
from voicectl.replay.material import Material
from voicectl.replay.pipeline import Played, Strategy, play
from voicectl.replay.rtp_search import search_frames
from voicectl.replay.rtp_stream import Codec, RtpStream
from voicectl.wire.pcap import read_pcap

OPUS = opus_payloads(120)


def stream_of(packets: list[bytes]) -> RtpStream:
    frames = [(START_NS + n * 20_000_000, ethernet(udp4(data))) for n, data in enumerate(packets)]
    (stream,) = search_frames(read_pcap(pcap(frames)).frames).streams
    return stream


def played(material: Material, strategy: Strategy = Strategy.EAGER) -> Played:
    run = play(
        material.packets,
        strategy,
        payload_types=material.payload_types,
        frame_samples=material.frame_samples,
        red_payload_type=material.red_payload_type,
    )
    assert run is not None
    return run


def red(n: int, inner: int = 111) -> bytes:
    """Frame n, and the one before it."""
    before = OPUS[n - 1] if n else b""
    header = (1 << 31 | inner << 24 | 960 << 10 | len(before)).to_bytes(4, "big") if n else b""
    return header + bytes([inner]) + before + OPUS[n]


def key(n: int, begun: int, **fields: Any) -> bytes:
    report = b"\x01\x0a" + ((n - begun + 1) * 960).to_bytes(2, "big")
    fields = {"payload_type": 101, "marker": n == begun} | fields
    return rtp(n, report, timestamp=begun * 960, **fields)


@pytest.mark.parametrize("strategy", [Strategy.EAGER, Strategy.BALANCED])
def test_keys_pressed_in_mid_call_are_neither_lost_nor_concealed(strategy: Strategy) -> None:
    stream = stream_of([key(n, 50) if 50 <= n < 60 else rtp(n, p) for n, p in enumerate(OPUS)])
    assert stream.codec is Codec.OPUS
    material = captured_material(stream, "pcap")
    run = played(material, strategy)
    assert (run.stats.packets_received, run.stats.packets_lost) == (120, 0)
    assert run.stats.concealed_samples == 0
    assert material.sent == 120
    assert material.notes == ["payload types of the stream: 101 telephone-event, 111 Opus"]


def test_opus_with_red_in_between_is_heard_whole() -> None:
    packets = [
        rtp(n, red(n), payload_type=63) if n % 50 >= 30 else rtp(n, payload)
        for n, payload in enumerate(OPUS)
    ]
    run = played(captured_material(stream_of(packets), "pcap"))
    assert (run.stats.packets_received, run.stats.packets_lost) == (120, 0)
    assert run.stats.concealed_samples == 0
    assert len(run.heard()) == 120 * 960


def test_stream_of_red_only_is_opus_and_repairs_what_is_lost() -> None:
    packets = [rtp(n, red(n, inner=109), payload_type=63) for n in range(120) if n % 10 != 5]
    stream = stream_of(packets)
    assert stream.codec is Codec.OPUS
    assert stream.opus_payload_types == [109]
    run = played(captured_material(stream, "pcap"))
    assert run.stats.packets_lost == 12
    assert run.stats.concealed_samples == 0


def test_payload_type_that_changes_in_mid_call_is_heard_to_the_end() -> None:
    packets = [rtp(n, p, payload_type=111 if n < 80 else 96) for n, p in enumerate(OPUS)]
    material = captured_material(stream_of(packets), "pcap")
    assert material.payload_types == {111: "opus", 96: "opus"}
    run = played(material)
    assert run.stats.packets_lost == 0
    assert len(run.heard()) == 120 * 960


def test_what_is_of_no_known_payload_type_is_named_and_not_lost() -> None:
    noise = np.random.default_rng(1)
    packets = [
        rtp(n, noise.bytes(50), payload_type=13 if n < 70 else 99, timestamp=60 * 960)
        if 60 <= n < 75
        else rtp(n, payload)
        for n, payload in enumerate(OPUS)
    ]
    material = captured_material(stream_of(packets), "pcap")
    assert material.sent == 105
    assert material.notes == [
        "left out: 10 packets of payload type 13 (comfort noise)",
        "left out: 5 packets of payload type 99 (unknown)",
    ]
    run = played(material)
    assert (run.stats.packets_received, run.stats.packets_lost) == (105, 0)


def test_encrypted_keys_are_left_out_of_the_timing_and_are_no_losses() -> None:
    noise = np.random.default_rng(2)
    packets = [
        rtp(n, noise.bytes(14), payload_type=101, timestamp=50 * 960)
        if 50 <= n < 60
        else rtp(n, noise.bytes(80))
        for n in range(120)
    ]
    material = timing_material(stream_of(packets), "pcap", seed=0)
    numbers = [int.from_bytes(packet.data[2:4], "big") for packet in material.packets]
    assert [number - numbers[0] for number in numbers] == list(range(110))
    frames = [((p.timestamp or 0) - (material.packets[0].timestamp or 0)) // 960
              for p in material.packets]  # fmt: skip
    assert frames == [*range(50), *range(60, 120)]
    assert material.notes[-1] == "left out: 10 packets of payload type 101 (telephone-event)"
