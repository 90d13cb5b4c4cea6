"""What two descriptions agree on about transport-wide feedback (SDP, RFC 8866).

`a=extmap` names the header extension with the transport's numbers (RFC 8285 §5), `a=rtcp-fb` the
messages on them (draft-holmer-rmcat-transport-wide-cc-extensions-01 §4), and `a=rtcp-rsize` lets
these go out without a report before each (RFC 5506 §5), which halves them.
"""

from dataclasses import dataclass

from aiortc.sdp import MediaDescription

__all__ = [
    "EXTENSION_URI",
    "DescribedFeedback",
    "describe_feedback",
    "negotiate_feedback",
    "offer_feedback",
    "read_feedback",
    "with_reduced_size",
]

EXTENSION_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

_FEEDBACK = "transport-cc"
_REDUCED_SIZE = "a=rtcp-rsize"
_OWN_ID = 3  # Chromium's own
_MAX_ID = 255


@dataclass(frozen=True)
class DescribedFeedback:
    """What one description says of an audio section.

    Args:
        extension_id: Of the header extension with the number.
        reduced_size: RTCP that is no compound packet is taken.
    """

    extension_id: int
    reduced_size: bool = False


def read_feedback(sdp: str, audio: MediaDescription, opus: int) -> DescribedFeedback | None:
    """What a description says of the Opus with this payload type; None: there is no feedback."""
    extensions = (e.id for e in audio.rtp.headerExtensions if e.uri == EXTENSION_URI)
    extension_id = next(extensions, None)
    own = next(codec for codec in audio.rtp.codecs if codec.payloadType == opus)
    if extension_id is None or not 1 <= extension_id <= _MAX_ID:
        return None
    if all(feedback.type != _FEEDBACK for feedback in own.rtcpFeedback):
        return None
    return DescribedFeedback(extension_id, _REDUCED_SIZE in _audio_lines(sdp))


def offer_feedback() -> DescribedFeedback:
    """What we offer."""
    return DescribedFeedback(_OWN_ID, reduced_size=True)


def negotiate_feedback(
    ours: DescribedFeedback | None, theirs: DescribedFeedback | None
) -> DescribedFeedback | None:
    """What both descriptions have; an answer that numbers the extension anew has none."""
    if ours is None or theirs is None or ours.extension_id != theirs.extension_id:
        return None
    return DescribedFeedback(ours.extension_id, ours.reduced_size and theirs.reduced_size)


def describe_feedback(sdp: str, opus: int, feedback: DescribedFeedback | None) -> str:
    """Add the feedback behind the `a=rtpmap` of this Opus."""
    if feedback is None:
        return sdp
    rtpmap = f"a=rtpmap:{opus} opus/48000/2"
    more = [
        f"a=extmap:{feedback.extension_id} {EXTENSION_URI}",
        f"a=rtcp-fb:{opus} {_FEEDBACK}",
    ]
    lines = [
        added
        for line in sdp.splitlines()
        for added in ([line, *more] if line.lower() == rtpmap else [line])
    ]
    return "\r\n".join(lines) + "\r\n"


def with_reduced_size(sdp: str, feedback: DescribedFeedback | None) -> str:
    """Add what aiortc leaves out of a description that it writes again."""
    if feedback is None or not feedback.reduced_size or _REDUCED_SIZE in sdp:
        return sdp
    extmap = f"a=extmap:{feedback.extension_id} {EXTENSION_URI}\r\n"
    return sdp.replace(extmap, f"{extmap}{_REDUCED_SIZE}\r\n", 1)


def _audio_lines(sdp: str) -> set[str]:
    """The lines of the first audio section that is in use."""
    lines: set[str] = set()
    is_audio = False
    for line in sdp.splitlines():
        if line.startswith("m="):
            if lines:
                break
            is_audio = line.startswith("m=audio ") and line.split(" ", 2)[1] != "0"
        if is_audio:
            lines.add(line)
    return lines
