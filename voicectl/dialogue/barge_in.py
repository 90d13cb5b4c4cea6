"""Barge-in: when a caller's speech interrupts a reply, and how much of the reply was heard."""

from collections.abc import Sequence
from dataclasses import dataclass

from voicectl.dialogue.endpointing import SAMPLES_PER_MS

__all__ = ["BargeIn", "SpokenWord", "heard_text"]


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a reply and where its audio lies, from the beginning of the reply's audio."""

    text: str
    start_ms: float
    end_ms: float


def heard_text(words: Sequence[SpokenWord], heard_ms: float) -> str:
    """The words heard when `heard_ms` of a reply's audio were sent.

    A word counts once half of it was sent: who hears "seven tim-" has understood neither less
    than "seven" nor more than "seven times".
    """
    return " ".join(word.text for word in words if (word.start_ms + word.end_ms) / 2 <= heard_ms)


class BargeIn:
    """Tells speech that interrupts a reply from noises shorter than `min_speech_ms`.

    Follows the caller's speech in media time, whoever has the floor, so that speech which began
    before the reply did counts from its own beginning.
    """

    def __init__(self, min_speech_ms: int) -> None:
        self._min_speech_samples = min_speech_ms * SAMPLES_PER_MS
        self._onset: int | None = None
        self._heard_until = 0

    @property
    def onset_samples(self) -> int | None:
        """Where the running speech began; None while the caller is silent."""
        return self._onset

    @property
    def is_due(self) -> bool:
        """Whether the running speech has lasted long enough to interrupt."""
        return (
            self._onset is not None and self._heard_until - self._onset >= self._min_speech_samples
        )

    def handle_speech_started(self, at_samples: int) -> None:
        """The caller began to speak at `at_samples`."""
        self._onset = at_samples

    def handle_speech_ended(self) -> None:
        """The caller fell silent."""
        self._onset = None

    def handle_stream_started(self) -> None:
        """Media time begins anew."""
        self._onset = None
        self._heard_until = 0

    def handle_audio(self, until_samples: int) -> None:
        """Audio up to `until_samples` has arrived, the speech edges in it are handled."""
        self._heard_until = max(self._heard_until, until_samples)
