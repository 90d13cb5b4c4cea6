"""Codec and resampler against PyAV (FFmpeg) and aiortc's Opus, side by side.

    python benches/dsp.py [--rounds N]

Rivals take turns on the same input, on thread CPU time; what is reported is the median of the
rounds' ratios, which holds where absolute times drift with the machine. The signal is a buzz with
a speech-like spectrum, made here.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from aiortc.codecs.opus import OpusDecoder as AiortcDecoder
from aiortc.codecs.opus import OpusEncoder as AiortcEncoder
from aiortc.jitterbuffer import JitterFrame
from numpy.typing import NDArray

from voicectl._native import BUILD_PROFILE, OPUS_VERSION, OpusDecoder, OpusEncoder, Resampler

FRAME_MS = 20
SECONDS = 4

Pcm = NDArray[np.int16]
Work = Callable[[], object]


@dataclass(frozen=True)
class Comparison:
    """Thread CPU per frame of 20 ms, ours and a rival's, over interleaved rounds."""

    what: str
    rival: str
    ours_us: float
    rival_us: float
    ratio: float
    ratio_low: float
    ratio_high: float


def speech_like(sample_rate_hz: int, seconds: float = SECONDS) -> Pcm:
    """Harmonics of a gliding pitch under moving formants, with pauses and a little noise."""
    t = np.arange(int(sample_rate_hz * seconds)) / sample_rate_hz
    pitch_hz = 130 + 40 * np.sin(2 * np.pi * 0.6 * t)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate_hz
    signal = np.zeros(len(t))
    for harmonic in range(1, 40):
        hz = harmonic * pitch_hz
        formants = ((600 + 250 * np.sin(2 * np.pi * 1.3 * t), 1.0), (1700, 0.4), (2700, 0.2))
        gain = sum(weight / (1 + ((hz - centre) / 110) ** 2) for centre, weight in formants)
        signal += np.where(hz < sample_rate_hz / 2, gain, 0) * np.sin(harmonic * phase)
    signal *= np.clip(np.sin(2 * np.pi * 3 * t) + 0.5, 0, 1)
    signal += np.random.default_rng(1).normal(0, 0.01, len(t))
    pcm: Pcm = np.round(signal / np.abs(signal).max() * 16_000).astype(np.int16)
    return pcm


def frames_of(pcm: Pcm, sample_rate_hz: int) -> list[Pcm]:
    """Cut into frames of 20 ms; a rest is left out."""
    samples = sample_rate_hz * FRAME_MS // 1000
    return list(pcm[: len(pcm) // samples * samples].reshape(-1, samples))


def av_frames(pcm: Pcm, sample_rate_hz: int) -> list[av.AudioFrame]:
    """The same as PyAV has it, made beforehand: only the work itself is timed."""
    made = []
    for index, samples in enumerate(frames_of(pcm, sample_rate_hz)):
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = sample_rate_hz
        frame.pts = index * len(samples)
        frame.time_base = Fraction(1, sample_rate_hz)
        made.append(frame)
    return made


def thread_cpu_us(work: Work) -> float:
    """Thread CPU that `work` takes."""
    start_ns = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - start_ns) / 1000


def compare(
    what: str, rival: str, ours: Work, theirs: Work, frames: int, rounds: int
) -> Comparison:
    """Let both work in turn, each going first in every other round."""
    ours(), theirs()
    pairs = []
    for index in range(rounds):
        if index % 2:
            theirs_us = thread_cpu_us(theirs)
            pairs.append((thread_cpu_us(ours), theirs_us))
        else:
            pairs.append((thread_cpu_us(ours), thread_cpu_us(theirs)))
    ratios = sorted(ours_us / theirs_us for ours_us, theirs_us in pairs)
    return Comparison(
        what,
        rival,
        statistics.median(pair[0] for pair in pairs) / frames,
        statistics.median(pair[1] for pair in pairs) / frames,
        statistics.median(ratios),
        ratios[len(ratios) // 4],
        ratios[3 * len(ratios) // 4],
    )


def compare_resampling(from_hz: int, to_hz: int, rounds: int) -> Comparison:
    """Our resampler in numpy arrays, PyAV's in frames that are never turned into arrays."""
    pcm = speech_like(from_hz)
    frames, their_frames = frames_of(pcm, from_hz), av_frames(pcm, from_hz)
    resampler = Resampler(from_hz, to_hz)
    swr = av.AudioResampler(format="s16", layout="mono", rate=to_hz)

    def ours() -> None:
        for frame in frames:
            resampler.process(frame)

    def theirs() -> None:
        for frame in their_frames:
            frame.pts = None
            swr.resample(frame)

    name = f"resample {from_hz} to {to_hz}"
    return compare(name, "PyAV swr", ours, theirs, len(frames), rounds)


def our_resample(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """A whole signal, frame by frame."""
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate([resampler.process(frame) for frame in frames_of(pcm, from_hz)])


def swr_resample(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """A whole signal, frame by frame."""
    swr = av.AudioResampler(format="s16", layout="mono", rate=to_hz)
    frames = [out for frame in av_frames(pcm, from_hz) for out in swr.resample(frame)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames])


def worst_alias_db(resample: Callable[[Pcm, int, int], Pcm], from_hz: int, to_hz: int) -> float:
    """The loudest alias of tones from 0.55 of the lower rate up, relative to the tone."""
    peak = 30_000
    t = np.arange(from_hz // 2) / from_hz
    levels = []
    for hz in np.linspace(0.55 * to_hz, 0.49 * from_hz, 40):
        tone = np.round(peak * np.sin(2 * np.pi * hz * t)).astype(np.int16)
        converted = resample(tone, from_hz, to_hz)[to_hz // 50 :].astype(float)
        spectrum = np.fft.rfft(converted * np.hanning(len(converted)))
        amplitude = 4 * np.abs(spectrum).max() / len(converted)
        levels.append(20 * np.log10(max(amplitude, 1e-9) / peak))
    return float(max(levels))


def av_encoder() -> av.AudioCodecContext:
    """PyAV's libopus with our encoder's settings."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.bit_rate = 32_000
    encoder.format = "s16"
    encoder.layout = "mono"
    encoder.sample_rate = 48_000
    encoder.options = {
        "application": "voip",
        "compression_level": "9",
        "fec": "1",
        "packet_loss": "10",
        "frame_duration": "20",
    }
    encoder.open()
    return encoder


def compare_encoding(rounds: int) -> list[Comparison]:
    """Our encoder against PyAV's libopus with the same settings, and aiortc's with its own."""
    pcm = speech_like(48_000)
    frames, their_frames = frames_of(pcm, 48_000), av_frames(pcm, 48_000)
    encoder, libopus, aiortc = OpusEncoder(), av_encoder(), AiortcEncoder()

    def ours() -> None:
        for frame in frames:
            encoder.encode(frame)

    def by_av() -> None:
        for frame in their_frames:
            frame.pts = None
            for packet in libopus.encode(frame):
                bytes(packet)

    def by_aiortc() -> None:
        for index, frame in enumerate(their_frames):
            frame.pts = index * 960
            aiortc.encode(frame)

    return [
        compare("encode 48 kHz mono", "PyAV libopus", ours, by_av, len(frames), rounds),
        compare("encode 48 kHz mono", "aiortc (stereo)", ours, by_aiortc, len(frames), rounds),
    ]


def compare_decoding(rounds: int) -> list[Comparison]:
    """Our decoder against PyAV's two and aiortc's, all to numpy arrays or frames, as they give."""
    encoder = OpusEncoder()
    packets = [encoder.encode(frame) for frame in frames_of(speech_like(48_000), 48_000)]
    av_packets = [av.Packet(packet) for packet in packets]
    jitter_frames = [JitterFrame(packet, index * 960) for index, packet in enumerate(packets)]
    decoder, aiortc = OpusDecoder(), AiortcDecoder()

    def ours() -> None:
        for packet in packets:
            decoder.decode(packet)

    def by_av(context: av.AudioCodecContext) -> Work:
        context.format, context.layout, context.sample_rate = "s16", "mono", 48_000

        def work() -> None:
            for packet in av_packets:
                for frame in context.decode(packet):
                    frame.to_ndarray()

        return work

    def by_aiortc() -> None:
        for frame in jitter_frames:
            aiortc.decode(frame)

    rivals: list[tuple[str, Work]] = [
        ("PyAV libopus", by_av(av.CodecContext.create("libopus", "r"))),
        ("PyAV native", by_av(av.CodecContext.create("opus", "r"))),
        ("aiortc (stereo)", by_aiortc),
    ]
    return [
        compare("decode 48 kHz mono", name, ours, work, len(packets), rounds)
        for name, work in rivals
    ]


def border_us(rounds: int) -> float:
    """What crossing costs without work: an array in, an array out, the GIL released."""
    through, frame = Resampler(48_000, 48_000), np.zeros(960, np.int16)
    calls = 20_000

    def work() -> None:
        for _ in range(calls):
            through.process(frame)

    return statistics.median(thread_cpu_us(work) for _ in range(rounds)) / calls


def main() -> int:
    """Print every comparison; refuse a debug build, whose times mean nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    if BUILD_PROFILE != "release":
        print("this is a debug build; install voicectl with pip", file=sys.stderr)
        return 1
    print(f"{OPUS_VERSION}; thread CPU per 20 ms, median of {rounds} interleaved rounds")
    comparisons = [
        *(compare_resampling(*pair, rounds) for pair in ((48_000, 16_000), (16_000, 48_000))),
        *(compare_resampling(*pair, rounds) for pair in ((24_000, 48_000), (44_100, 48_000))),
        *compare_encoding(rounds),
        *compare_decoding(rounds),
    ]
    for c in comparisons:
        print(
            f"{c.what:24} {c.ours_us:7.2f} us  {c.rival:16} {c.rival_us:7.2f} us"
            f"  ratio {c.ratio:.3f} ({c.ratio_low:.3f} to {c.ratio_high:.3f})"
        )
    print(f"border, 960 samples through   {border_us(rounds):.3f} us")
    for from_hz, to_hz in ((48_000, 16_000), (48_000, 24_000), (48_000, 8_000)):
        ours = worst_alias_db(our_resample, from_hz, to_hz)
        theirs = worst_alias_db(swr_resample, from_hz, to_hz)
        print(f"worst alias {from_hz} to {to_hz}: {ours:.1f} dB, PyAV swr {theirs:.1f} dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
