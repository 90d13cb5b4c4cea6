"""All the suites there are."""

from voicectl.bench.dsp import DSP
from voicectl.bench.playout import PLAYOUT
from voicectl.bench.suite import Suite

__all__ = ["SUITES"]

SUITES: list[Suite] = [DSP, PLAYOUT]
