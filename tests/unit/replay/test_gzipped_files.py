"""Gzip is unpacked, of every kind of file, whole or as far as it goes."""

import gzip
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.captures import START_NS, ethernet, opus_payloads, pcap, rtp, udp4

from voicectl.errors import MediaError, UsageError
from voicectl.replay import file_bytes
from voicectl.replay.file_bytes import read_file
from voicectl.replay.files import Choice, material_of

CAPTURE = pcap(
    (START_NS + n * 20_000_000, ethernet(udp4(rtp(n, payload))))
    for n, payload in enumerate(opus_payloads(60))
)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_gzipped_recording_is_replayed(tmp_path: Path) -> None:
    file = BytesIO()
    soundfile.write(
        file, (np.sin(np.arange(9600) / 9) * 9000).astype(np.int16), 48_000, format="WAV"
    )
    path = written(tmp_path / "tone.wav.gz", gzip.compress(file.getvalue()))
    assert material_of(read_file(path), Choice()).sent == 10


def test_capture_of_several_gzip_members_is_read_to_its_end(tmp_path: Path) -> None:
    packed = b"".join(gzip.compress(CAPTURE[at : at + 3000]) for at in range(0, len(CAPTURE), 3000))
    file = read_file(written(tmp_path / "call.pcap.gz", packed + bytes(512)))
    assert file.data == CAPTURE
    assert file.damage == []
    assert len(material_of(file, Choice()).packets) == 60


def test_gzip_that_breaks_off_says_so_and_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    packed = gzip.compress(CAPTURE)
    for data in (
        packed[: len(packed) // 2],
        packed[: len(packed) - 5],
        gzip.compress(CAPTURE[:6000]) + packed[:40],
    ):
        file = read_file(written(tmp_path / "cut.pcap.gz", data))
        (place,) = file.damage
        assert place.offset == len(data)
        assert CAPTURE.startswith(file.data[:6000])
        material = material_of(file, Choice())
        assert f"damaged at byte {len(data)}: the compressed data breaks off" in material.notes


def test_trace_whose_gzip_breaks_off_within_a_line_is_used(tmp_path: Path) -> None:
    lines = "".join(f"{n},{20 * n},{20 * n + 30 + n * n % 7}\n" for n in range(60))
    packed = gzip.compress(lines.encode())
    file = read_file(written(tmp_path / "cut.csv.gz", packed[: len(packed) * 2 // 3]))
    whole = file.data.count(b"\n")
    assert 5 < whole < 60
    assert not file.data.endswith(b"\n")
    assert material_of(file, Choice()).sent == whole


def test_gzip_with_a_flipped_bit_is_used_up_to_its_place(tmp_path: Path) -> None:
    good, bad = gzip.compress(CAPTURE[:6000]), bytearray(gzip.compress(CAPTURE[6000:]))
    bad[30] ^= 0xFF
    file = read_file(written(tmp_path / "bad.pcap.gz", good + bytes(bad)))
    assert file.data.startswith(CAPTURE[:6000])
    assert file.damage[0].offset >= len(good)
    with pytest.raises(MediaError, match="damaged within its compression"):
        read_file(written(tmp_path / "worse.pcap.gz", b"\x1f\x8b" + bytes(20)))


def test_what_unpacks_to_more_than_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_bytes, "_MAX_BYTES", 1 << 20)
    half = gzip.compress(bytes(1 << 19))
    assert len(read_file(written(tmp_path / "two.gz", half * 2)).data) == 1 << 20
    with pytest.raises(UsageError, match="unpacked"):
        read_file(written(tmp_path / "three.gz", half * 3))
