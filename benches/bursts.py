"""Bursts of lost packets, and what of the speech is left of them under each repair.

    python benches/bursts.py [--speech 48k-mono.wav] [--bitrate 32000] [--json]

Speech of voicectl's own voice (or a WAV) goes through the encoder, loses 100 or 200 ms at the
beginning of each second, and comes out of the engine's sink for machines. PESQ-wb (P.862.2, the
`pesq` package) is the mean over pieces of 8 s against the speech that went in. LBRR is what a
browser has; DRED is with LBRR off, as the two share the bits, and asked for so little that it
sends no more than LBRR did.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicectl import _native
from voicectl.agent.tts.hibari import Hibari

RATE_HZ = 48_000
FRAME_SAMPLES = 960
FRAME_NS = 20_000_000
FRAMES_PER_S = 50
OPUS = 111
PIECE_S = 8
TARGET_GAIN = 0.8

BITRATE_STEPS = (1.0, 0.885, 0.84, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5)
"""libopus 1.6 sends more than it is asked for when there is DRED, by up to a fifth."""

REPAIRS: dict[str, dict[str, Any]] = {
    "none": {"inband_fec": False, "expected_loss_percent": 0},
    "lbrr": {"inband_fec": True, "expected_loss_percent": 10},
    "dred": {"inband_fec": False, "expected_loss_percent": 20, "dred_duration_ms": 280},
}
LINES = (
    "I would like to move my appointment from Tuesday morning to the end of next week, please.",
    "The harbour was quiet, and the last of the fishing boats had already gone out for the night.",
    "Could you tell me how long it takes to get there by train, and what a return ticket costs?",
    "She wrote the number on the back of an envelope and put it under the telephone.",
    "There is nothing wrong with the engine, but somebody has to change the oil sooner or later.",
)


@dataclass(frozen=True)
class Row:
    """One repair and one length of burst."""

    repair: str
    burst_ms: int
    kbps: float
    pesq_wb: float
    concealed_percent: float
    dred_percent: float


def speech(path: str | None) -> NDArray[np.int16]:
    """48 kHz mono."""
    if path is not None:
        import soundfile

        pcm, rate_hz = soundfile.read(path, dtype="int16")
        return _native.Resampler(rate_hz, RATE_HZ).convert(pcm) if rate_hz != RATE_HZ else pcm
    voice = Hibari()
    said = [clause.pcm for line in LINES for clause in voice.speak(line)]
    return _native.Resampler(voice.sample_rate_hz, RATE_HZ, quality="high").convert(
        np.concatenate(said)
    )


def encode(pcm: NDArray[np.int16], bitrate_bps: int, settings: dict[str, Any]) -> list[bytes]:
    """Frames of 20 ms."""
    encoder = _native.OpusEncoder(bitrate_bps=bitrate_bps, **settings)
    ends = range(FRAME_SAMPLES, len(pcm) + 1, FRAME_SAMPLES)
    return [encoder.encode(np.ascontiguousarray(pcm[end - FRAME_SAMPLES : end])) for end in ends]


def kbps_of(packets: list[bytes]) -> float:
    """What the payloads took."""
    return sum(map(len, packets)) * 8 * FRAMES_PER_S / len(packets) / 1000


def encode_within(
    pcm: NDArray[np.int16], bitrate_bps: int, settings: dict[str, Any], most_kbps: float
) -> list[bytes]:
    """Frames at the highest step that takes no more than `most_kbps`."""
    packets: list[bytes] = []
    for step in BITRATE_STEPS:
        packets = encode(pcm, int(bitrate_bps * step), settings)
        if kbps_of(packets) <= most_kbps:
            break
    return packets


def is_lost(frame: int, burst_ms: int) -> bool:
    """Whether a frame falls into a burst; the first second is left whole."""
    return frame >= FRAMES_PER_S and frame % FRAMES_PER_S * 20 < burst_ms


def receive(
    packets: list[bytes], burst_ms: int
) -> tuple[NDArray[np.int16], _native.InboundRtpStats]:
    """What an engine makes of the packets that arrive, in their places."""
    engine = _native.Engine(_native.EngineSettings(sink="eager"), now_ns=0, seed=1)
    engine.configure_receive({OPUS: "opus"})
    heard = np.zeros(len(packets) * FRAME_SAMPLES, np.int16)
    for frame, payload in enumerate(packets):
        if is_lost(frame, burst_ms):
            continue
        header = (0x80, OPUS, frame >> 8, frame & 0xFF)
        words = (frame * FRAME_SAMPLES, 7)
        packet = bytes(header) + b"".join(word.to_bytes(4, "big") for word in words) + payload
        engine.handle_rtp(packet, (frame + 1) * FRAME_NS)
        for event in engine.poll_events():
            if isinstance(event, _native.AudioReceived):
                begin = event.media_time_samples
                place = heard[max(begin, 0) : begin + len(event.pcm)]
                place[:] = event.pcm[len(event.pcm) - len(place) :]
    inbound = engine.stats().inbound
    if inbound is None:
        raise SystemExit("no packet arrived")
    return heard, inbound


def score(pcm: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    """Mean PESQ-wb of pieces of 8 s."""
    from pesq import pesq

    clean, degraded = (
        _native.Resampler(RATE_HZ, 16_000, quality="high").convert(signal)
        for signal in (pcm[: len(heard)], heard)
    )
    piece = PIECE_S * 16_000
    begins = range(0, len(clean) - piece + 1, piece)
    return float(
        np.mean([pesq(16_000, clean[b : b + piece], degraded[b : b + piece], "wb") for b in begins])
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech")
    parser.add_argument("--bitrate", type=int, default=32_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pcm = speech(arguments.speech)
    rows = []
    most_kbps = kbps_of(encode(pcm, arguments.bitrate, REPAIRS["lbrr"]))
    for name, settings in REPAIRS.items():
        packets = encode_within(pcm, arguments.bitrate, settings, most_kbps)
        kbps = kbps_of(packets)
        for burst_ms in (0, 100, 200):
            heard, stats = receive(packets, burst_ms)
            total = stats.total_samples_received
            rows.append(
                Row(
                    name,
                    burst_ms,
                    round(kbps, 1),
                    round(score(pcm, heard), 2),
                    round(100 * stats.concealed_samples / total, 2),
                    round(100 * stats.dred_samples / total, 2),
                )
            )
    gains = {
        burst_ms: round(
            next(r.pesq_wb for r in rows if (r.repair, r.burst_ms) == ("dred", burst_ms))
            - next(r.pesq_wb for r in rows if (r.repair, r.burst_ms) == ("lbrr", burst_ms)),
            2,
        )
        for burst_ms in (100, 200)
    }
    if arguments.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "dred_over_lbrr": gains}))
    else:
        print(f"{'repair':<7}{'burst ms':>9}{'kbit/s':>8}{'PESQ-wb':>9}{'conc %':>8}{'dred %':>8}")
        for row in rows:
            print(
                f"{row.repair:<7}{row.burst_ms:>9}{row.kbps:>8.1f}{row.pesq_wb:>9.2f}"
                f"{row.concealed_percent:>8.2f}{row.dred_percent:>8.2f}"
            )
        print("DRED over LBRR:", ", ".join(f"{ms} ms {gain:+.2f}" for ms, gain in gains.items()))
    return 0 if min(gains.values()) >= TARGET_GAIN else 1


if __name__ == "__main__":
    sys.exit(main())
