"""The values inside STUN and TURN attributes, to and from bytes.

Text from a server is data to be shown on a terminal, so it is decoded with control characters
taken out: a REALM or REASON may hold escape sequences.
"""

import ipaddress
import struct
import unicodedata
from typing import NamedTuple

from voicectl.errors import WireError
from voicectl.wire.stun import MAGIC_COOKIE, Attribute, AttributeType, Message

__all__ = [
    "ErrorCode",
    "TransportAddress",
    "address_error_code",
    "alternate_server",
    "decode_address",
    "decode_xor_address",
    "encode_address",
    "encode_xor_address",
    "error_code",
    "lifetime_s",
    "mapped_address",
    "other_address",
    "peer_address",
    "printable",
    "relayed_addresses",
    "response_origin",
    "text",
    "uint32",
    "uint32_attribute",
]

_MAXIMUM_TEXT = 763
"""Bytes: REALM, NONCE, SOFTWARE and REASON hold fewer than 128 characters (RFC 8489 §14)."""


class TransportAddress(NamedTuple):
    """An IP address in its canonical text form, and a port."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.ip else 4


class ErrorCode(NamedTuple):
    """ERROR-CODE: the number that decides, and a reason that only people read."""

    code: int
    reason: str


def decode_address(value: bytes) -> TransportAddress:
    """MAPPED-ADDRESS and its like (RFC 8489 §14.1)."""
    if len(value) < 4:
        raise WireError("address attribute shorter than four bytes")
    family, port = struct.unpack_from("!xBH", value)
    size = {1: 4, 2: 16}.get(family)
    if size is None or len(value) != 4 + size:
        raise WireError(f"address attribute of family {family} and {len(value)} bytes")
    return TransportAddress(str(ipaddress.ip_address(value[4:])), port)


def encode_address(address: TransportAddress) -> bytes:
    """The inverse of `decode_address`."""
    packed = ipaddress.ip_address(address.ip).packed
    return struct.pack("!xBH", 1 if len(packed) == 4 else 2, address.port) + packed


def decode_xor_address(value: bytes, transaction_id: bytes) -> TransportAddress:
    """XOR-MAPPED-ADDRESS and its like (RFC 8489 §14.2)."""
    return decode_address(_xor(value, transaction_id))


def encode_xor_address(address: TransportAddress, transaction_id: bytes) -> bytes:
    """The inverse of `decode_xor_address`."""
    return _xor(encode_address(address), transaction_id)


def mapped_address(message: Message) -> TransportAddress | None:
    """XOR-MAPPED-ADDRESS, or else the MAPPED-ADDRESS of a server of RFC 3489's time."""
    value = message.get(AttributeType.XOR_MAPPED_ADDRESS)
    if value is not None:
        return decode_xor_address(value, message.transaction_id)
    return _plain(message, AttributeType.MAPPED_ADDRESS)


def relayed_addresses(message: Message) -> list[TransportAddress]:
    """Every XOR-RELAYED-ADDRESS: two after a dual allocation (RFC 8656 §7.3)."""
    values = message.get_all(AttributeType.XOR_RELAYED_ADDRESS)
    return [decode_xor_address(each, message.transaction_id) for each in values]


def peer_address(message: Message) -> TransportAddress | None:
    """XOR-PEER-ADDRESS of a Data indication."""
    value = message.get(AttributeType.XOR_PEER_ADDRESS)
    return None if value is None else decode_xor_address(value, message.transaction_id)


def alternate_server(message: Message) -> TransportAddress | None:
    """ALTERNATE-SERVER, which is not XORed (RFC 8489 §14.15)."""
    return _plain(message, AttributeType.ALTERNATE_SERVER)


def other_address(message: Message) -> TransportAddress | None:
    """OTHER-ADDRESS: the server knows RFC 5780."""
    return _plain(message, AttributeType.OTHER_ADDRESS)


def response_origin(message: Message) -> TransportAddress | None:
    """RESPONSE-ORIGIN: where the server says it answered from (RFC 5780 §7.3)."""
    return _plain(message, AttributeType.RESPONSE_ORIGIN)


def error_code(message: Message) -> ErrorCode | None:
    """ERROR-CODE (RFC 8489 §14.8).

    Raises:
        WireError: fewer than four bytes, or a code outside 300 to 699.
    """
    value = message.get(AttributeType.ERROR_CODE)
    if value is None:
        return None
    if len(value) < 4:
        raise WireError("ERROR-CODE shorter than four bytes")
    hundreds, number = value[2] & 7, value[3]
    if not 3 <= hundreds <= 6 or number > 99:
        raise WireError(f"ERROR-CODE with class {hundreds} and number {number}")
    return ErrorCode(hundreds * 100 + number, printable(value[4:]))


def address_error_code(message: Message) -> ErrorCode | None:
    """ADDRESS-ERROR-CODE: the half of a dual allocation that was refused (RFC 8656 §18.12)."""
    value = message.get(AttributeType.ADDRESS_ERROR_CODE)
    if value is None:
        return None
    if len(value) < 4:
        raise WireError("ADDRESS-ERROR-CODE shorter than four bytes")
    return ErrorCode((value[2] & 7) * 100 + value[3], printable(value[4:]))


def lifetime_s(message: Message) -> int | None:
    """LIFETIME in seconds."""
    value = message.get(AttributeType.LIFETIME)
    return None if value is None else uint32(value)


def text(message: Message, attribute_type: AttributeType) -> str | None:
    """A text attribute, safe to print."""
    value = message.get(attribute_type)
    return None if value is None else printable(value)


def uint32(value: bytes) -> int:
    """A value of four bytes.

    Raises:
        WireError: any other length.
    """
    if len(value) != 4:
        raise WireError(f"attribute of {len(value)} bytes where four are due")
    return int.from_bytes(value, "big")


def printable(value: bytes) -> str:
    """Bytes from a peer as text without control, format or unassigned characters, and bounded."""
    decoded = value[:_MAXIMUM_TEXT].decode("utf-8", "replace")
    return "".join(each for each in decoded if unicodedata.category(each)[0] != "C")


def uint32_attribute(attribute_type: AttributeType, number: int) -> Attribute:
    """An attribute whose value is one 32-bit number."""
    return Attribute(attribute_type, struct.pack("!I", number))


def _plain(message: Message, attribute_type: AttributeType) -> TransportAddress | None:
    value = message.get(attribute_type)
    return None if value is None else decode_address(value)


def _xor(value: bytes, transaction_id: bytes) -> bytes:
    """XOR port and address with cookie and transaction id; its own inverse."""
    if len(value) not in (8, 20):
        raise WireError(f"address attribute of {len(value)} bytes")
    mask = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    port = bytes(a ^ b for a, b in zip(value[2:4], mask, strict=False))
    address = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return value[:2] + port + address
