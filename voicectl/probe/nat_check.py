"""What the NAT here does: by RFC 5780 where a server has it, else by two servers or the relay."""

import asyncio
import contextlib

from voicectl.errors import WireError
from voicectl.ice.nat_behavior import (
    Filtering,
    FilteringObservations,
    Mapping,
    MappingObservation,
    classify_filtering,
    classify_mapping,
)
from voicectl.probe.evidence import NatEvidence, RelayProof
from voicectl.probe.own_peer import OwnPeer
from voicectl.probe.probe_packet import decode_packet, encode_packet
from voicectl.probe.session import TurnSession
from voicectl.probe.settings import ProbeSettings
from voicectl.turn.requests import change_request
from voicectl.wire.stun import Message
from voicectl.wire.stun_attributes import TransportAddress, mapped_address, other_address

__all__ = ["check_filtering_through_relay", "check_nat", "patience", "refine_with_relay"]

_SENDINGS = 5
_KIND_FILTER = 20
_KIND_HAIRPIN = 21


def patience(rtt_ms: float | None) -> float:
    """Seconds of silence after which a packet counts as not let through."""
    return 0.7 if rtt_ms is None else min(0.7, 0.25 + 4 * rtt_ms / 1000)


async def check_nat(
    server: TransportAddress,
    local_ip: str,
    others: tuple[TransportAddress, ...],
    settings: ProbeSettings,
    *,
    patience_s: float,
) -> NatEvidence:
    """Mapping, filtering and hairpin, all at once; 0.8 s at most.

    Args:
        server: A STUN server that answers over UDP.
        local_ip: The address from which this machine reaches it.
        others: STUN servers at other IP addresses.
        settings: Of the run.
        patience_s: How long silence has to last before it counts: several round trips.
    """
    clock = settings.clock
    started_ns = clock.now_ns()
    nat = NatEvidence()
    with contextlib.ExitStack() as stack:
        probe, strict, looser, hairpin = (OwnPeer(server.family, clock) for _ in range(4))
        for each in (probe, strict, looser, hairpin):
            stack.callback(each.close)
        first = await probe.ask(server)
        if first is None:
            return nat
        with contextlib.suppress(WireError):
            nat.mapped = mapped_address(first[0])
        if nat.mapped is None:
            return nat
        nat.local = TransportAddress(local_ip, probe.local_port)
        other = _other(first[0])
        elsewhere = [each for each in others if each.ip != server.ip][:2]
        if other is not None:
            elsewhere += [TransportAddress(other.ip, server.port), other]
        seen, nat.filtering, nat.hairpin = await asyncio.gather(
            _observe(probe, server, nat.mapped, elsewhere),
            _filtering(strict, looser, server, patience_s) if other else _unknown(),
            _hairpin(hairpin, probe, nat.mapped, patience_s),
        )
    nat.mapping = classify_mapping(nat.local, seen)
    if len(seen) > 1:
        nat.method = "rfc5780" if other is not None else "two-servers"
    nat.took_ms = (clock.now_ns() - started_ns) / 1e6
    return nat


def refine_with_relay(nat: NatEvidence, proof: RelayProof, server: TransportAddress) -> None:
    """Take what the relay saw of our second socket as another server's view of it."""
    if nat.mapping not in (Mapping.UNKNOWN, Mapping.NOT_PORT_DEPENDENT):
        return
    if proof.peer is None or proof.observed_peer is None:
        return
    nat.mapping = classify_mapping(
        None,
        [
            MappingObservation(server, proof.peer),
            MappingObservation(proof.relayed, proof.observed_peer),
        ],
    )
    nat.method = "relay"


async def check_filtering_through_relay(
    session: TurnSession,
    relayed: TransportAddress,
    server: TransportAddress,
    settings: ProbeSettings,
    *,
    patience_s: float,
) -> Filtering:
    """Have the relay send to a fresh socket that has only spoken to the STUN server.

    The permission for this machine's public address must be in place. The relay has another port
    than the STUN server, and maybe another address: what comes through tells the filtering.
    """
    fresh = OwnPeer(server.family, settings.clock)
    arrived = asyncio.Event()
    token = b"filterng"

    def on_data(data: bytes, *_: object) -> None:
        if decode_packet(token, data) is not None:
            arrived.set()

    fresh.on_data = on_data
    try:
        mapped = await fresh.mapped_by(server)
        if mapped is None:
            return Filtering.UNKNOWN
        for number in range(_SENDINGS):
            now_ns = settings.clock.now_ns()
            session.send(mapped, encode_packet(token, _KIND_FILTER, number, now_ns, 40))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s / _SENDINGS):
                    await arrived.wait()
                    break
    finally:
        fresh.close()
    if relayed.ip == server.ip:
        return classify_filtering(FilteringObservations(from_new_port=arrived.is_set()))
    return classify_filtering(FilteringObservations(from_new_address=arrived.is_set()))


async def _observe(
    probe: OwnPeer,
    server: TransportAddress,
    mapped: TransportAddress,
    elsewhere: list[TransportAddress],
) -> list[MappingObservation]:
    answers = await asyncio.gather(*(probe.mapped_by(each) for each in elsewhere))
    return [
        MappingObservation(server, mapped),
        *(
            MappingObservation(destination, found)
            for destination, found in zip(elsewhere, answers, strict=True)
            if found is not None
        ),
    ]


async def _filtering(
    strict: OwnPeer, looser: OwnPeer, server: TransportAddress, patience_s: float
) -> Filtering:
    """RFC 5780 §4.4, on fresh sockets: tests on a mapping that others know prove nothing."""
    from_new_address, from_new_port = await asyncio.gather(
        strict.ask(server, change_request(ip=True, port=True), timeout_s=patience_s),
        looser.ask(server, change_request(ip=False, port=True), timeout_s=patience_s),
    )
    return classify_filtering(
        FilteringObservations(
            from_new_address=from_new_address is not None,
            from_new_port=from_new_port is not None,
        )
    )


async def _unknown() -> Filtering:
    return Filtering.UNKNOWN


async def _hairpin(
    sender: OwnPeer, receiver: OwnPeer, mapped: TransportAddress, patience_s: float
) -> bool:
    """Whether the NAT turns around what is sent to its own mapped address (RFC 4787 §6)."""
    token = b"hairpin."
    arrived = asyncio.Event()

    def on_data(data: bytes, *_: object) -> None:
        if decode_packet(token, data) is not None:
            arrived.set()

    receiver.on_data = on_data
    for number in range(_SENDINGS):
        sender.send(encode_packet(token, _KIND_HAIRPIN, number, 0, 40), mapped)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s / _SENDINGS):
                await arrived.wait()
                return True
    return False


def _other(message: Message) -> TransportAddress | None:
    try:
        return other_address(message)
    except WireError:
        return None
