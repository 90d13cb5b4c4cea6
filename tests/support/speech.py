"""Speech for tests: made with hibari or espeak-ng, noise added, edges found by energy."""

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


class EnergyVad:
    """Edges of speech in clean audio at 16 kHz, back-dated, as the engine's VAD gives them."""

    def __init__(self, *, min_speech_ms: int = 50, hangover_ms: int = 100) -> None:
        self._min_frames = min_speech_ms // 10
        self._hangover_frames = hangover_ms // 10
        self._position = 0
        self._loud = 0
        self._quiet = 0
        self._speaking = False

    def process(self, pcm: NDArray[np.int16]) -> list[tuple[str, int]]:
        """("started" | "ended", at_samples) for PCM in whole frames of 160 samples."""
        edges = []
        for frame in pcm.reshape(-1, 160).astype(np.float64):
            is_loud = np.sqrt(np.mean(frame**2)) > 200
            self._loud = self._loud + 1 if is_loud else 0
            self._quiet = 0 if is_loud else self._quiet + 1
            self._position += 160
            if not self._speaking and self._loud >= self._min_frames:
                self._speaking = True
                edges.append(("started", self._position - self._loud * 160))
            elif self._speaking and self._quiet >= self._hangover_frames:
                self._speaking = False
                edges.append(("ended", self._position - self._quiet * 160))
        return edges
