"""`FakeTurn` on real loopback sockets: UDP, TCP and TLS on one port, relaying included."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import cast

from support.fake_turn import FakeTurn

from voicectl.errors import WireError
from voicectl.wire.stun_attributes import TransportAddress
from voicectl.wire.turn_message import StreamSplitter

__all__ = ["LoopbackTurn", "RelayFilter", "StreamServer", "start_stream", "start_udp"]

RelayFilter = Callable[[bytes], bool]
"""Whether a payload passes the relay."""

IP = "127.0.0.41"
"""Not 127.0.0.1, where this machine's own services may listen on the usual ports."""


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, on_datagram: Callable[[bytes, TransportAddress], None]) -> None:
        self.on_datagram = on_datagram

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.on_datagram(data, TransportAddress(address[0], address[1]))


async def start_udp(
    answer: Callable[[bytes], list[bytes]], ip: str = IP, port: int = 0
) -> tuple[asyncio.DatagramTransport, int]:
    """A UDP server that answers each datagram by itself."""
    protocol: _Datagrams

    def on_datagram(data: bytes, source: TransportAddress) -> None:
        for each in answer(data):
            protocol.transport.sendto(each, source)

    protocol = _Datagrams(on_datagram)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: protocol, (ip, port))
    return transport, transport.get_extra_info("sockname")[1]


class StreamServer:
    """A TCP or TLS server whose `close` ends its connections too."""

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
    ) -> None:
        self._serve = serve
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, ip: str, port: int, tls: ssl.SSLContext | None) -> int:
        self._server = await asyncio.start_server(self._run, ip, port, ssl=tls)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, WireError):
            outcome = self._serve(reader, writer)
            if asyncio.iscoroutine(outcome):
                await outcome
        writer.close()


async def start_stream(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
    ip: str = IP,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> tuple[StreamServer, int]:
    """Start a TCP or TLS server."""
    server = StreamServer(serve)
    return server, await server.start(ip, port, tls)


class LoopbackTurn:
    """`async with` it: a TURN server at `ip`:`port` whose relays are sockets on `relay_ip`."""

    def __init__(
        self,
        fake: FakeTurn | None = None,
        *,
        ip: str = IP,
        udp: bool = True,
        tcp: bool = True,
        tls: ssl.SSLContext | None = None,
        relay_passes: RelayFilter = lambda _: True,
        port: int = 0,
    ) -> None:
        self.fake = fake or FakeTurn()
        self.ip = ip
        self.port = port
        self._udp = udp
        self._tcp = tcp
        self._tls = tls
        self._relay_passes = relay_passes
        self._stack = contextlib.AsyncExitStack()
        self._relays: dict[TransportAddress, asyncio.DatagramTransport] = {}
        self._senders: dict[TransportAddress, Callable[[bytes], None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "LoopbackTurn":
        self.fake.relay = self._relay
        self.fake.release_relay = self._release
        loop = asyncio.get_running_loop()
        if self._udp:
            protocol = _Datagrams(self._on_datagram)
            transport, _ = await loop.create_datagram_endpoint(
                lambda: protocol, (self.ip, self.port)
            )
            self._stack.callback(transport.close)
            self._datagrams = transport
            self.port = transport.get_extra_info("sockname")[1]
        if self._tcp or self._tls:
            server, self.port = await start_stream(self._serve, self.ip, self.port, self._tls)
            self._stack.push_async_callback(server.close)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for relay in self._relays.values():
            relay.close()
        await self._stack.aclose()

    def uri(self, query: str = "") -> str:
        return f"turn:{self.ip}:{self.port}{query}"

    async def _prepare(self, data: bytes, source: TransportAddress) -> None:
        """Open a relay socket ahead of an Allocate, which the fake answers synchronously."""
        if source in self._relays or not (len(data) > 1 and data[:2] == b"\x00\x03"):
            return

        def on_datagram(payload: bytes, peer: TransportAddress) -> None:
            if self._relay_passes(payload) and source in self._senders:
                message = self.fake.data_from_peer(source, peer, payload)
                if message is not None:
                    self._senders[source](message)

        protocol = _Datagrams(on_datagram)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: protocol, (self.ip, 0))
        self._relays[source] = transport
        self.fake.allocate_relay = lambda source, _: TransportAddress(
            self.ip, self._relays[source].get_extra_info("sockname")[1]
        )

    def _on_datagram(self, data: bytes, source: TransportAddress) -> None:
        self._senders[source] = lambda answer: self._datagrams.sendto(answer, source)
        task = asyncio.create_task(self._answer(data, source))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, source: TransportAddress) -> None:
        await self._prepare(data, source)
        for answer in self.fake.handle(data, source):
            self._senders[source](answer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = TransportAddress(*writer.get_extra_info("peername")[:2])
        self._senders[source] = writer.write
        splitter = StreamSplitter()
        while data := await reader.read(65_536):
            for message in splitter.feed(data):
                await self._answer(message, source)

    def _relay(self, source: TransportAddress, peer: TransportAddress, payload: bytes) -> None:
        if self._relay_passes(payload) and source in self._relays:
            self._relays[source].sendto(payload, peer)

    def _release(self, source: TransportAddress) -> None:
        if (relay := self._relays.pop(source, None)) is not None:
            relay.close()
