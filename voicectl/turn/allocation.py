"""The relayed transport address we hold, and when to refresh it (RFC 8656 §7, §8)."""

from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["Allocation"]

_NS_PER_S = 1_000_000_000


class Allocation:
    """One allocation's lifetime: refreshed a minute before its end, or halfway if it is short."""

    def __init__(self, relayed: tuple[TransportAddress, ...], lifetime_s: int, now_ns: int) -> None:
        self.relayed = relayed
        self.expires_ns = 0
        self.refresh_due_ns = 0
        self.handle_refreshed(lifetime_s, now_ns)

    def handle_refreshed(self, lifetime_s: int, now_ns: int) -> None:
        """The server has granted `lifetime_s` from now."""
        lifetime_ns = lifetime_s * _NS_PER_S
        early_ns = min(60 * _NS_PER_S, lifetime_ns // 2)
        self.expires_ns = now_ns + lifetime_ns
        # A server that grants a second or none must not be asked without a pause.
        self.refresh_due_ns = max(self.expires_ns - early_ns, now_ns + _NS_PER_S)

    def postpone_refresh(self) -> None:
        """A Refresh is under way: the next timer is the end of the allocation."""
        self.refresh_due_ns = self.expires_ns

    def next_timeout(self) -> int:
        """When to refresh, or when it is lost."""
        return min(self.refresh_due_ns, self.expires_ns)
