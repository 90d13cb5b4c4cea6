"""The candidates that a browser on this machine would gather."""

import secrets
from collections.abc import Iterator, Sequence

import ifaddr

from voicectl.ice.candidate import Candidate, CandidateType, is_private, mdns_name, priority
from voicectl.probe.evidence import LegResult
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["gather_candidates", "local_addresses"]

_TCP_ACTIVE_PORT = 9
"""An active TCP candidate has no port yet: RFC 6544 §4.5 writes 9."""


def local_addresses() -> list[tuple[str, str]]:
    """Interface and address of all that ICE would use: no loopback, no link-local."""
    found: list[tuple[str, str]] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            ip = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            if not ip.startswith(("127.", "169.254.", "fe80:")) and ip != "::1":
                found.append((str(adapter.nice_name), ip))
    return found


def gather_candidates(legs: Sequence[LegResult]) -> list[Candidate]:
    """Host candidates of this machine, and the srflx and relay candidates of the legs that work."""
    candidates = list(_hosts(local_addresses()))
    candidates += _from_legs(legs)
    return sorted(dict.fromkeys(candidates), key=lambda each: -each.priority)


def _hosts(addresses: Sequence[tuple[str, str]]) -> Iterator[Candidate]:
    for index, (interface, ip) in enumerate(addresses):
        # Browsers hide private addresses behind mDNS unless the page may use the microphone.
        shown = mdns_name(secrets.token_bytes(16)) if is_private(ip) else ip
        preference = 0xFFFF - index
        related = TransportAddress(ip, 0)
        for transport, port in (("udp", 0), ("tcp", _TCP_ACTIVE_PORT)):
            rank = priority(CandidateType.HOST, transport, preference)
            yield Candidate(
                CandidateType.HOST, transport, shown, port, interface, related, priority=rank
            )


def _from_legs(legs: Sequence[LegResult]) -> Iterator[Candidate]:
    for index, result in enumerate(legs):
        leg = result.leg
        preference = 0xFFFF - index
        mapped = result.binding.mapped if result.binding else None
        if leg.transport == "udp" and mapped is not None and not leg.hops:
            rank = priority(CandidateType.SRFLX, "udp", preference)
            yield Candidate(CandidateType.SRFLX, "udp", mapped.ip, mapped.port, "", priority=rank)
        if result.ok and result.allocation is not None:
            rank = priority(CandidateType.RELAY, "udp", preference)
            for relayed in result.allocation.relayed:
                yield Candidate(
                    CandidateType.RELAY,
                    "udp",
                    relayed.ip,
                    relayed.port,
                    "",
                    result.allocation.mapped,
                    leg.transport.value,
                    rank,
                )
