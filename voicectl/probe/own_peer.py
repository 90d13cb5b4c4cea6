"""A second local socket that plays the peer, and asks STUN servers questions of its own."""

import asyncio
import contextlib
from collections.abc import Callable

from voicectl.clock import Clock
from voicectl.errors import WireError
from voicectl.probe.settings import new_seed
from voicectl.probe.transport.udp import OpenSocket
from voicectl.turn.transaction import TransactionIds
from voicectl.wire.stun import (
    Attribute,
    Message,
    MessageClass,
    Method,
    encode_message,
    looks_like_stun,
    parse_message,
)
from voicectl.wire.stun_attributes import TransportAddress, mapped_address

__all__ = ["OwnPeer"]

_SENDINGS_S = (0.0, 0.1, 0.3)


class OwnPeer:
    """An unconnected UDP socket. Answers to its Bindings go to who asked, all else to `on_data`."""

    def __init__(self, family: int, clock: Clock) -> None:
        self.on_data: Callable[[bytes, TransportAddress, int], None] = lambda *_: None
        self._socket = OpenSocket(family, clock, self._on_datagram)
        self._ids = TransactionIds(new_seed())
        self._waiting: dict[bytes, asyncio.Future[tuple[Message, TransportAddress] | None]] = {}

    @property
    def local_port(self) -> int:
        """The port that the socket is bound to."""
        return self._socket.local.port

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, data: bytes, destination: TransportAddress) -> bool:
        """Send one datagram; False when the kernel refuses."""
        return self._socket.send_to(data, destination)

    async def ask(
        self, server: TransportAddress, *attributes: Attribute, timeout_s: float = 0.8
    ) -> tuple[Message, TransportAddress] | None:
        """Send a Binding, up to three times; the success response and where it came from.

        The source may be another than `server`: CHANGE-REQUEST asks for that. None when nothing
        came, or an error response.
        """
        transaction_id = self._ids.next()
        request = encode_message(
            Method.BINDING,
            MessageClass.REQUEST,
            transaction_id,
            attributes,
            with_fingerprint=True,
        )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[Message, TransportAddress] | None] = loop.create_future()
        self._waiting[transaction_id] = answer
        timers = [loop.call_later(at, self.send, request, server) for at in _SENDINGS_S]
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[transaction_id]
            for timer in timers:
                timer.cancel()

    async def mapped_by(
        self, server: TransportAddress, *, timeout_s: float = 0.8
    ) -> TransportAddress | None:
        """The mapped address that `server` sees of this socket."""
        answer = await self.ask(server, timeout_s=timeout_s)
        if answer is None:
            return None
        with contextlib.suppress(WireError):
            return mapped_address(answer[0])
        return None

    def _on_datagram(self, data: bytes, source: TransportAddress, received_ns: int) -> None:
        if looks_like_stun(data):
            with contextlib.suppress(WireError):
                message = parse_message(data)
                waiting = self._waiting.get(message.transaction_id)
                if waiting is not None and not waiting.done():
                    good = message.message_class is MessageClass.SUCCESS
                    waiting.set_result((message, source) if good else None)
            return
        self.on_data(data, source, received_ns)
