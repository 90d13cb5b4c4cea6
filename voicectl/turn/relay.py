"""What the server holds for us, and when each part of it has to be renewed (RFC 8656 §7 to §12)."""

from dataclasses import dataclass

from voicectl.turn.allocation import Allocation
from voicectl.turn.channel import Channels
from voicectl.turn.events import (
    AllocationCreated,
    AllocationRefreshed,
    AllocationReleased,
    ChannelBound,
    Event,
    PermissionCreated,
)
from voicectl.turn.permission import Permissions
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["Relay", "Renewals"]


@dataclass(frozen=True, slots=True)
class Renewals:
    """What to ask the server for now."""

    allocation: bool = False
    permissions: tuple[TransportAddress, ...] = ()
    """Of these peers' IP addresses; their ports mean nothing."""
    channels: tuple[TransportAddress, ...] = ()


class Relay:
    """The allocation with its permissions and channels, which live and die with it."""

    def __init__(self) -> None:
        self.allocation: Allocation | None = None
        self.permissions = Permissions()
        self.channels = Channels()

    def handle_success(self, event: Event, now_ns: int) -> None:
        """Take note of what the server has granted."""
        match event:
            case AllocationCreated():
                self.allocation = Allocation(event.relayed, event.lifetime_s, now_ns)
            case AllocationRefreshed() if self.allocation is not None:
                self.allocation.handle_refreshed(event.lifetime_s, now_ns)
            case AllocationReleased():
                self.forget()
            case PermissionCreated():
                self.permissions.install(event.peers, now_ns)
            case ChannelBound():
                self.channels.bind(event.peer, now_ns)
                # A channel binding installs or refreshes the permission too (RFC 8656 §12).
                self.permissions.install([event.peer.ip], now_ns)

    def forget(self) -> None:
        """The allocation is gone, and all that hung on it."""
        self.allocation = None
        self.permissions = Permissions()
        self.channels = Channels()

    def has_expired(self, now_ns: int) -> bool:
        """Whether an allocation was held and its lifetime is over."""
        return self.allocation is not None and self.allocation.expires_ns <= now_ns

    def next_timeout(self) -> int | None:
        """When something is to be renewed, or has expired."""
        if self.allocation is None:
            return None
        timers = (
            self.allocation.next_timeout(),
            self.permissions.next_timeout(),
            self.channels.next_timeout(),
        )
        return min(each for each in timers if each is not None)

    def take_due(self, now_ns: int) -> Renewals:
        """What to renew, each once until its next time comes."""
        if self.allocation is None:
            return Renewals()
        due = self.allocation.refresh_due_ns <= now_ns
        if due:
            self.allocation.postpone_refresh()
        return Renewals(
            due,
            tuple(TransportAddress(ip, 0) for ip in self.permissions.take_due(now_ns)),
            tuple(self.channels.take_due(now_ns)),
        )
