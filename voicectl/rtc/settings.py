"""What a peer connection is asked to be."""

from dataclasses import dataclass, field
from typing import Literal

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtcicetransport import parse_stun_turn_uri

from voicectl.errors import UsageError
from voicectl.rtc.description import OpusParameters
from voicectl.rtc.repairs import RepairSettings

__all__ = ["HostAddresses", "IceServer", "PeerSettings", "to_configuration"]

HIGHEST_PORT = 65535

HostAddresses = Literal["interfaces", "loopback", "all"]
"""Where host candidates are gathered: interfaces without loopback, only loopback, or both."""


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server (RFC 7064, RFC 7065).

    All of several servers are asked, at once; relays are preferred in the order given.

    Args:
        urls: `stun:`, `turn:` or `turns:` URIs, with a name or an IPv4 address: aioice asks over
            IPv4 only.
        username: For TURN's long-term credential.
        credential: Its password; kept out of `repr`.
    """

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PeerSettings:
    """How one end of a call connects.

    Args:
        ice_servers: None by default: a call waits for no server that nobody asked for.
        gathering_wait_ms: How long a description waits for the servers where candidates cannot
            follow it. Longer only when there would be no candidate in it at all.
        relay_only: Offer and use relayed candidates only.
        host_addresses: Where host candidates are gathered. Loopback candidates of the peer are
            accepted only where ours are gathered.
        opus: What we ask the peer to send.
        repairs: Which repairs of lost packets are offered, and granted.
        transport_feedback: Offer, and grant, feedback on each packet: a sender that fits the
            network sees queues sooner. It costs 8 bytes a packet and ten messages a second.
        data_channel: Label of the ordered channel that the offerer opens and the answerer
            accepts; None for a call without one.
        media_thread: Let a native thread carry the audio where one can: it then goes on whatever
            the event loop does. Elsewhere, and without, the event loop carries it.
        audio_interval_ms: How long the media thread lets received audio wait for more of it. What
            else happens, such as the end of speech, does not wait and takes the audio with it, so
            a listener to utterances may have long ones: each delivery costs CPU.
        max_thread_load: Refuse an offer when the media thread would take a larger share of a core
            with one call more. Counted are the calls that it carries and those on their way to
            it, not those of the event loop (relayed, with a microphone, without `media_thread`),
            which cost it nothing; such a call is never refused. What a call costs is known 250 ms
            after the first one was connected: offers before that are all accepted.
    """

    ice_servers: tuple[IceServer, ...] = ()
    gathering_wait_ms: int = 300
    relay_only: bool = False
    host_addresses: HostAddresses = "interfaces"
    opus: OpusParameters = OpusParameters()
    repairs: RepairSettings = RepairSettings()
    transport_feedback: bool = True
    data_channel: str | None = "oai-events"
    media_thread: bool = True
    audio_interval_ms: int = 10
    max_thread_load: float = 0.85


def to_configuration(settings: PeerSettings) -> RTCConfiguration:
    """The settings as aiortc takes them.

    Raises:
        UsageError: A server's URI is malformed.
    """
    servers = [
        RTCIceServer(urls=list(s.urls), username=s.username, credential=s.credential)
        for s in settings.ice_servers
    ]
    for server in settings.ice_servers:
        for uri in server.urls:
            _check_uri(uri)
    relay_only = settings.relay_only
    return RTCConfiguration(
        iceServers=servers,
        iceTransportPolicy=RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL,
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
    )


def _check_uri(uri: str) -> None:
    hint = "write stun:HOST[:PORT] or turn[s]:HOST[:PORT][?transport=udp|tcp]"
    if uri.partition(":")[2].startswith("["):
        raise UsageError(f"STUN and TURN servers are asked over IPv4 only: {uri}", hint=hint)
    try:
        parsed = parse_stun_turn_uri(uri)
    except ValueError as error:
        raise UsageError(f"not a STUN or TURN URI: {uri}", detail=str(error), hint=hint) from error
    if not 1 <= parsed["port"] <= HIGHEST_PORT:
        raise UsageError(f"there is no port {parsed['port']}: {uri}", hint=hint)
