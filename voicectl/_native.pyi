"""The Rust media core: the only documentation of the border.

PCM is a one-dimensional, contiguous `numpy.int16` array, interleaved when stereo; nothing is
converted on the way. Another dtype or shape is a `TypeError`, an array that is not contiguous,
not writable where it must be, or in use by another call, a `ValueError`. Codec work runs without
the GIL, so no other thread may write to the arrays meanwhile. An object is used by one thread at
a time; a second one gets a `RuntimeError` (an `Engine` makes it wait).
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Adaptation",
    "AudioDrained",
    "AudioReceived",
    "AudioSent",
    "BUILD_PROFILE",
    "CaptureReplay",
    "ClearedAudio",
    "Engine",
    "EngineDrops",
    "EngineEvent",
    "EngineSettings",
    "EngineStats",
    "HandedBackDatagram",
    "InboundRtpStats",
    "JitterBufferLoad",
    "MediaCall",
    "MediaCallStats",
    "MediaPlane",
    "NetworkLink",
    "OPUS_VERSION",
    "OpusDecoder",
    "OpusEncoder",
    "OpusPacket",
    "OutboundRtpStats",
    "Redundancy",
    "RemoteInboundRtpStats",
    "RemoteOutboundRtpStats",
    "Repairs",
    "Resampler",
    "RtpPacket",
    "SpeechEnded",
    "SpeechGate",
    "SpeechStarted",
    "SrtpSession",
    "StreamEnded",
    "StreamStarted",
    "TelephoneEventReceived",
    "TransportFeedbackCounters",
    "VoiceDetector",
    "__version__",
    "border_call",
    "border_in",
    "border_out",
    "is_capture",
    "is_rtcp_compound",
    "parse_opus_packet",
    "parse_rtp_packet",
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

    def read_dred(self, packet: bytes) -> int:
        """Read what a packet tells of the audio before it (DRED), for `decode_dred`.

        Returns:
            How many samples of a channel it reaches back; 0 when it tells nothing.

        Raises:
            CodecError: The packet is malformed.
        """

    def decode_dred(self, before_samples: int, samples: int) -> NDArray[np.int16]:
        """Fill a piece of a gap with what the packet read last tells of it.

        A gap is filled from its beginning to its end; the packet is still to be decoded
        afterwards. What it does not reach back to is concealed.

        Args:
            before_samples: Where the piece begins, in samples of a channel before the packet's
                audio.
            samples: The piece, in samples of a channel: a multiple of 2.5 ms up to 120.

        Raises:
            CodecError: No DRED was read, or the piece is none that Opus fills.
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

    @property
    def has_dred(self) -> bool:
        """Whether the packet describes the audio before it (DRED)."""

def parse_opus_packet(packet: bytes) -> OpusPacket:
    """Take a packet apart without decoding it.

    Raises:
        CodecError: It breaks a rule of RFC 6716 §3.4.
    """

@final
class NetworkLink:
    """One direction of a simulated network: the times of packets go in, and come out.

    Arguments are the fields of `netem.spec.Impairment`, which has their meaning. The same seed
    gives the same arrivals on every machine; causes draw independently: more loss leaves the
    jitter of the rest as it was.

    Raises:
        UsageError: There is no such distribution.
    """

    def __new__(
        cls,
        *,
        seed: int,
        loss: float = 0.0,
        burst: float = 1.0,
        delay_ns: int = 0,
        jitter_ns: int = 0,
        distribution: str = "normal",
        reorder: bool = False,
        duplicate: float = 0.0,
        rate_bps: int = 0,
        queue_ns: int = 0,
        spike_every_ns: int = 0,
        spike_ns: tuple[int, int] = ...,
        hold_every_ns: int = 0,
        hold_ns: int = 0,
        blackout_every_ns: int = 0,
        blackout_ns: int = 0,
        flap_every_ns: int = 0,
        flap_ns: int = 0,
        drift_ppm: float = 0.0,
    ) -> NetworkLink: ...
    @staticmethod
    def replaying(packets: Sequence[tuple[int, int, int | None]]) -> NetworkLink:
        """A link that does to the n-th packet what happened to the n-th of a trace.

        It begins again at the trace's end. A trace's packet is its frame, when it was sent and
        when it arrived, if it did, in ns. An empty trace loses everything.
        """

    def arrivals(self, sent_ns: int, datagram_bytes: int) -> list[int]:
        """When a packet arrives: never, once, or twice.

        Args:
            sent_ns: No earlier than the packet's before; the first one's begins the periods.
            datagram_bytes: The UDP payload's length.
        """

@final
class RtpPacket:
    """The fixed header of an RTP packet, and its payload (RFC 3550 §5.1)."""

    @property
    def marker(self) -> bool: ...
    @property
    def payload_type(self) -> int: ...
    @property
    def sequence_number(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def ssrc(self) -> int: ...
    @property
    def payload(self) -> bytes:
        """Without contributing sources, header extension and padding."""

def parse_rtp_packet(datagram: bytes) -> RtpPacket:
    """Take an RTP packet apart, as `Engine.handle_rtp` does.

    Raises:
        WireError: It is none, or is cut off.
    """

def is_rtcp_compound(datagram: bytes) -> bool:
    """Whether the bytes are plain RTCP to their end (RFC 3550 §6.1, RFC 5506)."""

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
        vad: `earshot` (frames of 16 ms) or `silero` (32 ms; a tenth dearer, and less often fooled
            by noise and other voices).

    Raises:
        UsageError: There is no such detector.
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
        UsageError: There is no such detector, or the thresholds are out of order or outside 0 to
            1.
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

@final
class EngineSettings:
    """How one end of a call treats its audio.

    Args:
        sink: Whom the received audio is for. `playout`, an ear: 10 ms of PCM at each tick, the
            network's jitter taken out. `eager`, a machine: frames as soon as they are in order.
        output_rate_hz: Rate of the PCM in events: 8000, 11025, 12000, 16000, 22050, 24000, 32000,
            44100, 48000 and up.
        strategy: How `playout` trades delay for concealment, from the shortest delay on.
        vad: Tell when speech starts and ends in the received audio, by this detector.
        tap_sent: Give what was sent as `AudioSent`.
        bitrate_bps: 500 to 512000.
        complexity: 0 to 10; CPU for quality.
        inband_fec: Repeat each frame in the next packet at a lower bitrate (LBRR).
        expected_loss_percent: 0 to 100: how much of the bitrate LBRR or DRED is worth.
        red_frames: Earlier frames beside each (RED), 0 to 2; see `Redundancy`.
        adaptation: Let bitrate, frame length, complexity and redundancy follow the network, from
            this preset on (docs/decisions/0009); what is set of them here has no effect then.
        dred_duration_ms: How much of the past each packet describes (DRED), 0 to 1040.
        dtx: Send next to nothing while nothing is queued.
        frame_ms: Audio in one packet: 10, 20, 40 or 60.
        report_interval_ms: Mean interval between RTCP reports, 100 to 60000.
        wall_clock_offset_ns: Unix time less the clock of `now_ns`, for sender reports.

    Raises:
        UsageError: There is no such sink, strategy or vad.
    """

    def __new__(
        cls,
        *,
        sink: Literal["playout", "eager"] = "playout",
        output_rate_hz: int = 48_000,
        strategy: Literal["conservative", "balanced", "aggressive"] = "balanced",
        vad: Literal["earshot", "silero"] | None = None,
        tap_sent: bool = False,
        bitrate_bps: int = 32_000,
        complexity: int = 9,
        inband_fec: bool = True,
        expected_loss_percent: int = 10,
        red_frames: int = 0,
        dred_duration_ms: int = 0,
        adaptation: Literal["lan", "broadband", "wireless", "lossy"] | None = None,
        dtx: bool = False,
        frame_ms: int = 20,
        report_interval_ms: int = 1000,
        wall_clock_offset_ns: int = 0,
    ) -> EngineSettings: ...
    @property
    def sink(self) -> Literal["playout", "eager"]: ...
    @property
    def output_rate_hz(self) -> int: ...
    @property
    def strategy(self) -> Literal["conservative", "balanced", "aggressive"]: ...
    @property
    def vad(self) -> Literal["earshot", "silero"] | None: ...
    @property
    def tap_sent(self) -> bool: ...
    @property
    def bitrate_bps(self) -> int: ...
    @property
    def complexity(self) -> int: ...
    @property
    def inband_fec(self) -> bool: ...
    @property
    def expected_loss_percent(self) -> int: ...
    @property
    def red_frames(self) -> int: ...
    @property
    def dred_duration_ms(self) -> int: ...
    @property
    def adaptation(self) -> Literal["lan", "broadband", "wireless", "lossy"] | None: ...
    @property
    def dtx(self) -> bool: ...
    @property
    def frame_ms(self) -> int: ...
    @property
    def report_interval_ms(self) -> int: ...
    @property
    def wall_clock_offset_ns(self) -> int: ...

@final
class Redundancy:
    """How much of what was sent before each packet repeats.

    LBRR and DRED share the bitrate and LBRR goes first; RED comes on top of it.

    Args:
        inband_fec: The frame before, coarser (LBRR): for single losses, with every peer.
        red_frames: So many frames before, whole (RED, RFC 2198), 0 to 2: each costs as much as the
            frame itself.
        dred_duration_ms: So much of the past as a neural vocoder needs to say it again (DRED), 0
            to 1040: for bursts of 60 ms and more, with `inband_fec` off and at least 5 % expected
            loss.
        expected_loss_percent: 0 to 100: how much of the bitrate LBRR or DRED is worth.
    """

    def __new__(
        cls,
        *,
        inband_fec: bool = True,
        red_frames: int = 0,
        dred_duration_ms: int = 0,
        expected_loss_percent: int = 10,
    ) -> Redundancy: ...
    def __eq__(self, value: object, /) -> bool: ...
    __hash__ = None  # type: ignore[assignment]
    @property
    def inband_fec(self) -> bool: ...
    @property
    def red_frames(self) -> int: ...
    @property
    def dred_duration_ms(self) -> int: ...
    @property
    def expected_loss_percent(self) -> int: ...

@final
class Repairs:
    """What both session descriptions agree on about repairing loss; by default nothing.

    Args:
        nack: Lost packets are asked for and sent again (generic NACK, RFC 4585 §6.2.1).
        dred: The peer reads DRED.
        receive_red: Payload type under which RED (RFC 2198) arrives.
        receive_rtx: The same of what is sent again in a stream of its own (RFC 4588).
        send_red: Payload type under which the peer takes RED.
        send_rtx: The same of what is sent again; None: it is sent again as it was.
        rtx_ssrc: The source of what we send again, with `send_rtx`.
    """

    def __new__(
        cls,
        *,
        nack: bool = False,
        dred: bool = False,
        receive_red: int | None = None,
        receive_rtx: int | None = None,
        send_red: int | None = None,
        send_rtx: int | None = None,
        rtx_ssrc: int = 0,
    ) -> Repairs: ...
    def __eq__(self, value: object, /) -> bool: ...
    __hash__ = None  # type: ignore[assignment]
    @property
    def nack(self) -> bool: ...
    @property
    def dred(self) -> bool: ...
    @property
    def receive_red(self) -> int | None: ...
    @property
    def receive_rtx(self) -> int | None: ...
    @property
    def send_red(self) -> int | None: ...
    @property
    def send_rtx(self) -> int | None: ...
    @property
    def rtx_ssrc(self) -> int: ...

@final
class Engine:
    """One end of one call's audio: packets and `now_ns` in, batched events and packets out.

    Sans-IO: no clock, no sockets, no threads. `now_ns` is any monotonic scale in nanoseconds.
    From creation a grid counts: tick `n` (from 1 on) is at `created + n * 10 ms`. Every call with
    a time first runs, in order, what was due before that time: a late driver gets the same audio,
    packets and events as a punctual one. Only RTCP reports are stamped with the time of the call
    that sends them, or the round trip would hold the driver's lateness. A call more than five
    seconds late finds the backlog passed over and counted (`EngineDrops.skipped_ticks`).

    Datagrams are protected (SRTP, SRTCP), packets are not. A call uses `handle_datagram` and
    `poll_datagrams`; `handle_rtp`, `handle_rtcp` and `poll_transmit` are for what was decrypted
    elsewhere, or never protected.

    After every call, take `poll_datagrams` (or `poll_transmit`) and `poll_events`, and call
    `handle_timeout` no later than `next_timeout`. Everything is bounded: 10 s of audio each way
    and 4096 events, 512 packets, 60 s of queued audio; `EngineDrops` counts what was dropped.

    Bytes from the peer never raise; they are counted.

    Args:
        settings: How to treat the audio.
        now_ns: When the grid begins.
        seed: Initial sequence number and timestamp, and the times of reports, are drawn from it
            (0 to 2^64 - 1).
        capture_limit_bytes: Write down all that goes into the engine, for `CaptureReplay`, until
            the file would be longer (at least 64 KiB): see `take_capture`.

    Raises:
        CodecError: An encoder setting is outside its range.
        MediaError: There is no resampling to the output rate.
        UsageError: A frame length or report interval is outside its range.
    """

    def __new__(
        cls,
        settings: EngineSettings,
        *,
        now_ns: int,
        seed: int,
        capture_limit_bytes: int | None = None,
    ) -> Engine: ...
    def configure_receive(self, payload_types: dict[int, str]) -> None:
        """Say which payload types are received, such as `{111: "opus"}`; others are dropped.

        Codecs are `opus`, `pcmu`, `pcma` (G.711), `telephone-event` (RFC 4733 at 48 kHz) and
        `telephone-event/8000`.

        Raises:
            UsageError: Another codec, or a payload type that RTP on a port shared with RTCP cannot
                have (64 to 95).
        """

    def configure_send(
        self,
        codec: str,
        *,
        telephone_event: int | None = None,
        max_bitrate_bps: int | None = None,
        max_frame_ms: int | None = None,
    ) -> None:
        """Say what is sent.

        Args:
            codec: From the next `start_sending` on: `opus` (unless this is called), `pcmu` or
                `pcma`.
            telephone_event: The payload type of keys, at the codec's clock rate; None: the peer
                takes none.
            max_bitrate_bps: What the peer asks for at most (`maxaveragebitrate`): a bound for Opus
                from now on, whatever was set.
            max_frame_ms: What the peer takes in a packet at most (`maxptime`), from now on; less
                than 10 is 10.

        Raises:
            UsageError: Another codec, or a payload type that cannot be.
        """

    def send_digits(self, digits: str, *, duration_ms: int = 100, volume_dbm0: int = ...) -> int:
        """Press keys of a telephone (DTMF, RFC 4733) one after the other; queued audio waits.

        Between two lie three frames, in which the end is told three times.

        Args:
            digits: Of `0123456789*#ABCD`.
            duration_ms: Of each: 40 to 1000.
            volume_dbm0: Of their tone: -63 to 0, by default -10.

        Returns:
            How many were taken: 64 wait at most; 0 when the peer takes none.

        Raises:
            UsageError: Another key, duration or volume.
        """

    def configure_repairs(self, repairs: Repairs) -> None:
        """Say what both ends agree on about repairing loss.

        Raises:
            UsageError: RTP on a port shared with RTCP cannot have a payload type (64 to 95).
        """

    def configure_transport_feedback(
        self, *, extension_id: int | None, reduced_size: bool = False
    ) -> None:
        """Say what both ends agree on about transport-wide feedback; by default nothing.

        From then on packets carry numbers on which the far end reports, and it is told of its own
        (draft-holmer-rmcat-transport-wide-cc-extensions-01).

        Args:
            extension_id: Of the header extension with the number (`a=extmap`), 1 to 255; None:
                there is none.
            reduced_size: The peer takes RTCP that is no compound packet (RFC 5506).

        Raises:
            UsageError: An extension id of 0.
        """

    def set_redundancy(self, redundancy: Redundancy) -> None:
        """Protect what is sent from the next frame on like this.

        May be called as often as the network changes. What the peer cannot use has no effect;
        `EngineStats.redundancy` leaves it out.

        Raises:
            CodecError: A setting is outside its range.
            UsageError: The same of `red_frames`.
        """

    def take_capture(self) -> bytes:
        """What is to be appended to the capture's file (docs/capture.md).

        To be called at least each few seconds: the capture ends early when 32 MiB wait. It holds
        both ends' voices and what was decrypted, and never keys.
        """

    def end_capture(self) -> bytes:
        """End the capture with what was polled until now; returns the rest of the file."""

    @property
    def capture_is_truncated(self) -> bool:
        """Whether the capture reached its bound; the call went on."""

    def set_srtp_keys(self, profile: str, local_key_salt: bytes, remote_key_salt: bytes) -> None:
        """Take the keys of the DTLS handshake (RFC 5764 §4.2), each followed by its salt.

        Args:
            profile: `SRTP_AES128_CM_SHA1_80`, `SRTP_AEAD_AES_128_GCM` or `SRTP_AEAD_AES_256_GCM`.
            local_key_salt: For what is sent.
            remote_key_salt: For what is received.

        Raises:
            UsageError: Another profile, or another length than it needs.
        """

    def handle_datagram(self, datagram: bytes, now_ns: int) -> bool:
        """Take a protected RTP or RTCP packet (told apart per RFC 5761).

        False when it is not authentic, was received before, or there are no keys yet: it has been
        counted and has changed nothing else.
        """

    def poll_datagrams(self) -> list[bytes]:
        """The packets to send, protected and in order; none before there are keys."""

    def handle_rtp(self, packet: bytes, now_ns: int) -> None:
        """Take a decrypted RTP packet."""

    def handle_rtcp(self, packet: bytes, now_ns: int) -> None:
        """Take a decrypted RTCP compound packet."""

    def handle_timeout(self, now_ns: int) -> None:
        """Run what is due at `now_ns` and before."""

    def next_timeout(self) -> int | None:
        """When to call `handle_timeout` next; the past means at once."""

    def poll_transmit(self) -> list[bytes]:
        """The packets to protect and send, in order: RTP and RTCP (told apart per RFC 5761)."""

    def poll_events(self) -> list[EngineEvent]:
        """What happened since the last call.

        In order, except that audio of one kind which goes on without a gap is one event, at the
        place of its first block.
        """

    def queue_audio(self, pcm: NDArray[np.int16], sample_rate_hz: int) -> int:
        """Queue mono PCM to be sent, shape (samples,), behind what is queued.

        Audio of an utterance that is not finished goes out in whole frames only: what is too
        little for one waits for more.

        Args:
            pcm: Any length.
            sample_rate_hz: 8000, 16000, 24000, 32000, 44100 or 48000.

        Returns:
            How many samples there was room for. The queue holds 60 s; offer the rest again.

        Raises:
            MediaError: Another rate.
        """

    def bridge_out(self, bridge: Literal["audio", "packets"] | None, *, now_ns: int) -> None:
        """Hand on what is received instead of telling it as `AudioReceived`; None: tell it again.

        Args:
            bridge: Decoded at the output rate, or undecoded; then neither speech nor keys are told.
            now_ns: The present.

        Raises:
            UsageError: Undecoded with the sink `playout` or a sent tap; or the output rate is none
                that `queue_audio` takes.
        """

    def bridge_in(self, bridge: Literal["audio", "packets"] | None, *, now_ns: int) -> None:
        """Send what another engine, or this one, hands on; None: what is queued.

        Args:
            bridge: Audio is encoded, up to 240 ms of it waiting. Packets are sent under our own
                source, sequence numbers and timestamps, and nothing else is; those of another
                codec than ours are dropped and counted.
            now_ns: The present.

        Raises:
            UsageError: Packets while what is sent is tapped.
        """

    def hand_on(self, to: Engine, *, now_ns: int) -> bool:
        """Move what waits to be handed on; False when there was nothing.

        Wanted after every call, as the polls are: above a second of audio or 64 packets what
        nobody moves is dropped and counted with the events.
        """

    def finish_audio(self) -> None:
        """End an utterance with what is queued.

        Its last frame is padded with silence, and `AudioDrained` tells when its last sample has
        gone; at once if nothing is queued.
        """

    def clear_audio(self, now_ns: int) -> ClearedAudio:
        """Drop what is queued and fade out what is being said (barge-in).

        What went into the encoder until now has gone: up to one frame ahead of `now_ns`. 5 ms
        fading to silence follow at the beginning of the next frame. No `AudioDrained` comes for
        what was cleared.
        """

    def start_sending(self, *, ssrc: int, payload_type: int, cname: str) -> None:
        """Begin to send, silence while nothing is queued, and RTCP reports under `cname`.

        It begins at the first tick of the next call that has a time; `next_timeout` asks for that
        at once. A stream that was on before under this `ssrc` goes on: its numbers, its clock and
        what was counted.

        Raises:
            UsageError: RTP on a port shared with RTCP cannot have the payload type (64 to 95).
        """

    def start_reporting(self, *, ssrc: int, cname: str) -> None:
        """Begin RTCP on what is received, under `ssrc` and `cname`, without sending audio.

        For a peer that only sends. It begins at the next call that has a time; `start_sending` may
        follow. A stream that was on before ends without a BYE.
        """

    def stop(self, now_ns: int) -> None:
        """End the outgoing stream, or the reports, with a last report and a BYE."""

    def stats(self) -> EngineStats:
        """The counters of this moment."""

@final
class CaptureReplay:
    """A captured call again: an engine that is given what the call's was given.

    Args:
        file: A whole capture file, or what is left of one.

    Raises:
        MediaError: It is no capture, one of another version, or its beginning is damaged.
    """

    def __new__(cls, file: bytes) -> CaptureReplay: ...
    @property
    def settings(self) -> EngineSettings:
        """What the call's engine was made from."""

    @property
    def made_by(self) -> str:
        """The build that wrote it: voicectl, libopus, kind of CPU."""

    @property
    def is_of_this_build(self) -> bool:
        """Whether that is this one; another may come to other samples."""

    @property
    def begun_ns(self) -> int:
        """When the call's engine was made."""

    @property
    def damage(self) -> list[tuple[int, str]]:
        """What of the file cannot be used: offset in bytes, and in words."""

    def received_packets(self) -> list[tuple[int, bytes, bool]]:
        """What the engine was given: time of arrival, decrypted packet, whether it is RTCP."""

    def run_until(self, until_ns: int) -> list[EngineEvent] | None:
        """Run the inputs up to the first at or after `until_ns`.

        Returns:
            The events that were polled in the call on the way; None once there is no more.
        """

    def stats(self) -> EngineStats:
        """The counters of this moment."""

    @property
    def same_events(self) -> bool | None:
        """Whether all audio and events are those of the call, to the bit.

        None: not yet, or the file does not reach to where the capture ended.
        """

    @property
    def same_packets(self) -> bool | None:
        """Whether all packets sent are those of the call, to the bit."""

    @property
    def is_complete(self) -> bool:
        """Whether the capture was ended, not cut off."""

    @property
    def truncated_at_ns(self) -> int | None:
        """When the capture reached its bound; the call went on."""

    @property
    def ended_ns(self) -> int:
        """The time of the last input so far."""

    @property
    def inputs(self) -> int:
        """What the engine was given so far."""

def is_capture(file: bytes) -> bool:
    """Whether a file is a capture of an engine, by its first bytes."""

@final
class SrtpSession:
    """SRTP and SRTCP of one call, both ways (RFC 3711, RFC 7714), without an engine.

    Args:
        profile: `SRTP_AES128_CM_SHA1_80`, `SRTP_AEAD_AES_128_GCM` or `SRTP_AEAD_AES_256_GCM`.
        local_key_salt: Master key and salt for what is sent.
        remote_key_salt: For what is received.

    Raises:
        UsageError: Another profile, or another length than it needs.
    """

    def __new__(
        cls, profile: str, local_key_salt: bytes, remote_key_salt: bytes
    ) -> SrtpSession: ...
    def protect(self, packet: bytes) -> bytes:
        """Protect one RTP or RTCP packet (told apart per RFC 5761).

        Raises:
            UsageError: It is neither, or RTP that is not newer than what was sent of its SSRC.
        """

    def unprotect(self, datagram: bytes) -> bytes | None:
        """Undo `protect`; None when it is not authentic or was received before."""

@final
class MediaPlane:
    """Native threads that carry calls. Linux only.

    A thread reads a call's sockets, drives its engine on `time.monotonic_ns` and sends, without
    the GIL. What is no media it hands back; whoever made the plane watches `fileno` for that and
    for events. Used by one thread.

    Args:
        threads: How many share the calls.
        delivery_interval_ms: How long received audio waits for more of it before it is told;
            other events do not wait.

    Raises:
        OSError: The system has no descriptors or threads left.
    """

    def __new__(cls, *, threads: int = 1, delivery_interval_ms: int = 10) -> MediaPlane: ...
    def fileno(self) -> int:
        """Readable while `take_ready` has something."""

    def take_ready(self) -> list[int]:
        """Ids of the calls that have events or handed-back datagrams, each once."""

    def add(
        self, engine: Engine, sockets: list[int], *, delivery_interval_ms: int | None = None
    ) -> MediaCall:
        """Carry a call from now on.

        Args:
            engine: On `time.monotonic_ns`, with its keys. Others may go on to use it.
            sockets: File descriptors of its UDP sockets, at most 256, which nobody else reads.
                They may be closed here at any time: the thread has its own.
            delivery_interval_ms: In place of the plane's.

        Raises:
            OSError: A descriptor is not open, there are too many, or no thread is left.
        """

    @property
    def cpu_ns(self) -> int:
        """CPU time that the busiest thread has used."""

    @property
    def timeouts(self) -> tuple[int, int]:
        """How often calls were woken at a time of theirs, and how often over 20 ms too late."""

    @property
    def call_count(self) -> int:
        """Calls being carried."""

    def keep_alive(self) -> None:
        """Say that the owner is alive: without it calls fall silent after 30 s.

        It is the owner who sees to the peers' consent to be sent to (RFC 7675).
        """

    def close(self) -> None:
        """End the threads."""

@final
class MediaCall:
    """A call on a `MediaPlane`. Nothing it is told has an effect after the plane's end."""

    @property
    def id(self) -> int: ...
    def set_route(
        self, accepted: list[tuple[int, str, int]], destination: tuple[int, str, int] | None
    ) -> None:
        """Say which way media goes; addresses are index of the socket, host and port.

        Args:
            accepted: Media from elsewhere is dropped.
            destination: None: datagrams are handed back to be sent.

        Raises:
            UsageError: A host is no IP address.
        """

    def bridge_to(self, engine: Engine | None, call: MediaCall | None) -> None:
        """Take what this call's engine hands on to `engine` from now on; None: nobody does.

        Args:
            engine: See `Engine.bridge_in`.
            call: What carries it. None: no thread does, and this call becomes ready when packets
                wait in it to be sent.
        """

    def look(self) -> None:
        """Make the thread look at an engine that was used from elsewhere."""

    def take_handed_back(self) -> list[HandedBackDatagram]:
        """What arrived and is no media, and what is to be sent; 256 wait at most."""

    @property
    def has_failed(self) -> bool:
        """Whether its engine broke down: the thread carries it no longer."""

    def stats(self) -> MediaCallStats:
        """The counters of this moment."""

    def close(self) -> None:
        """Send what the engine still has and let go of the sockets."""

@final
class HandedBackDatagram:
    """A datagram that is for Python to see to."""

    @property
    def data(self) -> bytes: ...
    @property
    def socket(self) -> int | None:
        """Index of the socket that it arrived on; None: it is to be sent."""

    @property
    def source(self) -> tuple[str, int] | None:
        """Where it came from."""

@final
class MediaCallStats:
    """What the thread counted of a call."""

    @property
    def unknown_source(self) -> int:
        """Not STUN, and not from an accepted address: dropped."""

    @property
    def overflowed(self) -> int:
        """Beyond what `take_handed_back` keeps, or too much STUN from strangers: dropped."""

    @property
    def unsent(self) -> int:
        """Datagrams that the system did not take, or that nobody saw to the consent for."""

    @property
    def max_lateness_ns(self) -> int:
        """The longest that the engine was woken after its time."""

    @property
    def first_packet_sent_ns(self) -> int | None: ...
    @property
    def first_packet_received_ns(self) -> int | None:
        """When the first authentic RTP packet arrived."""

@final
class AudioReceived:
    """Audio that came out of the jitter buffer.

    Media time is the sender's own time: 0 is the first sample of the stream's first frame, and a
    second of it is a second of the sender's audio, whatever the network did.

    With the sink `eager` sample `i` of `pcm` has media time `media_time_samples + i` exactly, and
    `at_ns` says when it came out: no earlier than it was sent, and with no rhythm of its own. A
    gap, where the sender sent nothing, begins a new event.

    With the sink `playout` sample `i` is due at `at_ns + i / output_rate_hz`, and events follow
    each other without gap or overlap (unless ticks were skipped), silence included.
    `media_time_samples` tells which part of the stream is heard at the first sample. As playout
    stretches, `pcm` can run ahead of media time; where that happens, a new event begins. Before
    the stream's first frame it stands at 0. The resampler's delay, at most 2 ms, is in `pcm` and
    taken into account in `media_time_samples`.
    """

    def __new__(
        cls,
        pcm: NDArray[np.int16],
        at_ns: int,
        media_time_samples: int,
        concealed: list[tuple[int, int]],
    ) -> AudioReceived: ...
    @property
    def pcm(self) -> NDArray[np.int16]:
        """Mono at the output rate, shape (samples,)."""

    @property
    def at_ns(self) -> int:
        """When the first sample is due (`playout`) or came out (`eager`)."""

    @property
    def media_time_samples(self) -> int:
        """Media time of the first sample, in samples at the output rate."""

    @property
    def concealed(self) -> list[tuple[int, int]]:
        """Where `pcm` was made up for audio that never came: ranges of its indices.

        With the sink `playout` in whole ticks.
        """

@final
class AudioSent:
    """What went into the encoder, or silence while nothing was being sent.

    It lies on the same grid as `AudioReceived` of the sink `playout`, from the first tick on: the
    two, each strung together, are the two channels of a recording on one clock. A frame lies where
    a mouth would have spoken it, in the time before the tick that sends it, so that a latency
    measured on the recording has the time that it takes to fill a frame. It comes that much later.
    """

    def __new__(cls, pcm: NDArray[np.int16], at_ns: int) -> AudioSent: ...
    @property
    def pcm(self) -> NDArray[np.int16]:
        """Mono at the output rate, shape (samples,)."""

    @property
    def at_ns(self) -> int:
        """The tick at which the first sample would have been spoken."""

@final
class AudioDrained:
    """A finished utterance has gone out to its last sample."""

    def __new__(cls, at_ns: int) -> AudioDrained: ...
    @property
    def at_ns(self) -> int:
        """When its last sample ends, on the grid."""

@final
class StreamStarted:
    """A source was taken; media time begins anew.

    It is the peer's first source, or another one that followed it, or the same one with another
    codec or after ticks were skipped.
    """

    def __new__(cls, ssrc: int) -> StreamStarted: ...
    @property
    def ssrc(self) -> int: ...

@final
class StreamEnded:
    """The source said goodbye (RTCP BYE), and what it had sent has come out."""

    def __new__(cls, ssrc: int) -> StreamEnded: ...
    @property
    def ssrc(self) -> int: ...

@final
class TelephoneEventReceived:
    """The peer has pressed a key of a telephone and released it (RFC 4733). Told once."""

    def __new__(
        cls, code: int, duration_ms: float, volume_dbm0: int, end_was_lost: bool, at_ns: int
    ) -> TelephoneEventReceived: ...
    @property
    def code(self) -> int:
        """As on the wire: 0 to 15 are keys, 16 a hook flash (§3.2)."""

    @property
    def digit(self) -> str | None:
        """One of `0123456789*#ABCD`; None for other codes."""

    @property
    def duration_ms(self) -> float:
        """How long it was down, as far as it was told."""

    @property
    def volume_dbm0(self) -> int:
        """Of its tone: -63 to 0."""

    @property
    def end_was_lost(self) -> bool:
        """No packet told its end: another key followed, or no packet for 150 ms."""

    @property
    def at_ns(self) -> int:
        """When its release was known."""

EngineEvent: TypeAlias = (
    AudioReceived
    | AudioSent
    | AudioDrained
    | SpeechStarted
    | SpeechEnded
    | StreamStarted
    | StreamEnded
    | TelephoneEventReceived
)
"""What `Engine.poll_events` gives."""

@final
class ClearedAudio:
    """What became of the queued audio: together, all of it since the utterance began."""

    def __new__(cls, sent_samples: int, dropped_samples: int) -> ClearedAudio: ...
    @property
    def sent_samples(self) -> int:
        """At 48 kHz: what of the utterance was sent, the fade-out included."""

    @property
    def dropped_samples(self) -> int:
        """At 48 kHz: what of it, and of the utterances behind it, never will be."""

    @property
    def sent_ms(self) -> float: ...
    @property
    def dropped_ms(self) -> float: ...

@final
class EngineStats:
    """A call's counters at one moment, by the names of W3C webrtc-stats in snake case.

    What W3C counts in seconds is in milliseconds here, and says so.
    """

    @property
    def inbound(self) -> InboundRtpStats | None:
        """The stream received, once there is one."""

    @property
    def outbound(self) -> OutboundRtpStats | None:
        """The stream sent, or the last one that was, once there is one."""

    @property
    def redundancy(self) -> Redundancy:
        """How the stream sent is protected, without what the peer cannot use."""

    @property
    def adaptation(self) -> Adaptation | None:
        """How the sender fits the network, if it does."""

    @property
    def transport_feedback(self) -> TransportFeedbackCounters | None:
        """What transport-wide feedback came and went, where it is agreed on."""

    @property
    def remote_inbound(self) -> RemoteInboundRtpStats | None:
        """What the peer reports on our stream, once it has."""

    @property
    def remote_outbound(self) -> RemoteOutboundRtpStats | None:
        """What the peer reports on its own stream, once it has."""

    @property
    def drops(self) -> EngineDrops:
        """What was not used."""

    @property
    def queued_audio_ms(self) -> float:
        """How long the queued audio will take to send."""

@final
class Adaptation:
    """How a sender fits the network (`EngineSettings.adaptation`)."""

    @property
    def preset(self) -> Literal["lan", "broadband", "wireless", "lossy"]:
        """Where it started."""

    @property
    def bitrate_bps(self) -> int:
        """Of the encoder, now; without headers and RED."""

    @property
    def frame_ms(self) -> int:
        """Audio in a packet, now."""

    @property
    def complexity(self) -> int:
        """Of the encoder, now."""

    @property
    def budget_bps(self) -> int:
        """What the path may be given: headers, IP's included, and RED too."""

    @property
    def limit(self) -> Literal["none", "preset", "peer", "queue", "loss", "silence"]:
        """Why no more is sent.

        `none`: more is given step by step; `preset`, `peer`: it or the peer takes no more; `queue`,
        `loss`: the path was found to queue or to lose what is more; `silence`: the peer reports
        nothing.
        """

    @property
    def loss_percent(self) -> float:
        """As the far end tells, in the long run: of the last 20 reports or so."""

    @property
    def protection(self) -> Literal["none", "lbrr", "repeat", "burst"]:
        """What that is worth; `EngineStats.redundancy` has what is used."""

    @property
    def queue_delay_ms(self) -> float | None:
        """How long packets wait on the way, once it is known.

        By transport-wide feedback where there is some, else by round trips.
        """

    @property
    def maximum_bps(self) -> int | None:
        """What the receiver said it can take (REMB)."""

    @property
    def changes(self) -> int:
        """How often bitrate, frame length, complexity or redundancy changed."""

    @property
    def congestions(self) -> int:
        """How often the path was found congested."""

@final
class TransportFeedbackCounters:
    """Transport-wide feedback of both directions, since the engine was made."""

    @property
    def packets_numbered(self) -> int:
        """Packets that went out with a number, RTX included."""

    @property
    def packets_arrived(self) -> int:
        """Those of them that the far end says came."""

    @property
    def packets_lost(self) -> int:
        """Those that it says did not, when three later ones had."""

    @property
    def messages_received(self) -> int: ...
    @property
    def malformed_messages(self) -> int:
        """Did not parse, or told of packets that were never sent; not believed."""

    @property
    def messages_sent(self) -> int: ...

@final
class InboundRtpStats:
    """W3C `inbound-rtp`, of the source listened to. Counters begin anew with another source."""

    @property
    def ssrc(self) -> int: ...
    @property
    def packets_received(self) -> int:
        """Repeated and late ones included."""

    @property
    def packets_lost(self) -> int:
        """Expected less received (RFC 3550 §6.4.1): late packets are not lost."""

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter (RFC 3550 §6.4.1)."""

    @property
    def bytes_received(self) -> int:
        """Payload only."""

    @property
    def header_bytes_received(self) -> int: ...
    @property
    def last_packet_received_ns(self) -> int: ...
    @property
    def packets_discarded(self) -> int:
        """Came too late or too early to be played."""

    @property
    def late_packets(self) -> int:
        """Came after their place was played or concealed; part of the discarded ones."""

    @property
    def duplicate_packets(self) -> int: ...
    @property
    def malformed_packets(self) -> int:
        """Their payload is not Opus."""

    @property
    def nack_count(self) -> int:
        """NACK messages sent."""

    @property
    def retransmitted_packets_received(self) -> int:
        """Came because they were asked for again, in this stream or in one of their own (RTX)."""

    @property
    def retransmitted_bytes_received(self) -> int:
        """Payload only."""

    @property
    def fec_packets_received(self) -> int:
        """Carried redundancy for an earlier frame: LBRR, DRED, or each frame that RED repeats."""

    @property
    def repaired_frames(self) -> int:
        """Played from redundancy, in frames or pieces of one; not concealed."""

    @property
    def retransmitted_frames(self) -> int:
        """Played because they were sent again."""

    @property
    def dred_samples(self) -> int:
        """Made by a neural vocoder from what DRED tells of them; not concealed."""

    @property
    def jitter_buffer_delay_ms(self) -> float:
        """Sum over emitted samples; divide by `jitter_buffer_emitted_count`."""

    @property
    def jitter_buffer_target_delay_ms(self) -> float:
        """Sum over emitted samples, as above."""

    @property
    def jitter_buffer_minimum_delay_ms(self) -> float:
        """Sum over emitted samples, as above."""

    @property
    def jitter_buffer_emitted_count(self) -> int:
        """Samples that came from a packet. Samples here are at 48 kHz."""

    @property
    def total_samples_received(self) -> int:
        """Samples given out, of whatever kind."""

    @property
    def concealed_samples(self) -> int: ...
    @property
    def silent_concealed_samples(self) -> int: ...
    @property
    def concealment_events(self) -> int: ...
    @property
    def inserted_samples_for_deceleration(self) -> int: ...
    @property
    def removed_samples_for_acceleration(self) -> int: ...
    @property
    def skipped_samples(self) -> int:
        """Passed over to catch up, neither played nor concealed."""

@final
class OutboundRtpStats:
    """W3C `outbound-rtp`, of the stream that is on or was last.

    Counters begin anew with each SSRC.
    """

    @property
    def ssrc(self) -> int: ...
    @property
    def packets_sent(self) -> int: ...
    @property
    def bytes_sent(self) -> int:
        """Payload only."""

    @property
    def header_bytes_sent(self) -> int: ...
    @property
    def retransmitted_packets_sent(self) -> int:
        """In this stream or in one of their own (RTX); part of the packets sent."""

    @property
    def retransmitted_bytes_sent(self) -> int:
        """Payload only; part of the bytes sent."""

    @property
    def nack_count(self) -> int:
        """NACK messages received."""

@final
class RemoteInboundRtpStats:
    """W3C `remote-inbound-rtp`, from the peer's report blocks."""

    @property
    def packets_lost(self) -> int: ...
    @property
    def fraction_lost(self) -> float:
        """Of the last report's interval, 0 to 1."""

    @property
    def jitter_ms(self) -> float: ...
    @property
    def round_trip_time_ms(self) -> float | None:
        """The last one measured (RFC 3550 §6.4.1)."""

    @property
    def total_round_trip_time_ms(self) -> float: ...
    @property
    def round_trip_time_measurements(self) -> int: ...
    @property
    def reports_received(self) -> int: ...

@final
class RemoteOutboundRtpStats:
    """W3C `remote-outbound-rtp`, from the peer's sender reports."""

    @property
    def packets_sent(self) -> int: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def reports_sent(self) -> int: ...

@final
class EngineDrops:
    """What an engine did not use, by reason."""

    @property
    def malformed_rtp_packets(self) -> int: ...
    @property
    def malformed_rtcp_packets(self) -> int: ...
    @property
    def unknown_payload_type_packets(self) -> int:
        """Of no payload type agreed on. Those of the source listened to count as received."""

    @property
    def other_source_packets(self) -> int:
        """Of another SSRC than the one listened to."""

    @property
    def unauthenticated_packets(self) -> int:
        """Datagrams that fail their SRTP tag, or came before there were keys."""

    @property
    def replayed_packets(self) -> int:
        """Datagrams that were received before (RFC 3711 §3.3.2)."""

    @property
    def surplus_source_packets(self) -> int:
        """Datagrams of more SSRCs than a call keeps apart (1024)."""

    @property
    def skipped_ticks(self) -> int:
        """Passed over because a call came more than five seconds late."""

    @property
    def dropped_events(self) -> int:
        """Beyond what `poll_events` keeps."""

    @property
    def dropped_packets(self) -> int:
        """Beyond what `poll_transmit` keeps."""

    @property
    def starved_frames(self) -> int:
        """Sent as silence because an unfinished utterance had too little audio queued."""

    @property
    def failed_frames(self) -> int:
        """Refused by the encoder."""

    @property
    def unprotected_packets(self) -> int:
        """Packets that SRTP would not protect: their index was used up."""

@final
class JitterBufferLoad:
    """The jitter buffer with a decoder that only copies: what it costs, for `voicectl bench`.

    Args:
        arrivals: Of 20 ms frames, the time in ns and the frame's number, in the order of time.
        speech: What frames hold, mono at 48 kHz, at least 960 samples.
        sink: As in `EngineSettings`.

    Raises:
        UsageError: There is no such sink, or the speech is too short.
    """

    def __new__(
        cls,
        arrivals: Sequence[tuple[int, int]],
        speech: NDArray[np.int16],
        sink: Literal["playout", "eager"],
    ) -> JitterBufferLoad: ...
    def run(self) -> int:
        """Insert every frame into a new buffer and take out what is due: so many samples."""

def border_call() -> None:
    """Do nothing: what a call into the extension costs, for `voicectl bench`."""

def border_in(pcm: NDArray[np.int16]) -> int:
    """Take PCM, release and take back the GIL, and tell how many samples it was."""

def border_out(samples: int) -> NDArray[np.int16]:
    """Give a new array of silence, shape (samples,)."""
