"""What TURN adds to STUN on the wire (RFC 8656): ChannelData, and the framing of a byte stream."""

import struct
from typing import NamedTuple

from voicectl.errors import WireError
from voicectl.wire.stun import HEADER_LENGTH, MAGIC_COOKIE

__all__ = [
    "MAXIMUM_CHANNEL",
    "MINIMUM_CHANNEL",
    "ChannelData",
    "StreamSplitter",
    "encode_channel_data",
    "is_channel_data",
    "parse_channel_data",
]

MINIMUM_CHANNEL = 0x4000
MAXIMUM_CHANNEL = 0x4FFF
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")


class ChannelData(NamedTuple):
    """Application data on a bound channel."""

    channel: int
    payload: bytes


def is_channel_data(data: bytes) -> bool:
    """Whether the first byte is in the range that RFC 8656 §12 leaves to ChannelData."""
    return bool(data) and 0x40 <= data[0] <= 0x4F


def parse_channel_data(data: bytes) -> ChannelData:
    """Parse a ChannelData message; bytes after its length are padding (RFC 8656 §12.5).

    Raises:
        WireError: no ChannelData, or shorter than its length says.
    """
    if len(data) < 4 or not is_channel_data(data):
        raise WireError("no ChannelData message")
    channel, length = struct.unpack_from("!HH", data)
    if len(data) < 4 + length:
        raise WireError(f"ChannelData of {length} bytes in a datagram of {len(data)}")
    return ChannelData(channel, data[4 : 4 + length])


def encode_channel_data(channel: int, payload: bytes, *, padded: bool) -> bytes:
    """Encode a ChannelData message, `padded` to four bytes as a stream transport demands."""
    header = struct.pack("!HH", channel, len(payload))
    return header + payload + (b"\x00" * (-len(payload) % 4) if padded else b"")


class StreamSplitter:
    """Cuts a TCP or TLS byte stream into STUN and ChannelData messages.

    Holds at most one incomplete message, so at most 64 KiB and what one `feed` brings.
    """

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def rest(self) -> bytes:
        """What has come and is cut off no message yet."""
        return self._buffer

    def feed(self, data: bytes, *, at_most: int | None = None) -> list[bytes]:
        """The messages that `data` completes, the first `at_most` of them.

        On a data connection of RFC 6062 one message answers ConnectionBind, and the `rest` is the
        peer's: take one at most until that answer is there.

        Raises:
            WireError: the stream holds something that is neither; it can't be resynchronised.
        """
        self._buffer += data
        messages: list[bytes] = []
        offset = 0
        while at_most is None or len(messages) < at_most:
            length = _message_length(self._buffer, offset)
            if length is None or len(self._buffer) - offset < length:
                break
            messages.append(self._buffer[offset : offset + length])
            offset += length
        self._buffer = self._buffer[offset:]
        return messages


def _message_length(buffer: bytes, offset: int) -> int | None:
    """The whole length of the message at `offset`; None while too little has come to tell."""
    if len(buffer) == offset:
        return None
    first = buffer[offset]
    if first >= 4 and not 0x40 <= first <= 0x4F:
        raise WireError(f"stream holds neither STUN nor ChannelData (first byte 0x{first:02x})")
    if len(buffer) - offset < 4:
        return None
    length: int = struct.unpack_from("!H", buffer, offset + 2)[0]
    if buffer.startswith(b"HTTP/", offset):
        # "H" is in the range of channel numbers, but no channel 0x4854 carries 21584 bytes of HTTP.
        raise WireError("stream holds an HTTP response")
    if first >= 4:
        return 4 + length + (-length % 4)
    if length % 4:
        raise WireError(f"stream holds a STUN message with length {length}")
    cookie = buffer[offset + 4 : offset + 8]
    if not _COOKIE.startswith(cookie):
        raise WireError("stream holds a message without the STUN magic cookie")
    return HEADER_LENGTH + length
