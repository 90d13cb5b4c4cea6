"""What a browser kept of a call's statistics gives series of packets, losses and jitter."""

import json

import pytest

from voicectl.errors import MediaError
from voicectl.wire.rtcstats import StatsDump, is_stats_dump, read_stats_dump


def _dump(*events: object) -> bytes:
    lines = ["RTCStatsDump", json.dumps({"fileFormat": 3}), *map(json.dumps, events)]
    return "\n".join(lines).encode() + b"\n"


def _samples(dump: StatsDump) -> list[tuple[int, int, float]]:
    return [
        (sample.packets_received, sample.packets_lost, round(sample.jitter_ms, 3))
        for sample in dump.series[0].samples
    ]


INBOUND = {"type": "inbound-rtp", "kind": "audio", "ssrc": 7}


def test_plain_reports_are_read() -> None:
    dump = read_stats_dump(
        _dump(
            ["create", "pc1", {}, 1_700_000_000_000],
            ["getStats", "pc1", {"a": {**INBOUND, "timestamp": 1e12, "packetsReceived": 50,
             "packetsLost": 1, "jitter": 0.004}}, 1000],
            ["getStats", "pc1", {"a": {"timestamp": 1e12 + 1000, "packetsReceived": 99,
             "packetsLost": 2, "jitter": 0.006}}, 1000],
        )
    )  # fmt: skip
    assert _samples(dump) == [(50, 1, 4.0), (99, 2, 6.0)]
    assert dump.series[0].ssrc == 7


def test_dump_with_the_line_ends_of_windows_is_read() -> None:
    report = {**INBOUND, "packetsReceived": 50, "packetsLost": 1}
    unix = _dump(
        ["getStats", "p", {"a": report, "t": 1.0}, 1],
        "half a line",
        ["getStats", "p", {"a": {"packetsReceived": 60}, "t": 2.0}, 1],
    )
    windows = unix.replace(b"\n", b"\r\n")
    assert is_stats_dump(windows)
    dump = read_stats_dump(windows)
    assert _samples(dump) == [(50, 1, 0.0), (60, 1, 0.0)]
    assert [place.offset for place in dump.damage] == [windows.index(b'"half')]


def test_names_types_and_times_that_were_shortened_are_restored() -> None:
    dump = read_stats_dump(
        _dump(
            ["g", "pc1", {"0": {"type": 1, "11": "audio", "10": 7, "14": 50, "15": 0, "16": 0.001},
             "1": {"type": 6, "152": 0.08}, "t": 1000.0}, 1000],
            [1, "pc1", {"0": {"14": 100}, "1": None, "t": 2000.0}, 1000],
            ["g", "pc1", {"0": {"15": 3, "t": 2900.0}, "t": 3000.0}, 1000],
        )
    )  # fmt: skip
    assert _samples(dump) == [(50, 0, 1.0), (100, 0, 1.0), (100, 3, 1.0)]
    assert [sample.at_ms for sample in dump.series[0].samples] == [1000.0, 2000.0, 2900.0]
    assert dump.round_trips == [(1000.0, 80.0)]


def test_line_that_is_no_event_is_named_by_its_offset_and_passed_over() -> None:
    report = {**INBOUND, "packetsReceived": 1, "packetsLost": 0}
    data = _dump(
        ["getStats", "p", {"a": report, "t": 1.0}, 1],
        "half a line",
        ["getStats", "p", {"a": {"packetsReceived": 2}, "t": 2.0}, 1],
    )
    dump = read_stats_dump(data)
    assert len(dump.series[0].samples) == 2
    assert data[dump.damage[0].offset :].startswith(b'"half')


def test_webrtc_internals_series_are_read_in_step() -> None:
    def series(values: list[object]) -> dict[str, object]:
        return {
            "statsType": "inbound-rtp",
            "startTime": "2026-11-21T10:00:00.000Z",
            "endTime": "2026-11-21T10:00:02.000Z",
            "values": json.dumps(values),
        }

    stats = {
        "IT01A-kind": series(["audio", "audio", "audio"]),
        "IT01A-packetsReceived": series([10, 60, 110]),
        "IT01A-packetsLost": series([0, 1, 1]),
        "IT01A-jitter": series([0.001, 0.002, 0.003]),
        "IT01V-kind": series(["video"]),
        "IT01V-packetsReceived": series([1000]),
        "IT01V-packetsLost": series([1]),
    }
    whole = {"getUserMedia": [], "PeerConnections": {"1-2": {"stats": stats, "updateLog": []}}}
    dump = read_stats_dump(json.dumps(whole).encode())
    assert _samples(dump) == [(10, 0, 1.0), (60, 1, 2.0), (110, 1, 3.0)]
    times = [sample.at_ms for sample in dump.series[0].samples]
    assert times[1] - times[0] == 1000
    assert len(dump.series) == 1


def test_json_of_another_kind_is_refused() -> None:
    for data in (b"{}", b'{"PeerConnections": 3}', b"{" * 100_000):
        with pytest.raises(MediaError, match="neither"):
            read_stats_dump(data)
