"""NAT behaviour in every kind of NAT, with RFC 5780 at the server and without it."""

import pytest

from voicectl.bench.lab.network import missing
from voicectl.bench.lab.servers import Lab
from voicectl.bench.probe.nats import NATS, Nat

REASON = missing()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(120),
]


@pytest.mark.parametrize("nat", NATS, ids=lambda nat: nat.name)
def test_nat_is_told_within_a_second_and_a_half(lab: Lab, nat: Nat) -> None:
    answer = nat.run(lab)
    assert nat.found(answer) == nat.expected, answer.record["nat"]
    assert answer.record["nat"]["took_ms"] <= 1500


def test_mapping_is_told_by_two_servers_without_rfc5780(lab: Lab) -> None:
    lab.up("eim")
    names = lab.names
    lab.coturn()
    lab.coturn(ip=names.second)
    targets = (f"stun:{names.server}:{names.port}", f"stun:{names.second}:{names.port}")
    answer = lab.probe(*targets, credentials=None)
    nat = answer.record["nat"]
    assert (nat["mapping"], nat["method"]) == ("endpoint-independent", "two-servers")
