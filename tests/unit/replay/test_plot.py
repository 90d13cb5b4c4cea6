"""Pictures: the file that was named, the same bytes for the same run, whatever its title."""

from pathlib import Path

import pytest
from support.captures import opus_payloads, rtp

from voicectl.errors import SetupError
from voicectl.replay.material import OfferedPacket
from voicectl.replay.pipeline import Played, Strategy, play
from voicectl.replay.plot import draw

pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")


@pytest.fixture(scope="module")
def run() -> Played:
    packets = [
        OfferedPacket(n * 20_000_000, rtp(n, payload), n * 960)
        for n, payload in enumerate(opus_payloads(25))
        if n != 12
    ]
    played = play(packets, Strategy.BALANCED, payload_types={111: "opus"}, frame_samples=960)
    assert played is not None
    return played


@pytest.mark.parametrize(
    ("ending", "magic"), [(".svg", b"<?xml"), (".pdf", b"%PDF"), ("", b"\x89PNG")]
)
def test_picture_is_in_the_file_that_was_named_and_equal_for_equal_runs(
    ending: str, magic: bytes, run: Played, tmp_path: Path
) -> None:
    paths = [tmp_path / f"one{ending}", tmp_path / f"two{ending}"]
    for path in paths:
        draw(path, "call.pcap", [run], [0.24])
    assert sorted(tmp_path.iterdir()) == paths
    first, second = (path.read_bytes() for path in paths)
    assert first.startswith(magic)
    assert first == second


@pytest.mark.filterwarnings("error")
def test_title_of_any_name_is_drawn(run: Played, tmp_path: Path) -> None:
    draw(tmp_path / "call.svg", "$\\a_b$ \udcff\x1b[31m {", [run], [])


def test_picture_on_a_full_disk_is_a_setup_error(run: Played) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full")
    with pytest.raises(SetupError, match="/dev/full cannot be written: No space left"):
        draw(full, "call", [run], [])
