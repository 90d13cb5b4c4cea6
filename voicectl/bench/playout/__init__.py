"""The suite `playout`: both sinks of the jitter buffer beside what others made of the same packets.

Ten recorded traces go through the real pipeline (RTP, jitter buffer, Opus) on a virtual clock, so
that every figure but the cost is the same on every run of a build. `traces/README.md` says what
NetEq's and the fixed buffer's figures are and where they come from.
"""

from voicectl.bench.playout import cost, figures, front
from voicectl.bench.suite import Suite

__all__ = ["PLAYOUT"]

PLAYOUT = Suite("playout", (*figures.BENCHES, *cost.BENCHES), front.tables)
