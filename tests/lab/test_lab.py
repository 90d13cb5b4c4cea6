"""Every fault gets its own verdict, and nothing that is well gets one."""

from collections.abc import Callable

import pytest

from voicectl.bench.lab.network import missing
from voicectl.bench.lab.servers import Answer, Lab
from voicectl.bench.probe.faults import FAULTS, Fault
from voicectl.bench.probe.healthy import HEALTHY

REASON = missing()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(120),
]
SLOWEST_S = 10.0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.row}-{fault.name}")
def test_fault_gets_its_verdict(fault: Fault, lab: Lab) -> None:
    answer = fault.run(lab)
    assert answer.verdict == fault.verdict, answer.record
    assert answer.status == fault.status, answer.stderr
    if fault.note is not None:
        assert fault.note in [each["id"] for each in answer.record["notes"]]
    if fault.verdict not in ("nat-binding-short", "open-relay"):
        assert answer.record["total_ms"] <= SLOWEST_S * 1000


@pytest.mark.parametrize("run", HEALTHY, ids=lambda run: run.__name__)
def test_nothing_is_reported_on_what_is_well(run: Callable[[Lab], Answer], lab: Lab) -> None:
    answer = run(lab)
    assert answer.verdict == "ok", answer.record
    assert answer.status == 0
    assert answer.record["verdict"]["also"] == []


def test_public_server_does_not_get_to_aim_the_probe_at_its_own_network(lab: Lab) -> None:
    (fault,) = [each for each in FAULTS if each.name.endswith("into_a_private_network")]
    answer = fault.run(lab)
    assert not any(leg["redirects"] for leg in answer.record["legs"])
