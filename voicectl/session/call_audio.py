"""Both channels of a call on one clock: what the caller said and what the caller heard."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from voicectl.device.wav import TwoChannelRecording
from voicectl.units import NS_PER_S

__all__ = ["SAMPLE_RATE_HZ", "CallAudio", "Channel", "level_dbfs", "to_ns"]

SAMPLE_RATE_HZ = 48000
_KEPT_SAMPLES = 180 * SAMPLE_RATE_HZ
_SILENCE_DBFS = -100.0


class Channel:
    """One direction's PCM by its position in the call; the last three minutes are kept."""

    def __init__(self) -> None:
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._first_kept = 0
        self.end = 0
        """One past the last sample; sample 0 is the beginning of the call."""

    def append(self, pcm: NDArray[np.int16]) -> None:
        """Add what follows."""
        self._blocks.append(pcm)
        self.end += len(pcm)
        while self.end - self._first_kept > _KEPT_SAMPLES:
            self._first_kept += len(self._blocks.popleft())

    def cut(self, first: int, end: int) -> NDArray[np.int16]:
        """The samples from `first` up to `end`, as far as they are kept and have come."""
        kept: list[NDArray[np.int16]] = []
        block_first = self._first_kept
        for block in self._blocks:
            if block_first >= end:
                break
            if block_first + len(block) > first:
                kept.append(block[max(first - block_first, 0) : end - block_first])
            block_first += len(block)
        return np.concatenate(kept) if kept else np.zeros(0, np.int16)

    def level_dbfs(self, samples: int) -> float:
        """The level of the last so many samples."""
        return level_dbfs(self.cut(self.end - samples, self.end))


class CallAudio:
    """What was said (left) and heard (right), at 48 kHz; written to `recording` if there is one."""

    def __init__(self, recording: TwoChannelRecording | None) -> None:
        self.said = Channel()
        self.heard = Channel()
        self._recording = recording

    def handle_said(self, pcm: NDArray[np.int16]) -> None:
        """The next samples that went into the caller's encoder."""
        self.said.append(pcm)
        if self._recording is not None:
            self._recording.write_left(pcm)

    def handle_heard(self, pcm: NDArray[np.int16]) -> None:
        """The next samples that came out of the caller's jitter buffer."""
        self.heard.append(pcm)
        if self._recording is not None:
            self._recording.write_right(pcm)

    def close(self) -> None:
        """Finish the recording."""
        if self._recording is not None:
            self._recording.close()


def to_ns(samples: int) -> int:
    """A position in the call as a time."""
    return samples * NS_PER_S // SAMPLE_RATE_HZ


def level_dbfs(pcm: NDArray[np.int16]) -> float:
    """The mean level of samples relative to full scale; -100 for none and for silence."""
    if not len(pcm):
        return _SILENCE_DBFS
    mean_square = float(np.mean(np.square(pcm.astype(np.float64))))
    return 10 * float(np.log10(mean_square / 32768.0**2)) if mean_square else _SILENCE_DBFS
