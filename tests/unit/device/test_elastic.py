"""Two clocks that differ: nothing is lost between them and the delay stays small."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.device.drift import DriftEstimator
from voicectl.device.elastic import ElasticBuffer
from voicectl.units import NS_PER_MS, NS_PER_S

BLOCK = 480
WRITE, READ = 0, 1


@dataclass
class Crossing:
    """A writer with a clock of its own, a reader on the call's, and a buffer between them."""

    ppm: float
    jitter_ms: float = 3.0
    tone_hz: float = 1000.0
    buffer: ElasticBuffer = field(default_factory=lambda: ElasticBuffer(48000))
    drift: DriftEstimator = field(default_factory=lambda: DriftEstimator(48000))
    written: int = 0
    heard: list[NDArray[np.int16]] = field(default_factory=list)
    delay_ms: list[float] = field(default_factory=list)

    def run(self, seconds: int, *, reader_stall_ms: tuple[int, int] | None = None) -> None:
        for at_ns, side in heapq.merge(
            self._writes(seconds), self._reads(seconds, reader_stall_ms)
        ):
            if side == WRITE:
                self.buffer.write(self._tone(), at_ns)
                self.drift.handle_block(BLOCK, at_ns)
            else:
                self.heard.append(self.buffer.read(BLOCK, at_ns, self.drift.ppm or 0.0))
                self.delay_ms.append(self.buffer.delay_ms)

    def _writes(self, seconds: int) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng(5)
        last_ns = 0
        # A little longer than the reader, whose last reads must not run dry.
        for block in range(1, seconds * 100 + 2):
            due_ns = round(block * 10 * NS_PER_MS / (1 + self.ppm * 1e-6))
            last_ns = max(due_ns + round(rng.uniform(0, self.jitter_ms) * NS_PER_MS), last_ns)
            yield last_ns, WRITE

    def _reads(self, seconds: int, stall_ms: tuple[int, int] | None) -> Iterator[tuple[int, int]]:
        first_ns, end_ns = (ms * NS_PER_MS for ms in stall_ms or (0, 0))
        for block in range(1, seconds * 100):
            at_ns = block * 10 * NS_PER_MS + 3 * NS_PER_MS
            if not first_ns < at_ns < end_ns:
                yield at_ns, READ

    def _tone(self) -> NDArray[np.int16]:
        at = (self.written + np.arange(BLOCK)) / 48000
        self.written += BLOCK
        return np.rint(8000 * np.sin(2 * np.pi * self.tone_hz * at)).astype(np.int16)


@pytest.mark.parametrize("ppm", [-200.0, 0.0, 200.0])
def test_a_minute_of_drift_lose_nothing_and_keep_the_delay(ppm: float) -> None:
    crossing = Crossing(ppm)
    crossing.run(60)
    assert crossing.buffer.stats.underrun_samples == 0
    assert crossing.buffer.stats.dropped_samples == 0
    settled = crossing.delay_ms[3000:]
    assert max(settled) < 25
    assert np.mean(settled) < 18


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_tone_comes_through_without_a_click(ppm: float) -> None:
    crossing = Crossing(ppm)
    crossing.run(25)
    heard = np.concatenate(crossing.heard[100:]).astype(np.int32)
    largest_step_of_the_tone = 8000 * 2 * np.pi * 1000 / 48000
    assert np.abs(np.diff(heard)).max() < largest_step_of_the_tone * 1.01


def test_equal_clocks_on_time_pass_samples_unchanged() -> None:
    buffer = ElasticBuffer(48000)
    noise = np.random.default_rng(1).integers(-9000, 9000, (300, BLOCK)).astype(np.int16)
    heard = []
    for block, pcm in enumerate(noise):
        now_ns = block * 10 * NS_PER_MS
        buffer.write(pcm, now_ns)
        heard.append(buffer.read(BLOCK, now_ns + NS_PER_MS))
    said, out = noise.ravel(), np.concatenate(heard[:20])
    first = int(np.flatnonzero(out)[0])
    start = int(np.flatnonzero(said == out[first])[0])
    assert np.array_equal(out[first:], said[start : start + len(out) - first])


def test_bursts_of_40_ms_settle_without_underrun() -> None:
    buffer = ElasticBuffer(48000)
    underruns = []
    for tick in range(2000):
        now_ns = tick * 10 * NS_PER_MS
        if tick % 4 == 0:
            buffer.write(np.ones(4 * BLOCK, np.int16), now_ns)
        buffer.read(BLOCK, now_ns + NS_PER_MS)
        underruns.append(buffer.stats.underrun_samples)
    assert underruns[-1] == underruns[100]


def test_delay_after_a_stall_of_the_reader_is_cut_at_once_and_counted() -> None:
    crossing = Crossing(0.0)
    crossing.run(30, reader_stall_ms=(20_000, 20_300))
    assert 200 < max(crossing.delay_ms)
    after_a_second = crossing.delay_ms[2000 - 30 + 100 :]
    assert max(after_a_second) < 30
    dropped_ms = crossing.buffer.stats.dropped_samples / 48
    assert 280 < dropped_ms < 310
    assert crossing.buffer.stats.underrun_samples == 0


def test_cut_makes_no_click() -> None:
    crossing = Crossing(0.0, tone_hz=200.0)
    crossing.run(30, reader_stall_ms=(20_000, 20_257))
    heard = np.concatenate(crossing.heard[1000:]).astype(np.int32)
    assert np.abs(np.diff(heard)).max() < 8000 * 2 * np.pi * 200 / 48000 * 2


def test_writer_that_is_late_again_and_again_is_not_heard_twice() -> None:
    buffer = ElasticBuffer(48000)
    underruns = []
    for tick in range(3000):
        # Every second, two blocks come together with the third.
        blocks = {97: 0, 98: 0, 99: 3}.get(tick % 100, 1)
        now_ns = tick * 10 * NS_PER_MS
        for _ in range(blocks):
            buffer.write(np.ones(BLOCK, np.int16), now_ns)
        buffer.read(BLOCK, now_ns + 3 * NS_PER_MS)
        underruns.append(buffer.stats.underrun_samples)
    assert underruns[99] > 0
    assert underruns[-1] == underruns[99]
    assert buffer.stats.dropped_samples == 0


def test_headroom_is_given_back_when_the_writer_has_calmed_down() -> None:
    buffer = ElasticBuffer(48000)
    delay_ms = []
    for tick in range(15_000):
        now_ns = tick * 10 * NS_PER_MS
        for _ in range({96: 0, 97: 0, 98: 0, 99: 4}.get(tick, 1)):
            buffer.write(np.ones(BLOCK, np.int16), now_ns)
        buffer.read(BLOCK, now_ns + 3 * NS_PER_MS)
        delay_ms.append(buffer.delay_ms)
    assert delay_ms[300] > 25
    assert delay_ms[-1] < 15


def test_more_than_half_a_second_unread_drops_the_oldest() -> None:
    buffer = ElasticBuffer(48000)
    for block in range(60):
        buffer.write(np.full(BLOCK, block, np.int16), block * 10 * NS_PER_MS)
    assert buffer.stats.dropped_samples == 10 * BLOCK
    heard = np.concatenate([buffer.read(BLOCK, NS_PER_S) for _ in range(3)])
    assert heard.max() in (10, 11, 12, 13)


def test_silence_before_the_first_block_is_no_underrun() -> None:
    buffer = ElasticBuffer(48000)
    assert not buffer.read(BLOCK, 0).any()
    assert buffer.stats.underrun_samples == 0
