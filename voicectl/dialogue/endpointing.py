"""Endpointing: from the edges of speech to the end of an utterance.

Time here is media time, in samples of the caller's stream at 16 kHz, because silence counts only
where its audio arrived: a network that stalls is not a caller who has finished. The clock serves
one purpose, to end an utterance whose stream has dried up (DTX, a caller who left).
"""

from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["SAMPLES_PER_MS", "Completeness", "Endpoint", "Endpointing", "EndpointingSettings"]

SAMPLES_PER_MS = 16
_NS_PER_SAMPLE = 62_500


class Completeness(Enum):
    """How what was understood so far stands to what the script knows."""

    OPEN = auto()
    """Not yet anything the script knows, or nothing known of it."""
    EXTENDABLE = auto()
    """A whole phrase, and the beginning of a longer one."""
    CLOSED = auto()
    """A whole phrase that nothing can follow."""


@dataclass(frozen=True, slots=True)
class EndpointingSettings:
    """How much silence ends an utterance, by what was understood until then."""

    closed_silence_ms: int = 200
    extendable_silence_ms: int = 400
    open_silence_ms: int = 500
    max_utterance_ms: int = 20_000
    """Longer speech is cut here: it bounds what STT has to hold."""
    dry_stream_ms: int = 300
    """Audio missing for this long beyond the silence due counts as silence."""

    def silence_ms(self, completeness: Completeness) -> int:
        """The silence that ends an utterance of this completeness."""
        match completeness:
            case Completeness.CLOSED:
                return self.closed_silence_ms
            case Completeness.EXTENDABLE:
                return self.extendable_silence_ms
            case Completeness.OPEN:
                return self.open_silence_ms


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The bounds of an utterance in media time; `end_samples` is one past its last speech."""

    start_samples: int
    end_samples: int


class Endpointing:
    """Decides when an utterance that has begun is over. Does no I/O and reads no clock.

    Call `handle_audio` after the speech edges that lie in that audio, and `handle_timeout` no
    later than `next_timeout`; take the end from `poll_endpoint`, after which `start` begins anew.
    """

    def __init__(self, settings: EndpointingSettings) -> None:
        self._settings = settings
        self._start: int | None = None
        self._speech_end: int | None = None
        self._heard_until = 0
        self._heard_at_ns = 0
        self._completeness = Completeness.OPEN
        self._endpoint: Endpoint | None = None

    @property
    def is_active(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return self._start is not None

    def start(self, start_samples: int, now_ns: int) -> None:
        """Begin an utterance, or go on with the one that ended too early, in running speech."""
        self._start = start_samples
        self._speech_end = None
        self._completeness = Completeness.OPEN
        self._heard_until = max(self._heard_until, start_samples)
        self._heard_at_ns = now_ns
        self._endpoint = None

    def handle_speech_started(self) -> None:
        """The caller speaks (again): whatever silence there was is a pause."""
        self._speech_end = None

    def handle_speech_ended(self, at_samples: int) -> None:
        """The caller fell silent at `at_samples`, which may lie back by the VAD's hangover."""
        if self._start is not None:
            self._speech_end = max(at_samples, self._start)
            self._decide()

    def handle_completeness(self, completeness: Completeness) -> None:
        """STT understood more; `completeness` judges all of the utterance so far."""
        self._completeness = completeness
        self._decide()

    def handle_audio(self, until_samples: int, now_ns: int) -> None:
        """Audio up to `until_samples` has arrived, the speech edges in it are handled."""
        self._heard_until = max(self._heard_until, until_samples)
        self._heard_at_ns = now_ns
        self._decide()

    def handle_stream_started(self) -> None:
        """Media time begins anew: what was being said ends where it was last heard."""
        self._end(self._heard_until if self._speech_end is None else self._speech_end)
        self._heard_until = 0

    def handle_timeout(self, now_ns: int) -> None:
        """End the utterance if its stream has dried up."""
        due = self.next_timeout()
        if due is not None and now_ns >= due:
            self._end(self._heard_until if self._speech_end is None else self._speech_end)

    def next_timeout(self) -> int | None:
        """When a stream from which nothing more comes ends the utterance."""
        if self._start is None:
            return None
        silent_from = self._heard_until if self._speech_end is None else self._speech_end
        due = silent_from + self._silence_samples()
        missing = max(due - self._heard_until, 0)
        return (
            self._heard_at_ns
            + missing * _NS_PER_SAMPLE
            + self._settings.dry_stream_ms * SAMPLES_PER_MS * _NS_PER_SAMPLE
        )

    def poll_endpoint(self) -> Endpoint | None:
        """The end of the utterance, once."""
        endpoint, self._endpoint = self._endpoint, None
        return endpoint

    def _silence_samples(self) -> int:
        return self._settings.silence_ms(self._completeness) * SAMPLES_PER_MS

    def _decide(self) -> None:
        if self._start is None:
            return
        if self._heard_until - self._start >= self._settings.max_utterance_ms * SAMPLES_PER_MS:
            self._end(self._heard_until if self._speech_end is None else self._speech_end)
        elif (
            self._speech_end is not None
            and self._heard_until - self._speech_end >= self._silence_samples()
        ):
            self._end(self._speech_end)

    def _end(self, end_samples: int) -> None:
        if self._start is not None:
            self._endpoint = Endpoint(self._start, end_samples)
            self._start = None
