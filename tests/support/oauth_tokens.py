"""Self-contained OAuth tokens as an authorization server seals them (RFC 7635 §6.2)."""

import base64
import json
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["seal_token", "token_json", "unseal_token"]


def seal_token(
    sealing_key: bytes, mac_key: bytes, audience: str, *, epoch_s: int, lifetime_s: int = 3600
) -> bytes:
    """ACCESS-TOKEN's value: the nonce, and key, timestamp and lifetime under AES-GCM."""
    block = struct.pack("!H", len(mac_key)) + mac_key
    block += struct.pack("!QI", epoch_s << 16, lifetime_s)
    nonce = os.urandom(12)
    sealed = AESGCM(sealing_key).encrypt(nonce, block, audience.encode())
    return struct.pack("!H", len(nonce)) + nonce + sealed


def unseal_token(sealing_key: bytes, token: bytes, audience: str) -> bytes | None:
    """The MAC key inside; None when it was sealed with another key or for another server."""
    length = int.from_bytes(token[:2], "big")
    nonce, sealed = token[2 : 2 + length], token[2 + length :]
    try:
        block = AESGCM(sealing_key).decrypt(nonce, sealed, audience.encode())
    except InvalidTag:
        return None
    return block[2 : 2 + int.from_bytes(block[:2], "big")]


def token_json(key_id: str, token: bytes, mac_key: bytes) -> str:
    """What an authorization server answers (RFC 7635 §4.1.2)."""
    fields = {
        "access_token": base64.b64encode(token).decode(),
        "token_type": "pop",
        "expires_in": 3600,
        "kid": key_id,
        "key": base64.b64encode(mac_key).decode(),
        "alg": "HMAC-SHA-1",
    }
    return json.dumps(fields)
