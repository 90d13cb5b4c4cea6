"""A STUN and TURN server that answers when it is told to."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from support.calls import LOOPBACK
from support.fake_servers import LoopbackTurn
from support.fake_turn import FakeTurn

from voicectl.rtc import IceCandidate, IceServer, Peer, PeerSettings
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["MAPPED", "HeldTurn", "gathered", "kinds", "served_by"]

MAPPED = TransportAddress("192.0.2.33", 4433)
"""What the server says that it sees."""


class HeldTurn(LoopbackTurn):
    """`async with` it: what is asked waits for `release`."""

    def __init__(self) -> None:
        fake = FakeTurn()
        fake.faults.mapped = MAPPED
        super().__init__(fake, tcp=False)
        self._released = asyncio.Event()
        self.asked = asyncio.Event()

    def release(self) -> None:
        """Answer, from now on."""
        self._released.set()

    @property
    def answered(self) -> bool:
        """Whether anybody was answered."""
        return bool(self.fake.requests)

    async def _answer(self, data: bytes, source: TransportAddress) -> None:
        self.asked.set()
        await self._released.wait()
        await super()._answer(data, source)


def served_by(*servers: LoopbackTurn, stun: bool = False, **changes: object) -> PeerSettings:
    """Loopback and these servers' relays, and with `stun` what they see."""
    uris = [uri for each in servers for uri in _uris(each, stun)]
    return replace(LOOPBACK, ice_servers=(IceServer(tuple(uris), "user", "pass"),), **changes)


def _uris(server: LoopbackTurn, stun: bool) -> list[str]:
    return [server.uri(), *([f"stun:{server.ip}:{server.port}"] if stun else [])]


async def gathered(peer: Peer) -> list[IceCandidate]:
    """All that follows a peer's description."""
    return [candidate async for candidate in peer.local_candidates()]


def kinds(candidates: Sequence[IceCandidate] | str) -> list[str]:
    """The types of candidates, or of a description's, sorted; end-of-candidates is `end`."""
    lines = candidates.splitlines() if isinstance(candidates, str) else candidates
    attributes = [line if isinstance(line, str) else line.candidate or "end" for line in lines]
    mine = [each.partition(" typ ")[2].partition(" ")[0] or each for each in attributes]
    return sorted(kind for kind in mine if kind in ("host", "srflx", "prflx", "relay", "end"))
