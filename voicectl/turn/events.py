"""What a TURN client reports, in the order in which it happened."""

from dataclasses import dataclass

from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import ErrorCode, TransportAddress

__all__ = [
    "AllocationCreated",
    "AllocationLost",
    "AllocationRefreshed",
    "AllocationReleased",
    "BindingSucceeded",
    "ChannelBound",
    "Challenged",
    "ConnectionAttempted",
    "ConnectionBound",
    "ConnectionOpened",
    "DataReceived",
    "Event",
    "MessageDiscarded",
    "PermissionCreated",
    "RequestRefused",
    "RequestTimedOut",
]


@dataclass(frozen=True, slots=True)
class BindingSucceeded:
    """A STUN Binding was answered.

    `rtt_ns` is None when the request was sent more than once: which of the copies was answered
    cannot be told (Karn).
    """

    transaction_id: bytes
    mapped: TransportAddress | None
    other: TransportAddress | None
    origin: TransportAddress | None
    software: str | None
    rtt_ns: int | None
    tries: int


@dataclass(frozen=True, slots=True)
class Challenged:
    """The server asked for credentials (401) or for a newer nonce (438)."""

    method: Method
    code: int
    realm: str
    software: str | None
    rtt_ns: int | None


@dataclass(frozen=True, slots=True)
class AllocationCreated:
    """The server relays for us. `authenticated` is False when it never asked who we are."""

    relayed: tuple[TransportAddress, ...]
    mapped: TransportAddress | None
    lifetime_s: int
    software: str | None
    bandwidth: int | None
    """coturn's BANDWIDTH attribute, set when --max-bps is; in bytes a second."""
    refused_family: ErrorCode | None
    authenticated: bool
    rtt_ns: int | None
    tries: int


@dataclass(frozen=True, slots=True)
class AllocationRefreshed:
    """The allocation lives on."""

    lifetime_s: int


@dataclass(frozen=True, slots=True)
class AllocationReleased:
    """The server has freed the allocation that we gave up."""


@dataclass(frozen=True, slots=True)
class AllocationLost:
    """The allocation is gone: it expired, or the server no longer knows it."""

    code: int | None


@dataclass(frozen=True, slots=True)
class PermissionCreated:
    """These peers may send to the relayed address."""

    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelBound:
    """Data to and from `peer` travels as ChannelData."""

    peer: TransportAddress
    channel: int


@dataclass(frozen=True, slots=True)
class DataReceived:
    """A peer's datagram, as a Data indication (`channel` None) or as ChannelData."""

    peer: TransportAddress
    payload: bytes
    channel: int | None
    received_ns: int


@dataclass(frozen=True, slots=True)
class ConnectionAttempted:
    """A peer connected to the relayed address of a TCP allocation (RFC 6062 §4.4)."""

    peer: TransportAddress
    connection_id: int


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """The server has connected to `peer`; bind a data connection with `connection_id`."""

    peer: TransportAddress
    connection_id: int


@dataclass(frozen=True, slots=True)
class ConnectionBound:
    """From here on this connection carries the peer's bytes and no STUN."""

    connection_id: int


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """An error response that the client does not retry.

    `signed` tells a 401 to credentials from a 401 that asks for some; `nonces` counts the 438s
    that were answered with a newer nonce before.
    """

    method: Method
    code: int
    reason: str
    signed: bool
    nonces: int
    peers: tuple[TransportAddress, ...]
    alternate_server: TransportAddress | None
    alternate_domain: str | None
    realm: str | None
    software: str | None
    rtt_ns: int | None
    tries: int


@dataclass(frozen=True, slots=True)
class RequestTimedOut:
    """No acceptable answer came to any of the copies that were sent."""

    method: Method
    tries: int
    peers: tuple[TransportAddress, ...]


@dataclass(frozen=True, slots=True)
class MessageDiscarded:
    """Bytes that changed nothing, and why: malformed, unasked for, or not authentic."""

    reason: str


Event = (
    AllocationCreated
    | AllocationLost
    | AllocationRefreshed
    | AllocationReleased
    | BindingSucceeded
    | Challenged
    | ChannelBound
    | ConnectionAttempted
    | ConnectionBound
    | ConnectionOpened
    | DataReceived
    | MessageDiscarded
    | PermissionCreated
    | RequestRefused
    | RequestTimedOut
)
