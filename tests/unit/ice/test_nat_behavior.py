import pytest

from voicectl.ice.nat_behavior import (
    Filtering,
    FilteringObservations,
    Mapping,
    MappingObservation,
    classify_filtering,
    classify_mapping,
)
from voicectl.wire.stun_attributes import TransportAddress

LOCAL = TransportAddress("10.0.0.2", 4000)
FIRST = TransportAddress("198.51.100.7", 61_000)
SECOND = TransportAddress("198.51.100.7", 61_001)
A1 = TransportAddress("203.0.113.1", 3478)
A2 = TransportAddress("203.0.113.1", 3479)
B1 = TransportAddress("203.0.113.2", 3478)
B2 = TransportAddress("203.0.113.2", 3479)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([], Mapping.UNKNOWN),
        ([(A1, LOCAL)], Mapping.NO_NAT),
        ([(A1, FIRST)], Mapping.UNKNOWN),
        ([(A1, FIRST), (A1, FIRST)], Mapping.UNKNOWN),
        ([(A1, FIRST), (A2, FIRST)], Mapping.NOT_PORT_DEPENDENT),
        ([(A1, FIRST), (A2, SECOND)], Mapping.ADDRESS_AND_PORT_DEPENDENT),
        ([(A1, FIRST), (B1, FIRST)], Mapping.ENDPOINT_INDEPENDENT),
        ([(A1, FIRST), (B1, SECOND)], Mapping.ENDPOINT_DEPENDENT),
        ([(A1, FIRST), (B1, SECOND), (B2, SECOND)], Mapping.ADDRESS_DEPENDENT),
    ],
)
def test_mapping_is_told_from_what_destinations_saw(
    seen: list[tuple[TransportAddress, TransportAddress]], expected: Mapping
) -> None:
    observations = [MappingObservation(*each) for each in seen]
    assert classify_mapping(LOCAL, observations) is expected


def test_mapping_that_differs_at_each_place_is_address_and_port_dependent() -> None:
    mapped = [TransportAddress("198.51.100.7", port) for port in (1, 2, 3)]
    places = (A1, B1, B2)
    observations = [MappingObservation(p, m) for p, m in zip(places, mapped, strict=True)]
    assert classify_mapping(LOCAL, observations) is Mapping.ADDRESS_AND_PORT_DEPENDENT


@pytest.mark.parametrize(
    ("new_address", "new_port", "expected"),
    [
        (None, None, Filtering.UNKNOWN),
        (True, None, Filtering.ENDPOINT_INDEPENDENT),
        (True, True, Filtering.ENDPOINT_INDEPENDENT),
        (False, True, Filtering.ADDRESS_DEPENDENT),
        (False, False, Filtering.ADDRESS_AND_PORT_DEPENDENT),
        (False, None, Filtering.ADDRESS_DEPENDENT_OR_STRICTER),
        (None, True, Filtering.NOT_PORT_DEPENDENT),
        (None, False, Filtering.ADDRESS_AND_PORT_DEPENDENT),
    ],
)
def test_filtering_is_told_from_what_came_through(
    new_address: bool | None, new_port: bool | None, expected: Filtering
) -> None:
    assert classify_filtering(FilteringObservations(new_address, new_port)) is expected


def test_only_mappings_that_change_with_the_peer_are_symmetric() -> None:
    symmetric = {each for each in Mapping if each.is_symmetric}
    assert symmetric == {
        Mapping.ADDRESS_DEPENDENT,
        Mapping.ADDRESS_AND_PORT_DEPENDENT,
        Mapping.ENDPOINT_DEPENDENT,
    }
