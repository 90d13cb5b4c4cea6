"""A client with a TCP allocation (RFC 6062): connects to a peer, and is connected to by it.

tcp_relay.py IP PORT USER PASSWORD PEER_IP PEER_PORT; prints a JSON object.
"""

import asyncio
import json
import sys

from voicectl.clock import SystemClock
from voicectl.probe.session import TurnSession
from voicectl.probe.settings import ProbeSettings, new_seed
from voicectl.probe.transport.stream import StreamTransport
from voicectl.turn.client import ClientSettings, TurnClient
from voicectl.turn.credentials import LongTermCredentials
from voicectl.turn.events import (
    AllocationCreated,
    ConnectionAttempted,
    ConnectionBound,
    ConnectionOpened,
    RequestRefused,
)
from voicectl.turn.requests import TCP, AllocateOptions
from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import TransportAddress
from voicectl.wire.turn_message import StreamSplitter

Stream = tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]
CLOCK = SystemClock()


async def bind(control: TurnSession, settings: ClientSettings, connection_id: int) -> Stream:
    """Open a data connection: ConnectionBind, and from then on the peer's bytes."""
    server = control.transport.remote
    reader, writer = await asyncio.open_connection(server.ip, server.port)
    signs = control.client.authenticator
    client, splitter = TurnClient(settings, seed=new_seed(), authenticator=signs), StreamSplitter()
    client.bind_connection(connection_id, CLOCK.now_ns())
    while True:
        while (data := client.poll_transmit()) is not None:
            writer.write(data)
        for message in splitter.feed(await reader.read(65_536), at_most=1):
            client.handle_datagram(message, CLOCK.now_ns())
        while (event := client.poll_event()) is not None:
            if isinstance(event, ConnectionBound):
                return splitter.rest, reader, writer
            if isinstance(event, RequestRefused):
                raise RuntimeError(f"ConnectionBind is refused with {event.code}")


async def talk(stream: Stream, line: bytes) -> str:
    """Send a line, if there is one, and take one."""
    rest, reader, writer = stream
    writer.write(line)
    while not rest.endswith(b"\n"):
        rest += await reader.read(65_536)
    return rest.decode()


async def main(server: TransportAddress, user: str, password: str, peer: TransportAddress) -> None:
    settings = ProbeSettings().client_settings(LongTermCredentials(user, password), reliable=True)
    transport = await StreamTransport.connect(server, CLOCK)
    async with TurnSession(transport, settings, CLOCK, new_seed()) as session:
        options = AllocateOptions(transport=TCP)
        created = await session.ask(Method.ALLOCATE, lambda c, now: c.allocate(now, options))
        assert isinstance(created, AllocationCreated), created
        closed = TransportAddress(peer.ip, 1)
        refused = await session.ask(Method.CONNECT, lambda c, now: c.connect(closed, now))
        assert isinstance(refused, RequestRefused), refused

        opened = await session.ask(Method.CONNECT, lambda c, now: c.connect(peer, now))
        assert isinstance(opened, ConnectionOpened), opened
        outwards = await bind(session, settings, opened.connection_id)
        echoed = await talk(outwards, b"to the peer\n")

        await session.ask(Method.CREATE_PERMISSION, lambda c, now: c.create_permission([peer], now))
        relayed = created.relayed[0]
        await talk((b"", *outwards[1:]), f"call {relayed.ip} {relayed.port}\n".encode())
        while not (attempts := [e for e in session.events if isinstance(e, ConnectionAttempted)]):
            await asyncio.sleep(0.01)
        inwards = await bind(session, settings, attempts[0].connection_id)
        heard = await talk(inwards, b"")
        found = {
            "closed_port": refused.code,
            "echoed": echoed,
            "caller": attempts[0].peer.ip,
            "heard": heard,
        }
        sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    at = TransportAddress(sys.argv[1], int(sys.argv[2]))
    towards = TransportAddress(sys.argv[5], int(sys.argv[6]))
    asyncio.run(main(at, sys.argv[3], sys.argv[4], towards))
