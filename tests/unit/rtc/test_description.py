"""Our descriptions ask for mono Opus; the peer's are checked before anything acts on them."""

import pytest

from voicectl.errors import ConnectError, WireError
from voicectl.rtc.description import (
    OpusParameters,
    RemoteDescription,
    read_remote,
    with_opus_parameters,
)

FINGERPRINT = ":".join(["AB"] * 32)
SESSION = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0"]
AUDIO = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
    "c=IN IP4 0.0.0.0",
    "a=sendrecv",
    "a=mid:0",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:0 PCMU/8000",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuv",
    f"a=fingerprint:sha-256 {FINGERPRINT}",
    "a=setup:actpass",
]


def describe(*more: str, without: str = "\0", audio: list[str] = AUDIO) -> str:
    lines = [*SESSION, *audio, *more]
    return "\r\n".join(line for line in lines if not line.startswith(without)) + "\r\n"


def candidate(host: str, kind: str = "host") -> str:
    return f"a=candidate:1 1 udp 2130706431 {host} 5000 typ {kind}"


def read(sdp: str) -> RemoteDescription:
    return read_remote(sdp, "offer")


def test_our_opus_asks_for_mono_voice_with_fec() -> None:
    sdp = with_opus_parameters("a=rtpmap:96 opus/48000/2\r\n", OpusParameters())
    assert (
        "a=fmtp:96 minptime=10;useinbandfec=1;usedtx=0;stereo=0;sprop-stereo=0;"
        "maxaveragebitrate=32000\r\n"
    ) in sdp


def test_no_header_extension_is_promised() -> None:
    sdp = with_opus_parameters("a=mid:0\r\na=extmap:1 urn:ietf:params:x\r\n", OpusParameters())
    assert sdp == "a=mid:0\r\n"


def test_a_peer_that_asks_for_nothing_gets_the_defaults_of_the_rfc() -> None:
    opus = read(describe(without="a=fmtp")).opus
    assert opus == OpusParameters(use_inband_fec=False, max_average_bitrate_bps=None)


def test_what_a_peer_asks_for_is_read() -> None:
    sdp = describe(
        "a=fmtp:111 usedtx=1;stereo=1;maxplaybackrate=16000;maxaveragebitrate=1",
        without="a=fmtp:111 minptime",
    )
    assert read(sdp).opus == OpusParameters(
        use_inband_fec=False,
        use_dtx=True,
        stereo=True,
        max_average_bitrate_bps=6000,  # the least of RFC 7587 §6.1
        max_playback_rate_hz=16000,
    )


def test_longest_packet_that_a_peer_takes_is_an_attribute_of_its_own() -> None:
    """It was looked for among the parameters of Opus, where no peer has it (RFC 7587 §7)."""
    assert read(describe()).max_frame_ms is None
    assert read(describe("a=maxptime:20")).max_frame_ms == 20
    assert read(describe("a=maxptime:0")).max_frame_ms is None


def test_longest_packet_of_another_section_was_taken_for_the_voice() -> None:
    attributes = [line.replace("a=mid:0", "a=mid:1") for line in AUDIO[1:]]
    video = ["m=video 9 UDP/TLS/RTP/SAVPF 111 0", *attributes, "a=maxptime:10"]
    assert read(describe(*video)).max_frame_ms is None
    assert read(describe("a=maxptime:60", *video)).max_frame_ms == 60
    refused = ["m=audio 0 UDP/TLS/RTP/SAVPF 111 0", *attributes]
    sdp = "\r\n".join([*SESSION, *refused, "a=maxptime:10", *AUDIO, "a=maxptime:40"]) + "\r\n"
    assert read(sdp).max_frame_ms == 40


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "hello",
        "\0" * 100,
        "v=0\r\nm=audio\r\n",
        describe(audio=[line.replace("9 UDP", "port UDP") for line in AUDIO]),
        describe("a=fmtp:111 maxaveragebitrate=lots"),
        describe("a=fmtp:111 stereo=lots"),
        describe("a=setup:sideways"),
        describe(without="a=ice-ufrag"),
        describe(without="a=ice-pwd"),
        describe(without="a=fingerprint"),
        describe(without="a=setup"),
        describe(*AUDIO * 4),
        describe(*AUDIO),  # the same a=mid twice
        describe(without="a=mid"),
        describe("a=mid:elsewhere"),
        describe("a=x:" + "y" * 70_000),
    ],
)
def test_a_malformed_description_is_a_wire_error(sdp: str) -> None:
    with pytest.raises(WireError):
        read(sdp)


@pytest.mark.parametrize(
    "sdp",
    [
        describe(without="a=rtpmap:111").replace("PCMU", "GSM"),
        describe(audio=[line.replace("audio 9", "video 9") for line in AUDIO]),
        describe(audio=[line.replace("m=audio", "m=text") for line in AUDIO]),
        describe(audio=[line.replace("audio 9", "audio 0") for line in AUDIO]),
    ],
)
def test_a_sound_description_without_a_voice_is_refused(sdp: str) -> None:
    with pytest.raises((ConnectError, WireError)):
        read(sdp)


def test_the_error_names_what_the_peer_has_instead() -> None:
    with pytest.raises(ConnectError) as error:
        read(describe(without="a=fmtp").replace("opus", "speex").replace("PCMU", "GSM"))
    assert "GSM" in (error.value.detail or "")


def test_g711_does_where_there_is_no_opus() -> None:
    remote = read(describe(without="a=fmtp").replace("opus", "speex"))
    assert (remote.opus, remote.repairs) == (None, None)
    assert remote.formats.codecs == {"pcmu": 0}


def test_candidates_are_taken_apart_from_the_description() -> None:
    remote = read(describe(candidate("192.0.2.7"), "a=end-of-candidates"))
    assert "candidate" not in remote.taken.sdp
    transport = remote.transport
    assert [c.ip for c in transport.candidates] == ["192.0.2.7"]
    assert (transport.mid, transport.username_fragment) == ("0", "abcd")
    assert transport.ended


def test_end_of_candidates_may_stand_for_the_whole_session() -> None:
    assert read(describe().replace("t=0 0", "t=0 0\r\na=end-of-candidates")).transport.ended


def test_candidates_of_a_bundle_are_those_of_its_first_section() -> None:
    """aiortc took those of the last one, which a browser discards with its transport."""
    second = [line.replace("mid:0", "mid:1") for line in AUDIO if "audio" not in line]
    data = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", *second]
    sdp = describe(candidate("192.0.2.1"), *data, candidate("192.0.2.2"))
    remote = read(sdp.replace("BUNDLE 0", "BUNDLE 0 1"))
    assert [c.ip for c in remote.transport.candidates] == ["192.0.2.1"]


def test_a_section_without_a_direction_is_sendrecv() -> None:
    assert "a=sendrecv" in read(describe(without="a=sendrecv")).taken.sdp
