"""aioice's TURN client and ours on one server, each the other's peer.

aioice_counterpart.py IP PORT USER PASSWORD TRANSPORT; prints a JSON object.
"""

import asyncio
import json
import sys

import aioice.turn

from voicectl.clock import SystemClock
from voicectl.probe.session import Transport, TurnSession
from voicectl.probe.settings import ProbeSettings, new_seed
from voicectl.probe.transport.stream import StreamTransport
from voicectl.probe.transport.udp import UdpTransport
from voicectl.turn.credentials import LongTermCredentials
from voicectl.turn.events import AllocationCreated, DataReceived, PermissionCreated
from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["exchange"]

Heard = list[tuple[bytes, TransportAddress]]
PATIENCE_S = 10
ROUNDS = 20


class Receiver(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: Heard = []

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.heard.append((data, TransportAddress(*address[:2])))


async def exchange(
    server: TransportAddress, user: str, password: str, transport: str
) -> dict[str, bool]:
    """Have both allocate, permit and send until each has heard the other, ours on a channel too."""
    clock = SystemClock()
    opened: Transport
    if transport == "udp":
        opened = UdpTransport.connect(server, clock)
    else:
        opened = await StreamTransport.connect(server, clock)
    credentials = LongTermCredentials(user, password)
    settings = ProbeSettings().client_settings(credentials, reliable=opened.reliable)
    async with (
        asyncio.timeout(PATIENCE_S),
        TurnSession(opened, settings, clock, new_seed()) as ours,
    ):
        theirs, receiver = await aioice.turn.create_turn_endpoint(
            Receiver, server_addr=server, username=user, password=password, transport=transport
        )
        try:
            return await _converse(ours, theirs, receiver)
        finally:
            theirs.close()
            await asyncio.sleep(0.2)  # it gives its allocation back


async def _converse(
    ours: TurnSession, theirs: aioice.turn.TurnTransport, receiver: Receiver
) -> dict[str, bool]:
    heard: list[DataReceived] = []
    ours.on_data = heard.append
    created = await ours.ask(Method.ALLOCATE, lambda client, now: client.allocate(now))
    assert isinstance(created, AllocationCreated), created
    our_relay = created.relayed[0]
    their_relay = TransportAddress(*theirs.get_extra_info("sockname"))
    permitted = await ours.ask(
        Method.CREATE_PERMISSION, lambda client, now: client.create_permission([their_relay], now)
    )
    assert isinstance(permitted, PermissionCreated), permitted

    async def until_both_have_heard() -> None:
        before = len(heard), len(receiver.heard)
        for _ in range(ROUNDS):
            ours.send(their_relay, b"from voicectl")
            theirs.sendto(b"from aioice", our_relay)
            await asyncio.sleep(0.05)
            if len(heard) > before[0] and len(receiver.heard) > before[1]:
                return

    await until_both_have_heard()
    indications = [each for each in heard if each.channel is None]
    await ours.ask(Method.CHANNEL_BIND, lambda client, now: client.bind_channel(their_relay, now))
    heard.clear()
    await until_both_have_heard()
    return {
        "ours_by_indication": _is_theirs(indications, their_relay),
        "ours_by_channel": _is_theirs([e for e in heard if e.channel is not None], their_relay),
        "theirs": (b"from voicectl", our_relay) in receiver.heard,
    }


def _is_theirs(heard: list[DataReceived], relay: TransportAddress) -> bool:
    return any((each.payload, each.peer) == (b"from aioice", relay) for each in heard)


if __name__ == "__main__":
    at = TransportAddress(sys.argv[1], int(sys.argv[2]))
    sys.stdout.write(json.dumps(asyncio.run(exchange(at, *sys.argv[3:6]))))
