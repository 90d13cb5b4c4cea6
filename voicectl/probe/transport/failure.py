"""Why bytes did not get through: what the sockets, ICMP, TLS and the proxy said."""

import errno
import os
from dataclasses import dataclass
from enum import StrEnum

from voicectl.errors import ConnectError

__all__ = ["Failure", "FailureKind", "PathFailed", "from_os_error"]


class FailureKind(StrEnum):
    """Failures that differ on the wire, and so in what to do about them."""

    SILENT = "silent"
    """Nothing came back: dropped on the way there or on the way back."""
    REFUSED = "refused"
    """ICMP port unreachable, or RST to a SYN: the host is up and nothing listens."""
    PROHIBITED = "prohibited"
    """ICMP administratively prohibited: a firewall that says so."""
    UNREACHABLE = "unreachable"
    """ICMP host or net unreachable."""
    NO_ROUTE = "no-route"
    """This machine has no route for the address family."""
    RESET = "reset"
    """RST on an open connection."""
    CLOSED = "closed"
    """The peer ended the connection."""
    TLS = "tls"
    """An alert, or bytes that are no TLS."""
    PROXY_REFUSED = "proxy-refused"
    PROXY_AUTHENTICATION = "proxy-authentication"
    PROXY_SILENT = "proxy-silent"
    PROXY_UNREACHABLE = "proxy-unreachable"
    NOT_STUN = "not-stun"
    """Something answered, and not in STUN."""
    LOCAL = "local"
    """This machine refused: no permission, no free port."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What was seen. `phase` is what was under way: connect, proxy, tls or request."""

    kind: FailureKind
    phase: str
    detail: str
    errno: int | None = None
    icmp: tuple[int, int] | None = None
    """ICMP type and code."""
    offender: str | None = None
    """The address that sent the ICMP error."""
    http_status: int | None = None


class PathFailed(ConnectError):
    """A leg's transport has failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


_KINDS = {
    errno.ECONNREFUSED: FailureKind.REFUSED,
    errno.EHOSTUNREACH: FailureKind.UNREACHABLE,
    errno.ENETUNREACH: FailureKind.UNREACHABLE,
    errno.EACCES: FailureKind.PROHIBITED,
    errno.EPERM: FailureKind.PROHIBITED,
    errno.ECONNRESET: FailureKind.RESET,
    errno.EPIPE: FailureKind.CLOSED,
    errno.ECONNABORTED: FailureKind.RESET,
    errno.ETIMEDOUT: FailureKind.SILENT,
    errno.EADDRNOTAVAIL: FailureKind.NO_ROUTE,
    errno.EAFNOSUPPORT: FailureKind.NO_ROUTE,
}
_ICMP_PROHIBITED = {(3, 9), (3, 10), (3, 13)}
_ICMPV6_PROHIBITED = {(1, 1), (1, 5), (1, 6)}
_ICMP_PORT = {(3, 3), (3, 2)}
_ICMPV6_PORT = {(1, 4)}


def from_os_error(
    error: OSError,
    phase: str,
    *,
    icmp: tuple[int, int] | None = None,
    offender: str | None = None,
    ipv6: bool = False,
) -> Failure:
    """Read an errno, and the ICMP error behind it when the kernel told."""
    kind = _KINDS.get(error.errno or 0, FailureKind.LOCAL)
    detail = os.strerror(error.errno) if error.errno else str(error)
    if icmp is None and error.errno == errno.ENETUNREACH:
        return Failure(FailureKind.NO_ROUTE, phase, "no route to this network", error.errno)
    if icmp is not None:
        prohibited, port = (
            (_ICMPV6_PROHIBITED, _ICMPV6_PORT) if ipv6 else (_ICMP_PROHIBITED, _ICMP_PORT)
        )
        if icmp in prohibited:
            kind = FailureKind.PROHIBITED
        elif icmp in port:
            kind = FailureKind.REFUSED
        else:
            kind = FailureKind.UNREACHABLE
        detail = f"ICMP{'v6' if ipv6 else ''} {icmp[0]}/{icmp[1]} from {offender or 'unknown'}"
    return Failure(kind, phase, detail, error.errno, icmp, offender)
