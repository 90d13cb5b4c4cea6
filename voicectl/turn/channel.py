"""Channel numbers and the peers they stand for (RFC 8656 §12)."""

from voicectl.wire.stun_attributes import TransportAddress
from voicectl.wire.turn_message import MAXIMUM_CHANNEL, MINIMUM_CHANNEL

__all__ = ["LIFETIME_NS", "Channels"]

LIFETIME_NS = 600_000_000_000
_REFRESH_BEFORE_NS = 60_000_000_000


class Channels:
    """Bound channels. A number is never given to a second peer while the allocation lives."""

    def __init__(self) -> None:
        self._number_of: dict[TransportAddress, int] = {}
        self._peer_of: dict[int, TransportAddress] = {}
        self._refresh_due_ns: dict[TransportAddress, int] = {}

    def reserve(self, peer: TransportAddress) -> int | None:
        """The number to ask for; None when all 4096 are taken."""
        if peer in self._number_of:
            return self._number_of[peer]
        number = MINIMUM_CHANNEL + len(self._number_of)
        if number > MAXIMUM_CHANNEL:
            return None
        self._number_of[peer] = number
        return number

    def bind(self, peer: TransportAddress, now_ns: int) -> None:
        """The server has bound or renewed the channel reserved for `peer`."""
        self._peer_of[self._number_of[peer]] = peer
        self._refresh_due_ns[peer] = now_ns + LIFETIME_NS - _REFRESH_BEFORE_NS

    def unbind(self, peer: TransportAddress) -> None:
        """The server has refused it; the number stays reserved."""
        self._peer_of.pop(self._number_of.get(peer, 0), None)
        self._refresh_due_ns.pop(peer, None)

    def number_of(self, peer: TransportAddress) -> int | None:
        """The channel bound to `peer`."""
        number = self._number_of.get(peer)
        return number if number in self._peer_of else None

    def peer_of(self, number: int) -> TransportAddress | None:
        """The peer that a ChannelData message is for or from."""
        return self._peer_of.get(number)

    def next_timeout(self) -> int | None:
        """When `take_due` has something to give."""
        return min(self._refresh_due_ns.values(), default=None)

    def take_due(self, now_ns: int) -> list[TransportAddress]:
        """Peers whose channel to renew now; asked for again a minute later if no answer comes."""
        due = [peer for peer, due_ns in self._refresh_due_ns.items() if due_ns <= now_ns]
        for peer in due:
            self._refresh_due_ns[peer] = now_ns + _REFRESH_BEFORE_NS
        return due
