"""What is measured is what the line was set to."""

import pytest

from voicectl.bench.lab.network import missing
from voicectl.bench.lab.servers import Lab
from voicectl.bench.probe.faults import turn
from voicectl.bench.probe.lines import LINES, Line, chance_of_loss, rtt_error_ms

REASON = missing()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(120),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_what_is_measured_is_what_the_line_was_set_to(lab: Lab, line: Line) -> None:
    answer = line.run(lab)
    if line.loss_percent:
        chance = chance_of_loss(line, answer)
        assert chance is not None
        assert chance >= 0.001, answer.record["quality"]
    else:
        error_ms = rtt_error_ms(line, answer)
        assert error_ms is not None
        assert error_ms <= 1.0, answer.record["quality"]


def test_jitter_is_seen(lab: Lab) -> None:
    lab.up("eim", impair=("--delay", "30", "--jitter", "20"))
    lab.coturn()
    quality = lab.probe(turn(lab)).record["quality"]
    assert 5 <= quality["to_relay"]["jitter_ms"] <= 40
    assert quality["to_relay"]["reordered"] > 0
