"""The `tc netem` line that does on a real interface what an impairment does in the simulation."""

from voicectl.netem.spec import Distribution, Impairment
from voicectl.units import NS_PER_MS

__all__ = ["netem_lines"]

_DISTRIBUTIONS = {
    Distribution.NORMAL: "distribution normal",
    Distribution.UNIFORM: "",
    Distribution.EXPONENTIAL: "distribution pareto",
}
_PACKET_BITS = 8 * 120
"""Of a 20 ms frame at 32 kbit/s with its headers: netem's queue counts packets."""
_MOST_PACKETS = (1 << 32) - 1
"""That `limit` takes."""
_LONGEST_MS = 274_000.0
"""tc counts in 64 ns, up to 2^32 of them."""
_SMALL = 0.001


def netem_lines(impairment: Impairment, *, seed: int, interface: str = "eth0") -> list[str]:
    """The command, and a comment for each thing that netem does otherwise or not at all."""
    parts = [f"tc qdisc add dev {interface} root netem"]
    if impairment.delay_ns or impairment.jitter_ns:
        parts.append(_delay(impairment))
    if impairment.loss:
        parts.append(_loss(impairment))
    if impairment.duplicate:
        parts.append(f"duplicate {_decimal(impairment.duplicate * 100)}%")
    if impairment.rate_bps:
        parts.append(f"rate {_decimal(impairment.rate_bps / 1000)}kbit")
        if impairment.queue_ns:
            packets = impairment.rate_bps * impairment.queue_ns // (10**9 * _PACKET_BITS)
            parts.append(f"limit {min(max(packets, 1), _MOST_PACKETS)}")
    return [" ".join(parts), *(f"# {note}" for note in _notes(impairment, seed))]


def _delay(impairment: Impairment) -> str:
    delay_ms, jitter_ms = impairment.delay_ns / NS_PER_MS, impairment.jitter_ns / NS_PER_MS
    if impairment.distribution is Distribution.UNIFORM:
        # netem's uniform jitter lies on both sides of the delay.
        delay_ms, jitter_ms = delay_ms + jitter_ms / 2, jitter_ms / 2
    elif impairment.distribution is Distribution.EXPONENTIAL:
        # netem's tables lie around the delay.
        delay_ms += jitter_ms
    delay_ms, jitter_ms = min(delay_ms, _LONGEST_MS), min(jitter_ms, _LONGEST_MS)
    if not jitter_ms:
        return f"delay {_decimal(delay_ms)}ms"
    distribution = _DISTRIBUTIONS[impairment.distribution]
    return f"delay {_decimal(delay_ms)}ms {_decimal(jitter_ms)}ms {distribution}".rstrip()


def _loss(impairment: Impairment) -> str:
    if impairment.burst == 1 or impairment.loss >= 1:
        return f"loss random {_decimal(impairment.loss * 100)}%"
    recover = 1 / impairment.burst
    enter = impairment.loss * recover / (1 - impairment.loss)
    return f"loss gemodel {_decimal(enter * 100)}% {_decimal(recover * 100)}%"


def _decimal(number: float) -> str:
    """All of it that netem keeps (nanoseconds; percent in 2^32 parts), never with an exponent."""
    text = f"{number:.6f}" if number >= _SMALL else f"{number:.9f}"
    return text.rstrip("0").rstrip(".")


def _notes(impairment: Impairment, seed: int) -> list[str]:
    notes = [
        "it acts on what leaves the interface",
        f"with iproute2 6.6 or newer, `seed {seed}` at its end makes it draw the same every time",
    ]
    if impairment.delay_ns + impairment.jitter_ns > _LONGEST_MS * NS_PER_MS:
        notes.append(f"tc takes no more than {_LONGEST_MS / 1000:g} s: cut off")
    if impairment.jitter_ns and not impairment.reorder and not impairment.rate_bps:
        notes.append(
            "netem lets jitter change the order of packets; the simulation keeps it, "
            "so that its delays are longer and spread less"
        )
    if impairment.distribution is Distribution.EXPONENTIAL and impairment.jitter_ns:
        notes.append("netem has no exponential distribution: pareto has its mean, and comes near")
    missing = [
        name
        for name, on in (
            ("spikes", impairment.spike_every_ns),
            ("handovers", impairment.hold_every_ns),
            ("blackouts", impairment.blackout_every_ns),
            ("route changes", impairment.flap_every_ns),
            ("clock drift", impairment.drift_ppm),
        )
        if on
    ]
    if missing:
        notes.append(f"netem has no {', '.join(missing)}: left out")
    return notes
