"""Something the caller is to say."""

from dataclasses import dataclass

from voicectl.device.wav import Audio
from voicectl.session.utterance_plan import Start

__all__ = ["Utterance"]


@dataclass(frozen=True)
class Utterance:
    """What the caller is to say, and when."""

    source: str
    """The file or the words, for people."""
    audio: Audio
    """At 48 kHz."""
    start: Start
