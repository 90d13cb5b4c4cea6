"""The simulated network does to packets what its text says, the same on every run."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from voicectl.netem.spec import parse_spec

FRAME_NS = 20_000_000
START_NS = 5_000_000_000
PACKET_BYTES = 100


def run(text: str, packets: int = 20_000, *, seed: int = 1) -> list[list[int]]:
    """The delays of each packet, in ns."""
    link = parse_spec(text).link(seed=seed)
    return [
        [at - sent for at in link.arrivals(sent, PACKET_BYTES)]
        for sent in range(START_NS, START_NS + packets * FRAME_NS, FRAME_NS)
    ]


def only(fates: list[list[int]]) -> list[int]:
    return [fate[0] for fate in fates if fate]


def bursts(fates: list[list[int]]) -> list[int]:
    lengths, length = [], 0
    for fate in [*fates, [0]]:
        if not fate:
            length += 1
        elif length:
            lengths.append(length)
            length = 0
    return lengths


def test_nothing_is_changed_by_nothing() -> None:
    assert run("delay=0ms", 100) == [[0]] * 100


def test_equal_seeds_give_equal_networks_and_others_do_not() -> None:
    text = "loss=5%,burst=2,delay=30ms,jitter=9ms,spike-every=1s,spike=20ms..90ms,duplicate=2%"
    assert run(text, 2000, seed=3) == run(text, 2000, seed=3)
    assert run(text, 2000, seed=3) != run(text, 2000, seed=4)


@pytest.mark.parametrize(("text", "burst"), [("loss=5%", 1.05), ("loss=5%,burst=4", 4.0)])
def test_losses_are_as_many_and_as_long_as_asked(text: str, burst: float) -> None:
    fates = run(text, 60_000)
    lengths = bursts(fates)
    assert sum(lengths) / len(fates) == pytest.approx(0.05, rel=0.1)
    assert sum(lengths) / len(lengths) == pytest.approx(burst, rel=0.1)


def test_total_loss_loses_all() -> None:
    assert only(run("loss=100%,burst=5", 500)) == []


def test_more_loss_leaves_the_jitter_of_the_rest_as_it_was() -> None:
    text = "jitter=5ms,delay=50ms,reorder=yes"
    few, many = run(f"loss=1%,{text}"), run(f"loss=9%,{text}")
    both = [(a, b) for a, b in zip(few, many, strict=True) if a and b]
    assert all(a == b for a, b in both)


def test_jitter_keeps_the_order_unless_it_may_not() -> None:
    def arrivals(text: str) -> list[int]:
        return [n * FRAME_NS + fate[0] for n, fate in enumerate(run(text, 3000))]

    in_order = arrivals("delay=100ms,jitter=30ms")
    assert in_order == sorted(in_order)
    free = arrivals("delay=100ms,jitter=30ms,reorder=yes")
    assert sum(b < a for a, b in pairwise(free)) > 100


def test_jitter_has_its_distribution() -> None:
    delays = only(run("delay=100ms,jitter=10ms,reorder=yes"))
    mean = sum(delays) / len(delays)
    assert mean == pytest.approx(100e6, rel=0.01)
    sigma = (sum((delay - mean) ** 2 for delay in delays) / len(delays)) ** 0.5
    assert sigma == pytest.approx(10e6, rel=0.03)
    uniform = only(run("delay=100ms,jitter=10ms,distribution=uniform,reorder=yes"))
    assert 100e6 <= min(uniform) < 100.1e6
    assert 109.9e6 < max(uniform) < 110e6


def test_narrow_link_queues_and_a_short_queue_drops() -> None:
    # 128 bytes with headers every 20 ms are 51.2 kbit/s.
    delays = only(run("rate=32kbit", 100))
    assert delays[0] == 32_000_000
    assert delays[-1] > 1_000_000_000
    fates = run("rate=32kbit,queue=100ms", 1000)
    assert max(only(fates)) <= 132_000_000
    assert sum(not fate for fate in fates) / 1000 == pytest.approx(1 - 32 / 51.2, abs=0.02)


def test_handover_holds_packets_and_lets_them_go_two_milliseconds_apart() -> None:
    fates = run("delay=10ms,hold-every=2s,hold=1s", 200)
    assert fates[98] == [10_000_000]
    # Sent at 1.99 s and later, it would arrive in the gap from 2 s to 3 s.
    arrivals = [n * FRAME_NS + fate[0] for n, fate in enumerate(fates)]
    held = arrivals[100:150]
    assert held[0] == 3_000_000_000 + 2_000_000 * (held[0] > 3_000_000_000)
    assert {b - a for a, b in pairwise(held[:40])} == {2_000_000}
    assert fates[199] == [10_000_000]


def test_blackout_loses_what_is_sent_in_it() -> None:
    fates = run("blackout-every=2s,blackout=200ms", 200)
    assert [n for n, fate in enumerate(fates) if not fate] == list(range(100, 110))


def test_route_change_comes_and_goes() -> None:
    delays = only(run("delay=30ms,flap-every=1s,flap=150ms", 150))
    assert delays[:50] == [30_000_000] * 50
    assert delays[50:100] == [180_000_000] * 50
    assert delays[-1] == 30_000_000


def test_duplicates_arrive_twice() -> None:
    fates = run("duplicate=10%")
    assert sum(len(fate) == 2 for fate in fates) / len(fates) == pytest.approx(0.1, rel=0.1)


def test_drift_adds_up() -> None:
    delays = only(run("drift=100ppm", 50_001))
    assert delays[-1] == pytest.approx(100_000_000, rel=0.01)


def test_spikes_block_the_way_for_as_long_as_asked() -> None:
    delays = only(run("spike-every=2s,spike=100ms..100ms", 50_000))
    assert 90e6 < max(delays) < 300e6
    spikes = sum(a < 20e6 <= b for a, b in pairwise(delays))
    assert spikes == pytest.approx(500, rel=0.15)


def test_drift_had_the_wrong_sign_in_what_was_said_of_it() -> None:
    # A receiver whose clock runs faster counts more than the 1000 s that the sender counted.
    delays = only(run("drift=100ppm", 50_001))
    runs = "faster" if delays[-1] > delays[0] else "slower"
    root = Path(__file__).parents[3]
    for path in ("docs/replay.md", "voicectl/netem/spec.py", "rust/media/src/netem/impairment.rs"):
        [told] = re.findall(
            r"receiver's clock runs so much (\w+)|How much (\w+) the receiver's clock runs",
            (root / path).read_text(encoding="utf-8"),
        )
        assert runs in told, path


@pytest.mark.parametrize(
    "text",
    ["delay=80ms,jitter=20ms", "delay=10ms,jitter=30ms,reorder=yes"],
)
def test_jitter_that_keeps_the_order_had_another_mean_than_was_told(text: str) -> None:
    delays = [delay / 1e6 for delay in only(run(text, 50_000))]
    mean = sum(delays) / len(delays)
    deviation = (sum((delay - mean) ** 2 for delay in delays) / len(delays)) ** 0.5
    docs = Path(__file__).parents[3] / "docs" / "replay.md"
    told = " ".join(docs.read_text(encoding="utf-8").split())
    found = re.search(rf"`{text}` has a mean of ([\d.]+) ms and a deviation of ([\d.]+) ms", told)
    assert found is not None
    assert float(found[1]) == pytest.approx(mean, abs=0.5)
    assert float(found[2]) == pytest.approx(deviation, abs=0.5)
