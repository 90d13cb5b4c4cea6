"""Which legs to try for a target, and why each: as a path, or to tell causes apart."""

from collections.abc import Iterator

from voicectl.probe.dns_lookup import DnsLookup
from voicectl.probe.evidence import Leg, Role
from voicectl.probe.target import Scheme, Target, TransportName
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["STUN_PORT", "plan_legs"]

STUN_PORT = 3478
_SECURE_PORT = 5349
_HTTPS_PORT = 443
_UDP, _TCP, _TLS, _DTLS = (
    TransportName.UDP,
    TransportName.TCP,
    TransportName.TLS,
    TransportName.DTLS,
)
_OPEN_TURN = (
    (_UDP, STUN_PORT),
    (_TCP, STUN_PORT),
    (_TLS, _SECURE_PORT),
    (_TLS, _HTTPS_PORT),
    (_TCP, _HTTPS_PORT),
)
_CONTROLS = (
    (_UDP, STUN_PORT),
    (_TCP, STUN_PORT),
    (_TLS, _SECURE_PORT),
    (_TLS, _HTTPS_PORT),
    (_DTLS, _SECURE_PORT),
)


def plan_legs(target: Target, lookup: DnsLookup, *, with_proxy: bool) -> list[Leg]:
    """The legs of a target, those that count first.

    A URI with neither port nor transport counts over every usual one: UDP and TCP 3478, TLS 5349,
    TLS and TCP 443. One with either counts only as written; the usual ones become controls.
    """
    legs: list[Leg] = []
    for service in lookup.services:
        for ip in _one_a_family(service.addresses):
            address = TransportAddress(ip, service.port)
            legs.append(Leg(service.transport, address, target.host))
    for ip in _one_a_family(tuple(lookup.addresses)):
        legs += _legs_at(target, ip)
    if with_proxy:
        legs += _proxied(target, legs)
    return list(dict.fromkeys(legs))


def _legs_at(target: Target, ip: str) -> Iterator[Leg]:
    relays = target.scheme.relays
    wanted = _wanted(target)
    for transport, port in wanted:
        address = TransportAddress(ip, port)
        yield Leg(transport, address, target.host, allocates=relays)
    if target.scheme is Scheme.STUN and not target.is_open:
        return
    for transport, port in _CONTROLS:
        if (transport, port) not in wanted:
            address = TransportAddress(ip, port)
            yield Leg(transport, address, target.host, Role.CONTROL, allocates=False)


def _wanted(target: Target) -> tuple[tuple[TransportName, int], ...]:
    if target.scheme is Scheme.DOMAIN or (target.scheme is Scheme.TURN and target.is_open):
        return _OPEN_TURN
    if target.scheme.secure:
        transport = _DTLS if target.transport == "udp" else _TLS
        return ((transport, target.port or _SECURE_PORT),)
    port = target.port or STUN_PORT
    if target.transport is not None:
        return ((TransportName(target.transport), port),)
    return ((_UDP, port),) if target.scheme is Scheme.STUN else ((_UDP, port), (_TCP, port))


def _proxied(target: Target, direct: list[Leg]) -> list[Leg]:
    """Every TCP and TLS path once more through the proxy, which looks the name up itself."""
    ways = [
        (each.transport, each.address.port)
        for each in direct
        if each.role is Role.TARGET and each.transport in (_TCP, _TLS)
    ]
    if not direct:
        ways = [each for each in _wanted(target) if each[0] in (_TCP, _TLS)]
    return [
        Leg(
            transport,
            TransportAddress(target.host, port),
            target.host,
            allocates=target.scheme.relays,
            via_proxy=True,
        )
        for transport, port in dict.fromkeys(ways)
    ]


def _one_a_family(ips: tuple[str, ...]) -> list[str]:
    by_family: dict[bool, str] = {}
    for ip in ips:
        by_family.setdefault(":" in ip, ip)
    return list(by_family.values())
