"""ICE candidates as a browser would gather them, and what peers they can reach (RFC 8445)."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from voicectl.ice.nat_behavior import Mapping
from voicectl.wire.stun_attributes import TransportAddress

__all__ = [
    "Candidate",
    "CandidateType",
    "is_private",
    "mdns_name",
    "policies_that_connect",
    "priority",
    "strip_internal",
]

_COMPONENT_RTP = 1


class CandidateType(IntEnum):
    """Candidate types and the type preferences of RFC 8445 §5.1.2.2."""

    HOST = 126
    SRFLX = 100
    RELAY = 0

    @property
    def token(self) -> str:
        """The word used in SDP."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate. `address` is an mDNS name where a browser would hide the IP (RFC 8828)."""

    type: CandidateType
    transport: str
    """`udp`, or `tcp` for an active TCP candidate (RFC 6544)."""
    address: str
    port: int
    interface: str
    related: TransportAddress | None = None
    relay_transport: str | None = None
    """How the TURN server is reached: udp, tcp, tls or dtls."""
    priority: int = 0


def priority(candidate_type: CandidateType, transport: str, preference: int) -> int:
    """RFC 8445 §5.1.2.1; active TCP candidates rank below UDP ones (RFC 6544 §4.2)."""
    local_preference = preference if transport == "udp" else preference >> 1
    return candidate_type << 24 | (local_preference & 0xFFFF) << 8 | (256 - _COMPONENT_RTP)


def mdns_name(seed: bytes) -> str:
    """A name like the ones browsers publish in place of a host IP (16 bytes of seed)."""
    text = seed[:16].hex()
    parts = (text[:8], text[8:12], text[12:16], text[16:20], text[20:])
    return "-".join(parts) + ".local"


def policies_that_connect(
    candidates: Sequence[Candidate], mapping: Mapping, *, relay_proven: bool
) -> dict[str, str]:
    """For each iceTransportPolicy, whether a call to a peer behind any NAT would connect.

    Returns:
        `all` and `relay` to "yes", "peer-dependent" or "no".
    """
    relay = any(each.type is CandidateType.RELAY for each in candidates) and relay_proven
    reflexive = any(each.type is CandidateType.SRFLX for each in candidates)
    public_host = any(
        each.type is CandidateType.HOST
        and each.transport == "udp"
        and (mapping is Mapping.NO_NAT or _is_public(each.address))
        for each in candidates
    )
    if relay:
        through_all = "yes"
    elif (reflexive and not mapping.is_symmetric) or public_host:
        through_all = "peer-dependent"
    else:
        through_all = "no"
    return {"all": through_all, "relay": "yes" if relay else "no"}


_PRIVATE = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::/127",
        "fc00::/7",
        "fe80::/10",
    )
)


def is_private(ip: str) -> bool:
    """Whether no stranger can send there.

    `ipaddress.is_private` is wider: it counts the documentation ranges too.
    """
    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _PRIVATE if network.version == address.version)


def strip_internal(ip: str) -> str:
    """An internal address with its host part taken out, for a report that leaves the house."""
    if not is_private(ip):
        return ip
    return "x:x::x" if ":" in ip else f"{ip.split('.', maxsplit=1)[0]}.x.x.x"


def _is_public(address: str) -> bool:
    try:
        return not is_private(address)
    except ValueError:
        return False
