"""Transport-wide feedback in descriptions: offered, granted when offered, and nowhere else."""

import pytest
from aiortc.sdp import SessionDescription

from voicectl.rtc.transport_feedback import (
    EXTENSION_URI,
    DescribedFeedback,
    describe_feedback,
    negotiate_feedback,
    offer_feedback,
    read_feedback,
    with_reduced_size,
)

EXTMAP = f"a=extmap:4 {EXTENSION_URI}"
FEEDBACK = "a=rtcp-fb:111 transport-cc"


def describe(*more: str, port: int = 9) -> str:
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        f"m=audio {port} UDP/TLS/RTP/SAVPF 111 0",
        "c=IN IP4 0.0.0.0",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:0 PCMU/8000",
        *more,
    ]
    return "\r\n".join(lines) + "\r\n"


def read(sdp: str, opus: int = 111) -> DescribedFeedback | None:
    return read_feedback(sdp, SessionDescription.parse(sdp).media[0], opus)


def test_what_we_describe_is_what_we_read() -> None:
    ours = offer_feedback()
    sdp = with_reduced_size(describe_feedback(describe(), 111, ours), ours)
    assert read(sdp) == ours == DescribedFeedback(3, reduced_size=True)
    assert with_reduced_size(sdp, ours) == sdp
    assert describe_feedback(describe(), 111, None) == describe()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((EXTMAP, FEEDBACK), DescribedFeedback(4)),
        ((EXTMAP, "a=rtcp-fb:* transport-cc", "a=rtcp-rsize"), DescribedFeedback(4, True)),
        ((EXTMAP,), None),
        ((FEEDBACK,), None),
        ((EXTMAP, "a=rtcp-fb:0 transport-cc"), None),
        ((f"a=extmap:0 {EXTENSION_URI}", FEEDBACK), None),
        ((f"a=extmap:256 {EXTENSION_URI}", FEEDBACK), None),
        (("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", FEEDBACK), None),
    ],
)
def test_feedback_needs_the_extension_and_the_message(
    lines: tuple[str, ...], expected: DescribedFeedback | None
) -> None:
    assert read(describe(*lines)) == expected


def test_small_packets_of_another_section_are_not_those_of_the_audio() -> None:
    video = ("m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:96 VP8/90000", "a=rtcp-rsize")
    assert read(describe(EXTMAP, FEEDBACK, *video)) == DescribedFeedback(4)


def test_only_what_both_have_is_agreed_on() -> None:
    ours, theirs = DescribedFeedback(3, True), DescribedFeedback(3, False)
    assert negotiate_feedback(ours, theirs) == DescribedFeedback(3, False)
    assert negotiate_feedback(ours, None) is None
    assert negotiate_feedback(ours, DescribedFeedback(4, True)) is None
