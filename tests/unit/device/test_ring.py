"""What goes into the ring comes out in order, and what it drops is counted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicectl.device.ring import SampleRing


def ramp(first: int, count: int) -> np.ndarray:
    return np.arange(first, first + count).astype(np.int16)


@given(st.lists(st.tuples(st.sampled_from(["write", "read", "skip"]), st.integers(0, 40))))
def test_ring_is_a_queue_that_drops_the_oldest(steps: list[tuple[str, int]]) -> None:
    ring = SampleRing(25)
    queue: list[int] = []
    written = 0
    for step, count in steps:
        if step == "write":
            queue += range(written, written + count)
            dropped = ring.write(ramp(written, count))
            written += count
            assert dropped == max(len(queue) - 25, 0)
            queue = queue[dropped:]
        elif step == "read":
            assert ring.read(count).tolist() == queue[:count]
            queue = queue[count:]
        else:
            ring.skip(count)
            queue = queue[count:]
        assert len(ring) == len(queue)
        assert ring.peek(25).tolist() == queue
