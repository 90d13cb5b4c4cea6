"""One direction of a simulated network: packets and their times go in, arrival times come out."""

import numpy as np

from voicectl.netem.spec import Distribution, Impairment
from voicectl.units import NS_PER_S

__all__ = ["ImpairedLink"]

_UDP_AND_IP_BYTES = 28
_RELEASE_GAP_NS = 2_000_000
"""Between packets that waited for a handover."""


class ImpairedLink:
    """Applies an `Impairment`; the same seed gives the same arrivals on every machine.

    Packets are offered in the order in which they were sent.
    """

    def __init__(self, impairment: Impairment, *, seed: int) -> None:
        self._impairment = impairment
        # A stream of its own for each cause: more loss leaves the jitter of the rest as it was.
        names = ("loss", "jitter", "duplicate", "spike")
        seeds = np.random.SeedSequence(seed).spawn(len(names))
        self._random = {
            name: np.random.Generator(np.random.PCG64(child))
            for name, child in zip(names, seeds, strict=True)
        }
        self._losing = False
        self._link_free_ns = 0
        self._last_arrival_ns = 0
        self._last_release_ns = 0
        self._spike_ends_ns = 0
        self._next_spike_ns = self._spike_gap_ns()
        self.start_ns: int | None = None

    def arrivals(self, sent_ns: int, datagram_bytes: int) -> list[int]:
        """When a packet arrives: never, once, or twice.

        Args:
            sent_ns: On any monotonic clock; the first packet's begins the periods.
            datagram_bytes: The UDP payload's length.
        """
        if self.start_ns is None:
            self.start_ns = sent_ns
        elapsed_ns = sent_ns - self.start_ns
        arrives = not self._is_lost(elapsed_ns)
        out_ns = self._leave_queue(elapsed_ns, datagram_bytes)
        delay_ns = self._delay_ns(elapsed_ns)
        twice = self._draw("duplicate", self._impairment.duplicate)
        if not arrives or out_ns is None:
            return []
        arrival_ns = self._wait(out_ns + delay_ns)
        arrival_ns += round(arrival_ns * self._impairment.drift_ppm * 1e-6)
        if not self._impairment.reorder:
            arrival_ns = max(arrival_ns, self._last_arrival_ns)
        self._last_arrival_ns = max(arrival_ns, self._last_arrival_ns)
        return [self.start_ns + arrival_ns] * (2 if twice else 1)

    def _draw(self, name: str, probability: float) -> bool:
        return bool(self._random[name].random() < probability)

    def _is_lost(self, elapsed_ns: int) -> bool:
        model = self._impairment
        if model.burst > 1 and model.loss < 1:
            recover = 1 / model.burst
            enter = model.loss * recover / (1 - model.loss)
            self._losing ^= self._draw("loss", recover if self._losing else enter)
            lost = self._losing
        else:
            lost = self._draw("loss", model.loss)
        return lost or self._is_blacked_out(elapsed_ns)

    def _is_blacked_out(self, elapsed_ns: int) -> bool:
        every_ns = self._impairment.blackout_every_ns
        if not every_ns or elapsed_ns < every_ns:
            return False
        return elapsed_ns % every_ns < self._impairment.blackout_ns

    def _leave_queue(self, elapsed_ns: int, datagram_bytes: int) -> int | None:
        model = self._impairment
        if not model.rate_bps:
            return elapsed_ns
        waiting_ns = max(self._link_free_ns - elapsed_ns, 0)
        if model.queue_ns and waiting_ns > model.queue_ns:
            return None
        bits = (datagram_bytes + _UDP_AND_IP_BYTES) * 8
        self._link_free_ns = elapsed_ns + waiting_ns + bits * NS_PER_S // model.rate_bps
        return self._link_free_ns

    def _delay_ns(self, elapsed_ns: int) -> int:
        model, random = self._impairment, self._random["jitter"]
        delay = float(model.delay_ns)
        match model.distribution:
            case Distribution.NORMAL:
                delay += model.jitter_ns * random.standard_normal()
            case Distribution.UNIFORM:
                delay += model.jitter_ns * random.random()
            case Distribution.EXPONENTIAL:
                delay += model.jitter_ns * random.standard_exponential()
        if model.flap_every_ns and elapsed_ns // model.flap_every_ns % 2:
            delay += model.flap_ns
        return max(round(delay), 0)

    def _wait(self, arrival_ns: int) -> int:
        """Hold back what comes while the way is blocked."""
        model = self._impairment
        while self._next_spike_ns <= arrival_ns:
            shortest, longest = model.spike_ns
            span = round(self._random["spike"].uniform(shortest, longest))
            self._spike_ends_ns = max(self._spike_ends_ns, self._next_spike_ns + span)
            self._next_spike_ns += self._spike_gap_ns()
        arrival_ns = max(arrival_ns, self._spike_ends_ns)
        every_ns, held_ns = model.hold_every_ns, model.hold_ns
        if every_ns and arrival_ns >= every_ns:
            began_ns = arrival_ns // every_ns * every_ns
            arrival_ns = max(arrival_ns, began_ns + held_ns)
            if self._last_release_ns >= arrival_ns:
                arrival_ns = self._last_release_ns + _RELEASE_GAP_NS
            self._last_release_ns = arrival_ns
        return arrival_ns

    def _spike_gap_ns(self) -> int:
        mean_ns = self._impairment.spike_every_ns
        if not mean_ns:
            return 1 << 62
        return max(round(mean_ns * self._random["spike"].standard_exponential()), 1)
