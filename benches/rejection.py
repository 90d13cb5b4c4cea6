"""How well the embedded agent tells what its script knows from what it does not.

    python benches/rejection.py [--every N]

Speaks each sentence of benches/sentences in every voice (hibari at three speeds; four voices of
espeak-ng where it is installed), clean and with white noise at 20 dB, and counts what the agent
takes for out-of-script: wanted are at least 85 of 100 such sentences, and at most 5 of 100 that
are in the script. Ends with status 1 when either is missed.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicectl._native import Resampler
from voicectl.agent.script_file import default_script
from voicectl.agent.stt.pocketsphinx import Pocketsphinx
from voicectl.agent.tts.hibari import Hibari

SENTENCES = Path(__file__).parent / "sentences"
HIBARI_SPEEDS = (0.85, 1.0, 1.2)
ESPEAK_VOICES = ("en-us", "en-gb", "en-us+f3", "en-us+m3")
NOISE_DB = 20
WANTED_OUT, ALLOWED_IN = 0.85, 0.05
PAUSE = np.zeros(4000, np.int16)

Pcm = NDArray[np.int16]
Speak = Callable[[str], Pcm]


def at_16_khz(pcm: Pcm, rate: int) -> Pcm:
    """What the recognizer hears."""
    return Resampler(rate, 16_000, quality="high").convert(pcm)


def hibari(speed: float) -> Speak:
    """The embedded voice."""
    voice = Hibari(speed=speed)

    def speak(text: str) -> Pcm:
        pcm = np.concatenate([piece.pcm for piece in voice.speak(f"{text}.")])
        return at_16_khz(pcm, voice.sample_rate_hz)

    return speak


def espeak(voice: str) -> Speak:
    """A voice of espeak-ng at 150 words a minute."""

    def speak(text: str) -> Pcm:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "speech.wav"
            subprocess.run(
                ["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), text], check=True
            )
            pcm, rate = soundfile.read(str(path), dtype="int16")
        return at_16_khz(pcm, rate)

    return speak


def voices() -> dict[str, Speak]:
    """Those that this machine has, by name."""
    found = {f"hibari x{speed}": hibari(speed) for speed in HIBARI_SPEEDS}
    if shutil.which("espeak-ng"):
        found |= {f"espeak {voice}": espeak(voice) for voice in ESPEAK_VOICES}
    else:
        print("espeak-ng is not installed: its voices are left out", file=sys.stderr)
    return found


def with_noise(pcm: Pcm, seed: int) -> Pcm:
    """White noise `NOISE_DB` below the speech, where it is spoken."""
    samples = pcm.astype(np.float64)
    loud = samples[np.abs(samples) > 0.02 * np.abs(samples).max()]
    rms = np.sqrt(np.mean(loud**2)) * 10 ** (-NOISE_DB / 20)
    noisy = samples + np.random.default_rng(seed).normal(0, rms, len(samples))
    return np.clip(noisy, -32768, 32767).astype(np.int16)


def sentences(name: str, every: int) -> Iterator[tuple[int, str]]:
    """Every Nth sentence of a list, with its line."""
    lines = (SENTENCES / name).read_text(encoding="utf-8").splitlines()
    yield from list(enumerate(lines))[::every]


def main() -> int:
    """Speak, hear, count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every Nth sentence only")
    every = parser.parse_args().every
    script = default_script()
    stt = Pocketsphinx(script.jsgf())
    stt.load()
    rejected: dict[tuple[str, str], list[bool]] = defaultdict(list)
    misheard = 0
    for voice, speak in voices().items():
        for kind in ("in_script", "out_of_script"):
            for seed, text in sentences(f"{kind}.txt", every):
                clean = np.concatenate([PAUSE, speak(text), PAUSE])
                for pcm in (clean, with_noise(clean, seed)):
                    stt.start()
                    for start in range(0, len(pcm), 1600):
                        stt.accept(pcm[start : start + 1600])
                    transcript = stt.finish()
                    sure = transcript.confidence is not None and transcript.confidence >= 0.5
                    accepted = sure and script.understand(transcript.text) is not None
                    rejected[kind, voice].append(not accepted)
                    misheard += kind == "in_script" and accepted and transcript.text != text
        rates = [np.mean(rejected[kind, voice]) for kind in ("in_script", "out_of_script")]
        print(f"{voice:18}  in-script rejected {rates[0]:6.1%}  out-of-script {rates[1]:6.1%}")
    totals = {
        kind: np.concatenate([flags for (of, _), flags in rejected.items() if of == kind])
        for kind in ("in_script", "out_of_script")
    }
    inside, outside = totals["in_script"], totals["out_of_script"]
    print(
        f"in-script      {inside.mean():6.1%} of {len(inside)} rejected (allowed {ALLOWED_IN:.0%})"
    )
    print(
        f"out-of-script  {outside.mean():6.1%} of {len(outside)} rejected (wanted {WANTED_OUT:.0%})"
    )
    print(f"misheard       {misheard / len(inside):6.1%} of the in-script ones accepted as another")
    return 0 if inside.mean() <= ALLOWED_IN and outside.mean() >= WANTED_OUT else 1


if __name__ == "__main__":
    sys.exit(main())
