"""What the encoder's complexity is worth: PESQ-wb and CPU time, by bitrate.

    python benches/complexity.py

Harvard sentences in hibari's voice and, where espeak-ng is, in four of its voices; mono, 20 ms
frames with LBRR as a call sends them, decoded without loss. CPU time is this thread's.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

import numpy as np
import soundfile
from numpy.typing import NDArray
from pesq import pesq

from voicectl._native import BUILD_PROFILE, OPUS_VERSION, OpusDecoder, OpusEncoder, Resampler
from voicectl.agent.tts.hibari import Hibari

TEXT = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "It's easy to tell the depth of a well. These days a chicken leg is a rare dish."
)
ESPEAK_VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+m3")
BITRATES_BPS = (24_000, 32_000)
COMPLEXITIES = (5, 7, 8, 9, 10)
FRAME_SAMPLES = 960
LOOK_AHEAD_SAMPLES = 312


def at_48_khz(pcm: NDArray[np.int16], rate_hz: int) -> NDArray[np.int16]:
    speech = Resampler(rate_hz, 48_000).convert(pcm)
    return np.pad(speech, (0, -len(speech) % FRAME_SAMPLES + FRAME_SAMPLES))


def espeak(voice: str) -> NDArray[np.int16]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "speech.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), TEXT], check=True)
        pcm, rate_hz = soundfile.read(str(path), dtype="int16")
    return at_48_khz(pcm, rate_hz)


def voices() -> list[NDArray[np.int16]]:
    hibari = Hibari()
    hibari.load()
    pcm = np.concatenate([speech.pcm for speech in hibari.speak(TEXT)])
    found = [at_48_khz(pcm, hibari.sample_rate_hz)]
    if shutil.which("espeak-ng") is None:
        print("espeak-ng is not installed: its voices are left out", file=sys.stderr)
        return found
    return found + [espeak(voice) for voice in ESPEAK_VOICES]


def coded(
    speech: NDArray[np.int16], bitrate_bps: int, complexity: int
) -> tuple[NDArray[np.int16], float]:
    """What comes out, aligned with `speech`, and the microseconds that a frame took to encode."""
    encoder = OpusEncoder(bitrate_bps=bitrate_bps, complexity=complexity)
    frames = speech.reshape(-1, FRAME_SAMPLES)
    begun_ns = time.thread_time_ns()
    packets = [encoder.encode(frame) for frame in frames]
    frame_us = (time.thread_time_ns() - begun_ns) / 1000 / len(frames)
    decoder = OpusDecoder()
    heard = np.concatenate([decoder.decode(packet) for packet in packets])
    return heard[LOOK_AHEAD_SAMPLES:], frame_us


def score(speech: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    clean, degraded = (Resampler(48_000, 16_000).convert(pcm) for pcm in (speech, heard))
    return float(pesq(16_000, clean[: len(degraded)], degraded, "wb"))


def main() -> None:
    speeches = voices()
    print(f"{OPUS_VERSION}, {BUILD_PROFILE} build, {len(speeches)} voices")
    print(f"{'kbit/s':>8}{'complexity':>12}{'PESQ-wb':>10}{'us a frame':>12}")
    for bitrate_bps in BITRATES_BPS:
        for complexity in COMPLEXITIES:
            results = [(speech, *coded(speech, bitrate_bps, complexity)) for speech in speeches]
            quality = mean(score(speech, heard) for speech, heard, _ in results)
            frame_us = mean(us for _, _, us in results)
            print(f"{bitrate_bps // 1000:>8}{complexity:>12}{quality:>10.2f}{frame_us:>12.0f}")


if __name__ == "__main__":
    main()
