"""Sections that a peer rejects, bundles or writes in its own way do not fail the call's audio."""
# ruff: noqa: SLF001 (whom the ICE agent asks is looked at)

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.calls import LOOPBACK, TIMEOUT_S, End, fake_end, run

from voicectl.errors import WireError
from voicectl.rtc.description import read_remote

VOICE_ONLY = replace(LOOPBACK, data_channel=None)
REJECTED_DATA = "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 98\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=rtcp-mux\r\n"


def split(sdp: str) -> list[str]:
    return re.split(r"^(?=m=)", sdp, flags=re.MULTILINE)


def without(sdp: str, *names: str) -> str:
    pattern = rf"^a=(?:{'|'.join(names)})\b.*\r\n"
    return re.sub(pattern, "", sdp, flags=re.MULTILINE)


def media_lines(sdp: str) -> list[tuple[str, bool]]:
    """Kinds of the sections, and whether each is in use."""
    found = re.findall(r"^m=(\S+) (\d+)", sdp, re.MULTILINE)
    return [(kind, port != "0") for kind, port in found]


def groups(sdp: str) -> list[str]:
    return re.findall(r"^a=group:BUNDLE ?(.*?)\r?$", sdp, re.MULTILINE)


def same(sdp: str) -> str:
    return sdp


async def connect(
    caller: End,
    agent: End,
    of_offer: Callable[[str], str] = same,
    of_answer: Callable[[str], str] = same,
) -> str:
    """A call whose descriptions are changed on their way; gives the agent's answer."""
    answer = await agent.peer.accept_offer(of_offer(await caller.peer.create_offer()))
    await caller.peer.accept_answer(of_answer(answer))
    await asyncio.gather(*(end.peer.connected(TIMEOUT_S) for end in (caller, agent)))
    for end in (caller, agent):
        await end.until(lambda end: len(end.events) > 3)
    return answer


def rejects_data(more: str) -> Callable[[str], str]:
    def change(answer: str) -> str:
        session, voice, _ = split(answer)
        return session.replace("BUNDLE 0 1", "BUNDLE 0") + voice + REJECTED_DATA + more

    return change


@pytest.mark.parametrize(
    "of_answer",
    [
        rejects_data(""),
        rejects_data("a=inactive\r\n"),  # Pion's
        rejects_data("a=inactive\r\na=mid:1\r\n"),
        lambda answer: without(rejects_data("")(answer), "group", "mid"),  # a SIP gateway's
        lambda answer: without(answer, "group"),  # data on a transport of their own
    ],
)
def test_answer_that_rejects_the_data_channel_is_taken(of_answer: Callable[[str], str]) -> None:
    """`the answer has no ICE credentials`: no call to a server without data channels."""

    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            assert caller.peer.send_message("too early")
            await connect(caller, agent, of_answer=of_answer)
            assert not caller.peer.send_message("there is no channel")
            assert caller.peer._connection.sctp.state == "new"

    run(scenario)


def test_bundled_section_needs_no_transport_of_its_own() -> None:
    """RFC 9429 §5.3.1 leaves the attributes out of all but the first."""

    def bare(sdp: str) -> str:
        *first, data = split(sdp)
        return "".join(first) + without(data, "ice-ufrag", "ice-pwd", "fingerprint", "setup")

    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            caller.peer.send_message("hello")
            await connect(caller, agent, bare, bare)
            await agent.until(lambda end: end.messages == ["hello"])

    run(scenario)


@pytest.mark.parametrize(
    "section",
    [
        "m=text 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:5\r\n",
        "m=image 0 udptl t38\r\n",
        "m=message 9 TCP/MSRP *\r\n",
        "m=video 0 UDP/TLS/RTP/SAVPF 0\r\n",
        VIDEO + "a=rtpmap:98 VP9/90000\r\n",  # known to nobody here
    ],
)
@pytest.mark.parametrize("is_first", [False, True])
def test_section_that_is_not_taken_is_answered_with_port_0(section: str, is_first: bool) -> None:
    """It failed the whole call, or was missing in the answer (RFC 3264 §6)."""

    def offer(sdp: str) -> str:
        session, *ours = split(sdp)
        if "a=mid:v" in section:
            session = session.replace("BUNDLE 0 1", "BUNDLE 0 1 v")
        return "".join([session, section, *ours] if is_first else [session, *ours, section])

    def its_own(answer: str) -> str:
        session, *sections = split(answer)
        del sections[0 if is_first else -1]
        return session + "".join(sections)

    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            answer = await connect(caller, agent, offer, its_own)
            kind = section[2:].split(" ")[0]
            ours = [("audio", True), ("application", True)]
            refused = [(kind, False)]
            assert media_lines(answer) == (refused + ours if is_first else ours + refused)
            assert groups(answer) == ["0 1"]

    run(scenario)


def test_video_that_is_known_stays_inactive() -> None:
    """With its section the transport may stand or fall."""

    async def scenario() -> None:
        agent, caller = fake_end(VOICE_ONLY), fake_end(VOICE_ONLY)
        async with agent.peer, caller.peer:
            session, voice = split(await caller.peer.create_offer())
            video = VIDEO + "a=rtpmap:98 VP8/90000\r\n"
            first = session.replace("BUNDLE 0", "BUNDLE 0 v") + video + voice
            answer = await agent.peer.accept_offer(first)
            assert media_lines(answer) == [("video", True), ("audio", True)]
            assert "a=inactive" in split(answer)[1]
            assert groups(answer) == ["0 v"]

    run(scenario)


def test_rejected_audio_does_not_take_the_voices_place() -> None:
    """The call was connected, and silent."""

    def stopped_first(offer: str) -> str:
        session, voice = split(offer)
        stopped = re.sub(r"^m=audio \d+", "m=audio 0", voice).replace("a=mid:0", "a=mid:7")
        return session + stopped + voice

    def only_live(answer: str) -> str:
        session, _, voice = split(answer)
        return session + voice

    async def scenario() -> None:
        caller, agent = fake_end(VOICE_ONLY), fake_end(VOICE_ONLY)
        async with caller.peer, agent.peer:
            answer = await connect(caller, agent, stopped_first, only_live)
            assert media_lines(answer) == [("audio", False), ("audio", True)]
            assert "a=sendrecv" in split(answer)[2]
            assert groups(answer) == ["0"]

    run(scenario)


def test_offer_without_bundle_is_answered_without() -> None:
    """Data came with credentials of its own, and the agent checked with those (RFC 9143 §7.3)."""

    def apart(offer: str) -> str:
        session, voice, data = split(without(offer, "group"))
        return session + voice + re.sub("a=ice-ufrag:.*", "a=ice-ufrag:ZZZZ", data)

    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            answer = await connect(caller, agent, apart)
            assert groups(answer) == []
            assert media_lines(answer) == [("audio", True), ("application", False)]
            agents_ice = agent.peer._connection.dtls_transport.connection
            callers_ice = caller.peer._connection.dtls_transport.connection
            assert agents_ice.remote_username == callers_ice.local_username

    run(scenario)


def test_offer_of_one_section_needs_no_identifier() -> None:
    """A SIP gateway's."""

    async def scenario() -> None:
        caller, agent = fake_end(VOICE_ONLY), fake_end(VOICE_ONLY)
        async with caller.peer, agent.peer:
            answer = await connect(caller, agent, lambda offer: without(offer, "mid", "group"))
            assert "a=mid" not in answer
            assert groups(answer) == []

    run(scenario)


def offer_of_a_voice() -> str:
    async def offer() -> str:
        end = fake_end(VOICE_ONLY)
        async with end.peer:
            return await end.peer.create_offer()

    return asyncio.run(offer())


@pytest.mark.parametrize(
    "line",
    [
        "a=extmap:6 urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on",
        "a=extmap:six urn:x",
        "a=fmtp:122 x=1",
        "a=rtpmap:121",
        "a=rtcp-fb:96",
        "a=ssrc:4294967296",
        "a=ssrc-group:FID one",
        "a=rtcp:lots",
        "a=max-message-size:-1",
        "c=IN IP4 host.example",
        "a=candidate:foo",
        "a=candidate:1 1 udp lots 192.0.2.1 5000 typ host",
    ],
)
def test_line_that_aiortc_stumbles_over_is_passed_over(line: str) -> None:
    offer = offer_of_a_voice()
    plain, more = read_remote(offer, "offer"), read_remote(f"{offer}{line}\r\n", "offer")
    assert (more.opus, more.repairs, more.formats) == (plain.opus, plain.repairs, plain.formats)
    assert len(more.transport.candidates) == len(plain.transport.candidates)


def test_static_payload_types_need_no_rtpmap() -> None:
    """`neither Opus nor G.711`, of an offer of PCMU and PCMA."""
    offer = without(offer_of_a_voice(), "rtpmap", "fmtp", "rtcp-fb")
    static = re.sub(r"^(m=audio \S+ \S+) .*\r$", r"\1 0 8\r", offer, flags=re.MULTILINE)
    assert read_remote(static, "offer").formats.codecs == {"pcmu": 0, "pcma": 8}


@pytest.mark.parametrize(
    "change",
    [
        lambda sdp: sdp.replace("BUNDLE 0", "BUNDLE 0 1"),
        lambda sdp: sdp.replace("BUNDLE 0", "BUNDLE 0 0"),
        lambda sdp: without(sdp, "ice-ufrag"),
        lambda sdp: sdp.replace("a=setup:actpass", "a=setup:holdconn"),
    ],
)
def test_description_without_what_a_transport_needs_is_refused(
    change: Callable[[str], str],
) -> None:
    with pytest.raises(WireError):
        read_remote(change(offer_of_a_voice()), "offer")


@pytest.mark.parametrize("number", [35, 60, 111])
def test_answer_and_stream_have_the_payload_type_of_the_offer(number: int) -> None:
    """Below 96 the answer said 96, and so did the packets, which the offerer did not know."""

    def renumber(sdp: str, old: int, new: int) -> str:
        lines = rf"^(m=audio \S+ \S+ |a=rtpmap:|a=fmtp:|a=rtcp-fb:){old}\b"
        return re.sub(lines, rf"\g<1>{new}", sdp, flags=re.MULTILINE)

    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            # Each end hears under the number that it thinks has been offered.
            answer = await connect(
                caller, agent, lambda sdp: renumber(sdp, 96, number), lambda sdp: sdp
            )
            assert f"a=rtpmap:{number} opus/48000/2" in answer
            assert "rtpmap:96 " not in answer
            for end in (caller, agent):
                assert end.engine.sending[1] == number
            assert agent.engine.payload_types[number] == "opus"

    run(scenario)


def test_payload_type_of_rtcp_does_not_mix_two_codecs() -> None:
    """Opus as 70 came to G.711 under the number 96."""

    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with caller.peer, agent.peer:
            lines = r"^(m=audio \S+ \S+ |a=rtpmap:|a=fmtp:|a=rtcp-fb:)96\b"
            await connect(
                caller,
                agent,
                lambda sdp: re.sub(lines, r"\g<1>70", sdp, flags=re.MULTILINE),
            )
            for end in (caller, agent):
                assert end.engine.send_formats[0] == "pcmu"
                assert end.engine.sending[1] == 0

    run(scenario)
