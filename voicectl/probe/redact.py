"""Takes out of a record what should not leave the house: internal addresses and realms."""

import re
from typing import Any

from voicectl.ice.candidate import strip_internal

__all__ = ["redact"]

_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:fc|fd|fe8|fe9|fea|feb)[0-9a-f]{0,2}:[0-9a-f:]+", re.IGNORECASE)
_PRIVATE_KEYS = frozenset({"realm", "interface"})


def redact(value: Any) -> Any:  # noqa: ANN401 - a JSON value of any shape
    """A copy of a JSON value with private IP addresses, realms and interface names blanked."""
    if isinstance(value, dict):
        return {
            key: "-" if key in _PRIVATE_KEYS and each is not None else redact(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [redact(each) for each in value]
    if isinstance(value, str):
        return _IPV6.sub("x:x::x", _IPV4.sub(_strip, value))
    return value


def _strip(found: re.Match[str]) -> str:
    try:
        return strip_internal(found.group())
    except ValueError:
        return found.group()
