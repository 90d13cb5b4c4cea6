import pytest

from voicectl.ice.candidate import (
    Candidate,
    CandidateType,
    is_private,
    mdns_name,
    policies_that_connect,
    priority,
    strip_internal,
)
from voicectl.ice.nat_behavior import Mapping


def candidate(kind: CandidateType, address: str = "198.51.100.7") -> Candidate:
    return Candidate(kind, "udp", address, 1, "")


def test_priority_is_that_of_the_rfc() -> None:
    # RFC 8445 5.1.2.2: 2130706431 for a host candidate with local preference 65535.
    assert priority(CandidateType.HOST, "udp", 65_535) == 2_130_706_431
    assert priority(CandidateType.SRFLX, "udp", 65_535) == 1_694_498_815
    assert priority(CandidateType.RELAY, "udp", 65_535) == 16_777_215


def test_candidates_rank_host_srflx_relay_and_tcp_below_udp() -> None:
    kinds = (CandidateType.HOST, CandidateType.SRFLX, CandidateType.RELAY)
    ranks = [priority(kind, "udp", 65_535) for kind in kinds]
    assert ranks == sorted(ranks, reverse=True)
    assert priority(CandidateType.HOST, "tcp", 65_535) < ranks[0]


@pytest.mark.parametrize(
    ("kinds", "mapping", "proven", "expected"),
    [
        ([CandidateType.RELAY], Mapping.UNKNOWN, True, {"all": "yes", "relay": "yes"}),
        ([CandidateType.RELAY], Mapping.UNKNOWN, False, {"all": "no", "relay": "no"}),
        (
            [CandidateType.SRFLX],
            Mapping.ENDPOINT_INDEPENDENT,
            True,
            {"all": "peer-dependent", "relay": "no"},
        ),
        (
            [CandidateType.SRFLX],
            Mapping.ADDRESS_AND_PORT_DEPENDENT,
            True,
            {"all": "no", "relay": "no"},
        ),
        ([], Mapping.UNKNOWN, True, {"all": "no", "relay": "no"}),
    ],
)
def test_policies_say_what_would_connect(
    kinds: list[CandidateType], mapping: Mapping, proven: bool, expected: dict[str, str]
) -> None:
    found = [candidate(kind) for kind in kinds]
    assert policies_that_connect(found, mapping, relay_proven=proven) == expected


@pytest.mark.parametrize(
    ("ip", "private"),
    [
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("127.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("fd00::1", True),
        ("fe80::1", True),
        ("::1", True),
        ("203.0.113.7", False),
        ("2001:db8::1", False),
    ],
)
def test_private_addresses_are_those_no_stranger_can_send_to(ip: str, private: bool) -> None:
    assert is_private(ip) is private
    assert (strip_internal(ip) == ip) is not private


def test_mdns_names_look_like_those_of_browsers() -> None:
    assert mdns_name(bytes(range(16))) == "00010203-0405-0607-0809-0a0b0c0d0e0f.local"
