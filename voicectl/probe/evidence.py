"""Everything a probe of one target has seen, before anyone judges it."""

from dataclasses import dataclass, field
from enum import StrEnum

from voicectl.ice.candidate import Candidate
from voicectl.ice.nat_behavior import Filtering, Mapping
from voicectl.probe.dns_lookup import DnsLookup
from voicectl.probe.target import Target, TransportName
from voicectl.probe.transport.failure import Failure, FailureKind
from voicectl.probe.transport.secure import TlsReport
from voicectl.turn.events import AllocationCreated, BindingSucceeded, Challenged, RequestRefused
from voicectl.wire.stun_attributes import TransportAddress

__all__ = [
    "AuditFinding",
    "Controls",
    "Evidence",
    "Leg",
    "LegResult",
    "NatEvidence",
    "NatLifetime",
    "PathStatistics",
    "Quality",
    "RelayProof",
    "Role",
]


class Role(StrEnum):
    """Why a leg is tried."""

    TARGET = "target"
    """The target names it, or leaves it open: it counts as a path."""
    CONTROL = "control"
    """To tell causes apart: it never counts as a path."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One way to one server."""

    transport: TransportName
    address: TransportAddress
    server_name: str
    role: Role = Role.TARGET
    allocates: bool = True
    via_proxy: bool = False
    hops: int = 0
    """Redirects that led here."""

    @property
    def label(self) -> str:
        """How reports name it."""
        kind = "turn" if self.allocates else "stun"
        family = " v6" if self.address.family == 6 else ""
        proxied = " via proxy" if self.via_proxy else ""
        redirected = f" at {self.address.ip}" if self.hops else ""
        return f"{kind} {self.transport.value} {self.address.port}{family}{proxied}{redirected}"


@dataclass(slots=True)
class LegResult:
    """What came of a leg."""

    leg: Leg
    started_ms: float = 0.0
    took_ms: float = 0.0
    failure: Failure | None = None
    binding: BindingSucceeded | None = None
    binding_refused: RequestRefused | None = None
    challenged: list[Challenged] = field(default_factory=list)
    token_audience: str | None = None
    """The server name that OAuth tokens must be sealed for, where the server takes any."""
    allocation: AllocationCreated | None = None
    refused: RequestRefused | None = None
    tls: TlsReport | None = None
    tls_left_unanswered: bool = False
    """TCP opened, and the ClientHello had no answer."""
    plain_answers: bool = False
    """After a TLS failure: plain STUN over TCP to the same port was answered."""
    connected: bool = False
    local: TransportAddress | None = None
    tries: int = 0
    discarded: list[str] = field(default_factory=list)
    skipped: str | None = None
    quota_with_own: bool = False
    """Refused for quota or ports while an allocation of this probe's own was held."""

    @property
    def ok(self) -> bool:
        """Whether the leg did all that was asked of it, certificate included."""
        if self.failure is not None or self.skipped is not None:
            return False
        if self.tls is not None and not self.tls.valid:
            return False
        return self.allocation is not None if self.leg.allocates else self.binding is not None

    @property
    def answered(self) -> bool:
        """Whether the server spoke STUN over this leg."""
        return bool(
            self.binding
            or self.allocation
            or self.refused
            or self.binding_refused
            or self.challenged
        )

    def failed_with(self, *kinds: FailureKind) -> bool:
        """Whether the transport failed in one of these ways."""
        return self.failure is not None and self.failure.kind in kinds

    @property
    def rtt_ms(self) -> float | None:
        """The fastest clean round trip seen on it."""
        found = [
            each.rtt_ns
            for each in (self.binding, self.allocation, self.refused, *self.challenged)
            if each is not None and each.rtt_ns is not None
        ]
        return min(found) / 1e6 if found else None


@dataclass(slots=True)
class Controls:
    """What was sent to tell a filter on STUN from a filter on UDP; None is not tried."""

    classic_stun_answered: bool | None = None
    """A Binding request of RFC 3489, which has no magic cookie."""
    plain_udp_refused: bool | None = None
    """A datagram that is no STUN, to a port with no listener, drew ICMP port unreachable."""
    stun_udp_refused: bool | None = None
    """The same with a STUN message in it."""

    @property
    def plain_udp_passes(self) -> bool:
        """Whether UDP that is not STUN reaches the server."""
        return bool(self.classic_stun_answered or self.plain_udp_refused)


@dataclass(slots=True)
class RelayProof:
    """Whether the relayed address does what it is there for."""

    method: str
    """`self-peer` or `relay-to-relay`."""
    relayed: TransportAddress
    peer: TransportAddress | None = None
    """Our own mapped address, which played the peer."""
    permission_code: int | None = None
    """The error code that refused the peer, 0 when no answer came; None when permitted."""
    inbound: bool = False
    """Peer to advertised relayed address to client."""
    inbound_via_server_ip: bool | None = None
    """The same, sent to the server's own IP and the relayed port instead."""
    outbound: bool | None = None
    """Client through the relay to the peer."""
    outbound_source: TransportAddress | None = None
    observed_peer: TransportAddress | None = None
    """The peer's address as the relay saw it."""
    loopback: bool | None = None
    """Between two relayed addresses of the same server."""
    second_peer: str | None = None
    second_peer_code: int | None = None
    second_peer_echoed: bool | None = None
    took_ms: float = 0.0

    @property
    def delivered(self) -> bool:
        """Whether some peer's data came in at the advertised address."""
        return self.inbound or bool(self.second_peer_echoed)


@dataclass(frozen=True, slots=True)
class PathStatistics:
    """One direction of a stream of voice-shaped packets."""

    sent: int
    received: int
    duplicated: int
    reordered: int
    rtt_ms_min: float | None
    rtt_ms_p50: float | None
    rtt_ms_p95: float | None
    jitter_ms: float
    """Interarrival jitter, RFC 3550 §6.4.1."""
    longest_loss: int
    throughput_kbps: float

    @property
    def loss(self) -> float:
        """The share lost, 0 to 1."""
        return 1 - self.received / self.sent if self.sent else 0.0


@dataclass(slots=True)
class Quality:
    """How voice would fare through the relay.

    `to_relay` is client, relay, own second socket; `from_relay` the other way. Each crosses the
    client's access network once up and once down, so its delay is a round trip.
    """

    duration_s: float
    rate_kbps: float
    to_relay: PathStatistics
    from_relay: PathStatistics
    sender_lag_ms: float = 0.0
    """How late this process was with its own sendings, 95th percentile."""
    slower_loss: float | None = None
    """The loss when sending slower; None when that was not needed."""
    slower_rate_kbps: float | None = None
    mos: float | None = None
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Payload size to packets sent and received."""

    @property
    def loss(self) -> float:
        """The loss over both directions."""
        sent = self.to_relay.sent + self.from_relay.sent
        received = self.to_relay.received + self.from_relay.received
        return 1 - received / sent if sent else 0.0


@dataclass(slots=True)
class NatEvidence:
    """What the NAT in front of this machine does."""

    mapped: TransportAddress | None = None
    local: TransportAddress | None = None
    mapping: Mapping = Mapping.UNKNOWN
    filtering: Filtering = Filtering.UNKNOWN
    hairpin: bool | None = None
    method: str = ""
    """`rfc5780`, `two-servers`, `relay` or `` when there was only one observation."""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class NatLifetime:
    """How long an idle mapping stays: at least the one, less than the other."""

    alive_after_s: float
    gone_after_s: float | None


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing the server allows and should not."""

    id: str
    text: str


@dataclass(slots=True)
class Evidence:
    """All that was seen of one target."""

    target: Target
    dns: DnsLookup
    legs: list[LegResult] = field(default_factory=list)
    controls: Controls = field(default_factory=Controls)
    proxy: str | None = None
    redirects: list[TransportAddress] = field(default_factory=list)
    redirect_loops: bool = False
    relay: RelayProof | None = None
    quality: Quality | None = None
    nat: NatEvidence | None = None
    lifetime: NatLifetime | None = None
    audit: list[AuditFinding] | None = None
    candidates: list[Candidate] = field(default_factory=list)
    rest_expiry: tuple[int, bool] | None = None
    """The epoch the username states, in seconds, and whether it was written in milliseconds."""
    epoch_s: int = 0
    has_credentials: bool = False
    pins_ca: bool = False
    requested_family: int | None = None
    verdict_ms: float = 0.0
    """From the start to the verdict, without the quality test."""
    total_ms: float = 0.0
    cut_short: bool = False
    """The deadline came before every check was done."""
