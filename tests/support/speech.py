"""Speech for tests, spoken on the spot: no recording is committed."""

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.agent.tts.hibari import Hibari

__all__ = ["espeak", "hibari_pcm"]


@lru_cache
def _voice() -> Hibari:
    voice = Hibari()
    voice.load()
    return voice


@lru_cache
def hibari_pcm(text: str) -> NDArray[np.int16]:
    """`text` spoken by hibari: 24 kHz, shape (samples,)."""
    return np.concatenate([speech.pcm for speech in _voice().speak(text)])


def espeak(text: str, path: Path) -> Path:
    """Speak `text` into a WAV with espeak-ng; skips the test where that is not installed."""
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng is not installed")
    subprocess.run([program, "-s", "140", "-w", str(path), text], check=True)
    return path
