"""NAT behaviour in every kind of NAT, with RFC 5780 at the server and without it."""

import pytest
from lab.faults import turn
from lab.network import missing
from lab.servers import Lab

REASON = missing()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=REASON or ""),
    pytest.mark.timeout(120),
]
EIF, ADF, APDF = "endpoint-independent", "address-dependent", "address-and-port-dependent"
LOOSE = "endpoint-independent or address-dependent"


@pytest.mark.parametrize(
    ("mode", "rfc5780", "mapping", "filtering"),
    [
        ("open", True, "no-nat", EIF),
        ("fullcone", True, "endpoint-independent", EIF),
        ("addrcone", True, "endpoint-independent", ADF),
        ("eim", True, "endpoint-independent", APDF),
        ("symmetric", True, APDF, APDF),
        ("open", False, "no-nat", LOOSE),
        ("fullcone", False, LOOSE, LOOSE),
        ("addrcone", False, LOOSE, LOOSE),
        ("eim", False, LOOSE, APDF),
        ("symmetric", False, APDF, APDF),
    ],
)
def test_nat_is_told_within_a_second_and_a_half(
    lab: Lab, mode: str, rfc5780: bool, mapping: str, filtering: str
) -> None:
    lab.up(mode)
    lab.coturn(rfc5780=rfc5780)
    answer = lab.probe(turn(lab, lab.names.v4_only), "--quality", "0")
    nat = answer.record["nat"]
    assert (nat["mapping"], nat["filtering"]) == (mapping, filtering)
    assert nat["hairpin"] is (mode == "open")
    assert nat["took_ms"] <= 1500


def test_mapping_is_told_by_two_servers_without_rfc5780(lab: Lab) -> None:
    lab.up("eim")
    names = lab.names
    lab.coturn()
    lab.coturn(ip=names.second)
    targets = (f"stun:{names.server}:{names.port}", f"stun:{names.second}:{names.port}")
    answer = lab.probe(*targets, credentials=None)
    nat = answer.record["nat"]
    assert (nat["mapping"], nat["method"]) == ("endpoint-independent", "two-servers")
