"""Repairs of lost packets are agreed on in the descriptions, and only with who knows them."""

import re

import pytest
from aiortc.sdp import SessionDescription

from voicectl._native import Repairs
from voicectl.rtc.description import OpusParameters, with_opus_parameters
from voicectl.rtc.repairs import (
    DescribedRepairs,
    RepairSettings,
    answer_repairs,
    negotiate,
    offer_repairs,
    read_repairs,
)

OURS = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\na=mid:0\r\n"
    "a=ssrc:7 cname:voice\r\na=rtpmap:96 opus/48000/2\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:1\r\n"
    "a=rtpmap:96 opus/48000/2\r\n"
)


ALL = RepairSettings()


def write(settings: RepairSettings = ALL) -> str:
    offered = offer_repairs(settings, 96, {96})
    return with_opus_parameters(
        OURS, OpusParameters(), offered, prefer_red=settings.prefer_red, rtx_ssrc=8
    )


def read(sdp: str, opus: int = 96) -> DescribedRepairs:
    return read_repairs(SessionDescription.parse(sdp).media[0], opus)


def chromium(*more: str, red: str = "a=fmtp:63 111/111") -> DescribedRepairs:
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0",
        "c=IN IP4 0.0.0.0",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        red,
        "a=rtpmap:0 PCMU/8000",
        *more,
    ]
    return read("\r\n".join(lines) + "\r\n", 111)


def test_our_offer_names_every_repair_in_the_voice_section_alone() -> None:
    voice, other = write().split("m=audio")[1:]
    assert voice.startswith(" 9 UDP/TLS/RTP/SAVPF 96 63 97\r\n")
    for line in (
        "a=rtcp-fb:96 nack",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 96/96",
        "a=rtpmap:97 rtx/48000/2",
        "a=fmtp:97 apt=96",
        "a=ssrc-group:FID 7 8",
        "a=ssrc:8 cname:voice",
    ):
        assert f"{line}\r\n" in voice
    assert re.search(r"a=fmtp:96 .*;x-voicectl-dred=1\r\n", voice)
    assert other.startswith(" 9 UDP/TLS/RTP/SAVPF 96\r\n")
    assert "red/" not in other


def test_what_we_offer_is_what_we_read() -> None:
    offered = offer_repairs(RepairSettings(), 96, {96})
    assert read(write()) == offered
    assert offered == DescribedRepairs(opus=96, nack=True, red=63, rtx=97, dred=True)


def test_payload_types_in_use_are_left_alone() -> None:
    offered = offer_repairs(RepairSettings(), 97, {63, 96, 98})
    assert {offered.red, offered.rtx}.isdisjoint({63, 96, 97, 98, None})


def test_a_repair_that_is_switched_off_is_not_named() -> None:
    off = RepairSettings(nack=False, red=False, dred=False)
    plain = with_opus_parameters(OURS, OpusParameters())
    assert write(off) == plain


def test_browsers_send_red_to_who_names_it_before_opus() -> None:
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 63 96 97\r\n" in write(RepairSettings(prefer_red=True))


def test_chromium_gets_red_and_nothing_that_it_does_not_offer() -> None:
    theirs = chromium()
    assert theirs == DescribedRepairs(opus=111, red=63)
    ours = answer_repairs(RepairSettings(), theirs)
    assert ours == DescribedRepairs(opus=111, red=63)
    assert negotiate(ours, theirs, rtx_ssrc=8) == Repairs(receive_red=63, send_red=63)


def test_chromium_that_was_asked_for_nack_gets_plain_retransmission() -> None:
    theirs = chromium("a=rtcp-fb:111 nack")
    agreed = negotiate(answer_repairs(RepairSettings(), theirs), theirs, rtx_ssrc=8)
    assert agreed == Repairs(nack=True, receive_red=63, send_red=63)


def test_feedback_about_pictures_is_no_nack() -> None:
    assert not chromium("a=rtcp-fb:111 nack pli").nack


@pytest.mark.parametrize(
    "fmtp", ["a=fmtp:63 0/0", "a=fmtp:63 112/111", "a=fmtp:63 " + "9" * 5000 + "/9"]
)
def test_red_of_another_codec_is_not_taken(fmtp: str) -> None:
    assert chromium(red=fmtp).red is None


def test_two_of_us_agree_on_all_of_it_under_each_others_payload_types() -> None:
    ours = DescribedRepairs(opus=96, nack=True, red=63, rtx=97, dred=True)
    theirs = DescribedRepairs(opus=111, nack=True, red=120, rtx=121, dred=True)
    assert negotiate(ours, theirs, rtx_ssrc=8) == Repairs(
        nack=True,
        dred=True,
        receive_red=63,
        receive_rtx=97,
        send_red=120,
        send_rtx=121,
        rtx_ssrc=8,
    )


def test_retransmission_without_nack_is_nobodys_to_ask_for() -> None:
    ours = DescribedRepairs(opus=96, nack=False, rtx=97)
    assert negotiate(ours, ours, rtx_ssrc=8) == Repairs()
    assert (
        answer_repairs(RepairSettings(nack=False), DescribedRepairs(96, True, None, 97)).rtx is None
    )
