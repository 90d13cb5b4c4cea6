"""Voices at 16 kHz, as a recognizer hears them: hibari and espeak-ng, with noise and silence."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicectl.agent.tts import TextToSpeech

HAS_ESPEAK = shutil.which("espeak-ng") is not None


def resample(pcm: NDArray[np.int16], from_hz: int, to_hz: int) -> NDArray[np.int16]:
    """Band-limited, by the spectrum of the whole signal."""
    length = len(pcm) * to_hz // from_hz
    spectrum = np.fft.rfft(pcm.astype(np.float64))
    kept = np.zeros(length // 2 + 1, complex)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    samples = np.fft.irfft(kept, length) * (to_hz / from_hz)
    return np.clip(samples, -32768, 32767).astype(np.int16)


def spoken(tts: TextToSpeech, text: str) -> NDArray[np.int16]:
    """`text` at 16 kHz."""
    pcm = np.concatenate([piece.pcm for piece in tts.speak(text)])
    return resample(pcm, tts.sample_rate_hz, 16_000)


def espeak(text: str, *, voice: str = "en-us", words_per_minute: int = 150) -> NDArray[np.int16]:
    """`text` at 16 kHz in a voice of espeak-ng."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "speech.wav"
        command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", str(path), text]
        subprocess.run(command, check=True, capture_output=True)
        pcm, rate = soundfile.read(str(path), dtype="int16")
    return resample(pcm, rate, 16_000)


def silence(ms: int) -> NDArray[np.int16]:
    """Digital silence at 16 kHz."""
    return np.zeros(ms * 16, np.int16)


def with_noise(pcm: NDArray[np.int16], snr_db: float, seed: int) -> NDArray[np.int16]:
    """White noise, so many dB below the speech where it is spoken."""
    samples = pcm.astype(np.float64)
    loud = samples[np.abs(samples) > 0.02 * np.abs(samples).max()]
    noise = np.random.default_rng(seed).normal(0, 1, len(samples))
    noise *= np.sqrt(np.mean(loud**2)) * 10 ** (-snr_db / 20)
    return np.clip(samples + noise, -32768, 32767).astype(np.int16)
