"""Every fault gets its own verdict, and nothing that is well gets one."""

from collections.abc import Callable

import pytest
from lab.faults import FAULTS, Fault
from lab.healthy import HEALTHY
from lab.network import missing
from lab.servers import Answer, Lab

REASON = missing()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=REASON or ""),
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
