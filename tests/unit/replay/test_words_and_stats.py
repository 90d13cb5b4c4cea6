"""Words lost are counted, and statistics become a trace with as much loss and jitter."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from support.captures import rtp

from voicectl.bench.dsp.speech import spoken_sentences
from voicectl.replay.material import OfferedPacket
from voicectl.replay.replay import lost_at_s
from voicectl.replay.stats_trace import trace_of_stats
from voicectl.replay.words import WordCounter, lost_words
from voicectl.wire.rtcstats import StatsDump, StatsSample, StatsSeries


@pytest.mark.parametrize(
    ("said", "understood", "lost"),
    [
        ("what time is it", "what time is it", 0),
        ("what time is it", "", 4),
        ("what time is it", "what is it", 1),
        ("what time is it", "it is time what", 3),
        ("count to twelve", "please count to ten", 1),
    ],
)
def test_words_lost_are_those_missing_in_their_order(said: str, understood: str, lost: int) -> None:
    assert lost_words(said.split(), understood.split()) == lost


def test_trace_has_the_losses_and_the_jitter_of_each_interval() -> None:
    samples = [
        StatsSample(0, 0, 0, 0),
        StatsSample(10_000, 500, 0, 2),
        StatsSample(20_000, 900, 100, 10),
    ]
    series = StatsSeries("pc", 1, samples)
    dump = StatsDump("rtcstats", [series], [(0, 80.0), (1, 60.0), (2, 100.0)])
    trace = trace_of_stats(series, dump, seed=1)
    assert trace.sent == 1000
    assert [p.arrival_ns is None for p in trace.packets[:500]].count(True) == 0
    assert [p.arrival_ns is None for p in trace.packets[500:]].count(True) == 100
    delays = [(p.arrival_ns - p.send_ns) / 1e6 for p in trace.packets if p.arrival_ns is not None]
    assert min(delays) == pytest.approx(40, abs=1)
    assert trace.packets == trace_of_stats(series, dump, seed=1).packets
    assert trace.packets != trace_of_stats(series, dump, seed=2).packets


@pytest.mark.parametrize("jitter_ms", [1.0, 5.0, 20.0, 40.0, 200.0])
def test_jitter_of_the_trace_is_that_of_the_statistics(jitter_ms: float) -> None:
    samples = [StatsSample(0, 0, 0, 0), StatsSample(600_000, 30_000, 0, jitter_ms)]
    series = StatsSeries("pc", 1, samples)
    trace = trace_of_stats(series, StatsDump("rtcstats", [series]), seed=1)
    delays = [(p.arrival_ns or 0) - p.send_ns for p in trace.packets]
    jitters_ms = [0.0]
    for before, after in pairwise(delays):
        jitters_ms.append(jitters_ms[-1] + (abs(after - before) / 1e6 - jitters_ms[-1]) / 16)
    assert sum(jitters_ms) / len(jitters_ms) == pytest.approx(jitter_ms, rel=0.06)
    if jitter_ms <= 20:
        arrivals = [p.arrival_ns or 0 for p in trace.packets]
        assert arrivals == sorted(arrivals)


def reports(received: list[int], lost: list[int]) -> tuple[StatsSeries, StatsDump]:
    """A report a second."""
    samples = [
        StatsSample(1000.0 * n, packets, gone, 0.0)
        for n, (packets, gone) in enumerate(zip(received, lost, strict=True))
    ]
    series = StatsSeries("pc", 1, samples)
    return series, StatsDump("rtcstats", [series])


def test_losses_told_when_an_outage_was_over_lie_in_the_outage() -> None:
    received = [50 * min(n, 20) + 50 * max(n - 40, 0) for n in range(61)]
    lost = [1000 if n > 40 else 0 for n in range(61)]
    trace = trace_of_stats(*reports(received, lost), seed=1)
    assert trace.sent == 3000
    assert [p.frame for p in trace.packets if p.arrival_ns is None] == list(range(1000, 2000))


def test_sender_that_stopped_for_a_while_has_sent_nothing_meanwhile() -> None:
    received = [50 * min(n, 20) + 50 * max(n - 40, 0) for n in range(61)]
    trace = trace_of_stats(*reports(received, [0] * 61), seed=1)
    assert (trace.sent, trace.lost) == (2000, 0)
    assert [p.frame for p in trace.packets] == [*range(1000), *range(2000, 3000)]
    assert trace.comments == ["nothing was received in 20 s, and nothing lost: taken as not sent"]


def test_end_of_a_dump_in_which_nothing_was_received_is_left_out_and_named() -> None:
    trace = trace_of_stats(*reports([50 * min(n, 20) for n in range(61)], [0] * 61), seed=1)
    assert (trace.sent, trace.lost) == (1000, 0)
    assert trace.comments == ["nothing was received in the last 40 s: left out"]


def test_dump_of_a_call_in_which_nothing_was_ever_received_has_no_packets() -> None:
    assert trace_of_stats(*reports([0] * 61, [0] * 61), seed=1).packets == []


def test_jitter_and_pauses_that_no_call_has_are_bounded() -> None:
    samples = [
        StatsSample(0, 0, 0, 0),
        StatsSample(1_000, 50, 0, 1e12),
        StatsSample(1e9, 50, 0, 0),
        StatsSample(1e9 + 1_000, 100, 0, 0),
    ]
    series = StatsSeries("pc", 1, samples)
    trace = trace_of_stats(series, StatsDump("rtcstats", [series], [(0, 1e15)]), seed=1)
    assert trace.frames <= 3200
    assert max(p.arrival_ns or 0 for p in trace.packets) < 120e9


def test_lost_packets_are_missed_when_the_next_one_comes_and_late_ones_not_at_all() -> None:
    numbers = [65_534, 65_535, 2, 1, 5]
    packets = [
        OfferedPacket(n * 20_000_000, rtp(number, b""), number * 960)
        for n, number in enumerate(numbers)
    ]
    assert lost_at_s(packets) == [0.04, 0.08]


def test_numbers_that_hop_to_and_fro_are_not_held_one_by_one() -> None:
    numbers = [(n + n // 7 * 32_000) % 65_536 for n in range(5_000)]
    packets = [
        OfferedPacket(n * 20_000_000, rtp(number, b""), n * 960) for n, number in enumerate(numbers)
    ]
    tracemalloc.start()
    assert lost_at_s(packets) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000


def test_words_of_a_recording_that_nobody_wrote_down_are_lost_to_silence_only() -> None:
    spoken = list(spoken_sentences(16_000)[:2])
    counter = WordCounter((), spoken)
    words, lost = counter.lost(spoken)
    assert words is not None
    assert words > 15
    assert lost == 0
    muted = [spoken[0], np.zeros_like(spoken[1])]
    first = len(counter.understood[0])
    assert counter.lost(muted) == (words, words - first)


def test_speech_too_long_to_be_recognized_has_no_words() -> None:
    assert WordCounter((), [np.zeros(16_000 * 121, np.int16)]).lost([]) == (None, None)
