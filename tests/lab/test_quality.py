"""What is measured is what the line was set to."""

from math import comb

import pytest
from lab.faults import turn
from lab.network import missing
from lab.servers import Lab

REASON = missing()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=REASON or ""),
    pytest.mark.timeout(120),
]
BOTH = ("to_relay", "from_relay")


def binomial_interval(p: float, n: int, confidence: float) -> tuple[int, int]:
    """The central interval that holds `confidence` of the outcomes."""
    tail = (1 - confidence) / 2
    below, total = 0, 0.0
    for k in range(n + 1):
        total += comb(n, k) * p**k * (1 - p) ** (n - k)
        if total < tail:
            below = k + 1
        if total >= 1 - tail:
            return below, k
    return below, n


@pytest.mark.parametrize("delay_ms", [5, 40])
def test_round_trip_is_within_a_millisecond_of_the_line(lab: Lab, delay_ms: int) -> None:
    lab.up("eim", impair=("--delay", str(delay_ms)))
    lab.coturn()
    quality = lab.probe(turn(lab)).record["quality"]
    for way in BOTH:
        # The least of 100 packets: what this machine's other work adds is never less than nothing.
        assert abs(quality[way]["rtt_ms_min"] - 2 * delay_ms) <= 1.0, quality


@pytest.mark.parametrize("loss_percent", [1, 5, 10])
def test_loss_is_within_the_binomial_interval_of_the_line(lab: Lab, loss_percent: int) -> None:
    lab.up("eim", impair=("--loss", str(loss_percent), "--seed", str(lab.names.seed)))
    lab.coturn()
    quality = None
    for _ in range(3):
        # So lossy a line may lose the handshakes too, until no time is left to measure in.
        quality = quality or lab.probe(turn(lab), "--quality", "5").record["quality"]
    assert quality is not None
    sent = sum(quality[way]["sent"] for way in BOTH)
    lost = sent - sum(quality[way]["received"] for way in BOTH)
    # Each packet crosses the line twice, out and back.
    crossing_twice = 1 - (1 - loss_percent / 100) ** 2
    least, most = binomial_interval(crossing_twice, sent, 0.999)
    assert least <= lost <= most, (least, lost, most)


def test_jitter_is_seen(lab: Lab) -> None:
    lab.up("eim", impair=("--delay", "30", "--jitter", "20"))
    lab.coturn()
    quality = lab.probe(turn(lab)).record["quality"]
    assert 5 <= quality["to_relay"]["jitter_ms"] <= 40
    assert quality["to_relay"]["reordered"] > 0
