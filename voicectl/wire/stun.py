"""STUN messages (RFC 8489): framing, attributes, integrity and fingerprint.

Parsing is strict about structure and lenient about content: a message that is framed well parses
whatever its attributes hold, and `stun_attributes` decodes those one by one.
"""

import hashlib
import hmac
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from voicectl.errors import WireError

__all__ = [
    "HEADER_LENGTH",
    "MAGIC_COOKIE",
    "Attribute",
    "AttributeType",
    "IntegrityAlgorithm",
    "Message",
    "MessageClass",
    "Method",
    "encode_message",
    "fingerprint",
    "looks_like_stun",
    "parse_message",
]

HEADER_LENGTH = 20
MAGIC_COOKIE = 0x2112A442
_FINGERPRINT_XOR = 0x5354554E
_MINIMUM_SHA256_LENGTH = 16


class MessageClass(IntEnum):
    """The class bits of a message type (RFC 8489 §5)."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


class Method(IntEnum):
    """Methods of RFC 8489, 8656 and 6062."""

    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009
    CONNECT = 0x00A
    CONNECTION_BIND = 0x00B
    CONNECTION_ATTEMPT = 0x00C


class AttributeType(IntEnum):
    """Attributes of RFC 8489, 8656, 6062, 5780, 7635 and 8445."""

    MAPPED_ADDRESS = 0x0001
    CHANGE_REQUEST = 0x0003
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    CHANNEL_NUMBER = 0x000C
    LIFETIME = 0x000D
    XOR_PEER_ADDRESS = 0x0012
    DATA = 0x0013
    REALM = 0x0014
    NONCE = 0x0015
    XOR_RELAYED_ADDRESS = 0x0016
    REQUESTED_ADDRESS_FAMILY = 0x0017
    EVEN_PORT = 0x0018
    REQUESTED_TRANSPORT = 0x0019
    DONT_FRAGMENT = 0x001A
    ACCESS_TOKEN = 0x001B
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    PASSWORD_ALGORITHM = 0x001D
    USERHASH = 0x001E
    XOR_MAPPED_ADDRESS = 0x0020
    RESERVATION_TOKEN = 0x0022
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    PADDING = 0x0026
    RESPONSE_PORT = 0x0027
    CONNECTION_ID = 0x002A
    ADDITIONAL_ADDRESS_FAMILY = 0x8000
    ADDRESS_ERROR_CODE = 0x8001
    PASSWORD_ALGORITHMS = 0x8002
    ALTERNATE_DOMAIN = 0x8003
    ICMP = 0x8004
    BANDWIDTH = 0x8010
    SOFTWARE = 0x8022
    ALTERNATE_SERVER = 0x8023
    FINGERPRINT = 0x8028
    RESPONSE_ORIGIN = 0x802B
    OTHER_ADDRESS = 0x802C
    THIRD_PARTY_AUTHORIZATION = 0x802E


class IntegrityAlgorithm(IntEnum):
    """How a message is authenticated: the attribute type that carries the HMAC."""

    SHA1 = AttributeType.MESSAGE_INTEGRITY
    SHA256 = AttributeType.MESSAGE_INTEGRITY_SHA256


@dataclass(frozen=True, slots=True)
class Attribute:
    """A type and its value, unpadded."""

    type: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A STUN message.

    Attributes that follow MESSAGE-INTEGRITY, but for MESSAGE-INTEGRITY-SHA256 and FINGERPRINT,
    are left out: nothing protects them (RFC 8489 §14.5).
    """

    method: int
    message_class: MessageClass
    transaction_id: bytes
    attributes: tuple[Attribute, ...] = ()
    raw: bytes = b""
    """The message as received; empty on one that was built here."""
    offsets: tuple[int, ...] = ()
    """Where each of `attributes` begins in `raw`."""

    def get(self, attribute_type: int) -> bytes | None:
        """The value of the first attribute of that type: of duplicates the first wins (§14)."""
        for attribute in self.attributes:
            if attribute.type == attribute_type:
                return attribute.value
        return None

    def get_all(self, attribute_type: int) -> list[bytes]:
        """Every value of that type, in order: XOR-PEER-ADDRESS may repeat."""
        return [each.value for each in self.attributes if each.type == attribute_type]

    def verify_integrity(self, key: bytes, algorithm: IntegrityAlgorithm) -> bool:
        """Whether the message carries that HMAC and it is right under `key`."""
        for attribute, offset in zip(self.attributes, self.offsets, strict=True):
            if attribute.type == algorithm:
                expected = _integrity(self.raw[:offset], key, algorithm, len(attribute.value))
                return hmac.compare_digest(expected, attribute.value)
        return False

    @property
    def has_integrity(self) -> bool:
        """Whether an HMAC of either kind is present."""
        return (
            self.get(AttributeType.MESSAGE_INTEGRITY) is not None
            or self.get(AttributeType.MESSAGE_INTEGRITY_SHA256) is not None
        )

    @property
    def unknown_required(self) -> tuple[int, ...]:
        """Comprehension-required types (below 0x8000) that this module does not name."""
        known = frozenset(AttributeType)
        return tuple(
            dict.fromkeys(
                each.type
                for each in self.attributes
                if each.type < 0x8000 and each.type not in known
            )
        )


def looks_like_stun(data: bytes) -> bool:
    """Whether the first bytes say STUN rather than ChannelData, DTLS or RTP (RFC 7983)."""
    return len(data) >= HEADER_LENGTH and data[0] < 4 and data[4:8] == b"\x21\x12\xa4\x42"


def parse_message(data: bytes) -> Message:
    """Parse one whole STUN message.

    Raises:
        WireError: not STUN, truncated, longer than its header says, an attribute that runs over
            the end, an HMAC of a wrong length, or a FINGERPRINT that is wrong or not last.
    """
    if len(data) < HEADER_LENGTH:
        raise WireError(f"STUN message of {len(data)} bytes is shorter than its header")
    message_type, length, cookie = struct.unpack_from("!HHI", data)
    if message_type & 0xC000:
        raise WireError("the two leading bits of a STUN message are not zero")
    if cookie != MAGIC_COOKIE:
        raise WireError("no STUN magic cookie")
    if length % 4 or length != len(data) - HEADER_LENGTH:
        raise WireError(f"STUN length {length} in a message of {len(data)} bytes")
    attributes, offsets = _parse_attributes(data)
    return Message(
        method=_method(message_type),
        message_class=MessageClass((message_type & 0x100) >> 7 | (message_type & 0x10) >> 4),
        transaction_id=data[8:HEADER_LENGTH],
        attributes=tuple(attributes),
        raw=data,
        offsets=tuple(offsets),
    )


def encode_message(
    method: int,
    message_class: MessageClass,
    transaction_id: bytes,
    attributes: Iterable[Attribute] = (),
    *,
    key: bytes | None = None,
    algorithm: IntegrityAlgorithm = IntegrityAlgorithm.SHA1,
    with_fingerprint: bool = False,
    padding: bytes = b"\x00",
) -> bytes:
    """Encode a message, with an HMAC when `key` is given, and FINGERPRINT when asked for.

    `padding` is the byte that fills attributes up to four; RFC 5769 uses spaces.
    """
    body = b"".join(_encode_attribute(each, padding) for each in attributes)
    header = struct.pack("!HHI", _message_type(method, message_class), len(body), MAGIC_COOKIE)
    message = header + transaction_id + body
    if key is not None:
        value = _integrity(message, key, algorithm, 0)
        message += _encode_attribute(Attribute(algorithm, value))
    if with_fingerprint:
        value = struct.pack("!I", fingerprint(message))
        message += _encode_attribute(Attribute(AttributeType.FINGERPRINT, value))
    return _with_length(message, len(message) - HEADER_LENGTH)


def fingerprint(message: bytes) -> int:
    """FINGERPRINT over a message that does not have it yet (RFC 8489 §14.7)."""
    covered = _with_length(message, len(message) - HEADER_LENGTH + 8)
    return zlib.crc32(covered) ^ _FINGERPRINT_XOR


def _parse_attributes(data: bytes) -> tuple[list[Attribute], list[int]]:
    attributes: list[Attribute] = []
    offsets: list[int] = []
    protected = False
    offset = HEADER_LENGTH
    while offset < len(data):
        if len(data) - offset < 4:
            raise WireError("STUN attribute header runs over the end")
        attribute_type, length = struct.unpack_from("!HH", data, offset)
        end = offset + 4 + length
        if end + (-length % 4) > len(data):
            raise WireError(f"STUN attribute 0x{attribute_type:04x} runs over the end")
        value = data[offset + 4 : end]
        if attribute_type == AttributeType.FINGERPRINT:
            _check_fingerprint(data, offset, value)
        _check_integrity_length(attribute_type, value)
        if not protected or attribute_type in (
            AttributeType.MESSAGE_INTEGRITY_SHA256,
            AttributeType.FINGERPRINT,
        ):
            attributes.append(Attribute(attribute_type, value))
            offsets.append(offset)
        protected = protected or attribute_type in (
            AttributeType.MESSAGE_INTEGRITY,
            AttributeType.MESSAGE_INTEGRITY_SHA256,
        )
        offset = end + (-length % 4)
    return attributes, offsets


def _check_fingerprint(data: bytes, offset: int, value: bytes) -> None:
    if len(value) != 4 or offset + 8 != len(data):
        raise WireError("FINGERPRINT is not the last attribute")
    if struct.unpack("!I", value)[0] != fingerprint(data[:offset]):
        raise WireError("FINGERPRINT does not match")


def _check_integrity_length(attribute_type: int, value: bytes) -> None:
    if attribute_type == AttributeType.MESSAGE_INTEGRITY and len(value) != 20:
        raise WireError("MESSAGE-INTEGRITY is not 20 bytes")
    if attribute_type == AttributeType.MESSAGE_INTEGRITY_SHA256 and (
        not _MINIMUM_SHA256_LENGTH <= len(value) <= 32 or len(value) % 4
    ):
        raise WireError("MESSAGE-INTEGRITY-SHA256 has a length outside 16 to 32")


def _integrity(message: bytes, key: bytes, algorithm: IntegrityAlgorithm, length: int) -> bytes:
    """The HMAC over `message`, its length field set as if it ended with that HMAC (§14.5)."""
    if algorithm is IntegrityAlgorithm.SHA1:
        digest, size = hashlib.sha1, 20
    else:
        digest, size = hashlib.sha256, length or 32
    covered = _with_length(message, len(message) - HEADER_LENGTH + 4 + size)
    return hmac.new(key, covered, digest).digest()[:size]


def _with_length(message: bytes, length: int) -> bytes:
    return message[:2] + struct.pack("!H", length) + message[4:]


def _encode_attribute(attribute: Attribute, padding: bytes = b"\x00") -> bytes:
    length = len(attribute.value)
    return struct.pack("!HH", attribute.type, length) + attribute.value + padding * (-length % 4)


def _message_type(method: int, message_class: MessageClass) -> int:
    """Interleave the method's bits with the two class bits (RFC 8489 figure 3)."""
    bits = (method & 0xF80) << 2 | (method & 0x70) << 1 | method & 0xF
    return bits | (message_class & 2) << 7 | (message_class & 1) << 4


def _method(message_type: int) -> int:
    return (message_type & 0x3E00) >> 2 | (message_type & 0xE0) >> 1 | message_type & 0xF
