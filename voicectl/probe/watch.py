"""Probing again and again: history, a sparkline a leg, and an endpoint for Prometheus."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence

from voicectl.errors import SetupError
from voicectl.probe.report.prometheus import render_prometheus
from voicectl.probe.report.record import Record

__all__ = ["History", "serve_metrics", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_KEPT = 60
_MAXIMUM_LEGS = 512
_MAXIMUM_REQUEST = 8192
_REQUEST_TIMEOUT_S = 5.0


class History:
    """The last 60 round trips of every leg, and the last record of every target."""

    def __init__(self) -> None:
        self.latest: dict[str, Record] = {}
        self._round_trips: dict[tuple[str, str], deque[float | None]] = {}

    def add(self, records: Sequence[Record]) -> None:
        """Take in one round."""
        for record in records:
            target = record["target"]
            self.latest[target] = record
            for leg in record["legs"]:
                if leg["role"] == "target" and leg["result"] != "skipped":
                    key = (target, leg["label"])
                    kept = self._round_trips.setdefault(key, deque(maxlen=_KEPT))
                    while len(self._round_trips) > _MAXIMUM_LEGS:
                        # A server may redirect to a new place each time.
                        del self._round_trips[next(iter(self._round_trips))]
                    kept.append(leg["rtt_ms"] if leg["result"] == "ok" else None)

    def lines(self) -> list[tuple[str, str, str, str]]:
        """Target, leg, sparkline and the newest value in words, for the legs of the last rounds."""
        rows: list[tuple[str, str, str, str]] = []
        for (target, label), values in self._round_trips.items():
            last = values[-1]
            rows.append(
                (target, label, sparkline(values), "down" if last is None else f"{last:.0f} ms")
            )
        return rows

    def render_metrics(self) -> str:
        """What `/metrics` answers."""
        return render_prometheus(list(self.latest.values())) + "\n"


def sparkline(values: Sequence[float | None]) -> str:
    """One character a value, scaled to the highest; a failure is a cross."""
    top = max((each for each in values if each is not None), default=0.0) or 1.0
    return "".join(
        "×" if each is None else _BARS[min(len(_BARS) - 1, int(each / top * (len(_BARS) - 1)))]
        for each in values
    )


@contextlib.asynccontextmanager
async def serve_metrics(history: History, host: str, port: int) -> AsyncIterator[None]:
    """Answer GET /metrics as long as the context lasts.

    Raises:
        SetupError: the address can't be listened on.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                writer.write(_response(await _request_line(reader), history))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_MAXIMUM_REQUEST)
    except OSError as error:
        raise SetupError(f"cannot listen on {host}:{port}", detail=error.strerror) from error
    async with server:
        yield


async def _request_line(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        return b""
    return head.split(b"\r\n", 1)[0]


def _response(request_line: bytes, history: History) -> bytes:
    words = request_line.split(b" ")
    if len(words) != 3 or words[0] != b"GET":
        status, body = "405 Method Not Allowed", b"GET /metrics\n"
    elif words[1] != b"/metrics":
        status, body = "404 Not Found", b"GET /metrics\n"
    else:
        status, body = "200 OK", history.render_metrics().encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
