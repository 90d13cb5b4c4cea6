"""Which voice and which keys two descriptions agree on."""

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from voicectl.rtc.voice_formats import (
    NegotiatedFormats,
    VoiceFormats,
    answer_keys,
    describe_keys,
    negotiate_formats,
    offer_keys,
    read_formats,
)

BOTH = VoiceFormats({"opus": 96, "pcmu": 0, "pcma": 8}, {48000: 110, 8000: 126})
SDP = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8
c=IN IP4 0.0.0.0
a=rtpmap:96 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=sctp-port:5000
""".replace("\n", "\r\n")


def formats_of(sdp: str) -> VoiceFormats:
    return read_formats(SessionDescription.parse(sdp).media[0])


def test_what_is_described_is_read_back() -> None:
    keys = offer_keys(formats_of(SDP).codecs, {96, 0, 8})
    described = describe_keys(SDP, keys)
    assert formats_of(described) == BOTH
    assert "a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\n" in described
    # Of the other section nothing has changed.
    assert described.endswith(SDP[SDP.index("m=application") :])


def test_payload_types_in_use_are_left_alone() -> None:
    keys = offer_keys(["opus", "pcmu"], {110, 126, 96})
    assert len(set(keys.values()) | {110, 126, 96}) == 5


def test_opus_and_keys_at_its_clock_are_preferred() -> None:
    negotiated = negotiate_formats(BOTH, VoiceFormats({"pcmu": 0, "opus": 111}, {48000: 101}))
    assert negotiated == NegotiatedFormats(
        {96: "opus", 0: "pcmu", 110: "telephone-event", 126: "telephone-event/8000"},
        "opus",
        111,
        101,
    )


def test_peer_without_opus_gets_g711_and_keys_at_its_clock() -> None:
    negotiated = negotiate_formats(BOTH, VoiceFormats({"pcma": 8}, {48000: 101, 8000: 102}))
    assert negotiated is not None
    assert (negotiated.codec, negotiated.payload_type) == ("pcma", 8)
    assert negotiated.telephone_event == 102


def test_peer_whose_keys_have_another_clock_gets_none() -> None:
    negotiated = negotiate_formats(BOTH, VoiceFormats({"opus": 111}, {8000: 101}))
    assert negotiated is not None
    assert negotiated.telephone_event is None
    assert negotiate_formats(BOTH, VoiceFormats()) is None


def test_answer_grants_the_keys_of_the_codecs_it_has() -> None:
    offered = VoiceFormats({"opus": 111}, {48000: 101, 8000: 102})
    assert answer_keys(VoiceFormats({"opus": 111}), offered) == {48000: 101}
    assert answer_keys(BOTH, offered) == {48000: 101, 8000: 102}


@pytest.mark.parametrize("number", [64, 95])
def test_payload_type_of_rtcp_is_no_voice(number: int) -> None:
    sdp = SDP.replace("96 0 8", f"{number} 0 8").replace("rtpmap:96", f"rtpmap:{number}")
    assert "opus" not in formats_of(sdp).codecs


@pytest.mark.parametrize("number", [-3, 126, 128, 300, 70_000_000_000])
def test_payload_type_that_the_section_does_not_name_is_no_key(number: int) -> None:
    """`a=rtpmap:300 telephone-event/8000` came back as an OverflowError of the engine's."""
    mapped = SDP.replace("a=rtpmap:0 ", f"a=rtpmap:{number} telephone-event/8000\r\na=rtpmap:0 ")
    assert formats_of(mapped) == VoiceFormats({"opus": 96, "pcmu": 0, "pcma": 8})


@given(
    st.lists(
        st.tuples(
            st.integers(0, 127).filter(lambda number: not 72 <= number <= 76),  # aiortc refuses
            st.sampled_from(["opus", "PCMU", "telephone-event", "x"]),
            st.sampled_from([8000, 48000, 1]),
        ),
        max_size=12,
    )
)
def test_whatever_is_mapped_agrees_on_something_known_or_nothing(
    maps: list[tuple[int, str, int]],
) -> None:
    numbers = " ".join(str(number) for number, _, _ in maps) or "0"
    lines = "".join(f"a=rtpmap:{number} {name}/{rate}\r\n" for number, name, rate in maps)
    sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    sdp += f"m=audio 9 UDP/TLS/RTP/SAVPF {numbers}\r\nc=IN IP4 0.0.0.0\r\n{lines}"
    theirs = formats_of(sdp)
    negotiated = negotiate_formats(BOTH, theirs)
    assert (negotiated is not None) == bool(theirs.codecs)
    assert set(theirs.codecs.values()) | set(theirs.keys.values()) <= set(range(64)) | set(
        range(96, 128)
    )
