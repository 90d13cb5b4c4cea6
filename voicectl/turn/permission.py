"""Which peers may send to the relayed address, and until when (RFC 8656 §9)."""

from collections.abc import Iterable

__all__ = ["LIFETIME_NS", "Permissions"]

LIFETIME_NS = 300_000_000_000
_REFRESH_BEFORE_NS = 60_000_000_000


class Permissions:
    """Permissions are kept alive until they are dropped; they are per IP address, not per port."""

    def __init__(self) -> None:
        self._refresh_due_ns: dict[str, int] = {}

    def __contains__(self, ip: str) -> bool:
        return ip in self._refresh_due_ns

    def install(self, ips: Iterable[str], now_ns: int) -> None:
        """The server has granted or renewed these."""
        for ip in ips:
            self._refresh_due_ns[ip] = now_ns + LIFETIME_NS - _REFRESH_BEFORE_NS

    def drop(self, ips: Iterable[str]) -> None:
        """The server has refused these."""
        for ip in ips:
            self._refresh_due_ns.pop(ip, None)

    def next_timeout(self) -> int | None:
        """When `take_due` has something to give."""
        return min(self._refresh_due_ns.values(), default=None)

    def take_due(self, now_ns: int) -> list[str]:
        """Addresses to renew now; asked for again a minute later if no answer comes."""
        due = [ip for ip, due_ns in self._refresh_due_ns.items() if due_ns <= now_ns]
        for ip in due:
            self._refresh_due_ns[ip] = now_ns + _REFRESH_BEFORE_NS
        return due
