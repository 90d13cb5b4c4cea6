import hashlib
import hmac
import json
import struct
from pathlib import Path

import pytest

from voicectl.errors import WireError
from voicectl.wire.stun import (
    Attribute,
    AttributeType,
    IntegrityAlgorithm,
    MessageClass,
    Method,
    encode_message,
    looks_like_stun,
    parse_message,
)
from voicectl.wire.stun_attributes import (
    TransportAddress,
    alternate_server,
    error_code,
    lifetime_s,
    mapped_address,
    printable,
    text,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rfc5769.json").read_text())
TRANSACTION_ID = bytes(range(12))


def vector(section: str) -> bytes:
    return bytes.fromhex(VECTORS[section]["hex"])


def message_with(*attributes: Attribute) -> bytes:
    return encode_message(Method.BINDING, MessageClass.SUCCESS, TRANSACTION_ID, attributes)


@pytest.mark.parametrize("section", ["2.1", "2.2", "2.3"])
def test_rfc5769_messages_with_short_term_credentials_verify(section: str) -> None:
    message = parse_message(vector(section))
    key = VECTORS[section]["password"].encode()
    assert message.verify_integrity(key, IntegrityAlgorithm.SHA1)
    assert not message.verify_integrity(b"another", IntegrityAlgorithm.SHA1)
    assert text(message, AttributeType.SOFTWARE) == VECTORS[section]["software"]


@pytest.mark.parametrize("section", ["2.2", "2.3"])
def test_rfc5769_mapped_addresses_are_read(section: str) -> None:
    message = parse_message(vector(section))
    assert mapped_address(message) == TransportAddress(*VECTORS[section]["mapped"])


def test_rfc5769_request_with_long_term_credentials_verifies() -> None:
    expected = VECTORS["2.4"]
    message = parse_message(vector("2.4"))
    parts = (expected["username"], expected["realm"], expected["password"])
    key = hashlib.md5(":".join(parts).encode()).digest()
    assert text(message, AttributeType.USERNAME) == expected["username"]
    assert message.verify_integrity(key, IntegrityAlgorithm.SHA1)


def test_rfc5769_request_is_encoded_to_the_byte() -> None:
    message = parse_message(vector("2.1"))
    unsigned = [
        each
        for each in message.attributes
        if each.type not in (AttributeType.MESSAGE_INTEGRITY, AttributeType.FINGERPRINT)
    ]
    encoded = encode_message(
        message.method,
        message.message_class,
        message.transaction_id,
        unsigned,
        key=VECTORS["2.1"]["password"].encode(),
        with_fingerprint=True,
        padding=b" ",
    )
    assert encoded == vector("2.1")


def test_sha256_integrity_may_be_truncated_to_sixteen_bytes() -> None:
    full = encode_message(
        Method.BINDING,
        MessageClass.REQUEST,
        TRANSACTION_ID,
        key=b"key",
        algorithm=IntegrityAlgorithm.SHA256,
    )
    assert parse_message(full).verify_integrity(b"key", IntegrityAlgorithm.SHA256)
    # A truncated HMAC covers another length field, so it is made anew rather than cut.
    header = struct.pack("!HHI", 1, 4 + 16, 0x2112A442) + TRANSACTION_ID
    value = hmac.new(b"key", header, hashlib.sha256).digest()[:16]
    truncated = header + struct.pack("!HH", IntegrityAlgorithm.SHA256, 16) + value
    assert parse_message(truncated).verify_integrity(b"key", IntegrityAlgorithm.SHA256)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "shorter"),
        (b"\x00\x01\x00\x00", "shorter"),
        (b"\x80" + bytes(19), "leading bits"),
        (bytes(20), "cookie"),
        (struct.pack("!HHI", 1, 4, 0x2112A442) + bytes(12), "length 4"),
        (struct.pack("!HHI", 1, 3, 0x2112A442) + bytes(15), "length 3"),
        (struct.pack("!HHI", 1, 4, 0x2112A442) + bytes(12) + b"\x00\x06\x00\x05", "runs over"),
        (struct.pack("!HHI", 1, 4, 0x2112A442) + bytes(12) + b"\x00\x08\x00\x00", "20 bytes"),
        (struct.pack("!HHI", 1, 8, 0x2112A442) + bytes(12) + b"\x80\x28\x00\x04abcd", "match"),
    ],
)
def test_malformed_messages_are_wire_errors(data: bytes, says: str) -> None:
    with pytest.raises(WireError, match=says):
        parse_message(data)


def test_fingerprint_that_is_not_last_is_refused() -> None:
    signed = encode_message(
        Method.BINDING, MessageClass.SUCCESS, TRANSACTION_ID, with_fingerprint=True
    )
    longer = signed[:2] + struct.pack("!H", 12) + signed[4:] + b"\x80\x22\x00\x00"
    with pytest.raises(WireError, match="last"):
        parse_message(longer)


def test_attributes_behind_message_integrity_are_left_out() -> None:
    signed = encode_message(Method.BINDING, MessageClass.SUCCESS, TRANSACTION_ID, key=b"key")
    added = message_with(Attribute(AttributeType.REALM, b"evil"))[20:]
    longer = signed[:2] + struct.pack("!H", 24 + len(added)) + signed[4:] + added
    message = parse_message(longer)
    assert message.get(AttributeType.REALM) is None
    assert message.verify_integrity(b"key", IntegrityAlgorithm.SHA1) is True


def test_first_of_duplicate_attributes_wins() -> None:
    message = parse_message(
        message_with(
            Attribute(AttributeType.REALM, b"first"), Attribute(AttributeType.REALM, b"second")
        )
    )
    assert text(message, AttributeType.REALM) == "first"


def test_unknown_comprehension_required_attributes_are_named() -> None:
    message = parse_message(message_with(Attribute(0x7777, b""), Attribute(0x9999, b"")))
    assert message.unknown_required == (0x7777,)


def test_terminal_escapes_in_a_servers_text_are_taken_out() -> None:
    hostile = b"\x1b]0;owned\x07[red]caf\xc3\xa9\xe2\x80\xae\xff"
    assert printable(hostile) == "]0;owned[red]caf\u00e9\ufffd"


@pytest.mark.parametrize("value", [b"", b"\x00\x00\x02", b"\x00\x00\x02\x00", b"\x00\x00\x07\x01"])
def test_error_code_outside_300_to_699_is_a_wire_error(value: bytes) -> None:
    message = parse_message(message_with(Attribute(AttributeType.ERROR_CODE, value)))
    with pytest.raises(WireError):
        error_code(message)


@pytest.mark.parametrize("value", [b"", b"\x00\x01\x00\x00", b"\x00\x03" + bytes(6), bytes(20)])
def test_malformed_addresses_are_wire_errors(value: bytes) -> None:
    for attribute_type in (AttributeType.XOR_MAPPED_ADDRESS, AttributeType.MAPPED_ADDRESS):
        message = parse_message(message_with(Attribute(attribute_type, value)))
        with pytest.raises(WireError):
            mapped_address(message)


def test_alternate_server_is_not_xored() -> None:
    value = b"\x00\x01\x0d\x96\xc0\x00\x02\x07"
    message = parse_message(message_with(Attribute(AttributeType.ALTERNATE_SERVER, value)))
    assert alternate_server(message) == TransportAddress("192.0.2.7", 3478)


def test_lifetime_of_a_wrong_length_is_a_wire_error() -> None:
    message = parse_message(message_with(Attribute(AttributeType.LIFETIME, b"\x00")))
    with pytest.raises(WireError):
        lifetime_s(message)


def test_stun_is_told_from_channel_data_and_dtls() -> None:
    assert looks_like_stun(vector("2.1"))
    assert not looks_like_stun(b"\x40\x00" + bytes(30))
    assert not looks_like_stun(b"\x16\xfe\xff" + bytes(30))
