"""TCP and TLS, directly or through an HTTP proxy's CONNECT."""

import asyncio
import base64
import socket

from voicectl.clock import Clock
from voicectl.errors import WireError
from voicectl.probe.transport.failure import Failure, FailureKind, PathFailed, from_os_error
from voicectl.probe.transport.proxy import Proxy
from voicectl.probe.transport.secure import SecureLayer, SecureLayerFailed, TlsReport, TrustStore
from voicectl.probe.transport.udp import Received, address_of
from voicectl.wire.stun_attributes import TransportAddress
from voicectl.wire.turn_message import StreamSplitter

__all__ = ["StreamTransport"]

_READ = 65_536
_MAXIMUM_PROXY_HEAD = 16_384
_HTTP_OK = range(200, 300)
_HTTP_PROXY_AUTHENTICATION = 407


class StreamTransport:
    """STUN over TCP or TLS, cut into messages."""

    reliable = True

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._layer: SecureLayer | None = None
        self._splitter = StreamSplitter()
        self._messages: list[Received] = []
        self.local = address_of(writer.get_extra_info("sockname"))
        self.remote = address_of(writer.get_extra_info("peername"))
        self.tls: TlsReport | None = None

    @classmethod
    async def connect(cls, remote: TransportAddress, clock: Clock) -> "StreamTransport":
        """Open a TCP connection; bounded by the caller's timeout.

        Raises:
            PathFailed: refused, prohibited, unreachable.
        """
        opened = socket.socket(socket.AF_INET6 if remote.family == 6 else socket.AF_INET)
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().sock_connect(opened, (remote.ip, remote.port))
            reader, writer = await asyncio.open_connection(sock=opened)
        except OSError as error:
            opened.close()
            raise PathFailed(from_os_error(error, "connect")) from error
        except BaseException:  # cancelled too: the socket must not outlive the wait
            opened.close()
            raise
        return cls(reader, writer, clock)

    async def ask_proxy(self, proxy: Proxy, host: str, port: int) -> None:
        """Have the proxy at the other end connect to `host:port`.

        Raises:
            PathFailed: the proxy refuses, wants credentials, or does not speak HTTP.
        """
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        if proxy.username is not None:
            pair = f"{proxy.username}:{proxy.password or ''}".encode()
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await self._read_proxy_head()
        parts = head.split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/") or not parts[1][:3].isdigit():
            raise _failed(FailureKind.PROXY_REFUSED, "proxy", "the proxy answered, but not in HTTP")
        status = int(parts[1][:3])
        if status == _HTTP_PROXY_AUTHENTICATION:
            detail = "the proxy wants credentials (HTTP 407)"
            raise _failed(FailureKind.PROXY_AUTHENTICATION, "proxy", detail, status)
        if status not in _HTTP_OK:
            detail = f"the proxy refused CONNECT to port {port} (HTTP {status})"
            raise _failed(FailureKind.PROXY_REFUSED, "proxy", detail, status)

    async def start_tls(self, server_name: str, trust: TrustStore) -> None:
        """Shake hands over the open connection.

        Raises:
            PathFailed: reset, closed, or not TLS.
        """
        layer = SecureLayer(server_name, trust, datagrams=False)
        try:
            self._writer.write(layer.handshake())
            while not layer.established:
                data = await self._read("tls")
                if answer := layer.handshake(data):
                    self._writer.write(answer)
        except SecureLayerFailed as error:
            raise _failed(FailureKind.TLS, "tls", str(error)) from error
        self._layer = layer
        self.tls = layer.report()

    def send(self, data: bytes) -> None:
        """Send one message."""
        if self._writer.is_closing():
            return
        self._writer.write(self._layer.encrypt(data) if self._layer else data)

    async def receive(self) -> Received:
        """The next message.

        Raises:
            PathFailed: the connection ended, or carries something that is not STUN.
        """
        while not self._messages:
            data = await self._read("request")
            received_ns = self._clock.now_ns()
            try:
                pieces = self._layer.decrypt(data) if self._layer else [data]
                for piece in pieces:
                    self._messages += [(m, received_ns) for m in self._splitter.feed(piece)]
            except SecureLayerFailed as error:
                raise _failed(FailureKind.TLS, "request", str(error)) from error
            except WireError as error:
                raise _failed(FailureKind.NOT_STUN, "request", error.message) from error
        return self._messages.pop(0)

    def close(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()

    async def _read(self, phase: str) -> bytes:
        try:
            data = await self._reader.read(_READ)
        except OSError as error:
            raise PathFailed(from_os_error(error, phase)) from error
        if not data:
            raise _failed(FailureKind.CLOSED, phase, "the connection was closed")
        return data

    async def _read_proxy_head(self) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            if len(head) > _MAXIMUM_PROXY_HEAD:
                detail = "the proxy's answer has no end"
                raise _failed(FailureKind.PROXY_REFUSED, "proxy", detail)
            # What follows the head in the same read is dropped: the server speaks only when
            # spoken to, so such bytes are the proxy's own.
            head += await self._read("proxy")
        return head


def _failed(
    kind: FailureKind, phase: str, detail: str, http_status: int | None = None
) -> PathFailed:
    return PathFailed(Failure(kind, phase, detail, http_status=http_status))
