"""A bounded queue of samples between a sound card's thread and the event loop."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["SampleRing"]


class SampleRing:
    """First in, first out, mono int16; when it is full the oldest samples are dropped.

    Not locked: its owner guards it.
    """

    def __init__(self, capacity_samples: int) -> None:
        self._samples = np.zeros(capacity_samples, np.int16)
        self._first = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def capacity_samples(self) -> int:
        """How many samples it holds at most."""
        return len(self._samples)

    def write(self, pcm: NDArray[np.int16]) -> int:
        """Append `pcm`, shape (samples,); return how many of the oldest were dropped for it."""
        capacity = len(self._samples)
        dropped = max(self._length + len(pcm) - capacity, 0)
        refused = max(len(pcm) - capacity, 0)
        self.skip(dropped - refused)
        kept = pcm[refused:]
        begin = (self._first + self._length) % capacity
        until_wrap = min(capacity - begin, len(kept))
        self._samples[begin : begin + until_wrap] = kept[:until_wrap]
        self._samples[: len(kept) - until_wrap] = kept[until_wrap:]
        self._length += len(kept)
        return dropped

    def read(self, count: int) -> NDArray[np.int16]:
        """Take the oldest samples out, `count` of them or as many as there are."""
        pcm = self.peek(count)
        self.skip(len(pcm))
        return pcm

    def peek(self, count: int) -> NDArray[np.int16]:
        """Copy the oldest samples and leave them in."""
        count = min(count, self._length)
        until_wrap = min(len(self._samples) - self._first, count)
        return np.concatenate(
            (
                self._samples[self._first : self._first + until_wrap],
                self._samples[: count - until_wrap],
            )
        )

    def skip(self, count: int) -> None:
        """Drop the oldest samples, `count` of them or as many as there are."""
        count = min(count, self._length)
        self._first = (self._first + count) % len(self._samples)
        self._length -= count

    def clear(self) -> None:
        """Drop everything."""
        self._first = self._length = 0
