"""Is it UDP that does not pass, or STUN? Three datagrams that tell (a filter on the cookie)."""

import asyncio
import contextlib
import secrets
import struct

from voicectl.clock import Clock
from voicectl.probe.evidence import Controls
from voicectl.probe.settings import new_seed
from voicectl.probe.transport.failure import FailureKind, PathFailed
from voicectl.probe.transport.udp import UdpTransport
from voicectl.turn.transaction import TransactionIds
from voicectl.wire.stun import MessageClass, Method, encode_message
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["run_controls"]

_SENDINGS = 3
_INTERVAL_S = 0.25
_UNLIKELY_PORTS = range(40_000, 45_000)
"""Below coturn's and Linux's ranges of relay and ephemeral ports."""


async def run_controls(server: TransportAddress, clock: Clock) -> Controls:
    """Ask without the magic cookie, and knock at a closed port with and without it."""
    closed = TransportAddress(server.ip, secrets.choice(_UNLIKELY_PORTS))
    # RFC 3489: no cookie, a transaction id of 128 bits. Its first four bytes must not be a cookie.
    classic_id = b"\x00" + secrets.token_bytes(15)
    classic = struct.pack("!HH", 1, 0) + classic_id
    stun = encode_message(Method.BINDING, MessageClass.REQUEST, TransactionIds(new_seed()).next())
    answered, plain, with_cookie = await asyncio.gather(
        _is_answered(server, classic, classic_id, clock),
        _is_refused(closed, bytes(4) + secrets.token_bytes(28), clock),
        _is_refused(closed, stun, clock),
    )
    return Controls(answered, plain, with_cookie)


async def _is_answered(
    server: TransportAddress, request: bytes, transaction_id: bytes, clock: Clock
) -> bool:
    with contextlib.suppress(PathFailed):
        transport = UdpTransport.connect(server, clock)
        try:
            for _ in range(_SENDINGS):
                transport.send(request)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_INTERVAL_S):
                        data, _ = await transport.receive()
                        return data[4:20] == transaction_id
        finally:
            transport.close()
    return False


async def _is_refused(server: TransportAddress, data: bytes, clock: Clock) -> bool:
    try:
        transport = UdpTransport.connect(server, clock)
    except PathFailed:
        return False
    try:
        for _ in range(_SENDINGS):
            transport.send(data)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_INTERVAL_S):
                    await transport.receive()
    except PathFailed as error:
        return error.failure.kind is FailureKind.REFUSED
    finally:
        transport.close()
    return False
