"""The two ends of a path through a relay that this process holds both of.

`near` is the TURN client. `far` is either a second local socket, which needs UDP out of this
network, or a second allocation on the same server.
"""

import asyncio
import contextlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable

from voicectl.ice.candidate import is_private
from voicectl.probe.evidence import RelayProof
from voicectl.probe.own_peer import OwnPeer
from voicectl.probe.probe_packet import ProbePacket, decode_packet, encode_packet
from voicectl.probe.session import TurnSession
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.transport.failure import PathFailed
from voicectl.turn.events import DataReceived, RequestRefused
from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import TransportAddress

__all__ = [
    "OwnPeerPath",
    "RelayPath",
    "RelayedPath",
    "ask_second_peer",
    "self_peer_is_possible",
]

KIND_ADVERTISED = 1
KIND_SERVER_IP = 2
KIND_OUTBOUND = 3
_PROOF_SIZE = 64
_INTERVAL_S = 0.05
_PATIENT_ROUNDS = 7
_PERMISSION_TIMEOUT_S = 1.2

Arrival = Callable[[ProbePacket, int], None]


class RelayPath(ABC):
    """A proven path: packets of this run go both ways and come out at the callbacks."""

    def __init__(self) -> None:
        self.token = secrets.token_bytes(8)
        self.on_near: Arrival = lambda *_: None
        """What the TURN client received from the far end."""
        self.on_far: Arrival = lambda *_: None
        """What the far end received through the relay."""

    @abstractmethod
    def send_near(self, packet: bytes) -> None:
        """From the TURN client, through the relay, to the far end."""

    @abstractmethod
    def send_far(self, packet: bytes) -> None:
        """From the far end to the relayed address."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the far end."""


class OwnPeerPath(RelayPath):
    """Client and relay, and a second local socket as the peer."""

    def __init__(
        self,
        session: TurnSession,
        relayed: TransportAddress,
        stun_server: TransportAddress,
        mapped_ip: str | None,
        settings: ProbeSettings,
    ) -> None:
        super().__init__()
        self._mapped_ip = mapped_ip
        self._session = session
        self._relayed = relayed
        self._stun_server = stun_server
        self._settings = settings
        self._peer = OwnPeer(4 if ":" not in relayed.ip else 6, settings.clock)
        self._observed: TransportAddress | None = None
        self._arrived = asyncio.Event()
        self.proof = RelayProof("self-peer", relayed)
        self._peer.on_data = self._on_peer_data
        self.listen()

    def listen(self) -> None:
        """Take what the relay brings; whoever listened before no longer does."""
        self._session.on_data = self._on_client_data

    async def prove(self, timeout_s: float) -> RelayProof:
        """Send from the peer to the advertised address, and back; see what arrives."""
        clock = self._settings.clock
        started_ns = clock.now_ns()
        proof = self.proof
        proof.peer = await self._peer.mapped_by(self._stun_server)
        if proof.peer is None and self._mapped_ip is not None:
            # A server that wants credentials for Binding has told our address with Allocate; the
            # permission is for the IP address alone, so the port does not matter.
            proof.peer = TransportAddress(self._mapped_ip, self._peer.local_port)
        if proof.peer is not None:
            proof.permission_code = await _permit(self._session, proof.peer)
            if proof.permission_code is None:
                await self._knock(timeout_s)
        proof.took_ms = (clock.now_ns() - started_ns) / 1e6
        return proof

    async def _knock(self, timeout_s: float) -> None:
        server = TransportAddress(self._session.transport.remote.ip, self._relayed.port)
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_s
        number = 0
        self.proof.inbound_via_server_ip = False if server != self._relayed else None
        while loop.time() < ends and not (self.proof.inbound and self.proof.outbound):
            number += 1
            self._peer.send(self._packet(KIND_ADVERTISED, number), self._relayed)
            if server != self._relayed and server.family == self._relayed.family:
                # Opens the NAT towards the server's own address too, should the other be wrong.
                self._peer.send(self._packet(KIND_SERVER_IP, number), server)
            # Not before the peer's own packet has left through the NAT: one from the relay that
            # comes first takes the port in some NATs, which then looks like a symmetric one.
            target = self._observed or (self.proof.peer if number > _PATIENT_ROUNDS else None)
            if target is not None:
                self._session.send(target, self._packet(KIND_OUTBOUND, number))
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_INTERVAL_S):
                    await self._arrived.wait()
        self.proof.outbound = bool(self.proof.outbound)
        if self._observed is not None and self.proof.inbound:
            await _bind_channel(self._session, self._observed)

    def send_near(self, packet: bytes) -> None:
        """From the TURN client to the peer."""
        if self._observed is not None:
            self._session.send(self._observed, packet)

    def send_far(self, packet: bytes) -> None:
        """From the peer to the advertised relayed address."""
        self._peer.send(packet, self._relayed)

    async def close(self) -> None:
        """Close the peer's socket."""
        self._session.on_data = lambda _: None
        self._peer.close()

    def _packet(self, kind: int, number: int) -> bytes:
        now_ns = self._settings.clock.now_ns()
        return encode_packet(self.token, kind, number, now_ns, _PROOF_SIZE)

    def _on_client_data(self, event: DataReceived) -> None:
        packet = decode_packet(self.token, event.payload)
        if packet is None:
            return
        if packet.kind == KIND_ADVERTISED:
            self.proof.inbound = True
        elif packet.kind == KIND_SERVER_IP:
            self.proof.inbound_via_server_ip = True
        else:
            self.on_near(packet, event.received_ns)
            return
        self._observed = self.proof.observed_peer = event.peer
        self._arrived.set()

    def _on_peer_data(self, data: bytes, source: TransportAddress, received_ns: int) -> None:
        packet = decode_packet(self.token, data)
        if packet is None:
            return
        if packet.kind == KIND_OUTBOUND:
            self.proof.outbound = True
            self.proof.outbound_source = source
            self._arrived.set()
        else:
            self.on_far(packet, received_ns)


class RelayedPath(RelayPath):
    """Two allocations of one server as each other's peers: no UDP needed at this end."""

    def __init__(
        self,
        near: tuple[TurnSession, TransportAddress],
        far: tuple[TurnSession, TransportAddress],
        settings: ProbeSettings,
    ) -> None:
        super().__init__()
        self._near, self._near_relayed = near
        self._far, self._far_relayed = far
        self._settings = settings
        self._arrived = asyncio.Event()
        self.proof = RelayProof("relay-to-relay", self._near_relayed, self._far_relayed)
        self.listen()

    def listen(self) -> None:
        """Take what the relays bring; whoever listened before no longer does."""
        self._near.on_data = self._on_near_data
        self._far.on_data = self._on_far_data

    async def prove(self, timeout_s: float) -> RelayProof:
        """Send both ways and see what arrives."""
        clock = self._settings.clock
        started_ns = clock.now_ns()
        proof = self.proof
        codes = await asyncio.gather(
            _permit(self._near, self._far_relayed), _permit(self._far, self._near_relayed)
        )
        proof.permission_code = next((code for code in codes if code is not None), None)
        if proof.permission_code is None:
            loop = asyncio.get_running_loop()
            ends = loop.time() + timeout_s
            number = 0
            while loop.time() < ends and not (proof.inbound and proof.outbound):
                number += 1
                now_ns = clock.now_ns()
                packet = encode_packet(self.token, KIND_OUTBOUND, number, now_ns, _PROOF_SIZE)
                self._near.send(self._far_relayed, packet)
                self._far.send(self._near_relayed, packet)
                self._arrived.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_INTERVAL_S):
                        await self._arrived.wait()
            proof.outbound = bool(proof.outbound)
            proof.loopback = proof.inbound
        if proof.inbound:
            await asyncio.gather(
                _bind_channel(self._near, self._far_relayed),
                _bind_channel(self._far, self._near_relayed),
            )
        proof.took_ms = (clock.now_ns() - started_ns) / 1e6
        return proof

    def send_near(self, packet: bytes) -> None:
        """From the first client through both relays."""
        self._near.send(self._far_relayed, packet)

    def send_far(self, packet: bytes) -> None:
        """From the second client through both relays."""
        self._far.send(self._near_relayed, packet)

    async def close(self) -> None:
        """Stop listening; the sessions belong to the caller."""
        self._near.on_data = lambda _: None
        self._far.on_data = lambda _: None

    def _on_near_data(self, event: DataReceived) -> None:
        packet = decode_packet(self.token, event.payload)
        if packet is not None and packet.kind == KIND_OUTBOUND:
            self.proof.inbound = True
            self._arrived.set()
        elif packet is not None:
            self.on_near(packet, event.received_ns)

    def _on_far_data(self, event: DataReceived) -> None:
        packet = decode_packet(self.token, event.payload)
        if packet is not None and packet.kind == KIND_OUTBOUND:
            self.proof.outbound = True
            self._arrived.set()
        elif packet is not None:
            self.on_far(packet, event.received_ns)


async def ask_second_peer(
    session: TurnSession, peer: TransportAddress, proof: RelayProof, settings: ProbeSettings
) -> None:
    """Have a peer that echoes UDP send a few packets back."""
    proof.second_peer = str(peer)
    proof.second_peer_code = await _permit(session, peer)
    if proof.second_peer_code is not None:
        return
    token = secrets.token_bytes(8)
    arrived = asyncio.Event()

    def on_data(event: DataReceived) -> None:
        if decode_packet(token, event.payload) is not None:
            arrived.set()

    session.on_data = on_data
    for number in range(10):
        now_ns = settings.clock.now_ns()
        session.send(peer, encode_packet(token, KIND_OUTBOUND, number, now_ns, _PROOF_SIZE))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_INTERVAL_S * 1.6):
                await arrived.wait()
                break
    proof.second_peer_echoed = arrived.is_set()


def self_peer_is_possible(relayed: TransportAddress, server: TransportAddress | None) -> bool:
    """Whether a local UDP socket could reach that address: same family, and not a private one.

    A private relayed address is reachable when the server is on the same private network.
    """
    if server is None or relayed.family != server.family:
        return False
    return not is_private(relayed.ip) or is_private(server.ip)


async def _permit(session: TurnSession, peer: TransportAddress) -> int | None:
    """The error code that refuses the permission; None when granted. 0 when nothing came."""
    try:
        async with asyncio.timeout(_PERMISSION_TIMEOUT_S):
            event = await session.ask(
                Method.CREATE_PERMISSION,
                lambda client, now: client.create_permission([peer], now),
            )
    except (PathFailed, TimeoutError):
        return 0
    return event.code if isinstance(event, RequestRefused) else None


async def _bind_channel(session: TurnSession, peer: TransportAddress) -> None:
    """Bind a channel; without one the data goes in indications."""
    with contextlib.suppress(PathFailed, TimeoutError):
        async with asyncio.timeout(_PERMISSION_TIMEOUT_S):
            await session.ask(
                Method.CHANNEL_BIND, lambda client, now: client.bind_channel(peer, now)
            )
