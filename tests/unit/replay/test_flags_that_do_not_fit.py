"""A flag that means nothing for a file is refused; one that chooses, chooses."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from voicectl.errors import UsageError
from voicectl.replay.file_bytes import FileBytes
from voicectl.replay.files import Choice, material_of
from voicectl.replay.network import find_network


def recording() -> bytes:
    file = BytesIO()
    soundfile.write(file, np.ones(4800, np.int16), 48_000, format="WAV")
    return file.getvalue()


def dump(*ssrcs: int) -> bytes:
    """A webrtc-internals dump of several inbound streams, the later ones with less in them."""
    stats: dict[str, Any] = {}
    for index, ssrc in enumerate(ssrcs):
        samples = range(0, 6 - index)
        of = {
            "kind": ["audio" for _ in samples],
            "ssrc": [ssrc for _ in samples],
            "packetsReceived": [50 * n for n in samples],
            "packetsLost": [0 for _ in samples],
            "jitter": [0.005 for _ in samples],
        }
        for name, values in of.items():
            stats[f"IT{index}-{name}"] = {
                "startTime": "2026-01-01T00:00:00.000Z",
                "endTime": f"2026-01-01T00:00:0{len(values) - 1}.000Z",
                "statsType": "inbound-rtp",
                "values": json.dumps(values),
            }
    return json.dumps({"PeerConnections": {"1-1": {"stats": stats}}}).encode()


@pytest.mark.parametrize(
    ("data", "choice", "said"),
    [
        (recording(), Choice(headers=True), "--headers does not go with a recording"),
        (recording(), Choice(stream="0x1"), "--stream does not go with a recording"),
        (b"0,0,1\n1,20,21\n", Choice(headers=True), "--headers does not go with a trace"),
        (b"0,0,1\n1,20,21\n", Choice(stream="1"), "--stream does not go with a trace"),
        (dump(1234), Choice(headers=True), "--headers does not go with a statistics dump"),
        (dump(1234, 1235), Choice(stream="7"), "there is no stream `7`"),
    ],
)
def test_flag_that_does_not_fit_the_file_is_refused(data: bytes, choice: Choice, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        material_of(FileBytes(Path("file"), data), choice)
    assert said in str(raised.value)


@pytest.mark.parametrize(("wanted", "ssrc"), [(None, 1234), ("1235", 1235), ("0x4d2", 1234)])
def test_stream_of_a_dump_is_the_one_asked_for(wanted: str | None, ssrc: int) -> None:
    material = material_of(FileBytes(Path("f"), dump(1234, 1235)), Choice(stream=wanted))
    assert material.description["ssrc"] == f"0x{ssrc:08x}"


def test_trace_with_an_equals_sign_in_its_name_is_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "loss=2%.csv"
    path.write_text("0,0,30\n")
    network = find_network(str(path))
    assert network.trace is not None
    assert network.path == path
