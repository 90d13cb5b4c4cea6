"""Which HTTP proxy to CONNECT through, and which hosts to reach without it."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from voicectl.errors import UsageError

__all__ = ["Proxy", "is_exempt", "parse_proxy"]


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that may CONNECT."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    from_environment: bool = False
    """Found in HTTPS_PROXY and its like, so NO_PROXY applies to it."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_proxy(url: str, *, from_environment: bool) -> Proxy:
    """Read `http://[user:password@]host[:port]`.

    Raises:
        UsageError: no such URL, or a password where one would be seen by others.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError as error:
        # Without what stands before the @, which may be a password.
        raise UsageError(
            f"`{url.rpartition('@')[2]}` is no proxy URL", hint="http://host:port"
        ) from error
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError(
            f"only http:// proxies are known, not `{parts.scheme}://`", hint="http://host:port"
        )
    if parts.password and not from_environment:
        raise UsageError(
            "a proxy's password on the command line is seen by everyone on this machine",
            hint="put the URL into HTTPS_PROXY and leave --proxy out",
        )
    return Proxy(
        parts.hostname,
        port or 3128,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        from_environment,
    )


def is_exempt(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host: itself, a domain above it, or `*` for all."""
    wanted = host.lower().rstrip(".")
    for entry in no_proxy.lower().split(","):
        name = entry.strip().lstrip(".")
        if name == "*" or (name and (wanted == name or wanted.endswith(f".{name}"))):
            return True
    return False
