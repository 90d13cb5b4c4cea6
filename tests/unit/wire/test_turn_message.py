import pytest

from voicectl.errors import WireError
from voicectl.wire.stun import MessageClass, Method, encode_message
from voicectl.wire.turn_message import (
    ChannelData,
    StreamSplitter,
    encode_channel_data,
    parse_channel_data,
)

STUN = encode_message(Method.BINDING, MessageClass.REQUEST, bytes(12), with_fingerprint=True)


def test_channel_data_keeps_its_payload_without_padding() -> None:
    assert encode_channel_data(0x4000, b"abcde", padded=True)[-3:] == bytes(3)
    assert encode_channel_data(0x4000, b"abcde", padded=False)[-1:] == b"e"
    for padded in (True, False):
        encoded = encode_channel_data(0x4001, b"abcde", padded=padded)
        assert parse_channel_data(encoded) == ChannelData(0x4001, b"abcde")


@pytest.mark.parametrize("data", [b"", b"\x40\x00\x00", b"\x40\x00\x00\x01", b"\x50\x00\x00\x00"])
def test_malformed_channel_data_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        parse_channel_data(data)


def test_stream_is_cut_alike_however_it_is_split() -> None:
    channel = encode_channel_data(0x4000, b"abcde", padded=True)
    stream = STUN + channel + STUN
    for size in range(1, len(stream) + 1):
        splitter = StreamSplitter()
        found = []
        for start in range(0, len(stream), size):
            found += splitter.feed(stream[start : start + size])
        assert found == [STUN, channel, STUN]


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 400 Bad Request", b"\x15\x03\x03", b"\x00\x01\x00\x03", b"\x00\x01\x00\x00XXXX"],
)
def test_stream_of_another_protocol_is_a_wire_error_at_once(data: bytes) -> None:
    with pytest.raises(WireError):
        StreamSplitter().feed(data)


def test_what_follows_the_last_message_asked_for_is_left_alone() -> None:
    splitter = StreamSplitter()
    assert splitter.feed(STUN[:9], at_most=1) == []
    assert splitter.feed(STUN[9:] + b"\xffpeer's own", at_most=1) == [STUN]
    assert splitter.rest == b"\xffpeer's own"


def test_stream_holds_no_more_than_one_incomplete_message() -> None:
    splitter = StreamSplitter()
    assert splitter.feed(b"\x40\x00\xff\xff" + bytes(0xFFFE)) == []
    (message,) = splitter.feed(bytes(2))
    assert len(message) == 4 + 0x10000
