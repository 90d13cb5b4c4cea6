"""aioice's TURN client, with what it leaves out. See `_aioice_private`."""

import asyncio
import contextlib
import math
import struct
from typing import Any

from aioice import stun
from aioice.turn import TurnTransport

from voicectl.rtc.stats import DatagramCounters

__all__ = ["MALFORMED_STUN", "guard_client", "keep_permissions", "pending_relay_sends"]

PERMISSION_REFRESH_S = 120
"""A relay's permissions live 300 s (RFC 8656 §9): a refresh that fails leaves time for another."""
MALFORMED_STUN = (ValueError, KeyError, IndexError, AssertionError, struct.error)
"""What aioice raises for STUN that does not parse."""


def guard_client(transport: TurnTransport, counters: DatagramCounters) -> None:
    """Count what a relay's server sends and aioice fails on, instead of raising in the loop."""
    client = _client_of(transport)
    receive = client.datagram_received

    def admit(data: bytes, addr: tuple[Any, ...]) -> None:
        try:
            receive(data, addr)
        except MALFORMED_STUN:
            counters.malformed += 1

    client.datagram_received = admit


async def keep_permissions(transport: TurnTransport) -> None:
    """Bind a relay's channels again and again, which refreshes its permissions (RFC 8656 §12).

    aioice does so only with a packet sent after 500 s, when the permission has been gone for
    200 s; and packets sent before the answer bind once more each. Here none waits for it.
    """
    client = _client_of(transport)
    client.channel_refresh_time = math.inf
    while True:
        await asyncio.sleep(PERMISSION_REFRESH_S)
        if client.transport.is_closing():
            return  # the server has refused to keep the allocation
        for number, peer in list(client.channel_to_peer.items()):
            # Should it stay so, the peer's consent expires.
            with contextlib.suppress(ConnectionError, stun.TransactionError):
                await client.channel_bind(number, peer)


def pending_relay_sends(transport: TurnTransport) -> int:
    """Sends of a relay that wait for a channel binding or their turn."""
    stock: Any = transport
    return len(stock._TurnTransport__send_tasks)


def _client_of(transport: TurnTransport) -> Any:  # noqa: ANN401 - aioice's, by private names
    stock: Any = transport
    return stock._TurnTransport__inner_protocol
