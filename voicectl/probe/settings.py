"""What the user may choose of a probe, and what its parts share."""

import secrets
from dataclasses import dataclass, field

from voicectl.clock import Clock, SystemClock
from voicectl.probe.evidence import LegResult
from voicectl.probe.transport.proxy import Proxy
from voicectl.probe.transport.secure import TrustStore
from voicectl.turn.client import ClientSettings
from voicectl.turn.credentials import Credentials
from voicectl.turn.transaction import RetransmissionSettings
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["ProbeSettings", "Progress", "new_seed"]

_STREAM_TIMEOUT_NS = 10_000_000_000


class Progress:
    """Told what is under way; this one tells nobody."""

    def step(self, target: str, name: str) -> None:
        """A stage has begun: dns, legs, relay, quality, nat lifetime, audit."""

    def leg_done(self, target: str, result: LegResult) -> None:
        """A leg has ended."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """The choices of one run. Times in seconds."""

    trust: TrustStore = field(default_factory=TrustStore)
    proxy: Proxy | None = None
    quality_s: float = 2.0
    """How long voice-shaped packets run through the relay; 0 leaves it out."""
    peer: TransportAddress | None = None
    """A second peer that echoes UDP."""
    relay_family: int | None = None
    """4 or 6 to ask for a relay of that family; None asks as browsers do."""
    nat_lifetime_s: float | None = None
    """The longest idle time to try; None leaves the test out."""
    audit: bool = False
    scan_peers: bool = False
    prefer_sha256: bool = False
    deadline_s: float = 8.8
    leg_timeout_s: float = 3.0
    other_servers: tuple[TransportAddress, ...] = ()
    """STUN servers at other addresses: the second opinion on the NAT's mapping."""
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress = field(default_factory=Progress)

    def client_settings(self, credentials: Credentials | None, *, reliable: bool) -> ClientSettings:
        """The settings of one leg's client."""
        retransmission = (
            RetransmissionSettings(reliable=True, timeout_ns=_STREAM_TIMEOUT_NS)
            if reliable
            else RetransmissionSettings()
        )
        return ClientSettings(credentials, self.prefer_sha256, retransmission, "voicectl")


def new_seed() -> bytes:
    """A secret seed for one client's transaction ids."""
    return secrets.token_bytes(32)
