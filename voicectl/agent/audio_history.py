"""The last seconds of what the caller said, so that STT can hear an utterance from its start."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

__all__ = ["AudioHistory"]


class AudioHistory:
    """A ring of PCM addressed by media time, in samples. Holes in it are silence.

    Args:
        capacity_samples: How much is kept; older audio is dropped.
    """

    def __init__(self, capacity_samples: int) -> None:
        self._ring = np.zeros(capacity_samples, np.int16)
        self._until = 0
        self._from = 0
        self._arrivals: deque[tuple[int, int]] = deque(maxlen=1024)

    @property
    def until_samples(self) -> int:
        """One past the newest sample."""
        return self._until

    def clear(self) -> None:
        """Forget everything; media time may begin anew."""
        self._from = self._until = 0
        self._arrivals.clear()

    def append(self, pcm: NDArray[np.int16], first_sample: int, arrived_ns: int) -> None:
        """Keep `pcm`, whose first sample has this media time; what is older is passed over."""
        if not self._arrivals:
            self._from = self._until = first_sample
        behind = max(self._until - first_sample, 0)
        pcm, first_sample = pcm[behind:], first_sample + behind
        hole = min(first_sample - self._until, len(self._ring))
        if hole:
            self._write(np.zeros(hole, np.int16), first_sample - hole)
        newest = pcm[-len(self._ring) :]
        self._write(newest, first_sample + len(pcm) - len(newest))
        self._from = max(self._from, self._until - len(self._ring))
        self._arrivals.append((self._until, arrived_ns))

    def since(self, first_sample: int) -> NDArray[np.int16]:
        """A copy of everything kept from `first_sample` on."""
        first_sample = max(first_sample, self._from)
        indices = np.arange(first_sample, self._until) % len(self._ring)
        return self._ring[indices]

    def arrived_ns(self, sample: int) -> int | None:
        """When the sample before `sample` arrived; None if it did not or was too long ago."""
        found = None
        for until, at_ns in reversed(self._arrivals):
            if until < sample:
                break
            found = at_ns
        return found

    def _write(self, pcm: NDArray[np.int16], first_sample: int) -> None:
        self._until = first_sample + len(pcm)
        indices = np.arange(first_sample, self._until) % len(self._ring)
        self._ring[indices] = pcm
