"""What is to be probed: stun:, stuns:, turn: and turns: URIs (RFC 7064, 7065), or a domain."""

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum

from voicectl.errors import UsageError
from voicectl.turn.credentials import Credentials

__all__ = ["Scheme", "Target", "TransportName", "parse_target"]

_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):"
    r"(?P<host>\[[^\]]*\]|[^:?\[\]/]*)"
    r"(?::(?P<port>[^?]*))?"
    r"(?:\?(?P<query>.*))?"
)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_HINT = "a target is stun:HOST[:PORT], turn:HOST[:PORT][?transport=udp|tcp], turns:… or a domain"
_MAXIMUM_NAME = 253


class Scheme(StrEnum):
    """The URI schemes, and `domain` for a bare name whose DNS says what it serves."""

    STUN = "stun"
    STUNS = "stuns"
    TURN = "turn"
    TURNS = "turns"
    DOMAIN = "domain"

    @property
    def secure(self) -> bool:
        """Whether it stands for TLS or DTLS."""
        return self in (Scheme.STUNS, Scheme.TURNS)

    @property
    def relays(self) -> bool:
        """Whether an allocation is asked for."""
        return self not in (Scheme.STUN, Scheme.STUNS)


class TransportName(StrEnum):
    """How a leg reaches its server."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    DTLS = "dtls"


@dataclass(frozen=True, slots=True)
class Target:
    """One server to probe, as the user named it."""

    text: str
    scheme: Scheme
    host: str
    port: int | None = None
    transport: str | None = None
    """`udp` or `tcp` as the URI's query says; None leaves it open."""
    credentials: Credentials | None = field(default=None, repr=False)

    @property
    def host_is_ip(self) -> bool:
        """Whether there is no name to look up."""
        return _ip(self.host) is not None

    @property
    def is_open(self) -> bool:
        """Whether the URI leaves port and transport open, so that every usual one counts."""
        return self.port is None and self.transport is None and not self.scheme.secure


def parse_target(text: str, credentials: Credentials | None = None) -> Target:
    """Read a target.

    Raises:
        UsageError: what is wrong with it, in words.
    """
    stripped = text.strip()
    if not stripped or any(each.isspace() or not each.isprintable() for each in stripped):
        raise UsageError(f"`{_shown(text)}` is no target", hint=_HINT)
    if "@" in stripped:
        raise UsageError(
            "credentials do not go into the URI",
            hint="use --username with --password-file",
        )
    # Without a scheme in front, "example.org" is a domain; "example.org:3478" is too ambiguous.
    if ":" not in stripped:
        return Target(stripped, Scheme.DOMAIN, _host(stripped, text), credentials=credentials)
    found = _URI.fullmatch(stripped)
    if found is None:
        raise UsageError(f"`{_shown(text)}` is no STUN or TURN URI", hint=_HINT)
    scheme = _scheme(found["scheme"], text)
    if scheme in (Scheme.STUN, Scheme.STUNS) and found["query"] is not None:
        raise UsageError(f"`{_shown(text)}`: {scheme.value}: takes no query", hint=_HINT)
    return Target(
        stripped,
        scheme,
        _host(found["host"], text),
        _port(found["port"], text),
        _transport(found["query"], text),
        credentials,
    )


def _scheme(word: str, text: str) -> Scheme:
    try:
        scheme = Scheme(word.lower())
    except ValueError:
        scheme = Scheme.DOMAIN
    if scheme is Scheme.DOMAIN:
        raise UsageError(f"`{_shown(text)}`: unknown scheme `{_shown(word)}`", hint=_HINT)
    return scheme


def _host(host: str, text: str) -> str:
    if host.startswith("//"):
        raise UsageError(f"`{_shown(text)}`: STUN and TURN URIs have no `//`", hint=_HINT)
    if host.startswith("["):
        address = _ip(host[1:-1])
        if address is None or address.version != 6:
            raise UsageError(f"`{_shown(text)}`: no IPv6 address between the brackets", hint=_HINT)
        return str(address)
    if not host:
        raise UsageError(f"`{_shown(text)}` names no host", hint=_HINT)
    address = _ip(host)
    if address is not None:
        return str(address)
    try:
        name = host.rstrip(".").encode("idna").decode()
    except UnicodeError as error:
        raise UsageError(f"`{_shown(host)}` is no host name", hint=_HINT) from error
    labels = name.split(".")
    if len(name) > _MAXIMUM_NAME or not all(_LABEL.fullmatch(each) for each in labels):
        raise UsageError(f"`{_shown(host)}` is no host name", hint=_HINT)
    if labels[-1].isdigit():
        raise UsageError(f"`{_shown(host)}` is no IPv4 address", hint=_HINT)
    return name.lower()


def _port(digits: str | None, text: str) -> int | None:
    if digits is None:
        return None
    if not (digits.isascii() and digits.isdigit()) or not 0 < int(digits[:6]) < 65_536:
        raise UsageError(
            f"`{_shown(text)}`: `{_shown(digits)}` is no port",
            hint="an IPv6 address goes into brackets" if ":" in digits else _HINT,
        )
    return int(digits)


def _transport(query: str | None, text: str) -> str | None:
    if query is None:
        return None
    name, _, value = query.partition("=")
    if name != "transport" or value.lower() not in ("udp", "tcp"):
        raise UsageError(f"`{_shown(text)}`: the query is ?transport=udp or =tcp", hint=_HINT)
    return value.lower()


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if address.version == 6 and address.scope_id else address


def _shown(text: str) -> str:
    """Text of the user's for a message: printable, and not a megabyte of it."""
    clean = "".join(each if each.isprintable() else "?" for each in text[:80])
    return clean + ("…" if len(text) > 80 else "")
