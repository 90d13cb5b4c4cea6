"""Session descriptions: Opus is asked for in ours, the peer's is checked before aiortc sees it.

aiortc writes and parses SDP; what it writes has no Opus parameters (RFC 7587 §6.1), and what it
parses may come from anyone.
"""

import re
from dataclasses import dataclass

from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from voicectl.errors import ConnectError, WireError
from voicectl.rtc.aiortc_descriptions import SDP_FAILURES, Taken, take_sections
from voicectl.rtc.candidates import RemoteTransport
from voicectl.rtc.offered_sections import Kind, Section, Sections, read_sections
from voicectl.rtc.repairs import (
    DRED_PARAMETER,
    DescribedRepairs,
    describe_repairs,
    read_repairs,
)
from voicectl.rtc.transport_feedback import DescribedFeedback, read_feedback
from voicectl.rtc.voice_formats import VoiceFormats, read_formats

__all__ = [
    "OpusParameters",
    "RemoteDescription",
    "opus_payload_type",
    "own_formats",
    "payload_types",
    "read_remote",
    "that_trickles",
    "with_opus_parameters",
]

MAX_BYTES = 65536
_MAX_PTIME = re.compile(r"[1-9]\d{0,3}", re.ASCII)
_OPUS_RTPMAP = re.compile(r"a=rtpmap:(\d+) opus/48000/2", re.IGNORECASE)


@dataclass(frozen=True)
class OpusParameters:
    """The media type parameters of Opus (RFC 7587 §6.1): what their author wants to receive.

    The defaults ask for mono voice. Read from a peer, absent parameters have RFC 7587's defaults.
    """

    use_inband_fec: bool = True
    use_dtx: bool = False
    stereo: bool = False
    max_average_bitrate_bps: int | None = 32000
    max_playback_rate_hz: int = 48000

    def to_fmtp(self) -> str:
        """The parameters as the value of an `a=fmtp` line."""
        bitrate = self.max_average_bitrate_bps
        return ";".join(
            [
                "minptime=10",
                f"useinbandfec={self.use_inband_fec:d}",
                f"usedtx={self.use_dtx:d}",
                f"stereo={self.stereo:d}",
                f"sprop-stereo={self.stereo:d}",
                *([] if bitrate is None else [f"maxaveragebitrate={bitrate}"]),
            ]
        )

    @classmethod
    def from_fmtp(cls, parameters: dict[str, int | str | None]) -> "OpusParameters":
        """Read them from a peer.

        Raises:
            ValueError: A parameter that is no number.
        """

        def number(name: str, default: int) -> int:
            value = parameters.get(name)
            return default if value is None else int(value)

        bitrate = number("maxaveragebitrate", 0)
        return cls(
            use_inband_fec=number("useinbandfec", 0) == 1,
            use_dtx=number("usedtx", 0) == 1,
            stereo=number("stereo", 0) == 1,
            max_average_bitrate_bps=min(max(bitrate, 6000), 510_000) if bitrate else None,
            max_playback_rate_hz=number("maxplaybackrate", 48000),
        )


@dataclass(frozen=True)
class RemoteDescription:
    """A peer's description that may be given to aiortc.

    Args:
        taken: What goes to aiortc of it, and what of it is answered with port 0.
        opus: What the peer asks to receive; None: it has no Opus.
        repairs: What the peer says about repairing loss of Opus.
        feedback: What the peer says about transport-wide feedback on Opus.
        formats: What voices and keys the peer takes.
        max_frame_ms: Audio that it takes in a packet (`a=maxptime`, RFC 8866 §6.4; Opus: RFC 7587
            §7); None: it does not say.
        transport: Its candidates, and to what they belong.
    """

    taken: Taken
    opus: OpusParameters | None
    repairs: DescribedRepairs | None
    feedback: DescribedFeedback | None
    formats: VoiceFormats
    max_frame_ms: int | None
    transport: RemoteTransport


def opus_payload_type(sdp: str) -> int | None:
    """The payload type of Opus in a description that aiortc has written."""
    found = next(filter(None, map(_OPUS_RTPMAP.fullmatch, sdp.splitlines())), None)
    return int(found[1]) if found else None


def own_formats(sdp: str) -> VoiceFormats:
    """The voice codecs of a description that aiortc has written."""
    description = SessionDescription.parse(sdp)
    audio = next((m for m in description.media if m.kind == "audio" and m.port), None)
    return VoiceFormats() if audio is None else read_formats(audio)


def payload_types(sdp: str) -> set[int]:
    """All payload types that a description maps."""
    return {int(number) for number in re.findall(r"^a=rtpmap:(\d+) ", sdp, re.MULTILINE)}


def with_opus_parameters(
    sdp: str,
    opus: OpusParameters,
    repairs: DescribedRepairs | None = None,
    *,
    prefer_red: bool = False,
    rtx_ssrc: int = 0,
) -> str:
    """Add the `a=fmtp` line of Opus, and the repairs, to a description that aiortc has written.

    The header extensions go: the engine writes none of aiortc's, so none of them may be promised.

    Args:
        sdp: The description.
        opus: What we ask to receive.
        repairs: What we say about repairing loss, in the section that has this Opus first.
        prefer_red: Name RED before Opus.
        rtx_ssrc: The source of what we send again.
    """
    parameters = opus.to_fmtp()
    if repairs is not None and repairs.dred:
        parameters += f";{DRED_PARAMETER}=1"
    sections: list[list[str]] = [[]]
    described: list[str] | None = None
    for line in sdp.splitlines():
        if line.startswith("a=extmap:"):
            continue
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
        if rtpmap := _OPUS_RTPMAP.fullmatch(line):
            sections[-1].append(f"a=fmtp:{rtpmap[1]} {parameters}")
            described = described or sections[-1]
    if described is not None and described[0].startswith("m=") and repairs is not None:
        described[:] = describe_repairs(
            described, repairs, prefer_red=prefer_red, rtx_ssrc=rtx_ssrc
        )
    return "\r\n".join(line for section in sections for line in section) + "\r\n"


def that_trickles(sdp: str) -> str:
    """A description of ours that tells the peer to send candidates apart (RFC 8838 §3)."""
    return sdp.replace("\r\nm=", "\r\na=ice-options:trickle\r\nm=", 1)


def read_remote(sdp: str, kind: Kind, *, offered_data: str | None = None) -> RemoteDescription:
    """Check a peer's description.

    Args:
        sdp: The description.
        kind: What it is.
        offered_data: Of an answer, the identifier of the data section that we have offered.

    Raises:
        WireError: It does not parse, is too large, or lacks what every WebRTC description has.
        ConnectError: It is sound, but there is neither Opus nor G.711 in it.
    """
    if len(sdp) > MAX_BYTES:
        raise WireError(f"the {kind} is longer than {MAX_BYTES} bytes")
    sections = read_sections(sdp, kind)
    taken = take_sections(sections, kind, offered_data=offered_data)
    _check_voice(taken.voice, kind)
    opus, repairs = _opus_of(taken.voice, kind)
    feedback = read_feedback(taken.sdp, taken.voice, repairs.opus) if repairs is not None else None
    return RemoteDescription(
        taken,
        opus,
        repairs,
        feedback,
        read_formats(taken.voice),
        min(_packet_limits_ms(sections.voice), default=None),
        _transport_of(sections),
    )


def _packet_limits_ms(voice: Section) -> list[int]:
    return [int(value) for value in voice.values("maxptime") if _MAX_PTIME.fullmatch(value)]


def _transport_of(sections: Sections) -> RemoteTransport:
    """Candidates that do not parse are passed over (RFC 8839 §5.1)."""
    tagged = sections.tagged
    candidates = []
    for value in tagged.values("candidate"):
        try:
            candidates.append(candidate_from_sdp(value))
        except SDP_FAILURES:
            continue
    return RemoteTransport(
        tagged.mid,
        sections.of_transport("ice-ufrag")[-1],
        candidates,
        ended=tagged.has("end-of-candidates") or sections.session.has("end-of-candidates"),
    )


def _check_voice(audio: MediaDescription, kind: str) -> None:
    if not read_formats(audio).codecs:
        raise ConnectError(
            f"the {kind} has neither Opus nor G.711",
            detail="codecs: " + (", ".join(codec.name for codec in audio.rtp.codecs) or "none"),
            hint="let the peer offer Opus (opus/48000/2)",
        )


def _opus_of(
    audio: MediaDescription, kind: str
) -> tuple[OpusParameters, DescribedRepairs] | tuple[None, None]:
    for codec in audio.rtp.codecs:
        is_opus = codec.name.lower() == "opus" and codec.clockRate == 48000
        if is_opus and codec.payloadType is not None:
            try:
                opus = OpusParameters.from_fmtp(codec.parameters)
                return opus, read_repairs(audio, codec.payloadType)
            except ValueError as error:
                raise WireError(
                    f"the {kind} has an Opus parameter that is no number", detail=str(error)
                ) from error
    return None, None
