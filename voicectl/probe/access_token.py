"""OAuth tokens for TURN (RFC 7635): what an authorization server hands out, read."""

import base64
import json
from typing import Any

from voicectl.errors import UsageError
from voicectl.turn.credentials import AccessToken

__all__ = ["access_token", "parse_access_token"]

_HINT = (
    'it should hold the authorization server\'s JSON: {"access_token": "…", "kid": "…", "key": "…"}'
)
_MAXIMUM_TOKEN = 4096
"""Bytes: with more, an Allocate would be cut into fragments that get lost."""


def parse_access_token(text: str, source: str) -> AccessToken:
    """The token in an authorization server's response (RFC 7635 §4.1.2), keys in Base64.

    Raises:
        UsageError: no JSON, or not of that shape; `source` says where it came from.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source} is not JSON", hint=_HINT) from error
    if not isinstance(value, dict) or not isinstance(value.get("kid"), str) or not value["kid"]:
        raise UsageError(f"{source} names no key id (`kid`)", hint=_HINT)
    return access_token(value["kid"], value.get("access_token"), value.get("key"), source)


def access_token(key_id: str, token: Any, mac_key: Any, source: str) -> AccessToken:  # noqa: ANN401 - JSON of unknown shape
    """A token of its parts, the last two in Base64.

    Raises:
        UsageError: one is missing, empty or not Base64.
    """
    sealed = _decode(token, "access token", source)
    if len(sealed) > _MAXIMUM_TOKEN:
        raise UsageError(f"the access token in {source} has more than {_MAXIMUM_TOKEN} bytes")
    return AccessToken(key_id, sealed, _decode(mac_key, "MAC key", source))


def _decode(value: Any, what: str, source: str) -> bytes:  # noqa: ANN401 - JSON of unknown shape
    try:
        # Authorization servers may leave the padding out, and may use the alphabet for URLs.
        text = "".join(value.split()).rstrip("=").replace("-", "+").replace("_", "/")
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (AttributeError, ValueError) as error:
        raise UsageError(f"the {what} in {source} is not Base64", hint=_HINT) from error
    if not decoded:
        raise UsageError(f"the {what} in {source} is empty", hint=_HINT)
    return decoded
