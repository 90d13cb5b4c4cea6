"""What a peer tells about its connection."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["CloseReason", "DatagramCounters", "NominatedPair", "PeerTimings", "TransportStats"]


class CloseReason(Enum):
    """Why a peer's connection ended."""

    LOCAL = "closed by this end"
    REMOTE = "closed by the peer"
    ICE_FAILED = "no candidate pair connected"
    DTLS_FAILED = "the DTLS handshake failed"
    CONSENT_EXPIRED = "the peer stopped answering consent checks"
    ENGINE_FAILED = "the media engine broke down, which is a bug"


@dataclass
class DatagramCounters:
    """Datagrams that were dropped, by reason."""

    malformed: int = 0
    """Empty, longer than an MTU, STUN or SCTP that does not parse, or SCTP beyond what a peer may
    make us keep."""
    unknown_source: int = 0
    """Not STUN, and not from the remote address of a live candidate pair."""
    overflowed: int = 0
    """Beyond the queues that wait for DTLS, for its keys, or for the event loop; and checks from
    more addresses than a peer has."""
    unsent: int = 0
    """Our packets that met no nominated pair or a full send queue."""


@dataclass(frozen=True)
class NominatedPair:
    """The candidate pair in use: types are host, srflx, prflx or relay (RFC 8445)."""

    local_type: str
    local_address: str
    remote_type: str
    remote_address: str


@dataclass
class PeerTimings:
    """When the steps of a connection were reached, on the peer's clock; None: not yet."""

    created_ns: int
    signaling_done_ns: int | None = None
    """The offerer has applied the answer; the answerer has made it."""
    ice_connected_ns: int | None = None
    dtls_connected_ns: int | None = None
    channel_open_ns: int | None = None
    first_packet_sent_ns: int | None = None
    first_packet_received_ns: int | None = None


@dataclass(frozen=True)
class TransportStats:
    """The connection beneath the audio."""

    nominated_pair: NominatedPair | None
    dropped: DatagramCounters
    refused_candidates: int
    """The peer's candidates that were not tried: addresses that no peer can have, no UDP, too
    many, of another ICE generation, or too late."""
    messages_dropped: int
    """Messages of the data channel that were binary or met a full or closed channel."""
    on_media_thread: bool
    """Whether a native thread carries the audio, or the event loop."""
    max_lateness_ns: int
    """The longest that the engine was woken after its time."""
