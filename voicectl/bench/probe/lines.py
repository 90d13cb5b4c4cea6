"""Lines with a known delay and loss, and how far off the probe's figures for them are."""

from dataclasses import dataclass
from math import comb

from voicectl.bench.lab.servers import Answer, Lab
from voicectl.bench.probe.faults import turn

__all__ = ["LINES", "Line", "binomial_chance", "chance_of_loss", "rtt_error_ms"]

_TRIES = 3
_BOTH = ("to_relay", "from_relay")


@dataclass(frozen=True)
class Line:
    """The client's access line: a one-way delay, or a share of packets lost each way."""

    delay_ms: int = 0
    loss_percent: int = 0

    @property
    def name(self) -> str:
        """As reports have it."""
        return f"line of {self.expected}"

    @property
    def expected(self) -> str:
        """What a packet there and back meets."""
        if self.loss_percent:
            return f"{_crossing_twice(self.loss_percent):.2%} loss"
        return f"{2 * self.delay_ms} ms RTT"

    def run(self, lab: Lab) -> Answer:
        """Probe over it; a lossy one may lose the handshakes too, so it has three tries."""
        if not self.loss_percent:
            lab.up("eim", impair=("--delay", str(self.delay_ms)))
            lab.coturn()
            return lab.probe(turn(lab))
        loss = ("--loss", str(self.loss_percent), "--seed", str(lab.names.seed))
        lab.up("eim", impair=loss)
        lab.coturn()
        answer = lab.probe(turn(lab), "--quality", "5")
        for _ in range(_TRIES - 1):
            if answer.record.get("quality") is None:
                answer = lab.probe(turn(lab), "--quality", "5")
        return answer

    def found(self, answer: Answer) -> str:
        """What the probe measured, in the words of `expected`."""
        quality = answer.record.get("quality")
        if quality is None:
            return "nothing"
        if self.loss_percent:
            sent, lost = _sent_and_lost(quality)
            return f"{lost / sent:.2%} loss"
        return f"{_farthest(quality, 2 * self.delay_ms):.2f} ms RTT"


LINES = (
    Line(delay_ms=5),
    Line(delay_ms=40),
    Line(loss_percent=1),
    Line(loss_percent=5),
    Line(loss_percent=10),
)


def rtt_error_ms(line: Line, answer: Answer) -> float | None:
    """How far the worse direction's least round trip is from the line's.

    The least of 100 packets: what this machine's other work adds is never less than nothing.
    """
    quality = answer.record.get("quality")
    if quality is None:
        return None
    return abs(_farthest(quality, 2 * line.delay_ms) - 2 * line.delay_ms)


def chance_of_loss(line: Line, answer: Answer) -> float | None:
    """The chance that a true measurement is at least so far off (binomial, two-sided).

    Each packet crosses the line twice, out and back.
    """
    quality = answer.record.get("quality")
    if quality is None:
        return None
    return binomial_chance(*_sent_and_lost(quality), line)


def binomial_chance(sent: int, lost: int, line: Line) -> float:
    """The chance of so few or so many lost of those sent there and back, two-sided."""
    p = _crossing_twice(line.loss_percent)
    odds = [comb(sent, k) * p**k * (1 - p) ** (sent - k) for k in range(sent + 1)]
    return min(1.0, 2 * min(sum(odds[: lost + 1]), sum(odds[lost:])))


def _crossing_twice(percent: int) -> float:
    return 1 - (1 - percent / 100) ** 2


def _sent_and_lost(quality: dict[str, dict[str, int]]) -> tuple[int, int]:
    sent = sum(quality[way]["sent"] for way in _BOTH)
    return sent, sent - sum(quality[way]["received"] for way in _BOTH)


def _farthest(quality: dict[str, dict[str, float]], rtt_ms: float) -> float:
    return max((quality[way]["rtt_ms_min"] for way in _BOTH), key=lambda each: abs(each - rtt_ms))
