"""A call over simulated networks, in virtual time, with what its sender did each second."""

import heapq
from dataclasses import dataclass

import numpy as np
from support.engine_pair import End, EnginePair, is_rtcp
from support.signals import voiced

from voicectl import _native
from voicectl.replay.network import find_network
from voicectl.units import NS_PER_MS

__all__ = ["NetworkedCall", "Second"]

SRTP_TAG_BYTES = 10
HEADER_BYTES = 28 + SRTP_TAG_BYTES
"""IPv4, UDP and SRTP's tag, which a link carries too."""


class SimulatedLink:
    """One direction: RTP and RTCP share it."""

    def __init__(self, network: str, seed: int) -> None:
        self.offered_bytes = 0
        self.arrived_bytes = 0
        self.dropped = 0
        self.delays_ms: list[float] = []
        self._competitor: tuple[int, int] | None = None
        self.become(network, seed)

    def compete(self, packet_bytes: int, every_ns: int) -> None:
        """Share the link with a stream that sends come what may."""
        self._competitor = (packet_bytes, every_ns)
        self._competitor_ns = 0

    def become(self, network: str, seed: int) -> None:
        """Be another network from now on."""
        self._link = find_network(network).link(seed)

    def arrivals_ns(self, now_ns: int, packet: bytes) -> list[int]:
        if self._competitor is not None:
            packet_bytes, every_ns = self._competitor
            while self._competitor_ns <= now_ns:
                self._link.arrivals(self._competitor_ns, packet_bytes)
                self._competitor_ns += every_ns
        size = len(packet) + HEADER_BYTES
        self.offered_bytes += size
        # IPv4 and UDP the link adds itself.
        arrivals = self._link.arrivals(now_ns, len(packet) + SRTP_TAG_BYTES)
        self.dropped += not arrivals and not is_rtcp(packet)
        if arrivals:
            self.arrived_bytes += size
            self.delays_ms.append((arrivals[0] - now_ns) / NS_PER_MS)
        return arrivals


@dataclass
class Second:
    """What a second came to."""

    adaptation: _native.Adaptation
    redundancy: _native.Redundancy
    offered_bps: float
    """On the link to the agent, headers included."""
    dropped: int
    """RTP packets of that second."""
    delay_ms: float
    """The median of that second's packets."""


class NetworkedCall(EnginePair):
    """A caller who speaks without a pause, and whose sender fits the network to the agent."""

    def __init__(
        self,
        preset: str,
        network: str,
        *,
        back: str = "delay=20ms",
        repairs: _native.Repairs | None = None,
        max_bitrate_bps: int | None = None,
        transport_feedback: bool = False,
        seed: int = 1,
    ) -> None:
        self.there = SimulatedLink(network, seed)
        self.back = SimulatedLink(back, seed + 1)
        caller = _native.EngineSettings(sink="eager", adaptation=preset)  # type: ignore[arg-type]
        agent = _native.EngineSettings(sink="eager", output_rate_hz=16_000)
        super().__init__(caller, agent, seed=seed)
        engine = self.caller.engine
        engine.configure_send("opus", max_bitrate_bps=max_bitrate_bps)
        if repairs is not None:
            for end in self.ends:
                end.engine.configure_repairs(repairs)
        if transport_feedback:
            for end in self.ends:
                end.engine.configure_transport_feedback(extension_id=3, reduced_size=True)
        self.seconds: list[Second] = []
        self._speech = voiced(24_000, 24_000)

    def _drain(self, index: int, end: End) -> None:
        end.events.clear()  # a minute of PCM that nobody looks at
        end.engine.poll_events()
        link = (self.there, self.back)[index]
        for packet in end.engine.poll_transmit():
            for arrival_ns in link.arrivals_ns(self.now_ns, packet):
                heapq.heappush(self._in_flight, (arrival_ns, self._packets, 1 - index, packet))
                self._packets += 1

    def run_s(self, seconds: int) -> list[Second]:
        """Let so many seconds pass; what each came to."""
        for _ in range(seconds):
            self.caller.engine.queue_audio(self._speech, 24_000)
            offered, dropped = self.there.offered_bytes, self.there.dropped
            delays = len(self.there.delays_ms)
            self.run_ms(1000)
            stats = self.caller.engine.stats()
            assert stats.adaptation is not None
            recent = self.there.delays_ms[delays:]
            self.seconds.append(
                Second(
                    stats.adaptation,
                    stats.redundancy,
                    8.0 * (self.there.offered_bytes - offered),
                    self.there.dropped - dropped,
                    float(np.median(recent)) if recent else 0.0,
                )
            )
        return self.seconds[-seconds:]
