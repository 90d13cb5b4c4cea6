"""Making speech for a capture takes a while, and says so."""

from pathlib import Path

from support.captures import START_NS, ethernet, opus_payloads, pcap, rtp, udp4

from voicectl.replay.file_bytes import FileBytes
from voicectl.replay.files import Choice, material_of


def test_speech_made_for_the_timing_of_a_capture_showed_no_progress() -> None:
    frames = [
        (START_NS + n * 20_000_000, ethernet(udp4(rtp(n, payload))))
        for n, payload in enumerate(opus_payloads(200))
    ]
    told: list[float] = []
    material_of(FileBytes(Path("call.pcap"), pcap(frames)), Choice(headers=True), told.append)
    assert len(told) > 3
    assert told == sorted(told)
    assert 0.9 < told[-1] <= 1.0
