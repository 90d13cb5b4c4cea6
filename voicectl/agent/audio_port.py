"""The border between the agent and the call that carries its audio."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["AudioPort", "ClearedAudio"]


class ClearedAudio(Protocol):
    """What became of the audio that was queued."""

    @property
    def sent_ms(self) -> float:
        """Of it, how much was sent, a fade-out included."""
        ...

    @property
    def dropped_ms(self) -> float:
        """Of it, how much will never be sent."""
        ...


class AudioPort(Protocol):
    """Where the agent's audio goes: the sending half of `_native.Engine`, `now_ns` filled in."""

    def queue_audio(self, pcm: NDArray[np.int16], sample_rate_hz: int) -> int:
        """Append PCM of shape (samples,) to what is to be sent.

        Returns:
            How many samples were taken. The queue is bounded; the rest is to be offered again.
        """
        ...

    def finish_audio(self) -> None:
        """What was queued is a whole utterance; send its last samples without waiting for more."""
        ...

    def clear_audio(self) -> ClearedAudio:
        """Stop at once, with a fade-out, and forget what is queued."""
        ...
