"""What the jitter buffer costs by itself: a frame put in and its samples taken out, undecoded."""

from voicectl.bench.dsp.rivals import rival
from voicectl.bench.measure import Workload
from voicectl.bench.playout.others import trace
from voicectl.bench.report import FigureSpec, Measurement
from voicectl.bench.suite import Bench, Stopwatch

__all__ = ["BENCHES"]

_TRACE = "wifi-spikes"
"""Where an ear's buffer is at its busiest: it stretches, shortens and weighs its delay."""
_FRAMES = 750


def _arrivals() -> list[tuple[int, int]]:
    return sorted(
        (packet.arrival_ns, packet.frame)
        for packet in trace(_TRACE).packets[:_FRAMES]
        if packet.arrival_ns is not None
    )


def _cost(stopwatch: Stopwatch) -> Measurement:
    from voicectl._native import JitterBufferLoad
    from voicectl.replay.speech import spoken_lines

    buffers, rtp = rival("aiortc.jitterbuffer"), rival("aiortc.rtp")
    arrivals = _arrivals()
    packets = []
    for _, frame in arrivals:
        packet = rtp.RtpPacket(sequence_number=frame, timestamp=frame * 960)
        packet._data = bytes(80)  # noqa: SLF001 (as its receiver sets it)
        packets.append(packet)

    def run_rival() -> None:
        # As its receiver makes one for audio.
        buffer = buffers.JitterBuffer(capacity=16, prefetch=4)
        for packet in packets:
            buffer.add(packet)

    load = JitterBufferLoad(arrivals, spoken_lines(), "playout")
    return stopwatch.cost(
        Workload(load.run, len(arrivals)), "aiortc", Workload(run_rival, len(packets))
    )


BENCHES = (
    Bench(
        FigureSpec("playout", "insert-get-vs-aiortc", "insert and get, a frame", "us", 0.5), _cost
    ),
)
