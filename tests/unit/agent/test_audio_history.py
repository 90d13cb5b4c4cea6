"""Audio kept by media time."""

import numpy as np
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from voicectl.agent.audio_history import AudioHistory


def ramp(start: int, end: int) -> NDArray[np.int16]:
    return np.arange(start, end, dtype=np.int16)


def test_utterance_is_found_again_by_its_media_time() -> None:
    history = AudioHistory(100)
    for start in range(0, 300, 30):
        history.append(ramp(start, start + 30), start, arrived_ns=start)
    assert_array_equal(history.since(250), ramp(250, 300))


def test_what_is_older_than_the_capacity_is_gone() -> None:
    history = AudioHistory(100)
    history.append(ramp(0, 250), 0, arrived_ns=0)
    assert_array_equal(history.since(0), ramp(150, 250))


def test_stream_may_begin_anywhere() -> None:
    history = AudioHistory(100)
    history.append(ramp(0, 50), 1_000_000, arrived_ns=0)
    assert_array_equal(history.since(0), ramp(0, 50))


def test_hole_is_silence() -> None:
    history = AudioHistory(100)
    history.append(ramp(1, 11), 0, arrived_ns=0)
    history.append(ramp(1, 11), 20, arrived_ns=1)
    assert_array_equal(history.since(0), [*range(1, 11), *[0] * 10, *range(1, 11)])


def test_hole_longer_than_the_capacity_leaves_only_what_came_after() -> None:
    history = AudioHistory(100)
    history.append(ramp(1, 101), 0, arrived_ns=0)
    history.append(ramp(1, 11), 10_000_000, arrived_ns=1)
    assert_array_equal(history.since(0), [*[0] * 90, *range(1, 11)])


def test_samples_that_come_twice_are_kept_once() -> None:
    history = AudioHistory(100)
    history.append(ramp(0, 20), 0, arrived_ns=0)
    history.append(ramp(10, 30), 10, arrived_ns=1)
    history.append(ramp(0, 10), 0, arrived_ns=2)
    assert_array_equal(history.since(0), ramp(0, 30))


def test_arrival_of_a_sample_is_that_of_its_block() -> None:
    history = AudioHistory(1000)
    for block in range(3):
        history.append(ramp(0, 100), block * 100, arrived_ns=block + 10)
    assert history.arrived_ns(100) == 10
    assert history.arrived_ns(101) == 11
    assert history.arrived_ns(300) == 12
    assert history.arrived_ns(301) is None
