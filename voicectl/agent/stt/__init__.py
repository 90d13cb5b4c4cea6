"""Speech to text: the border that the agent hears through, and its adapters."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["SpeechToText", "Transcript"]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood of an utterance."""

    text: str
    """Lower case, without punctuation; empty when nothing was understood."""
    confidence: float | None = None
    """From 0 to 1; below 0.5 it is more likely that something else was said. None: unknown."""


class SpeechToText(Protocol):
    """Hears one utterance at a time, while it is being said.

    All methods block and are called from one thread, which is not the event loop's.

    Raises (all methods):
        ServiceError: the recognizer failed or refused.
    """

    @property
    def sample_rate_hz(self) -> int:
        """Of the PCM that it takes."""
        ...

    def load(self) -> None:
        """Load the models, so that `start` is quick. Loading twice does nothing.

        Raises:
            SetupError: a package or model is missing.
        """
        ...

    def start(self) -> None:
        """Begin an utterance; one that was not finished is forgotten."""
        ...

    def accept(self, pcm: NDArray[np.int16]) -> str:
        """Hear more of it, and say what it seems to be so far. `pcm` has shape (samples,)."""
        ...

    def finish(self) -> Transcript:
        """The utterance is over."""
        ...
