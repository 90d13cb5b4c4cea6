"""Opus, 48 kHz mono, 20 ms frames, from and to numpy."""

from typing import TYPE_CHECKING

from voicectl.bench.dsp.rivals import rival
from voicectl.bench.measure import Workload
from voicectl.bench.report import FigureSpec, Measurement
from voicectl.bench.suite import Bench, Stopwatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voicectl._native import OpusEncoder

__all__ = ["BENCHES"]

_RATE_HZ = 48_000
_FRAME_SAMPLES = 960
_FRAMES = 25
"""Half a second of speech: the codec's cost depends on what it hears."""
_BITRATE_BPS = 32_000
_COMPLEXITY = 9
_LOSS_PERCENT = 10


def _frames() -> "list[NDArray[np.int16]]":
    from voicectl.bench.dsp.speech import chunks, speech

    return chunks(speech(_RATE_HZ)[_RATE_HZ:], _FRAME_SAMPLES)[:_FRAMES]


def _encoder() -> "OpusEncoder":
    from voicectl._native import OpusEncoder

    return OpusEncoder(
        sample_rate_hz=_RATE_HZ,
        bitrate_bps=_BITRATE_BPS,
        complexity=_COMPLEXITY,
        inband_fec=True,
        expected_loss_percent=_LOSS_PERCENT,
    )


def _packets() -> list[bytes]:
    encoder = _encoder()
    return [encoder.encode(frame) for frame in _frames()]


def _our_decoding(packets: list[bytes]) -> Workload:
    from voicectl._native import OpusDecoder

    decode = OpusDecoder(sample_rate_hz=_RATE_HZ).decode

    def run() -> None:
        for packet in packets:
            decode(packet)

    return Workload(run, len(packets))


def _decode_vs_pyav(stopwatch: Stopwatch) -> Measurement:
    av = rival("av")
    packets = _packets()
    context = av.CodecContext.create("libopus", "r")
    context.format, context.layout, context.sample_rate = "s16", "mono", _RATE_HZ

    def run() -> None:
        for packet in packets:
            for frame in context.decode(av.Packet(packet)):
                frame.to_ndarray()

    return stopwatch.cost(_our_decoding(packets), "PyAV", Workload(run, len(packets)))


def _decode_vs_aiortc(stopwatch: Stopwatch) -> Measurement:
    opus, jitter_buffer = rival("aiortc.codecs.opus"), rival("aiortc.jitterbuffer")
    packets = _packets()
    encoded = [
        jitter_buffer.JitterFrame(data=packet, timestamp=index * _FRAME_SAMPLES)
        for index, packet in enumerate(packets)
    ]
    decoder = opus.OpusDecoder()

    def run() -> None:
        for packet in encoded:
            for frame in decoder.decode(packet):
                frame.to_ndarray()

    return stopwatch.cost(_our_decoding(packets), "aiortc", Workload(run, len(packets)))


def _encode_vs_pyav(stopwatch: Stopwatch) -> Measurement:
    av = rival("av")
    frames = _frames()
    context = av.CodecContext.create("libopus", "w")
    context.format, context.layout, context.sample_rate = "s16", "mono", _RATE_HZ
    context.bit_rate = _BITRATE_BPS
    context.options = {
        "application": "voip",
        "compression_level": str(_COMPLEXITY),
        "fec": "1",
        "packet_loss": str(_LOSS_PERCENT),
    }
    rival_frames = []
    for pcm in frames:
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = _RATE_HZ
        rival_frames.append(frame)
    encoder = _encoder()

    def run() -> None:
        for pcm in frames:
            encoder.encode(pcm)

    def run_rival() -> None:
        for frame in rival_frames:
            for packet in context.encode(frame):
                bytes(packet)

    return stopwatch.cost(
        Workload(run, len(frames)), "PyAV", Workload(run_rival, len(rival_frames))
    )


BENCHES = (
    Bench(FigureSpec("dsp", "decode-vs-pyav", "decode to numpy", "us", 0.8), _decode_vs_pyav),
    Bench(FigureSpec("dsp", "decode-vs-aiortc", "decode to numpy", "us", 0.6), _decode_vs_aiortc),
    Bench(FigureSpec("dsp", "encode-vs-pyav", "encode", "us", 1.0), _encode_vs_pyav),
)
