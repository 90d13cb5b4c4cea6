"""The Rust media core: the only documentation of the border.

PCM is a one-dimensional, contiguous `numpy.int16` array, interleaved when stereo; nothing is
converted on the way. Another dtype or shape is a `TypeError`, an array that is not contiguous,
not writable where it must be, or in use by another call, a `ValueError`. Codec work runs without
the GIL, so no other thread may write to the arrays meanwhile. An object is used by one thread at
a time; a second one gets a `RuntimeError`.
"""

from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BUILD_PROFILE",
    "OPUS_VERSION",
    "OpusDecoder",
    "OpusEncoder",
    "OpusPacket",
    "Resampler",
    "SpeechEnded",
    "SpeechGate",
    "SpeechStarted",
    "VoiceDetector",
    "__version__",
    "border_call",
    "border_in",
    "border_out",
    "parse_opus_packet",
]

BUILD_PROFILE: Literal["debug", "release"]
OPUS_VERSION: str
"""libopus' name and version, such as `libopus 1.6.1`."""
__version__: str

@final
class OpusEncoder:
    """One stream of PCM turned into Opus packets (RFC 6716).

    Args:
        sample_rate_hz: 8000, 12000, 16000, 24000 or 48000.
        channels: 1 or 2.
        application: What to optimise for: speech (the one that sends LBRR), fidelity, or delay.
        bitrate_bps: 500 to 512000.
        complexity: 0 to 10; CPU for quality.
        inband_fec: Repeat each frame in the next packet at a lower bitrate (LBRR).
        dtx: Send next to nothing while nobody speaks.
        expected_loss_percent: 0 to 100: how much of the bitrate LBRR and DRED are worth.
        dred_duration_ms: How much of the past each packet repeats as DRED, 0 (off) to 1040. LBRR
            goes first: with `inband_fec` DRED gets next to nothing up to 32 kbit/s.

    Raises:
        CodecError: A setting is outside its range.
    """

    def __new__(
        cls,
        *,
        sample_rate_hz: int = 48_000,
        channels: int = 1,
        application: Literal["voip", "audio", "low-delay"] = "voip",
        bitrate_bps: int = 32_000,
        complexity: int = 9,
        inband_fec: bool = True,
        dtx: bool = False,
        expected_loss_percent: int = 10,
        dred_duration_ms: int = 0,
    ) -> OpusEncoder: ...
    def encode(self, pcm: NDArray[np.int16]) -> bytes:
        """Encode one frame: all of `pcm`, 2.5, 5, 10, 20, 40, 60, 80, 100 or 120 ms.

        Raises:
            CodecError: `pcm` has another length.
        """

    def set_bitrate_bps(self, bitrate_bps: int) -> None: ...
    def set_complexity(self, complexity: int) -> None: ...
    def set_inband_fec(self, on: bool) -> None: ...
    def set_dtx(self, on: bool) -> None: ...
    def set_expected_loss_percent(self, percent: int) -> None: ...
    def set_dred_duration_ms(self, duration_ms: int) -> None: ...
    def reset(self) -> None:
        """Forget the signal and keep the settings."""

    @property
    def sample_rate_hz(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def lookahead_samples(self) -> int:
        """How many samples of a channel the decoded signal lags behind the encoded one."""

    @property
    def in_dtx(self) -> bool:
        """Whether the last packet was DTX, which need not be sent."""

    @property
    def final_range(self) -> int:
        """The range coder's state after the last packet; equal to the decoder's (RFC 6716 §6)."""

@final
class OpusDecoder:
    """One stream of Opus packets turned into PCM.

    What is decoded, recovered and concealed is fed in the stream's order. Arrays that come back
    are new, or views of the beginning of `out`.

    Args:
        sample_rate_hz: 8000, 12000, 16000, 24000 or 48000, whatever was encoded.
        channels: 1 or 2, whatever was encoded.
        complexity: 0 to 10: from 5 concealment is neural, for several times the CPU.

    Raises:
        CodecError: A setting is outside its range.
    """

    def __new__(
        cls, *, sample_rate_hz: int = 48_000, channels: int = 1, complexity: int = 0
    ) -> OpusDecoder: ...
    def decode(self, packet: bytes, *, out: NDArray[np.int16] | None = None) -> NDArray[np.int16]:
        """Decode a packet.

        Raises:
            CodecError: The packet is malformed, or `out` shorter than its audio. The stream goes
                on as if it had not come.
        """

    def decode_lbrr(self, next_packet: bytes, samples: int) -> NDArray[np.int16]:
        """Fill a gap with what the packet after it repeats of it; conceal what it does not.

        `next_packet` is still to be decoded afterwards.

        Args:
            next_packet: The packet after the gap.
            samples: The gap, in samples of a channel: a multiple of 2.5 ms up to 120.

        Raises:
            CodecError: The packet is malformed, or the gap none that Opus fills.
        """

    def conceal(self, samples: int) -> NDArray[np.int16]:
        """Continue what was heard, fading out (PLC).

        Args:
            samples: The gap, in samples of a channel: a multiple of 2.5 ms up to 120.

        Raises:
            CodecError: The gap is none that Opus fills.
        """

    def set_complexity(self, complexity: int) -> None: ...
    def reset(self) -> None:
        """Forget the stream and keep the settings."""

    @property
    def sample_rate_hz(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def final_range(self) -> int:
        """The range coder's state after the last packet; equal to the encoder's (RFC 6716 §6)."""

@final
class OpusPacket:
    """How a packet is laid out (RFC 6716 §3)."""

    @property
    def config(self) -> int:
        """The TOC's configuration number, 0 to 31."""

    @property
    def mode(self) -> Literal["silk", "hybrid", "celt"]: ...
    @property
    def bandwidth(
        self,
    ) -> Literal["narrowband", "mediumband", "wideband", "superwideband", "fullband"]: ...
    @property
    def is_stereo(self) -> bool:
        """Whether the frames are coded in stereo."""

    @property
    def frame_samples(self) -> int:
        """Samples of a channel in one frame at 48 kHz, Opus' RTP clock."""

    @property
    def duration_samples(self) -> int:
        """Samples of a channel in the packet at 48 kHz, Opus' RTP clock."""

    @property
    def frame_lengths(self) -> list[int]:
        """Bytes of each frame; 0 is DTX."""

    @property
    def padding_length(self) -> int:
        """Bytes of padding, where extensions such as DRED travel."""

    @property
    def has_lbrr(self) -> bool:
        """Whether the packet repeats the frame before its first."""

def parse_opus_packet(packet: bytes) -> OpusPacket:
    """Take a packet apart without decoding it.

    Raises:
        CodecError: It breaks a rule of RFC 6716 §3.4.
    """

@final
class Resampler:
    """One stream of mono PCM on its way from one rate to another.

    A polyphase FIR: the same samples on every machine and however the input is cut.

    Args:
        from_hz: 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000 or 192000.
        to_hz: One of the same.
        quality: At most 2 ms of delay, or 3 ms and flat to 0.45 of 8 kHz too.

    Raises:
        MediaError: No such rate.
    """

    def __new__(
        cls, from_hz: int, to_hz: int, *, quality: Literal["standard", "high"] = "standard"
    ) -> Resampler: ...
    def process(
        self, pcm: NDArray[np.int16], *, out: NDArray[np.int16] | None = None
    ) -> NDArray[np.int16]:
        """Convert what can be told so far.

        Args:
            pcm: The next samples.
            out: Where to write, instead of a new array; the answer is a view of its beginning.
                At least `max_output_samples(len(pcm))` long.

        Raises:
            ValueError: `out` is too short. The stream has not moved on.
        """

    def convert(self, recording: NDArray[np.int16]) -> NDArray[np.int16]:
        """A whole recording: as long as it was and in its place to within half a sample.

        Begins anew before and after.
        """

    def flush(self) -> NDArray[np.int16]:
        """What the delay still holds back, as if silence followed; then begin anew."""

    def reset(self) -> None:
        """Forget what was heard."""

    def max_output_samples(self, input_samples: int) -> int:
        """The most that `process` gives for so many samples."""

    @property
    def delay_ns(self) -> int:
        """How far the output lags behind the input."""

@final
class SpeechStarted:
    """Someone began to speak."""

    __match_args__: tuple[Literal["at_samples"]]
    def __new__(cls, at_samples: int) -> SpeechStarted: ...
    def __hash__(self) -> int: ...
    @property
    def at_samples(self) -> int:
        """Media time of the first sample of speech, at 16 kHz."""

@final
class SpeechEnded:
    """Someone ceased to speak."""

    __match_args__: tuple[Literal["at_samples"]]
    def __new__(cls, at_samples: int) -> SpeechEnded: ...
    def __hash__(self) -> int: ...
    @property
    def at_samples(self) -> int:
        """Media time one past the last sample of speech, at 16 kHz."""

@final
class VoiceDetector:
    """Scores frame after frame of a stream at 16 kHz: 0 (no voice) to 1 (voice).

    Args:
        vad: `earshot` (frames of 16 ms) or `silero` (32 ms; three times the cost per second, less
            often fooled by other voices).

    Raises:
        ValueError: There is no such detector.
    """

    def __new__(cls, vad: Literal["earshot", "silero"] = "earshot") -> VoiceDetector: ...
    def score(self, frame: NDArray[np.int16]) -> float:
        """The next frame's score.

        Args:
            frame: Mono, `frame_samples` of them.

        Raises:
            ValueError: It is of another length.
        """

    def reset(self) -> None:
        """Forget the stream."""

    @property
    def frame_samples(self) -> int:
        """Samples of a frame."""

@final
class SpeechGate:
    """Hears PCM at 16 kHz and tells when speech begins and ends.

    Args:
        vad: Which detector scores the frames.
        start_threshold: A frame from this score (0 to 1) on is speech.
        stop_threshold: In speech, a frame from this score on still is.
        min_speech_ms: This much speech starts an utterance.
        hangover_ms: This much of anything else ends it.

    Raises:
        UsageError: The thresholds are out of order or outside 0 to 1.
    """

    def __new__(
        cls,
        *,
        vad: Literal["earshot", "silero"] = "earshot",
        start_threshold: float = 0.55,
        stop_threshold: float = 0.4,
        min_speech_ms: int = 32,
        hangover_ms: int = 200,
    ) -> SpeechGate: ...
    def process(
        self, pcm: NDArray[np.int16], first_sample: int, *, concealed: bool = False
    ) -> list[SpeechStarted | SpeechEnded]:
        """What became certain by `pcm`, dated back to where it happened.

        Args:
            pcm: Mono at 16 kHz.
            first_sample: Its media time at 16 kHz. Missing media counts as silence up to a second;
                a longer break, or time going back, ends speech and begins anew.
            concealed: The playout made it up: it neither starts speech nor, for 200 ms in a row,
                ends it.
        """

    def reset(self) -> list[SpeechStarted | SpeechEnded]:
        """End speech where it was last heard and begin anew."""

    @property
    def in_speech(self) -> bool:
        """Whether speech has started and not ended."""

def border_call() -> None:
    """Do nothing: what a call into the extension costs, for `voicectl bench`."""

def border_in(pcm: NDArray[np.int16]) -> int:
    """Take PCM, release and take back the GIL, and tell how many samples it was."""

def border_out(samples: int) -> NDArray[np.int16]:
    """Give a new array of silence, shape (samples,)."""
