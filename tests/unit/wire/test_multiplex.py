"""Protocols that share a port are told apart, and what TURN relays is taken out of it."""

import struct

from support.captures import rtp

from voicectl.wire.multiplex import Protocol, protocol_of, relayed_payload

RTP = rtp(7, b"\x08" * 20)
RECEIVER_REPORT = struct.pack(">BBHI", 0x80, 201, 1, 1)


def _stun(message_type: int, attributes: bytes = b"") -> bytes:
    head = struct.pack(">HH", message_type, len(attributes))
    return head + b"\x21\x12\xa4\x42" + bytes(12) + attributes


def test_protocols_on_one_port_are_told_apart() -> None:
    assert protocol_of(_stun(1)) is Protocol.STUN
    assert protocol_of(b"\x16\xfe\xfd" + bytes(10)) is Protocol.DTLS
    assert protocol_of(b"\x10" + bytes(10)) is Protocol.ZRTP
    assert protocol_of(RTP) is Protocol.RTP
    assert protocol_of(RECEIVER_REPORT) is Protocol.RTCP
    assert protocol_of(RECEIVER_REPORT[:2] + b"\xff\xff" + bytes(30)) is Protocol.SRTCP
    assert protocol_of(b"\xc3" + bytes(1200), port=443) is Protocol.QUIC
    assert protocol_of(b"") is Protocol.OTHER
    assert protocol_of(RTP[:11]) is Protocol.OTHER


def test_rtp_is_taken_out_of_turn_channel_data() -> None:
    framed = struct.pack(">HH", 0x4001, len(RTP)) + RTP
    assert protocol_of(framed) is Protocol.CHANNEL_DATA
    assert relayed_payload(framed, Protocol.CHANNEL_DATA) == RTP
    assert relayed_payload(framed + b"\0\0", protocol_of(framed + b"\0\0")) == RTP


def test_rtp_is_taken_out_of_turn_indications() -> None:
    address = struct.pack(">HH", 0x0012, 8) + bytes(8)
    data = struct.pack(">HH", 0x0013, len(RTP)) + RTP + bytes(-len(RTP) % 4)
    for message_type in (0x0016, 0x0017):
        message = _stun(message_type, address + data)
        assert relayed_payload(message, protocol_of(message)) == RTP
    binding = _stun(1, data)
    assert relayed_payload(binding, protocol_of(binding)) is None


def test_indication_whose_data_is_cut_off_carries_nothing() -> None:
    message = _stun(0x0017, struct.pack(">HH", 0x0013, 100) + b"short")
    assert relayed_payload(message, protocol_of(message)) is None
