"""Two engines joined by simulated links, in virtual time."""

import heapq
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from voicectl import _native
from voicectl.units import NS_PER_MS

__all__ = ["OPUS", "TICK_NS", "End", "EnginePair", "Link", "is_rtcp", "rtp_packet"]

OPUS = 111
TICK_NS = 10 * NS_PER_MS

EventT = TypeVar("EventT")


def is_rtcp(packet: bytes) -> bool:
    return 192 <= packet[1] <= 223


def rtp_packet(
    *, sequence_number: int, timestamp: int, ssrc: int, payload: bytes, payload_type: int = OPUS
) -> bytes:
    header = struct.pack("!BBHII", 0x80, payload_type, sequence_number, timestamp, ssrc)
    return header + payload


@dataclass
class Link:
    """One direction of the network.

    `carry` gets the index and the bytes of each RTP packet and gives the delay, or None if it is
    lost; RTCP always takes `delay_ns`. `rewrite` changes RTP on the way.
    """

    delay_ns: int = 20 * NS_PER_MS
    carry: Callable[[int, bytes], int | None] | None = None
    rewrite: Callable[[bytes], bytes] = bytes
    rtp_packets: int = 0

    def transit_ns(self, packet: bytes) -> int | None:
        if is_rtcp(packet):
            return self.delay_ns
        index = self.rtp_packets
        self.rtp_packets += 1
        return self.delay_ns if self.carry is None else self.carry(index, packet)


@dataclass
class End:
    """An engine, what it told and what it sent."""

    engine: _native.Engine
    ssrc: int
    events: list[_native.EngineEvent] = field(default_factory=list)
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    busy_until_ns: int = 0
    """Its driver answers neither timers nor packets before: an event loop that is blocked."""

    def all(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    def received_pcm(self) -> NDArray[np.int16]:
        return _joined([event.pcm for event in self.all(_native.AudioReceived)])

    def sent_pcm(self) -> NDArray[np.int16]:
        return _joined([event.pcm for event in self.all(_native.AudioSent)])

    def sent_rtp(self) -> list[bytes]:
        return [packet for _, packet in self.sent if not is_rtcp(packet)]

    def concealed_samples(self) -> int:
        ranges = (event.concealed for event in self.all(_native.AudioReceived))
        return sum(end - begin for batch in ranges for begin, end in batch)

    def inbound(self) -> _native.InboundRtpStats:
        inbound = self.engine.stats().inbound
        assert inbound is not None
        return inbound


def _joined(blocks: Sequence[NDArray[np.int16]]) -> NDArray[np.int16]:
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


class EnginePair:
    """A caller and an agent that both send from the beginning, in lockstep with virtual time."""

    def __init__(
        self,
        caller: _native.EngineSettings,
        agent: _native.EngineSettings,
        *,
        to_agent: Link | None = None,
        to_caller: Link | None = None,
        seed: int = 1,
    ) -> None:
        self.now_ns = 0
        self.caller = End(_native.Engine(caller, now_ns=0, seed=seed), ssrc=0xCA11E4)
        self.agent = End(_native.Engine(agent, now_ns=0, seed=seed + 1), ssrc=0xA6E47)
        self._links = (to_agent or Link(), to_caller or Link())
        self._in_flight: list[tuple[int, int, int, bytes]] = []
        self._packets = 0
        for end in self.ends:
            end.engine.configure_receive({OPUS: "opus"})
            end.engine.start_sending(ssrc=end.ssrc, payload_type=OPUS, cname="test")

    @property
    def ends(self) -> tuple[End, End]:
        return self.caller, self.agent

    def run_ms(self, duration_ms: int) -> None:
        """Let so much time pass."""
        until_ns = self.now_ns + duration_ms * NS_PER_MS
        while True:
            for index, end in enumerate(self.ends):
                self._drain(index, end)
            due_ns = self._next_due_ns()
            if due_ns is None or due_ns > until_ns:
                break
            self.now_ns = max(self.now_ns, due_ns)
            self._deliver()
            for end in self.ends:
                timeout_ns = end.engine.next_timeout()
                if timeout_ns is not None and max(timeout_ns, end.busy_until_ns) <= self.now_ns:
                    end.engine.handle_timeout(self.now_ns)
        self.now_ns = until_ns

    def stall(self, end: End, duration_ms: int) -> None:
        """Keep an end's driver busy elsewhere."""
        end.busy_until_ns = self.now_ns + duration_ms * NS_PER_MS

    def _next_due_ns(self) -> int | None:
        due = []
        for end in self.ends:
            timeout_ns = end.engine.next_timeout()
            if timeout_ns is not None:
                due.append(max(timeout_ns, end.busy_until_ns))
        for arrival_ns, _, receiver, _ in self._in_flight:
            due.append(max(arrival_ns, self.ends[receiver].busy_until_ns))
        return min(due, default=None)

    def _deliver(self) -> None:
        waiting = []
        while self._in_flight and self._in_flight[0][0] <= self.now_ns:
            flight = heapq.heappop(self._in_flight)
            _, _, receiver, packet = flight
            end = self.ends[receiver]
            if end.busy_until_ns > self.now_ns:
                waiting.append(flight)
            elif is_rtcp(packet):
                end.engine.handle_rtcp(packet, self.now_ns)
            else:
                end.engine.handle_rtp(packet, self.now_ns)
        for flight in waiting:
            heapq.heappush(self._in_flight, flight)

    def _drain(self, index: int, end: End) -> None:
        end.events.extend(end.engine.poll_events())
        for packet in end.engine.poll_transmit():
            end.sent.append((self.now_ns, packet))
            link = self._links[index]
            transit_ns = link.transit_ns(packet)
            if transit_ns is not None:
                carried = packet if is_rtcp(packet) else link.rewrite(packet)
                flight = (self.now_ns + transit_ns, self._packets, 1 - index, carried)
                heapq.heappush(self._in_flight, flight)
                self._packets += 1
