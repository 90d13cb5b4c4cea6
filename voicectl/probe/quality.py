"""Voice-shaped packets through the relay: loss, round trip, jitter, policing, path MTU, a MOS.

Both ends of the path are in this process, so one clock times each packet, and the two directions
are measured apart.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from voicectl.probe.evidence import PathStatistics, Quality
from voicectl.probe.mos import mean_opinion_score
from voicectl.probe.probe_packet import ProbePacket, encode_packet
from voicectl.probe.relay_path import RelayPath
from voicectl.probe.settings import ProbeSettings

__all__ = ["SIZES", "Stream", "measure_quality", "measure_sizes", "measure_slower"]

_KIND_STREAM = 10
_KIND_SLOWER = 11
_KIND_SIZE = 12
_PAYLOAD = 160
_INTERVAL_S = 0.02
_DRAIN_S = 0.3
SIZES = (160, 600, 1200, 1300, 1400)
_PACKETS_A_SIZE = 4
_SIZE_TIMEOUT_S = 0.6
_SLOWER_S = 1.8
_SLOWER_COUNTED_AFTER_S = 0.7
"""A policer counts by the second: what the faster stream has used up must be over."""
_SLOWEST_INTERVAL_S = 0.25


@dataclass(slots=True)
class Stream:
    """One direction's packets as they were sent and as they arrived."""

    sent: int = 0
    arrivals: list[tuple[int, int, int]] = field(default_factory=list)
    """Number, sent and received instants in nanoseconds, in the order of arrival."""

    def take(self, packet: ProbePacket, received_ns: int) -> None:
        """Note an arrival."""
        self.arrivals.append((packet.number, packet.sent_ns, received_ns))

    def statistics(self, duration_s: float) -> PathStatistics:
        """Loss by number, delay by the one clock, jitter by RFC 3550."""
        seen: set[int] = set()
        delays_ms: list[float] = []
        reordered = 0
        highest = -1
        jitter_ms = 0.0
        for number, sent_ns, received_ns in self.arrivals:
            if number in seen:
                continue
            seen.add(number)
            reordered += number < highest
            highest = max(highest, number)
            delay_ms = (received_ns - sent_ns) / 1e6
            if delays_ms:
                # J += (|D(i-1,i)| - J) / 16
                jitter_ms += (abs(delay_ms - delays_ms[-1]) - jitter_ms) / 16
            delays_ms.append(delay_ms)
        ordered = sorted(delays_ms)
        return PathStatistics(
            sent=self.sent,
            received=len(seen),
            duplicated=len(self.arrivals) - len(seen),
            reordered=reordered,
            rtt_ms_min=_quantile(ordered, 0.0),
            rtt_ms_p50=_quantile(ordered, 0.5),
            rtt_ms_p95=_quantile(ordered, 0.95),
            jitter_ms=jitter_ms,
            longest_loss=_longest_loss(seen, self.sent),
            throughput_kbps=len(seen) * _PAYLOAD * 8 / duration_s / 1000 if duration_s else 0.0,
        )


async def measure_quality(path: RelayPath, settings: ProbeSettings) -> Quality:
    """Run 160 bytes each 20 ms both ways for `settings.quality_s`."""
    count = max(10, round(settings.quality_s / _INTERVAL_S))
    near, far, lateness_ms = await _run(path, settings, _KIND_STREAM, count, _INTERVAL_S)
    duration_s = count * _INTERVAL_S
    to_relay, from_relay = far.statistics(duration_s), near.statistics(duration_s)
    quality = Quality(
        duration_s=duration_s,
        rate_kbps=_PAYLOAD * 8 / _INTERVAL_S / 1000,
        to_relay=to_relay,
        from_relay=from_relay,
        sender_lag_ms=_quantile(sorted(lateness_ms), 0.95) or 0.0,
    )
    if from_relay.rtt_ms_p50 is not None and to_relay.rtt_ms_p50 is not None:
        quality.mos = mean_opinion_score(
            rtt_ms=(from_relay.rtt_ms_p50 + to_relay.rtt_ms_p50) / 2,
            jitter_ms=max(from_relay.jitter_ms, to_relay.jitter_ms),
            loss=quality.loss,
        )
    return quality


async def measure_slower(path: RelayPath, quality: Quality, settings: ProbeSettings) -> None:
    """Send at half the rate that came through, and see whether the loss goes away."""
    delivered = max(0.05, 1 - quality.loss)
    interval_s = min(_SLOWEST_INTERVAL_S, _INTERVAL_S / (delivered * 0.5))
    count = round(_SLOWER_S / interval_s)
    near, far, _ = await _run(path, settings, _KIND_SLOWER, count, interval_s)
    first = round(_SLOWER_COUNTED_AFTER_S / interval_s)
    sent = 2 * (count - first)
    received = sum(
        len({number for number, _, _ in stream.arrivals if number >= first})
        for stream in (near, far)
    )
    quality.slower_loss = 1 - received / sent if sent else None
    quality.slower_rate_kbps = _PAYLOAD * 8 / interval_s / 1000


async def measure_sizes(path: RelayPath, quality: Quality, settings: ProbeSettings) -> None:
    """Send packets of several sizes both ways; those never seen again may meet an MTU hole."""
    arrived: set[tuple[bool, int]] = set()
    everything = asyncio.Event()
    expected = 2 * _PACKETS_A_SIZE * len(SIZES)

    def collect(from_far: bool) -> Callable[[ProbePacket, int], None]:
        def take(packet: ProbePacket, _: int) -> None:
            if packet.kind == _KIND_SIZE:
                arrived.add((from_far, packet.number))
                if len(arrived) == expected:
                    everything.set()

        return take

    path.on_near, path.on_far = collect(True), collect(False)
    number = 0
    size_of: dict[int, int] = {}
    for _ in range(_PACKETS_A_SIZE):
        for size in SIZES:
            size_of[number] = size
            now_ns = settings.clock.now_ns()
            packet = encode_packet(path.token, _KIND_SIZE, number, now_ns, size)
            path.send_near(packet)
            path.send_far(packet)
            number += 1
            await asyncio.sleep(0.002)
    try:
        async with asyncio.timeout(_SIZE_TIMEOUT_S + (quality.to_relay.rtt_ms_p95 or 0) / 500):
            await everything.wait()
    except TimeoutError:
        pass
    for size in SIZES:
        received = sum(size_of[each] == size for _, each in arrived)
        quality.sizes[size] = (2 * _PACKETS_A_SIZE, received)


async def _run(
    path: RelayPath, settings: ProbeSettings, kind: int, count: int, interval_s: float
) -> tuple[Stream, Stream, list[float]]:
    """Send `count` packets both ways on a fixed grid.

    Returns:
        What arrived at the near and at the far end, and by how many milliseconds this process
        was late for each sending: a busy machine's own doing, which looks like jitter.
    """
    near, far = Stream(sent=count), Stream(sent=count)
    everything = asyncio.Event()

    def collect(stream: Stream) -> Callable[[ProbePacket, int], None]:
        def take(packet: ProbePacket, received_ns: int) -> None:
            if packet.kind == kind:
                stream.take(packet, received_ns)
                if len(near.arrivals) >= count and len(far.arrivals) >= count:
                    everything.set()

        return take

    path.on_near, path.on_far = collect(near), collect(far)
    loop = asyncio.get_running_loop()
    begins = loop.time()
    lateness_ms: list[float] = []
    for number in range(count):
        due = begins + number * interval_s
        await asyncio.sleep(max(0.0, due - loop.time()))
        lateness_ms.append((loop.time() - due) * 1000)
        for send in (path.send_near, path.send_far):
            now_ns = settings.clock.now_ns()
            send(encode_packet(path.token, kind, number, now_ns, _PAYLOAD))
    try:
        async with asyncio.timeout(_DRAIN_S + _late_s(near, far)):
            await everything.wait()
    except TimeoutError:
        pass
    return near, far, lateness_ms


def _late_s(near: Stream, far: Stream) -> float:
    """How long the slowest packet so far took, up to a second."""
    delays = [received - sent for s in (near, far) for _, sent, received in s.arrivals]
    return min(1.0, max(delays, default=0) / 1e9)


def _quantile(ordered: list[float], share: float) -> float | None:
    """The nearest-rank quantile."""
    if not ordered:
        return None
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _longest_loss(seen: set[int], sent: int) -> int:
    longest = run = 0
    for number in range(sent):
        run = 0 if number in seen else run + 1
        longest = max(longest, run)
    return longest
