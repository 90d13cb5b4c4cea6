"""What a browser kept of a call's statistics: rtcstats dumps (version 3) and webrtc-internals JSON.

Of each, the series that tell about received audio are read: packets, losses, jitter, round trip.
An rtcstats dump is a line `RTCStatsDump`, a line of metadata, and a JSON array a line: method,
connection, value, more, and the milliseconds since the line before. Reports hold what changed
since the one before, under names that a table shortens (rtcstats/rtcstats, README and
packages/rtcstats-shared, MIT).
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from voicectl.errors import MediaError
from voicectl.wire.capture import Damage

__all__ = ["StatsDump", "StatsSample", "StatsSeries", "is_stats_dump", "read_stats_dump"]

_FIRST_LINE = re.compile(rb"RTCStatsDump\r?\n")
_GET_STATS = ("getStats", "g", 1, "1")
# The static tables' entries for what is read here.
_SHORT_NAMES = {
    "t": "timestamp",
    "10": "ssrc",
    "11": "kind",
    "14": "packetsReceived",
    "15": "packetsLost",
    "16": "jitter",
    "152": "currentRoundTripTime",
}
_SHORT_TYPES = {1: "inbound-rtp", 6: "candidate-pair"}
_NAMES = frozenset(_SHORT_NAMES.values()) | {"type", "mediaType"}


@dataclass(frozen=True)
class StatsSample:
    """An `inbound-rtp` report (W3C webrtc-stats)."""

    at_ms: float
    """Unix time."""
    packets_received: int
    packets_lost: int
    jitter_ms: float


@dataclass
class StatsSeries:
    """One received audio stream, from report to report."""

    connection: str
    ssrc: int
    samples: list[StatsSample] = field(default_factory=list)

    @property
    def packets(self) -> int:
        """How many came between the first report and the last."""
        return self.samples[-1].packets_received - self.samples[0].packets_received


@dataclass
class StatsDump:
    """The audio that a browser received, longest stream first."""

    format: str
    series: list[StatsSeries] = field(default_factory=list)
    round_trips: list[tuple[float, float]] = field(default_factory=list)
    """Unix time and round trip, both in milliseconds."""
    damage: list[Damage] = field(default_factory=list)


def is_stats_dump(data: bytes) -> bool:
    """Whether the file begins as one of the two formats does."""
    return _FIRST_LINE.match(data) is not None or data.lstrip()[:1] == b"{"


def read_stats_dump(data: bytes) -> StatsDump:
    """Read a whole dump, of either format.

    A line that is no event is named and passed over.

    Raises:
        MediaError: It is neither.
    """
    first_line = _FIRST_LINE.match(data)
    dump = _read_rtcstats(data, first_line.end()) if first_line else _read_internals(data)
    dump.series = [series for series in dump.series if len(series.samples) > 1]
    dump.series.sort(key=lambda series: -series.packets)
    dump.round_trips.sort()
    return dump


class _Collector:
    def __init__(self) -> None:
        self.series: dict[tuple[str, str], StatsSeries] = {}
        self.round_trips: list[tuple[float, float]] = []

    def take(self, connection: str, identity: str, report: dict[str, Any]) -> None:
        """Keep what a whole report tells."""
        at_ms = _number(report.get("timestamp"))
        if at_ms is None:
            return
        if report.get("type") == "candidate-pair":
            round_trip_s = _number(report.get("currentRoundTripTime"))
            if round_trip_s is not None and round_trip_s >= 0:
                self.round_trips.append((at_ms, round_trip_s * 1000))
        if report.get("type") != "inbound-rtp":
            return
        if "audio" not in (report.get("kind"), report.get("mediaType")):
            return
        received, lost = _number(report.get("packetsReceived")), _number(report.get("packetsLost"))
        if received is None or lost is None:
            return
        jitter_s = _number(report.get("jitter")) or 0.0
        key = (connection, identity)
        if key not in self.series:
            self.series[key] = StatsSeries(connection, int(_number(report.get("ssrc")) or 0))
        samples = self.series[key].samples
        if not samples or at_ms > samples[-1].at_ms:
            samples.append(StatsSample(at_ms, int(received), int(lost), jitter_s * 1000))


def _read_rtcstats(data: bytes, begin: int) -> StatsDump:
    dump = StatsDump("rtcstats")
    collector = _Collector()
    reports: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    now_ms = 0.0
    for offset, line in _lines(data[begin:], begin):
        event = _json(line)
        if isinstance(event, dict) and not reports and now_ms == 0.0:
            continue  # the metadata
        if not isinstance(event, list) or len(event) < 4:
            dump.damage.append(Damage(offset, "a line is no event"))
            continue
        now_ms += _number(event[-1]) or 0.0
        method, connection, value = event[0], str(event[1]), event[2]
        if isinstance(method, str | int) and method in _GET_STATS and isinstance(value, dict):
            _merge(reports[connection], value, now_ms)
            for identity, report in reports[connection].items():
                collector.take(connection, identity, report)
    dump.series = list(collector.series.values())
    dump.round_trips = collector.round_trips
    return dump


def _merge(reports: dict[str, dict[str, Any]], delta: dict[str, Any], now_ms: float) -> None:
    """Bring whole reports up to date with what changed."""
    common_ms = next((delta[name] for name in ("t", "timestamp") if name in delta), now_ms)
    for identity, changes in delta.items():
        if changes is None:
            reports.pop(identity, None)
        elif isinstance(changes, dict):
            report = reports.setdefault(identity, {})
            report.pop("timestamp", None)
            for name, value in changes.items():
                long_name = _SHORT_NAMES.get(name, name)
                if long_name in _NAMES:
                    is_number = isinstance(value, int)
                    is_type = long_name == "type" and is_number
                    report[long_name] = _SHORT_TYPES.get(value) if is_type else value
            report.setdefault("timestamp", common_ms)


def _read_internals(data: bytes) -> StatsDump:
    whole = _json(data)
    connections = whole.get("PeerConnections") if isinstance(whole, dict) else None
    if not isinstance(connections, dict):
        raise MediaError(
            "the JSON is neither a webrtc-internals dump nor an rtcstats dump",
            hint="save it from chrome://webrtc-internals with `Create a WebRTC-Internals dump`",
        )
    dump = StatsDump("webrtc-internals")
    collector = _Collector()
    for connection, value in connections.items():
        stats = value.get("stats") if isinstance(value, dict) else None
        if isinstance(stats, dict):
            for identity, columns in _columns(stats).items():
                for report in _rows(columns):
                    collector.take(str(connection), identity, report)
    dump.series = list(collector.series.values())
    dump.round_trips = collector.round_trips
    return dump


def _columns(stats: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """The series of each report by property; a key of the file is `REPORT-property`."""
    reports: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    for key, series in stats.items():
        identity, _, name = str(key).rpartition("-")
        if name not in _NAMES or not isinstance(series, dict):
            continue
        raw = series.get("values")
        values = _json(raw.encode()) if isinstance(raw, str) else raw
        if isinstance(values, list):
            reports[identity][name] = values
            reports[identity]["type"] = [series.get("statsType")]
            if name != "timestamp":
                reports[identity].setdefault("began", [_unix_ms(series.get("startTime"))])
    return reports


def _rows(columns: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """The reports, one after the other: all series of one have their values in step."""
    count = max(
        (len(values) for name, values in columns.items() if name not in ("type", "began")),
        default=0,
    )
    began_ms = _number(columns.get("began", [None])[0])
    for index in range(count):
        row = {
            name: values[index] if index < len(values) else values[-1]
            for name, values in columns.items()
            if values
        }
        # Without times of their own, reports come a second apart.
        if _number(row.get("timestamp")) is None and began_ms is not None:
            row["timestamp"] = began_ms + 1000.0 * index
        yield row


def _lines(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    offset = start
    for line in data.split(b"\n"):
        if line.strip():
            yield offset, line
        offset += len(line) + 1


def _json(data: bytes) -> Any:  # noqa: ANN401 (whatever a file holds)
    """What the JSON says, None where it is none or nests beyond reason."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _unix_ms(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp() * 1000
    except (ValueError, OverflowError, OSError):
        return None
