"""How long the NAT keeps an idle mapping, by sending inwards after silences of several lengths.

The inward direction is what counts: a client's own keep-alive reopens a lost mapping, so an echo
proves nothing. All silences run at once, each on a socket of its own.
"""

import asyncio
import contextlib

from voicectl.clock import Clock
from voicectl.probe.evidence import NatLifetime
from voicectl.probe.own_peer import OwnPeer
from voicectl.probe.probe_packet import decode_packet, encode_packet
from voicectl.probe.session import TurnSession
from voicectl.probe.settings import ProbeSettings
from voicectl.turn.events import DataReceived
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["idle_times", "measure_lifetime"]

_KIND_OPEN = 30
_KIND_KNOCK = 31
_TOKEN = b"lifetime"
_LADDER_S = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0)
_KNOCKS = 4
_KNOCK_INTERVAL_S = 0.2


def idle_times(longest_s: float) -> list[float]:
    """The silences to try, up to and with `longest_s`."""
    return [*(each for each in _LADDER_S if each < longest_s), longest_s]


async def measure_lifetime(
    session: TurnSession,
    relayed: TransportAddress,
    server: TransportAddress,
    longest_s: float,
    settings: ProbeSettings,
) -> NatLifetime | None:
    """The longest silence that a mapping outlived and the shortest that it did not.

    None when not even the first mapping could be opened.
    """
    sockets = {idle_s: OwnPeer(server.family, settings.clock) for idle_s in idle_times(longest_s)}
    observed: dict[int, TransportAddress] = {}

    def on_data(event: DataReceived) -> None:
        packet = decode_packet(_TOKEN, event.payload)
        if packet is not None and packet.kind == _KIND_OPEN:
            observed[packet.number] = event.peer

    session.on_data = on_data
    try:
        survived = await asyncio.gather(
            *(
                _try(index, idle_s, peer, session, relayed, observed, settings.clock)
                for index, (idle_s, peer) in enumerate(sockets.items())
            )
        )
    finally:
        for each in sockets.values():
            each.close()
    alive = [idle_s for idle_s, lived in survived if lived]
    gone = [idle_s for idle_s, lived in survived if not lived and idle_s > max(alive, default=0.0)]
    if not observed:
        return None
    return NatLifetime(max(alive, default=0.0), min(gone, default=None))


async def _try(
    index: int,
    idle_s: float,
    peer: OwnPeer,
    session: TurnSession,
    relayed: TransportAddress,
    observed: dict[int, TransportAddress],
    clock: Clock,
) -> tuple[float, bool]:
    """Open a mapping towards the relay, let it lie, and knock from the relay's side."""
    arrived = asyncio.Event()

    def on_data(data: bytes, *_: object) -> None:
        packet = decode_packet(_TOKEN, data)
        if packet is not None and packet.kind == _KIND_KNOCK and packet.number == index:
            arrived.set()

    peer.on_data = on_data
    for _ in range(3):
        peer.send(encode_packet(_TOKEN, _KIND_OPEN, index, clock.now_ns(), 40), relayed)
        await asyncio.sleep(_KNOCK_INTERVAL_S / 2)
        if index in observed:
            break
    if index not in observed:
        return idle_s, False
    await asyncio.sleep(idle_s)
    for _ in range(_KNOCKS):
        session.send(observed[index], encode_packet(_TOKEN, _KIND_KNOCK, index, clock.now_ns(), 40))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KNOCK_INTERVAL_S):
                await arrived.wait()
                return idle_s, True
    return idle_s, False
