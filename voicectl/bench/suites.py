"""All the suites there are."""

from voicectl.bench.calls import calls_suite
from voicectl.bench.dsp import DSP
from voicectl.bench.playout import playout_suite
from voicectl.bench.probe import probe_suite
from voicectl.bench.suite import Suite

__all__ = ["all_suites"]


def all_suites(*, quick: bool = False) -> list[Suite]:
    """Every suite, in the order in which they run."""
    return [
        DSP,
        playout_suite(quick=quick),
        calls_suite(quick=quick),
        probe_suite(quick=quick),
    ]
