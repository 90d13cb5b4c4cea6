"""The demo conversation: a spoken caller of voicectl's own, for machines without a microphone."""

import numpy as np

from voicectl import _native
from voicectl.agent.tts.hibari import Hibari
from voicectl.device.wav import Audio
from voicectl.session.call_audio import SAMPLE_RATE_HZ
from voicectl.session.utterance import Utterance
from voicectl.session.utterance_plan import AfterReply, IntoReply, Start
from voicectl.units import NS_PER_MS

__all__ = ["demo_utterances"]

_LINES: tuple[tuple[str, Start], ...] = (
    ("what time is it", AfterReply()),
    ("what is seven times eight", AfterReply()),
    ("repeat after me the sky is blue", AfterReply()),
    ("what can i say", AfterReply()),
    ("stop", IntoReply(2500 * NS_PER_MS)),
    ("goodbye", AfterReply()),
)

# The caller is told from the agent by ear: the one voice there is, spoken faster and then played
# slower, is a lower voice of the same pace.
_PLAYED_AS_HZ = 22050


def demo_utterances() -> list[Utterance]:
    """What the demo's caller says. Blocks for the time that the voice needs to load and speak."""
    voice = Hibari(speed=24000 / _PLAYED_AS_HZ)
    voice.load()
    return [Utterance(f"demo: {line}", _lower(voice, line), start) for line, start in _LINES]


def _lower(voice: Hibari, line: str) -> Audio:
    spoken = np.concatenate([speech.pcm for speech in voice.speak(f"{line}.")])
    resampler = _native.Resampler(_PLAYED_AS_HZ, SAMPLE_RATE_HZ)
    return Audio(resampler.convert(spoken), SAMPLE_RATE_HZ)
