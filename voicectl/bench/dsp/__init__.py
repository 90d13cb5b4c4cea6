"""The suite `dsp`: what the media core costs and how good it is, beside what else there is.

Where a rival needs its input in a form of its own, it is handed that form ready made: what it
costs is never less than what it is charged here.
"""

from voicectl.bench.dsp import border, codec, resampling, voice_detection
from voicectl.bench.suite import Suite

__all__ = ["DSP"]

DSP = Suite(
    "dsp",
    (*codec.BENCHES, *resampling.BENCHES, *voice_detection.BENCHES, *border.BENCHES),
)
