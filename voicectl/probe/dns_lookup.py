"""The way from a name to addresses: A, AAAA, SRV and NAPTR, each query shown (RFC 5928)."""

import asyncio
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from voicectl.clock import Clock
from voicectl.probe.target import Scheme, Target, TransportName

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

__all__ = ["DnsLookup", "DnsQuery", "ServiceEndpoint", "look_up"]

_NS_PER_MS = 1_000_000
_LIFETIME_S = 2.4
_TRY_S = 0.8
_MAXIMUM_ADDRESSES = 4
_MAXIMUM_SERVICES = 4
_HOSTS_FILE = Path("/etc/hosts")
_SERVICES = {
    # NAPTR service tag, SRV prefix -> transport (RFC 5928 §3)
    "_turn._udp": TransportName.UDP,
    "_turn._tcp": TransportName.TCP,
    "_turns._tcp": TransportName.TLS,
}
_NAPTR_TRANSPORTS = {
    "turn.udp": TransportName.UDP,
    "turn.tcp": TransportName.TCP,
    "turn.tls": TransportName.TLS,
    "turn.dtls": TransportName.DTLS,
}


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """One question and what came of it."""

    name: str
    type: str
    outcome: str
    """ok, nxdomain, no-data, timeout, server-failure, malformed."""
    answers: tuple[str, ...]
    took_ms: float


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """A server that SRV points at."""

    transport: TransportName
    host: str
    port: int
    addresses: tuple[str, ...]


@dataclass(slots=True)
class DnsLookup:
    """The trace, and what it leads to."""

    queries: list[DnsQuery] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    services: list[ServiceEndpoint] = field(default_factory=list)

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of the address queries for the target's own name, by type."""
        return {each.type: each.outcome for each in self.queries if each.type in ("A", "AAAA")}


async def look_up(target: Target, clock: Clock) -> DnsLookup:
    """Resolve a target; takes 2.4 s at most a stage and two stages with SRV.

    A URI with a port, or with an IP address, needs A and AAAA alone. A domain goes the way of
    RFC 5928: NAPTR, SRV, then addresses.
    """
    lookup = DnsLookup()
    if target.host_is_ip:
        lookup.addresses = [target.host]
        return lookup
    if (known := _from_hosts_file(target.host)) and target.scheme is not Scheme.DOMAIN:
        lookup.queries.append(DnsQuery(target.host, "hosts file", "ok", tuple(known), 0.0))
        lookup.addresses = known
        return lookup
    resolver = _resolver()
    if resolver is None:
        lookup.queries.append(DnsQuery(target.host, "A", "no-resolver", (), 0.0))
        return lookup
    if target.scheme is Scheme.DOMAIN:
        await _look_up_services(target.host, lookup, resolver, clock)
    else:
        lookup.addresses = await _addresses(target.host, lookup, resolver, clock)
    return lookup


async def _look_up_services(
    domain: str, lookup: DnsLookup, resolver: "Resolver", clock: Clock
) -> None:
    names = [f"{prefix}.{domain}" for prefix in _SERVICES]
    naptr, *services = await asyncio.gather(
        _ask(domain, "NAPTR", lookup, resolver, clock),
        *(_ask(name, "SRV", lookup, resolver, clock) for name in names),
    )
    found: list[tuple[TransportName, list[str]]] = list(
        zip(_SERVICES.values(), services, strict=True)
    )
    found = await _follow_naptr(naptr, found, names, lookup, resolver, clock)
    endpoints: dict[tuple[TransportName, str, int], None] = {}
    for transport, answers in found:
        for answer in answers[:_MAXIMUM_SERVICES]:
            # SRV: priority weight port target
            _, _, port, host = answer.split()
            endpoints[transport, host.rstrip("."), int(port)] = None
    hosts = list(dict.fromkeys(host for _, host, _ in endpoints))
    resolved = await asyncio.gather(*(_addresses(host, lookup, resolver, clock) for host in hosts))
    addresses = dict(zip(hosts, resolved, strict=True))
    lookup.services = [
        ServiceEndpoint(transport, host, port, tuple(addresses[host]))
        for transport, host, port in endpoints
        if host
    ]
    if not endpoints:
        # RFC 5928 §3 step 5: no SRV, so the domain itself at the default port.
        lookup.addresses = await _addresses(domain, lookup, resolver, clock)


async def _follow_naptr(
    naptr: list[str],
    found: list[tuple[TransportName, list[str]]],
    asked: list[str],
    lookup: DnsLookup,
    resolver: "Resolver",
    clock: Clock,
) -> list[tuple[TransportName, list[str]]]:
    """Put NAPTR's choices first, and ask for SRV names that it alone gives."""
    by_name = {name: answers for name, (_, answers) in zip(asked, found, strict=True)}
    ordered: list[tuple[TransportName, list[str]]] = []
    for record in sorted(naptr, key=_naptr_order)[:_MAXIMUM_SERVICES]:
        _, _, flags, service, _, replacement = record.split(maxsplit=5)
        name = replacement.rstrip(".").lower()
        tags = service.strip('"').lower().split(":")
        transports = [_NAPTR_TRANSPORTS[tag] for tag in tags[1:] if tag in _NAPTR_TRANSPORTS]
        if flags.strip('"').lower() != "s" or not transports or tags[0] != "relay":
            continue
        if name not in by_name:
            by_name[name] = await _ask(name, "SRV", lookup, resolver, clock)
        ordered += [(transport, by_name[name]) for transport in transports]
    return ordered + found


def _naptr_order(record: str) -> tuple[int, int]:
    order, preference, _ = record.split(maxsplit=2)
    return int(order), int(preference)


async def _addresses(host: str, lookup: DnsLookup, resolver: "Resolver", clock: Clock) -> list[str]:
    if not host:
        return []
    answers = await asyncio.gather(
        _ask(host, "A", lookup, resolver, clock), _ask(host, "AAAA", lookup, resolver, clock)
    )
    found: list[str] = []
    for family in answers:
        found += family[:_MAXIMUM_ADDRESSES]
    return list(dict.fromkeys(found))


async def _ask(
    name: str, record_type: str, lookup: DnsLookup, resolver: "Resolver", clock: Clock
) -> list[str]:
    import dns.exception
    import dns.resolver

    started_ns = clock.now_ns()
    answers: list[str] = []
    try:
        found = await resolver.resolve(name, record_type, lifetime=_LIFETIME_S, search=False)
        answers = [_without_controls(str(each)) for each in found]
        outcome = "ok"
    except dns.resolver.NXDOMAIN:
        outcome = "nxdomain"
    except dns.resolver.NoAnswer:
        outcome = "no-data"
    except dns.exception.Timeout:
        outcome = "timeout"
    except dns.resolver.NoNameservers:
        outcome = "server-failure"
    except (dns.exception.DNSException, OSError, ValueError):
        outcome = "malformed"
    took_ms = (clock.now_ns() - started_ns) / _NS_PER_MS
    lookup.queries.append(DnsQuery(name, record_type, outcome, tuple(answers), took_ms))
    return answers


def _resolver() -> "Resolver | None":
    import dns.asyncresolver
    import dns.resolver

    try:
        resolver = dns.asyncresolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return None
    resolver.timeout = _TRY_S
    return resolver


def _from_hosts_file(name: str) -> list[str]:
    """What /etc/hosts says, which a resolver does not read and every other program does."""
    try:
        lines = _HOSTS_FILE.read_text(errors="replace").splitlines()
    except OSError:
        return []
    found: list[str] = []
    for line in lines:
        words = line.partition("#")[0].split()
        if name in (each.lower() for each in words[1:]):
            try:
                found.append(str(ipaddress.ip_address(words[0])))
            except ValueError:
                continue
    return found


def _without_controls(text: str) -> str:
    return "".join(each for each in text if each.isprintable())
