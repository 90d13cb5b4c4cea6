"""The suite `playout`: both sinks of the jitter buffer beside what others made of the same packets.

Ten recorded traces go through the real pipeline (RTP, jitter buffer, Opus) on a virtual clock, so
that every figure but the cost is the same on every run of a build. `traces/README.md` says what
NetEq's and the fixed buffer's figures are and where they come from.
"""

from voicectl.bench.playout import cost, figures, front, speed
from voicectl.bench.suite import Suite

__all__ = ["playout_suite"]


def playout_suite(*, quick: bool = False) -> Suite:
    """The suite; `quick` leaves out the speech scores, which take minutes."""
    scores = () if quick else figures.SCORES
    return Suite(
        "playout",
        (*figures.BENCHES, *scores, *cost.BENCHES, *speed.BENCHES),
        tables=lambda: front.tables(scored=not quick),
        notes=front.notes,
    )
