"""Text to speech: the border that the agent speaks through, and its adapters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicectl.dialogue.barge_in import SpokenWord

__all__ = ["Speech", "TextToSpeech"]


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of a reply, ready to be sent."""

    pcm: NDArray[np.int16]
    """Shape (samples,)."""
    words: tuple[SpokenWord, ...]
    """Where each word lies, from the beginning of this piece."""


class TextToSpeech(Protocol):
    """Speaks a text piece by piece, so that the first can be heard while others are made.

    All methods block and are called from one thread, which is not the event loop's.

    Raises (all methods):
        ServiceError: the synthesizer failed or refused.
    """

    @property
    def sample_rate_hz(self) -> int:
        """Of the PCM that it gives."""
        ...

    def load(self) -> None:
        """Load the models and warm them up. Loading twice does nothing.

        Raises:
            SetupError: a package or model is missing.
        """
        ...

    def speak(self, text: str) -> Iterator[Speech]:
        """The pieces in order, each made when it is asked for."""
        ...
