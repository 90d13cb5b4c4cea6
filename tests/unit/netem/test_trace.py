"""Traces are read, written, and played to streams of any length."""

from pathlib import Path

import pytest

from voicectl import bench
from voicectl.errors import UsageError
from voicectl.netem.trace import is_trace, parse_trace, without_long_pauses

TEXT = "# name: x\nseq,send_ms,arrival_ms\n0,0.000,19.357\n2,40.000,59.5\n1,20.000,\n"
SHIPPED = sorted((Path(bench.__file__).parent / "playout" / "traces").glob("*.csv"))


def test_comments_losses_and_order_are_read() -> None:
    trace = parse_trace(TEXT)
    assert [(p.frame, p.send_ns, p.arrival_ns) for p in trace.packets] == [
        (0, 0, 19_357_000),
        (1, 20_000_000, None),
        (2, 40_000_000, 59_500_000),
    ]
    assert trace.comments == ["name: x"]
    assert (trace.sent, trace.lost) == (3, 1)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_trace_is_read_line_for_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert is_trace(text)
    trace = parse_trace(text)
    lines = [line for line in text.splitlines() if line[:1].isdigit()]
    assert [line.split(",")[0] for line in lines] == [str(p.frame) for p in trace.packets]
    assert sum(line.endswith(",") for line in lines) == trace.lost


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("1,2", "2 columns"),
        ("1,2,3,4", "4 columns"),
        ("-1,2,3", "seq `-1`"),
        ("1,twenty,3", "send_ms `twenty`"),
        ("1,NaN,3", "send_ms `NaN`"),
        ("1,2,1e300", "arrival_ms `1e300`"),
        ("1,2,-3", "arrival_ms `-3`"),
        ("0,1,2", "frame 0 stands twice"),
    ],
)
def test_bad_line_is_named(line: str, named: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_trace(f"# x\n0,0,1\n{line}\n")
    assert named in raised.value.message
    if "twice" not in named:
        assert "line 3" in raised.value.message


def test_heading_with_spaces_is_a_heading() -> None:
    text = "seq, send_ms , arrival_ms\r\n0, 0, 1\r\n1, 20,\r\n"
    assert is_trace(text)
    assert [packet.arrival_ns for packet in parse_trace(text).packets] == [1_000_000, None]


def test_trace_without_packets_is_refused() -> None:
    with pytest.raises(UsageError, match="no packets"):
        parse_trace("# nothing\nseq,send_ms,arrival_ms\n")


@pytest.mark.parametrize(
    "lines",
    [
        "0,0,1\n5000000,20,30",
        "0,0,1\n999999999,20,30",
        "0,0,1\n4320000,86399000,86399001",
        "0,0,1\n1000,400,30",
    ],
)
def test_numbers_that_do_not_fit_their_times_are_refused(lines: str) -> None:
    with pytest.raises(UsageError, match="they do not fit"):
        parse_trace(lines)


def test_pause_of_hours_in_a_trace_is_shortened() -> None:
    hour_ms = 3_600_000
    trace = parse_trace(
        f"0,0,30\n1,20,\n2,40,99\n{50 * 3600},{hour_ms},{hour_ms + 40}\n"
        f"{50 * 3600 + 1},{hour_ms + 20},\n{50 * 7200},{2 * hour_ms + 5},{2 * hour_ms + 50}\n"
    )
    shortened, pauses = without_long_pauses(trace)
    assert pauses == 2
    assert [packet.frame for packet in shortened.packets] == [0, 1, 2, 2503, 2504, 5005]
    delays = [p.arrival_ns - p.send_ns for p in shortened.packets if p.arrival_ns is not None]
    assert delays == [30_000_000, 59_000_000, 40_000_000, 45_000_000]
    assert shortened.packets[-1].send_ns == pytest.approx(5005 * 20_000_000, abs=10_000_000)
    assert without_long_pauses(shortened) == (shortened, 0)


def test_stream_longer_than_the_trace_meets_it_again() -> None:
    link = parse_trace(TEXT).link()
    start = 7_000_000_000
    fates = [link.arrivals(start + 20_000_000 * n, 100) for n in range(6)]
    delays = [fate[0] - (start + 20_000_000 * n) if fate else None for n, fate in enumerate(fates)]
    assert delays == [19_357_000, None, 19_500_000] * 2
