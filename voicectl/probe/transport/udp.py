"""UDP sockets that hear ICMP: connected ones for a leg, and one that any peer may write to."""

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable

from voicectl.clock import Clock
from voicectl.probe.transport.failure import Failure, PathFailed, from_os_error
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["OpenSocket", "Received", "UdpTransport", "address_of"]

_IP_RECVERR = 11
_IPV6_RECVERR = 25
_MAXIMUM_QUEUE = 4096
_MAXIMUM_DATAGRAM = 65_535
_READS_A_TURN = 64

Received = tuple[bytes, int]
"""A message and when it was read from the socket, in nanoseconds."""


def address_of(sockaddr: tuple[object, ...]) -> TransportAddress:
    """A socket address as a transport address, without the IPv6 scope."""
    return TransportAddress(str(sockaddr[0]).partition("%")[0], int(str(sockaddr[1])))


def _new_socket(family: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    with contextlib.suppress(OSError):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return opened


class UdpTransport:
    """A connected UDP socket; on Linux its ICMP errors carry type, code and sender.

    Holds at most 4096 datagrams that nobody has read; more are dropped and counted.
    """

    reliable = False

    def __init__(self, opened: socket.socket, clock: Clock) -> None:
        self._socket = opened
        self._clock = clock
        self._queue: asyncio.Queue[Received | Failure] = asyncio.Queue(_MAXIMUM_QUEUE)
        self._loop = asyncio.get_running_loop()
        self.local = address_of(opened.getsockname())
        self.remote = address_of(opened.getpeername())
        self.dropped = 0
        self._loop.add_reader(opened, self._on_readable)

    @classmethod
    def connect(cls, remote: TransportAddress, clock: Clock) -> "UdpTransport":
        """Open a socket towards `remote`.

        Raises:
            PathFailed: this machine has no route, or no socket to give.
        """
        opened = _new_socket(remote.family)
        try:
            if remote.family == 6:
                opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        except OSError:
            pass  # not Linux: errors come as errno alone
        try:
            opened.connect((remote.ip, remote.port))
        except OSError as error:
            opened.close()
            raise PathFailed(from_os_error(error, "connect")) from error
        return cls(opened, clock)

    def send(self, data: bytes) -> None:
        """Send one datagram; what the kernel says against it comes out of `receive`."""
        try:
            self._socket.send(data)
        except BlockingIOError:
            self.dropped += 1
        except OSError as error:
            self._put(self._failure(error))

    async def receive(self) -> Received:
        """The next datagram.

        Raises:
            PathFailed: an ICMP error came instead.
        """
        item = await self._queue.get()
        if isinstance(item, Failure):
            raise PathFailed(item)
        return item

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _on_readable(self) -> None:
        for _ in range(_READS_A_TURN):
            try:
                data = self._socket.recv(_MAXIMUM_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                # With only the error queue readable, recv says EAGAIN and epoll calls again.
                if (failure := self._read_error_queue(None)) is not None:
                    self._put(failure)
                return
            except OSError as error:
                self._put(self._failure(error))
                return
            self._put((data, self._clock.now_ns()))

    def _failure(self, error: OSError) -> Failure:
        return self._read_error_queue(error) or from_os_error(error, "request")

    def _read_error_queue(self, error: OSError | None) -> Failure | None:
        """The newest extended error (RFC 1122 §4.1.3.3 by way of Linux's ip(7) IP_RECVERR)."""
        if not hasattr(socket, "MSG_ERRQUEUE"):
            return None
        found: Failure | None = None
        for _ in range(_READS_A_TURN):
            try:
                _, ancillary, _, _ = self._socket.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            for level, kind, data in ancillary:
                if (level, kind) in (
                    (socket.IPPROTO_IP, _IP_RECVERR),
                    (socket.IPPROTO_IPV6, _IPV6_RECVERR),
                ):
                    found = _read_extended_error(data, error) or found
        return found

    def _put(self, item: Received | Failure) -> None:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            self.dropped += 1


def _read_extended_error(data: bytes, error: OSError | None) -> Failure | None:
    """Decode struct sock_extended_err and the offender's address that follows it."""
    if len(data) < 16:
        return None
    number, origin, icmp_type, icmp_code = struct.unpack_from("=IBBB", data)
    if number == errno.EMSGSIZE:
        return None  # path MTU discovery, which the PMTU check asks about in its own way
    offender = None
    if len(data) >= 24 and data[16:18] == struct.pack("=H", socket.AF_INET):
        offender = socket.inet_ntop(socket.AF_INET, data[20:24])
    elif len(data) >= 40 and data[16:18] == struct.pack("=H", socket.AF_INET6):
        offender = socket.inet_ntop(socket.AF_INET6, data[24:40])
    icmp = (icmp_type, icmp_code) if origin in (2, 3) else None
    told = OSError(number, "") if error is None or icmp is not None else error
    return from_os_error(told, "request", icmp=icmp, offender=offender, ipv6=origin == 3)


class OpenSocket:
    """An unconnected UDP socket: what arrives goes to `on_datagram(data, source, received_ns)`."""

    def __init__(
        self,
        family: int,
        clock: Clock,
        on_datagram: Callable[[bytes, TransportAddress, int], None],
    ) -> None:
        self._socket = _new_socket(family)
        self._clock = clock
        self.on_datagram = on_datagram
        try:
            self._socket.bind(("::" if family == 6 else "0.0.0.0", 0))
        except OSError as error:
            self._socket.close()
            raise PathFailed(from_os_error(error, "connect")) from error
        self.local = address_of(self._socket.getsockname())
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._on_readable)

    def send_to(self, data: bytes, destination: TransportAddress) -> bool:
        """Send one datagram; False when the kernel refuses it."""
        try:
            self._socket.sendto(data, (destination.ip, destination.port))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _on_readable(self) -> None:
        for _ in range(_READS_A_TURN):
            try:
                data, source = self._socket.recvfrom(_MAXIMUM_DATAGRAM)
            except OSError:
                return
            self.on_datagram(data, address_of(source), self._clock.now_ns())
