"""What the engine alone costs: CPU-ms per call-second of receiving, speech detection and sending.

Run: python benches/engine_cpu.py [--seconds 20] [--rounds 7]

One thread drives one engine through its Python border in virtual time, a call for each packet and
each timeout, as a live driver does. Thread CPU time, the median of the rounds and their spread.
The signal is synthetic (a voice-like buzz 40 % of the time); speech may cost the encoder up to
half as much again.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from voicectl import _native
from voicectl.units import NS_PER_MS

OPUS = 111
RATE_HZ = 48_000


def voice(seconds: int) -> NDArray[np.int16]:
    """Two seconds of a gliding buzz in every five, the rest faint noise."""
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / RATE_HZ
    buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 25))
    noise = np.random.default_rng(1).normal(0, 20, len(t))
    return np.round(4000 * buzz * (t % 5 < 2) + noise).astype(np.int16)


def drive(engine: _native.Engine, packets: list[tuple[int, bytes]], until_ns: int) -> list[bytes]:
    """Give the engine its packets and its timeouts; returns what it sent."""
    sent: list[bytes] = []
    coming = iter(packets)
    arrival_ns, packet = next(coming, (until_ns + 1, b""))
    while True:
        timeout_ns = engine.next_timeout()
        due_ns = arrival_ns if timeout_ns is None else min(arrival_ns, timeout_ns)
        if due_ns > until_ns:
            return sent
        if due_ns == arrival_ns:
            engine.handle_rtp(packet, arrival_ns)
            arrival_ns, packet = next(coming, (until_ns + 1, b""))
        else:
            engine.handle_timeout(due_ns)
        sent += engine.poll_transmit()
        engine.poll_events()


def engine_of(settings: _native.EngineSettings) -> _native.Engine:
    """An engine that receives Opus."""
    engine = _native.Engine(settings, now_ns=0, seed=1)
    engine.configure_receive({OPUS: "opus"})
    return engine


def stream(seconds: int) -> list[tuple[int, bytes]]:
    """The packets of the voice, with their arrival times."""
    engine = engine_of(_native.EngineSettings(sink="eager"))
    engine.start_sending(ssrc=1, payload_type=OPUS, cname="bench")
    engine.queue_audio(voice(seconds), RATE_HZ)
    packets = drive(engine, [], seconds * 1000 * NS_PER_MS)
    rtp = [packet for packet in packets if not 192 <= packet[1] <= 223]
    return [((25 + 20 * index) * NS_PER_MS, packet) for index, packet in enumerate(rtp)]


def receiving(settings: _native.EngineSettings, seconds: int) -> Callable[[], None]:
    """A call that only receives."""
    packets = stream(seconds)

    def run() -> None:
        drive(engine_of(settings), packets, seconds * 1000 * NS_PER_MS)

    return run


def sending(
    settings: _native.EngineSettings, seconds: int, pcm: NDArray[np.int16]
) -> Callable[[], None]:
    """A call that only sends."""

    def run() -> None:
        engine = engine_of(settings)
        engine.start_sending(ssrc=1, payload_type=OPUS, cname="bench")
        engine.queue_audio(pcm, RATE_HZ)
        drive(engine, [], seconds * 1000 * NS_PER_MS)

    return run


def ticking(seconds: int) -> Callable[[], None]:
    """A call in which nothing comes and nothing goes."""

    def run() -> None:
        drive(engine_of(_native.EngineSettings()), [], seconds * 1000 * NS_PER_MS)

    return run


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU of the engine alone")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    if _native.BUILD_PROFILE != "release":
        print("a debug build says nothing: build with --release", file=sys.stderr)
        return 1
    seconds = arguments.seconds
    settings = _native.EngineSettings
    silence = np.zeros(0, np.int16)
    cases = {
        "receive, eager, 16 kHz, VAD": receiving(
            settings(sink="eager", output_rate_hz=16_000, vad="earshot"), seconds
        ),
        "receive, eager, 16 kHz": receiving(settings(sink="eager", output_rate_hz=16_000), seconds),
        "receive, playout, 48 kHz": receiving(settings(sink="playout"), seconds),
        "send, complexity 9": sending(settings(sink="eager"), seconds, voice(seconds)),
        "send, complexity 5": sending(
            settings(sink="eager", complexity=5), seconds, voice(seconds)
        ),
        "send silence, complexity 9": sending(settings(sink="eager"), seconds, silence),
        "ticks alone (playout, nothing received)": ticking(seconds),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(arguments.rounds):
        for name, run in cases.items():
            began = time.thread_time()
            run()
            taken[name].append((time.thread_time() - began) * 1000 / seconds)
    for name, cpu_ms in taken.items():
        spread = f"{min(cpu_ms):.2f} to {max(cpu_ms):.2f}"
        print(f"{name:42s} {statistics.median(cpu_ms):6.2f} CPU-ms per call-second ({spread})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
