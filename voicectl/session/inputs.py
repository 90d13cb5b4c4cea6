"""The caller's utterances from files."""

from collections.abc import Sequence
from pathlib import Path

from voicectl import _native
from voicectl.device.wav import Audio, read_audio
from voicectl.dialogue.latency import speech_spans
from voicectl.errors import MediaError
from voicectl.session.call_audio import SAMPLE_RATE_HZ
from voicectl.session.utterance import Utterance
from voicectl.session.utterance_plan import parse_start

__all__ = ["at_call_rate", "read_utterances"]

_KEPT_AFTER_SPEECH_SAMPLES = SAMPLE_RATE_HZ // 10


def read_utterances(specifications: Sequence[str]) -> list[Utterance]:
    """Read `FILE[@START]` each.

    Raises:
        UsageError: a START is malformed or a file is not there.
        MediaError: a file is no audio, is cut short, or has no speech in it.
    """
    utterances = []
    for specification in specifications:
        name, start = parse_start(specification)
        audio = at_call_rate(read_audio(Path(name)))
        speech = speech_spans(audio.pcm, audio.sample_rate_hz)
        if not speech:
            raise MediaError(
                f"{name} has no speech in it",
                detail=f"It is {audio.duration_ms / 1000:.1f} s long and stays near silence.",
                hint="record it louder, or give another file to --input",
            )
        # The silence behind the speech is the agent's to measure, not the file's to prolong.
        spoken = audio.pcm[: speech[-1].end + _KEPT_AFTER_SPEECH_SAMPLES]
        utterances.append(Utterance(name, Audio(spoken, audio.sample_rate_hz), start))
    return utterances


def at_call_rate(audio: Audio) -> Audio:
    """The same audio at 48 kHz."""
    if audio.sample_rate_hz == SAMPLE_RATE_HZ:
        return audio
    resampler = _native.Resampler(audio.sample_rate_hz, SAMPLE_RATE_HZ)
    return Audio(resampler.convert(audio.pcm), SAMPLE_RATE_HZ)
