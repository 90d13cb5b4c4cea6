"""The suite `calls`: what a call costs, how late its audio comes, how many there can be.

Each endpoint serves calls in a process of its own on a core of its own; this process is the caller
of all of them. Costs are CPU time of the endpoint's process, ours and the rivals' in turns.
"""

import sys
from functools import partial

from voicectl.bench.calls.figures import FIGURES
from voicectl.bench.calls.session import CallsSession, Effort
from voicectl.bench.suite import Bench, Suite
from voicectl.errors import SetupError

__all__ = ["calls_suite"]


def calls_suite(*, quick: bool = False) -> Suite:
    """The suite; `quick` holds fewer calls for less time, and climbs with ours alone."""
    session = CallsSession(Effort.quick() if quick else Effort.thorough())
    return Suite(
        "calls",
        tuple(
            Bench(spec, partial(figure, session), takes_rounds=False) for spec, figure in FIGURES
        ),
        notes=session.notes,
        missing=_missing,
    )


def _missing() -> SetupError | None:
    if sys.platform == "linux":
        return None
    return SetupError("the suite `calls` reads the CPU time of its endpoints from Linux's /proc")
