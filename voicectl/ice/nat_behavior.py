"""What a NAT does, told from what was observed of it (RFC 4787 terms, RFC 5780 tests)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from voicectl.wire.stun_attributes import TransportAddress

__all__ = [
    "Filtering",
    "FilteringObservations",
    "Mapping",
    "MappingObservation",
    "classify_filtering",
    "classify_mapping",
]


class Mapping(StrEnum):
    """Which new destinations get the same mapped address (RFC 4787 §4.1)."""

    NO_NAT = "no-nat"
    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"
    NOT_PORT_DEPENDENT = "endpoint-independent or address-dependent"
    """One server IP was seen: the two cannot be told apart with it."""
    ENDPOINT_DEPENDENT = "address-dependent or address-and-port-dependent"
    """Two server IPs saw different mappings, and no IP was tried with two ports."""
    UNKNOWN = "unknown"

    @property
    def is_symmetric(self) -> bool:
        """Whether a mapped address learned from one server is of no use to a peer elsewhere."""
        return self in (
            Mapping.ADDRESS_DEPENDENT,
            Mapping.ADDRESS_AND_PORT_DEPENDENT,
            Mapping.ENDPOINT_DEPENDENT,
        )


class Filtering(StrEnum):
    """Which senders an open mapping lets in (RFC 4787 §5)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"
    NOT_PORT_DEPENDENT = "endpoint-independent or address-dependent"
    """A new port of a known IP came through; no unknown IP was tried."""
    ADDRESS_DEPENDENT_OR_STRICTER = "address-dependent or address-and-port-dependent"
    """An unknown IP was kept out; no new port of a known one was tried."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MappingObservation:
    """The mapped address that one destination saw of one local socket."""

    destination: TransportAddress
    mapped: TransportAddress


@dataclass(frozen=True, slots=True)
class FilteringObservations:
    """Whether datagrams came through from where nothing had been sent; None when not tried."""

    from_new_address: bool | None = None
    from_new_port: bool | None = None


def classify_mapping(
    local: TransportAddress | None, observations: Sequence[MappingObservation]
) -> Mapping:
    """Tell the mapping from what at least two destinations saw of one socket.

    `local` is the socket's own address, None when it is bound to no address.
    """
    if not observations:
        return Mapping.UNKNOWN
    if local is not None and all(each.mapped == local for each in observations):
        return Mapping.NO_NAT
    same_ip, other_ip = _pairs(observations)
    if not same_ip and not other_ip:
        return Mapping.UNKNOWN
    if other_ip and all(other_ip):
        return Mapping.ENDPOINT_INDEPENDENT
    if same_ip and not all(same_ip):
        return Mapping.ADDRESS_AND_PORT_DEPENDENT
    if not other_ip:
        return Mapping.NOT_PORT_DEPENDENT
    return Mapping.ADDRESS_DEPENDENT if same_ip else Mapping.ENDPOINT_DEPENDENT


def _pairs(observations: Sequence[MappingObservation]) -> tuple[list[bool], list[bool]]:
    """For each pair of destinations whether the mapping stayed: of one IP, and of two."""
    same_ip: list[bool] = []
    other_ip: list[bool] = []
    for index, first in enumerate(observations):
        for second in observations[index + 1 :]:
            if first.destination == second.destination:
                continue
            stayed = first.mapped == second.mapped
            (same_ip if first.destination.ip == second.destination.ip else other_ip).append(stayed)
    return same_ip, other_ip


def classify_filtering(observations: FilteringObservations) -> Filtering:
    """Tell the filtering from which unasked datagrams came through."""
    from_address, from_port = observations.from_new_address, observations.from_new_port
    if from_address:
        return Filtering.ENDPOINT_INDEPENDENT
    if from_port is None:
        return (
            Filtering.UNKNOWN if from_address is None else Filtering.ADDRESS_DEPENDENT_OR_STRICTER
        )
    if not from_port:
        return Filtering.ADDRESS_AND_PORT_DEPENDENT
    return Filtering.NOT_PORT_DEPENDENT if from_address is None else Filtering.ADDRESS_DEPENDENT
