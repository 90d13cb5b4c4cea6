"""What a UDP payload is, where STUN, DTLS, TURN, RTP and RTCP share a port (RFC 7983, RFC 5761)."""

from enum import StrEnum

from voicectl._native import is_rtcp_compound
from voicectl.errors import WireError
from voicectl.wire.stun import AttributeType, Method, looks_like_stun, parse_message
from voicectl.wire.turn_message import is_channel_data, parse_channel_data

__all__ = ["Protocol", "named_by_port", "protocol_of", "relayed_payload"]

_CHANNEL_HEADER_BYTES = 4
_RTP_HEADER_BYTES = 12
_RTCP_HEADER_BYTES = 8
_DNS_PORT = 53
_QUIC_PORT = 443


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
        port: The lower of its two ports. Media goes over any, those of DNS and QUIC too: it only
            names what is none of ours.
    """
    if not payload:
        return Protocol.OTHER
    first = payload[0]
    if looks_like_stun(payload):
        return Protocol.STUN
    if is_channel_data(payload) and _fits_channel_data(payload):
        return Protocol.CHANNEL_DATA
    if 128 <= first < 192:  # which QUIC's first bytes are not (RFC 9443)
        return _rtp_or_rtcp(payload, port)
    if port == _DNS_PORT:
        return Protocol.DNS
    if 16 <= first < 20:
        return Protocol.ZRTP
    if 20 <= first < 64 and payload[1:2] == b"\xfe":
        return Protocol.DTLS
    return named_by_port(port)


def named_by_port(port: int) -> Protocol:
    """What a datagram probably is whose bytes are none of ours; `port` is the lower one."""
    return {_DNS_PORT: Protocol.DNS, _QUIC_PORT: Protocol.QUIC}.get(port, Protocol.OTHER)


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


def _rtp_or_rtcp(payload: bytes, port: int) -> Protocol:
    if len(payload) < 2:
        return named_by_port(port)
    if 192 <= payload[1] <= 223:
        if is_rtcp_compound(payload):
            return Protocol.RTCP
        if len(payload) > _RTCP_HEADER_BYTES and port not in (_DNS_PORT, _QUIC_PORT):
            return Protocol.SRTCP
        return named_by_port(port)
    return Protocol.RTP if len(payload) >= _RTP_HEADER_BYTES else named_by_port(port)
