import base64
import hashlib
import hmac

import pytest

from voicectl.turn.credentials import (
    AccessToken,
    Authenticator,
    LongTermCredentials,
    read_rest_expiry,
    rest_credentials,
)
from voicectl.wire.stun import Attribute, AttributeType, Message, MessageClass, Method


def challenge(*attributes: Attribute) -> Message:
    return Message(Method.ALLOCATE, MessageClass.ERROR, bytes(12), attributes)


def test_rest_credentials_are_an_hmac_of_the_expiring_username() -> None:
    credentials = rest_credentials("north", "alice", 1_900_000_000)
    assert credentials.username == "1900000000:alice"
    digest = hmac.new(b"north", b"1900000000:alice", hashlib.sha1).digest()
    assert base64.b64decode(credentials.password) == digest
    assert rest_credentials("north", "", 1_900_000_000).username == "1900000000"


@pytest.mark.parametrize(
    ("username", "expiry"),
    [
        ("1900000000:alice", (1_900_000_000, False)),
        ("alice:1900000000", (1_900_000_000, False)),
        ("1900000000", (1_900_000_000, False)),
        ("1900000000000:alice", (1_900_000_000, True)),
        ("alice", None),
        ("12345:alice", None),
        ("", None),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669:alice", None),
        ("9" * 40, None),
    ],
)
def test_rest_expiry_is_read_from_the_username(
    username: str, expiry: tuple[int, bool] | None
) -> None:
    assert read_rest_expiry(username) == expiry


def test_passwords_do_not_show_in_reprs() -> None:
    assert "secret" not in repr(LongTermCredentials("user", "secret"))
    assert "sealed" not in repr(AccessToken("kid", b"sealed", b"hush"))
    assert "hush" not in repr(AccessToken("kid", b"sealed", b"hush"))


def test_unchallenged_authenticator_signs_nothing() -> None:
    authenticator = Authenticator(LongTermCredentials("user", "pass"))
    assert not authenticator.can_sign
    assert authenticator.attributes() == []


def test_names_are_prepared_as_opaque_strings() -> None:
    authenticator = Authenticator(LongTermCredentials("u\u0308\u00a0x", "p"))
    authenticator.handle_challenge(
        challenge(Attribute(AttributeType.REALM, b"r"), Attribute(AttributeType.NONCE, b"n"))
    )
    assert authenticator.attributes()[0].value == "\u00fc x".encode()
    assert authenticator.key == hashlib.md5("\u00fc x:r:p".encode()).digest()


def test_access_token_signs_with_the_sessions_key() -> None:
    authenticator = Authenticator(AccessToken("kid", b"token", b"mac key"))
    authenticator.handle_challenge(
        challenge(
            Attribute(AttributeType.REALM, b"r"),
            Attribute(AttributeType.NONCE, b"n"),
            Attribute(AttributeType.THIRD_PARTY_AUTHORIZATION, b"turn.example.org"),
        )
    )
    types = {each.type: each.value for each in authenticator.attributes()}
    assert types[AttributeType.USERNAME] == b"kid"
    assert types[AttributeType.ACCESS_TOKEN] == b"token"
    assert authenticator.key == b"mac key"
    assert authenticator.token_audience == b"turn.example.org"


@pytest.mark.parametrize("nonce", [b"obMatJos2", b"obMatJos2!!!!", b"obMatJos2AAAArest"])
def test_damaged_nonce_cookie_offers_nothing(nonce: bytes) -> None:
    authenticator = Authenticator(LongTermCredentials("user", "pass"), prefer_sha256=True)
    authenticator.handle_challenge(
        challenge(
            Attribute(AttributeType.REALM, b"r"),
            Attribute(AttributeType.NONCE, nonce),
            Attribute(AttributeType.PASSWORD_ALGORITHMS, b"\x00\x02\x00\x00"),
        )
    )
    assert authenticator.attributes()[0].type == AttributeType.USERNAME
