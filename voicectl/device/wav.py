"""WAV files: what a caller says, and the recording of a call."""

import os
import wave
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicectl.errors import MediaError, SetupError, UsageError
from voicectl.paths import open_private, unreadable

__all__ = ["Audio", "TwoChannelRecording", "decode_audio", "read_audio"]

_MAX_DURATION_S = 3600


@dataclass(frozen=True)
class Audio:
    """Mono PCM with its rate."""

    pcm: NDArray[np.int16]
    """Shape (samples,)."""
    sample_rate_hz: int

    @property
    def duration_ms(self) -> float:
        """How long it plays."""
        return len(self.pcm) * 1000 / self.sample_rate_hz


def read_audio(path: Path) -> Audio:
    """Read a WAV or FLAC file of any rate and width as mono, channels averaged.

    Raises:
        UsageError: the file is missing, unreadable, or longer than an hour.
        MediaError: it is not audio, is cut short, or holds no samples.
    """
    if (trouble := unreadable(path)) is not None:
        raise UsageError(f"{path} {trouble}", hint="give a WAV or FLAC file to --input")
    try:
        # Opened by number: by a name that ends in `raw` libsndfile would judge it.
        with open(os.open(path, os.O_RDONLY), "rb") as file:
            return decode_audio(file, path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def decode_audio(file: BinaryIO, path: Path) -> Audio:
    """As `read_audio`, of a file that is open or was unpacked.

    Args:
        file: Of any position; it can seek.
        path: Its name, for what is said of it.
    """
    _refuse_truncated_wav(file, path)
    file.seek(0)
    try:
        with soundfile.SoundFile(file) as sound:
            if sound.frames > _MAX_DURATION_S * sound.samplerate:
                raise UsageError(f"{path} is longer than an hour", hint="cut it into utterances")
            samples = sound.read(dtype="float32", always_2d=True)
            rate = int(sound.samplerate)
    except soundfile.LibsndfileError as error:
        raise MediaError(
            f"{path} is not audio that can be read",
            detail=str(error.error_string),
            hint="WAV and FLAC are read; convert with `ffmpeg -i FILE out.wav`",
        ) from error
    if not len(samples):
        raise MediaError(f"{path} holds no samples", hint="record it again")
    mono = samples.mean(axis=1)
    pcm = np.clip(np.rint(mono * 32768.0), -32768, 32767).astype(np.int16)
    return Audio(pcm, rate)


def _refuse_truncated_wav(file: BinaryIO, path: Path) -> None:
    """Refuse a RIFF file shorter than its header says; libsndfile would read on in silence."""
    offset, size = 12, file.seek(0, os.SEEK_END)
    file.seek(0)
    header = file.read(12)
    if header[:4] != b"RIFF" or header[8:12] != b"WAVE":
        return
    while offset + 8 <= size:
        file.seek(offset)
        chunk = file.read(8)
        length = int.from_bytes(chunk[4:8], "little")
        # A stream writer that could not seek leaves 0 or 0xFFFFFFFF: the data runs to the end.
        streamed = length in (0, 0xFFFFFFFF, 0x7FFFFFFF)
        if chunk[:4] == b"data":
            missing = offset + 8 + length - size
            if missing > 0 and not streamed:
                raise MediaError(
                    f"{path} is cut short: {missing} of its {length} data bytes are missing",
                    hint="copy or record it again",
                )
            return
        offset += 8 + length + (length & 1)


class TwoChannelRecording:
    """A WAV of two channels on one clock: caller left, agent right; only its owner can read it.

    The channels may be written in blocks of different lengths; what both have reached is on disk
    after every call, with a header that is right, so an interrupted call keeps its recording.
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        try:
            self._disk = open_private(path)
        except OSError as error:
            raise SetupError(
                f"{path} cannot be written: {error.strerror}", hint="choose another --output"
            ) from error
        self._file = wave.open(self._disk, "wb")
        self.path = path
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(sample_rate_hz)
        self._left: list[NDArray[np.int16]] = []
        self._right: list[NDArray[np.int16]] = []
        self._ended = False

    def write_left(self, pcm: NDArray[np.int16]) -> None:
        """Append what the caller said."""
        self._left.append(pcm)
        self._write_common()

    def write_right(self, pcm: NDArray[np.int16]) -> None:
        """Append what the caller heard."""
        self._right.append(pcm)
        self._write_common()

    def close(self) -> None:
        """Write what one channel is ahead of the other, padded with silence, and close the file."""
        if self._ended:
            return
        self._ended = True
        left, right = _join(self._left), _join(self._right)
        length = max(len(left), len(right))
        self._write(_padded(left, length), _padded(right, length))
        self._file.close()
        self._disk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write_common(self) -> None:
        left, right = _join(self._left), _join(self._right)
        length = min(len(left), len(right))
        if length:
            self._write(left[:length], right[:length])
            self._left, self._right = [left[length:]], [right[length:]]

    def _write(self, left: NDArray[np.int16], right: NDArray[np.int16]) -> None:
        frames = np.column_stack((left, right)).astype("<i2")
        try:
            self._file.writeframes(frames.tobytes())
        except OSError as error:
            raise MediaError(f"{self.path} cannot be written: {error.strerror}") from error


def _join(blocks: list[NDArray[np.int16]]) -> NDArray[np.int16]:
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


def _padded(pcm: NDArray[np.int16], length: int) -> NDArray[np.int16]:
    return np.pad(pcm, (0, length - len(pcm)))
