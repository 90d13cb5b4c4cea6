"""The figures of a replay stand there whole, however narrow the terminal."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from voicectl.cli.replay_table import render_report
from voicectl.replay.material import Material, OfferedPacket
from voicectl.replay.report import Figures, FileReport, Quality

RUN = Figures(
    strategy="conservative",
    heard_ms=10_000,
    delay_mean_ms=40,
    delay_p50_ms=41,
    delay_p95_ms=97,
    target_mean_ms=50,
    concealed_ms=100,
    concealed_percent=1.25,
    silent_concealed_ms=0,
    concealment_events=3,
    skipped_ms=20,
    accelerated_ms=30,
    decelerated_ms=40,
    packets_received=500,
    packets_lost=7,
    late_packets=2,
    discarded_packets=2,
    duplicate_packets=0,
    malformed_packets=0,
    repaired_frames=5,
    jitter_ms=12.3,
    quality=Quality(stoi=0.987, pesq_wb=None, words=40, words_lost=3),
)
LARGE = replace(
    RUN,
    delay_p50_ms=3_599_999,
    delay_p95_ms=3_599_999,
    skipped_ms=3_600_000,
    packets_lost=1_234_567,
)
VALUES = ("97 ms", "1.25 %", "20 ms", "12.3 ms", "0.987", "3 of 40", "70 ms")


def shown(width: int, *runs: Figures) -> str:
    packets = [OfferedPacket(n * 20_000_000, b"", n * 960) for n in range(500)]
    material = Material("pcap", packets, payload_types={111: "opus"}, frame_samples=960)
    report = FileReport("call.pcap", material, None, 0, list(runs), [])
    console = Console(file=StringIO(), width=width, color_system=None)
    for renderable in render_report(report):
        console.print(renderable)
    text = console.file.getvalue()
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    return text


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_no_figure_is_cut_at_any_width(width: int) -> None:
    text = shown(width, RUN, replace(RUN, strategy="eager"))
    for value in (*VALUES, "conservative", "eager", "delay p50", "words lost"):
        assert value in text


def test_large_values_keep_their_units_at_eighty_columns() -> None:
    text = shown(80, LARGE)
    assert text.count("3599999 ms") == 2
    assert "3600000 ms" in text
    assert "1234567" in text


def test_it_is_a_table_where_it_fits() -> None:
    lines = shown(80, RUN, replace(RUN, strategy="eager")).splitlines()
    (heading,) = (line for line in lines if "delay p50" in line)
    assert heading.split()[-1] == "jitter"
