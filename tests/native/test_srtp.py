"""SRTP of ours and of libsrtp understand each other."""

import struct

import pylibsrtp
import pytest
from aiortc.rtcdtlstransport import SRTP_PROFILES, SRTPProtectionProfile

from voicectl._native import SrtpSession
from voicectl.errors import UsageError

SSRC = 0x1234ABCD
PROFILE_NAMES = [profile.openssl_profile.decode() for profile in SRTP_PROFILES]


@pytest.fixture(params=SRTP_PROFILES, ids=PROFILE_NAMES)
def profile(request: pytest.FixtureRequest) -> SRTPProtectionProfile:
    return request.param


def keying(profile: SRTPProtectionProfile, first: int) -> bytes:
    return bytes(range(first, first + profile.key_length + profile.salt_length))


def ours(profile: SRTPProtectionProfile) -> SrtpSession:
    name = profile.openssl_profile.decode()
    return SrtpSession(name, keying(profile, 0), keying(profile, 100))


def libsrtp(profile: SRTPProtectionProfile, first: int, ssrc_type: int) -> pylibsrtp.Session:
    return pylibsrtp.Session(
        pylibsrtp.Policy(
            key=keying(profile, first),
            ssrc_type=ssrc_type,
            srtp_profile=profile.libsrtp_profile,
        )
    )


def rtp(sequence_number: int, payload: bytes, *, extended: bool = False) -> bytes:
    flags = 0x90 if extended else 0x80
    header = struct.pack("!BBHII", flags, 96, sequence_number & 0xFFFF, sequence_number, SSRC)
    extension = bytes.fromhex("bede000110ff0000") if extended else b""
    return header + extension + payload


def rtcp(n: int) -> bytes:
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, SSRC, n, 2, 3, 4, 5)


def packets() -> list[bytes]:
    """Across the sequence number's end, with and without extension, RTCP between."""
    media = [rtp(n, b"voice%d" % n, extended=n % 3 == 0) for n in range(0x7FFF, 0x10020, 250)]
    media += [rtp(n, b"voice") for n in range(0xFFF0, 0x10010)]
    return [rtp(0x100, b""), *media[:5], rtcp(1), *media[5:], rtcp(2)]


def is_rtcp(packet: bytes) -> bool:
    return 192 <= packet[1] <= 223


def increasing(media: list[bytes]) -> list[bytes]:
    """In the order of sending: by the 32-bit timestamp, which holds the unwrapped number."""
    rtps = sorted({p for p in media if not is_rtcp(p)}, key=lambda p: p[4:8])
    unique = {p[4:8]: p for p in rtps}
    return [*unique.values(), *(p for p in media if is_rtcp(p))]


def test_libsrtp_opens_what_we_protect(profile: SRTPProtectionProfile) -> None:
    receiver = libsrtp(profile, 0, pylibsrtp.Policy.SSRC_ANY_INBOUND)
    sender = ours(profile)
    for packet in increasing(packets()):
        datagram = sender.protect(packet)
        opened = (receiver.unprotect_rtcp if is_rtcp(packet) else receiver.unprotect)(datagram)
        assert opened == packet


def test_we_open_what_libsrtp_protects(profile: SRTPProtectionProfile) -> None:
    sender = libsrtp(profile, 100, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    receiver = ours(profile)
    for packet in increasing(packets()):
        datagram = (sender.protect_rtcp if is_rtcp(packet) else sender.protect)(packet)
        assert receiver.unprotect(datagram) == packet
        assert receiver.unprotect(datagram) is None  # a repeat


def test_both_protect_to_the_same_bytes(profile: SRTPProtectionProfile) -> None:
    theirs = libsrtp(profile, 0, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    sender = ours(profile)
    assert sender.protect(rtp(7, b"voice")) == theirs.protect(rtp(7, b"voice"))


def test_another_profile_or_length_of_keys_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="unknown"):
        SrtpSession("SRTP_NULL", bytes(30), bytes(30))
    with pytest.raises(UsageError, match="28 bytes"):
        SrtpSession("SRTP_AEAD_AES_128_GCM", bytes(28), bytes(30))


def test_what_is_neither_rtp_nor_rtcp_is_not_protected() -> None:
    session = SrtpSession("SRTP_AEAD_AES_128_GCM", bytes(28), bytes(28))
    for packet in (b"", b"\x80", b"\x00" * 20):
        with pytest.raises(UsageError):
            session.protect(packet)
