"""What a UDP payload is, where STUN, DTLS, TURN, RTP and RTCP share a port (RFC 7983, RFC 5761)."""

from enum import StrEnum

from voicectl._native import is_rtcp_compound
from voicectl.errors import WireError
from voicectl.wire.stun import AttributeType, Method, looks_like_stun, parse_message
from voicectl.wire.turn_message import is_channel_data, parse_channel_data

__all__ = ["Protocol", "protocol_of", "relayed_payload"]

_CHANNEL_HEADER_BYTES = 4
_RTP_HEADER_BYTES = 12
_RTCP_HEADER_BYTES = 8


class Protocol(StrEnum):
    """By a datagram's first bytes. `RTP` is what may be RTP: only a stream of it tells."""

    STUN = "STUN"
    ZRTP = "ZRTP"
    DTLS = "DTLS"
    CHANNEL_DATA = "TURN ChannelData"
    RTP = "RTP"
    RTCP = "RTCP"
    SRTCP = "SRTCP"
    DNS = "DNS"
    QUIC = "QUIC"
    OTHER = "other UDP"


def protocol_of(payload: bytes, *, port: int = 0) -> Protocol:
    """What a payload looks like.

    Args:
        payload: Of a UDP datagram.
        port: The lower of its two ports: 53 and 443 tell what is none of ours.
    """
    if not payload:
        return Protocol.OTHER
    first = payload[0]
    if looks_like_stun(payload):
        return Protocol.STUN
    if port == 53:
        return Protocol.DNS
    if 16 <= first < 20:
        return Protocol.ZRTP
    if 20 <= first < 64 and payload[1:2] == b"\xfe":
        return Protocol.DTLS
    if is_channel_data(payload) and _fits_channel_data(payload):
        return Protocol.CHANNEL_DATA
    if 128 <= first < 192 and port != 443:
        return _rtp_or_rtcp(payload)
    return Protocol.QUIC if port == 443 else Protocol.OTHER


def relayed_payload(payload: bytes, protocol: Protocol) -> bytes | None:
    """What a TURN client or server relays in `payload`: ChannelData, a Send or Data indication.

    See RFC 8656 §§ 11.6, 11.7 and 12.4. None when it carries nothing.
    """
    try:
        if protocol is Protocol.CHANNEL_DATA:
            return parse_channel_data(payload).payload
        if protocol is Protocol.STUN:
            message = parse_message(payload)
            if message.method in (Method.SEND, Method.DATA):
                return message.get(AttributeType.DATA)
    except WireError:
        return None
    return None


def _fits_channel_data(payload: bytes) -> bool:
    if len(payload) < _CHANNEL_HEADER_BYTES:
        return False
    length = int.from_bytes(payload[2:4], "big")
    # Over UDP padding is optional (RFC 8656 §12.5).
    return length <= len(payload) - _CHANNEL_HEADER_BYTES < length + 4


def _rtp_or_rtcp(payload: bytes) -> Protocol:
    if len(payload) < 2:
        return Protocol.OTHER
    if 192 <= payload[1] <= 223:
        if is_rtcp_compound(payload):
            return Protocol.RTCP
        return Protocol.SRTCP if len(payload) > _RTCP_HEADER_BYTES else Protocol.OTHER
    return Protocol.RTP if len(payload) >= _RTP_HEADER_BYTES else Protocol.OTHER
