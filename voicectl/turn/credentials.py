"""Who asks: long-term, REST and OAuth credentials, and the signing of requests with them.

RFC 8489 §9.2 (long-term), draft-uberti-behave-turn-rest-00 (REST), RFC 7635 (OAuth).
"""

import base64
import hashlib
import hmac
import struct
import unicodedata
from dataclasses import dataclass, field

from voicectl.wire.stun import Attribute, AttributeType, IntegrityAlgorithm, Message

__all__ = [
    "AccessToken",
    "Authenticator",
    "Credentials",
    "LongTermCredentials",
    "PasswordAlgorithm",
    "read_rest_expiry",
    "rest_credentials",
]

_NONCE_COOKIE = b"obMatJos2"
_PASSWORD_ALGORITHMS_BIT = 1 << 23
_USER_ANONYMITY_BIT = 1 << 22
_MILLISECONDS_FROM = 10**11
"""An epoch past this is in milliseconds: as seconds it would lie in the year 5138."""


@dataclass(frozen=True, slots=True)
class LongTermCredentials:
    """A username and its password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A self-contained token, the id of the key it is sealed with, and the session's MAC key."""

    key_id: str
    token: bytes = field(repr=False)
    mac_key: bytes = field(repr=False)


Credentials = LongTermCredentials | AccessToken


class PasswordAlgorithm:
    """Numbers of the STUN password algorithms registry (RFC 8489 §18.5)."""

    MD5 = 1
    SHA256 = 2


def rest_credentials(secret: str, user: str, expires_epoch_s: int) -> LongTermCredentials:
    """Credentials that a REST API hands out: `expiry:user` and an HMAC of it.

    An empty `user` gives a bare expiry, as coturn accepts too.
    """
    username = f"{expires_epoch_s}:{user}" if user else str(expires_epoch_s)
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return LongTermCredentials(username, base64.b64encode(digest).decode())


def read_rest_expiry(username: str) -> tuple[int, bool] | None:
    """The expiry that a REST username states, and whether it was written in milliseconds.

    The expiry comes in seconds either way. None when no part of the username looks like an epoch:
    nine digits at least, first or last around a colon.
    """
    parts = username.split(":")
    for part in (parts[0], parts[-1]):
        if part.isascii() and part.isdigit() and 9 <= len(part) <= 16:
            number = int(part)
            in_milliseconds = number >= _MILLISECONDS_FROM
            return (number // 1000 if in_milliseconds else number), in_milliseconds
    return None


class Authenticator:
    """Signs requests once a server has challenged, and checks what it answers.

    `prefer_sha256` takes SHA-256 and USERHASH where the server's nonce offers them (RFC 8489
    §9.2.2); without it the client behaves as one of RFC 5389, as browsers do.
    """

    def __init__(self, credentials: Credentials | None, *, prefer_sha256: bool = False) -> None:
        self.credentials = credentials
        self.realm: bytes | None = None
        self.nonce: bytes | None = None
        self.offered_algorithms: bytes | None = None
        self.token_audience: bytes | None = None
        """The server name that an OAuth token must be sealed for (RFC 7635 §6.1)."""
        self._prefer_sha256 = prefer_sha256
        self._use_sha256 = False
        self._use_userhash = False
        self._key: bytes | None = None

    @property
    def can_sign(self) -> bool:
        """Whether there are credentials and a challenge to answer with them."""
        return self.credentials is not None and self.nonce is not None and self.realm is not None

    @property
    def algorithm(self) -> IntegrityAlgorithm:
        """What requests are signed with."""
        return IntegrityAlgorithm.SHA256 if self._use_sha256 else IntegrityAlgorithm.SHA1

    @property
    def key(self) -> bytes | None:
        """The HMAC key; None until challenged."""
        return self._key

    def handle_challenge(self, message: Message) -> None:
        """Take realm, nonce and offered algorithms from a 401 or 438."""
        self.realm = message.get(AttributeType.REALM) or self.realm
        self.nonce = message.get(AttributeType.NONCE) or self.nonce
        self.token_audience = message.get(AttributeType.THIRD_PARTY_AUTHORIZATION)
        self.offered_algorithms = message.get(AttributeType.PASSWORD_ALGORITHMS)
        features = _security_features(self.nonce)
        offered = _offered(self.offered_algorithms)
        self._use_sha256 = (
            self._prefer_sha256
            and bool(features & _PASSWORD_ALGORITHMS_BIT)
            and PasswordAlgorithm.SHA256 in offered
        )
        self._use_userhash = self._prefer_sha256 and bool(features & _USER_ANONYMITY_BIT)
        self._key = self._derive_key()

    def attributes(self) -> list[Attribute]:
        """What a signed request carries before its HMAC."""
        if not self.can_sign or self.realm is None or self.nonce is None:
            return []
        attributes = [
            *self._identity(self.realm),
            Attribute(AttributeType.REALM, self.realm),
            Attribute(AttributeType.NONCE, self.nonce),
        ]
        if self._use_sha256 and self.offered_algorithms is not None:
            chosen = struct.pack("!HH", PasswordAlgorithm.SHA256, 0)
            attributes += [
                Attribute(AttributeType.PASSWORD_ALGORITHMS, self.offered_algorithms),
                Attribute(AttributeType.PASSWORD_ALGORITHM, chosen),
            ]
        return attributes

    def _identity(self, realm: bytes) -> list[Attribute]:
        if isinstance(self.credentials, AccessToken):
            return [
                Attribute(AttributeType.USERNAME, self.credentials.key_id.encode()),
                Attribute(AttributeType.ACCESS_TOKEN, self.credentials.token),
            ]
        if self.credentials is None:
            return []
        username = _opaque(self.credentials.username).encode()
        if self._use_userhash:
            userhash = hashlib.sha256(username + b":" + realm).digest()
            return [Attribute(AttributeType.USERHASH, userhash)]
        return [Attribute(AttributeType.USERNAME, username)]

    def _derive_key(self) -> bytes | None:
        if isinstance(self.credentials, AccessToken):
            return self.credentials.mac_key
        if self.credentials is None or self.realm is None:
            return None
        username = _opaque(self.credentials.username).encode()
        password = _opaque(self.credentials.password).encode()
        material = b":".join((username, self.realm, password))
        digest = hashlib.sha256 if self._use_sha256 else hashlib.md5
        return digest(material).digest()


def _opaque(text: str) -> str:
    """The OpaqueString profile (RFC 8265 §4.2), as RFC 8489 prepares names and passwords."""
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in text)
    return unicodedata.normalize("NFC", spaced)


def _security_features(nonce: bytes | None) -> int:
    """The 24 feature bits behind the nonce cookie; 0 when the server is of RFC 5389."""
    if nonce is None or not nonce.startswith(_NONCE_COOKIE) or len(nonce) < 13:
        return 0
    try:
        return int.from_bytes(base64.b64decode(nonce[9:13], validate=True), "big")
    except ValueError:
        return 0


def _offered(value: bytes | None) -> tuple[int, ...]:
    """The algorithm numbers of PASSWORD-ALGORITHMS; what is cut off at its end is left out."""
    numbers: list[int] = []
    rest = value or b""
    while len(rest) >= 4:
        number, length = struct.unpack_from("!HH", rest)
        numbers.append(number)
        rest = rest[4 + length + (-length % 4) :]
    return tuple(numbers)
