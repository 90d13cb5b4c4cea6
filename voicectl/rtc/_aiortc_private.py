"""The one place that touches what aiortc and aioice keep to themselves.

Nothing is replaced in those packages: what changes, changes in subclasses that only our own
connections use, so another user of aiortc in the same process keeps the stock behaviour.

- `EngineConnection` (aioice) gathers loopback when asked, ends connecting the moment the check
  list is done, sends the triggered check of an In-Progress pair at once (RFC 8445 §7.3.1.4), and
  lets no datagram through whose source is not a candidate pair's.
- `EngineDtlsTransport` hands decrypted RTP and RTCP to the `EngineDriver` as bytes, and protects
  and sends what comes from there, without a task or an await per packet.
- `EngineSender` and `EngineReceiver` report what was negotiated; they start no codec, no thread.
- `EnginePeerConnection` builds these, with one DTLS certificate for the process.
"""

import asyncio
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from typing import Any

import pylibsrtp
from aioice import Connection, TransportPolicy, stun
from aioice.ice import (
    ICE_COMPLETED,
    ICE_FAILED,
    CandidatePair,
    StunProtocol,
    get_host_addresses,
)
from aioice.turn import TurnTransport
from aiortc import (
    RTCConfiguration,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceServer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcdtlstransport import (
    SRTP_PROFILES,
    RTCCertificate,
    RTCDtlsFingerprint,
    SRTPProtectionProfile,
    State,
)
from aiortc.rtcicetransport import ICE_TRANSPORT_POLICIES, connection_kwargs
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters
from aiortc.rtp import is_rtcp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from voicectl.rtc.driver import EngineDriver
from voicectl.rtc.settings import HostAddresses
from voicectl.rtc.stats import DatagramCounters, NominatedPair

__all__ = ["EnginePeerConnection"]

COMPONENT = 1
"""RTP and RTCP share one (RFC 8445 §5.1.1.1 with rtcp-mux)."""
LOOPBACK_ADDRESSES = ["127.0.0.1"]
"""One family: each further address costs every call a socket and a pair."""
STUN_MAGIC_COOKIE = stun.COOKIE.to_bytes(4)
CHECK_PACING_S = 0.005
"""Ta between two new checks, the least that RFC 8445 §14.2 allows."""
CANDIDATE_WAIT_S = 0.02
"""How soon a candidate that the peer trickles is noticed."""
STUN_GATHER_TIMEOUT_S = 1
TURN_GATHER_TIMEOUT_S = 3
MAX_DATAGRAM_BYTES = 1500
"""libsrtp's buffer in pylibsrtp; a longer datagram raises there."""
MAX_QUEUED_DATAGRAMS = 256
"""DTLS and early media that wait for the reader; the newest is dropped."""
MAX_QUEUED_RELAY_SENDS = 64
MAX_QUEUED_SOCKET_BYTES = 65536

_MALFORMED_STUN = (ValueError, KeyError, IndexError, AssertionError, struct.error)


class EngineConnection(Connection):
    """An ICE agent for one component, with what aioice leaves out."""

    def __init__(
        self,
        host_addresses: HostAddresses,
        transport_policy: TransportPolicy,
        servers: list[RTCIceServer],
    ) -> None:
        super().__init__(
            ice_controlling=False,
            transport_policy=transport_policy,
            **connection_kwargs(servers),
        )
        self.counters = DatagramCounters()
        self.on_media: Callable[[bytes], None] | None = None
        self.consent_expired = False
        self._host_addresses = host_addresses
        self._proven: set[tuple[StunProtocol, tuple[str, int]]] = set()
        self._triggered_by: dict[CandidatePair, bytes] = {}

    async def gather_candidates(self) -> None:
        """Gather, bounded by what can still succeed, then put the gate before every socket."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        timeout = TURN_GATHER_TIMEOUT_S if self.turn_server else STUN_GATHER_TIMEOUT_S
        self._local_candidates += await self.get_component_candidates(
            COMPONENT, self._addresses(), timeout
        )
        self._local_candidates_end = True
        for protocol in self._protocols:
            gate = partial(self._admit_datagram, protocol)
            protocol.datagram_received = gate  # type: ignore[method-assign]
        if self._closing:
            self.abort()  # close() has come and gone, and did not see these sockets

    def _addresses(self) -> list[str]:
        if self._transport_policy is TransportPolicy.RELAY:
            return []
        addresses = [] if self._host_addresses == "interfaces" else LOOPBACK_ADDRESSES
        if self._host_addresses != "loopback":
            addresses = addresses + get_host_addresses(use_ipv4=True, use_ipv6=True)
        return addresses

    def _admit_datagram(self, protocol: StunProtocol, data: bytes, addr: tuple[Any, ...]) -> None:
        """Tell datagrams apart (RFC 7983); only STUN may come from an unproven source."""
        source = (addr[0], addr[1])
        if not 0 < len(data) <= MAX_DATAGRAM_BYTES:
            self.counters.malformed += 1
        elif data[0] < 4:
            if data[4:8] != STUN_MAGIC_COOKIE:
                self.counters.malformed += 1
                return
            try:
                StunProtocol.datagram_received(protocol, data, source)
            except _MALFORMED_STUN:
                self.counters.malformed += 1
        elif not self._is_pair(protocol, source):
            self.counters.unknown_source += 1
        elif self.on_media is not None and 128 <= data[0] <= 191:
            self.on_media(data)
        elif self._queue.qsize() >= MAX_QUEUED_DATAGRAMS:
            self.counters.overflowed += 1
        else:
            self._queue.put_nowait((data, COMPONENT))

    def _is_pair(self, protocol: StunProtocol, source: tuple[str, int]) -> bool:
        """Whether a check of the pair of this socket and source is in progress or succeeded."""
        if (protocol, source) in self._proven:
            return True
        for pair in self._check_list:
            if pair.protocol is protocol and pair.remote_addr == source:
                if pair.state is CandidatePair.State.SUCCEEDED:
                    self._proven.add((protocol, source))
                    return True
                return pair.state is CandidatePair.State.IN_PROGRESS
        return False

    def data_received(self, data: bytes, component: int) -> None:
        """Drop what looked like STUN and did not parse; aioice would queue it as data."""
        self.counters.malformed += 1

    async def connect(self) -> None:
        """As aioice's, but over the moment the check list is done, not at the next 20 ms."""
        if not self._local_candidates_end:
            raise ConnectionError("Candidates were not gathered")
        for candidate in self._remote_candidates:
            self._pair_remote_candidate(candidate)
        self.sort_check_list()
        self._unfreeze_initial()
        for message, addr, protocol in self._early_checks:
            self.check_incoming(message, addr, protocol)
        self._early_checks.clear()
        self._early_checks_done = True

        result = await self._run_checks()
        for pair in self._check_list:
            if pair.task is not None:
                pair.task.cancel()
                pair.task = None
                # So that a peer that moves to this pair later finds it checked (§7.3.1.4).
                self.check_state(pair, CandidatePair.State.FAILED)
        if result != ICE_COMPLETED:
            raise ConnectionError("No candidate pair succeeded")
        self._query_consent_task = asyncio.create_task(self.query_consent())

    async def _run_checks(self) -> int:
        unchecked = (CandidatePair.State.WAITING, CandidatePair.State.FROZEN)
        while self._check_periodic():
            more = any(pair.state in unchecked for pair in self._check_list)
            try:
                async with asyncio.timeout(CHECK_PACING_S if more else CANDIDATE_WAIT_S):
                    return await self._check_list_state.get()
            except TimeoutError:
                continue
        return await self._check_list_state.get() if self._check_list else ICE_FAILED

    def check_incoming(
        self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        """As aioice's, and repeat our own check of the pair when it is still In-Progress.

        The peer has just shown that it can reach us, so our check, sent before it was ready or
        before its NAT had a binding, need not wait for its retransmission timer. The request
        keeps its transaction: a late response to the first copy still counts.
        """
        if "PRIORITY" not in message.attributes:
            self.counters.malformed += 1
            return
        in_progress = self._in_progress_pair(protocol, addr)
        super().check_incoming(message, addr, protocol)
        if in_progress and self._triggered_by.get(in_progress) != message.transaction_id:
            self._triggered_by[in_progress] = message.transaction_id
            _retransmit_checks(in_progress)

    def _in_progress_pair(
        self, protocol: StunProtocol, addr: tuple[str, int]
    ) -> CandidatePair | None:
        for pair in self._check_list:
            if pair.protocol is protocol and pair.remote_addr == addr:
                return pair if pair.state is CandidatePair.State.IN_PROGRESS else None
        return None

    async def query_consent(self) -> None:
        """As aioice's, which returns only when the peer has not answered for about 30 s."""
        await super().query_consent()
        self.consent_expired = True

    @property
    def nominated_pair(self) -> NominatedPair | None:
        """The pair in use now; it may change after nomination."""
        pair = self._nominated.get(COMPONENT)
        if pair is None:
            return None
        local, remote = pair.local_candidate, pair.remote_candidate
        return NominatedPair(
            local.type, f"{local.host}:{local.port}", remote.type, f"{remote.host}:{remote.port}"
        )

    def send_now(self, data: bytes) -> bool:
        """Send on the nominated pair without awaiting; False when it cannot be queued.

        A host pair goes straight to its socket. A relayed one costs aioice a task per datagram,
        because the channel may have to be bound first: those are counted and bounded.
        """
        pair = self._nominated.get(COMPONENT)
        if pair is None:
            return False
        transport: Any = pair.protocol.transport
        if isinstance(transport, TurnTransport):
            if _pending_relay_sends(transport) >= MAX_QUEUED_RELAY_SENDS:
                return False
        elif transport.is_closing() or transport.get_write_buffer_size() > MAX_QUEUED_SOCKET_BYTES:
            return False
        transport.sendto(data, pair.remote_addr)
        return True

    def abort(self) -> None:
        """Close the sockets at once, for a close that did not end in time."""
        for protocol in self._protocols:
            protocol.transport.close()


class EngineGatherer(RTCIceGatherer):
    """An ICE gatherer on `EngineConnection`."""

    def __init__(self, configuration: RTCConfiguration, host_addresses: HostAddresses) -> None:
        servers = configuration.iceServers or []
        super().__init__(iceServers=servers, iceTransportPolicy=configuration.iceTransportPolicy)
        policy = ICE_TRANSPORT_POLICIES[configuration.iceTransportPolicy]
        self.connection = EngineConnection(host_addresses, policy, servers)
        self._connection = self.connection


class EngineDtlsTransport(RTCDtlsTransport):
    """DTLS-SRTP whose RTP and RTCP go to the `EngineDriver` instead of aiortc's router."""

    def __init__(
        self, transport: RTCIceTransport, connection: EngineConnection, driver: EngineDriver
    ) -> None:
        super().__init__(transport, [process_certificate()])
        self.connection = connection
        self.driver = driver

    def _setup_srtp(self) -> None:
        """Once there are keys, media skips aioice's queue and the task that reads it."""
        super()._setup_srtp()
        if self._rx_srtp is not None:
            self.connection.on_media = self._unprotect

    def _unprotect(self, data: bytes) -> None:
        try:
            if is_rtcp(data):
                deliver, packet = self.driver.rtcp_received, self._rx_srtp.unprotect_rtcp(data)
            else:
                deliver, packet = self.driver.rtp_received, self._rx_srtp.unprotect(data)
        except pylibsrtp.Error:
            self.connection.counters.unauthenticated += 1
        else:
            deliver(packet)

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        """Media that was queued before the keys were there."""
        self.driver.rtp_received(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.driver.rtcp_received(data)

    def send_now(self, packet: bytes) -> bool:
        """Protect and send one RTP or RTCP packet (told apart per RFC 5761)."""
        sent = False
        if self._state is State.CONNECTED:
            srtp = self._tx_srtp
            protected = (srtp.protect_rtcp if is_rtcp(packet) else srtp.protect)(packet)
            sent = self.connection.send_now(protected)
        self.connection.counters.unsent += not sent
        return sent

    async def stop(self) -> None:
        """Stop; media that still arrives goes nowhere."""
        self.connection.on_media = None
        await super().stop()


class EngineSender(RTCRtpSender):
    """Stands for our audio in SDP; the engine encodes and sends."""

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Report what was negotiated. Must not suspend: SCTP starts right after."""
        codec = parameters.codecs[0]
        if isinstance(self.transport, EngineDtlsTransport) and codec.payloadType is not None:
            self.transport.driver.sending_negotiated(
                ssrc=self._ssrc,
                payload_type=codec.payloadType,
                cname=parameters.rtcp.cname or "",
            )


class EngineReceiver(RTCRtpReceiver):
    """Stands for the peer's audio in SDP; the engine receives and decodes."""

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Report what was negotiated. Must not suspend: SCTP starts right after."""
        if isinstance(self.transport, EngineDtlsTransport):
            self.transport.driver.receiving_negotiated(
                {
                    c.payloadType: c.name.lower()
                    for c in parameters.codecs
                    if c.payloadType is not None
                }
            )


class EnginePeerConnection(RTCPeerConnection):
    """A peer connection of one audio section and one transport, its media in the `EngineDriver`.

    The first audio section is `sendrecv` Opus; any other section with media is `inactive`.
    """

    def __init__(
        self, configuration: RTCConfiguration, driver: EngineDriver, host_addresses: HostAddresses
    ) -> None:
        super().__init__(configuration)
        self._configuration = configuration
        self._driver = driver
        self._host_addresses = host_addresses
        self.dtls_transport: EngineDtlsTransport | None = None

    def _RTCPeerConnection__createDtlsTransport(self) -> EngineDtlsTransport:
        """Every section shares the one transport, so this runs once."""
        gatherer = EngineGatherer(self._configuration, self._host_addresses)
        ice = RTCIceTransport(gatherer)
        dtls = EngineDtlsTransport(ice, gatherer.connection, self._driver)
        _register_transport(self, ice, dtls)
        self.dtls_transport = dtls
        return dtls

    def _RTCPeerConnection__createTransceiver(
        self, direction: str, kind: str, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        """Media beyond the one voice is refused, whatever `direction` says."""
        transceivers = _transceivers(self)
        bundled = self.dtls_transport is not None
        dtls = self.dtls_transport or self._RTCPeerConnection__createDtlsTransport()
        is_voice = kind == "audio" and all(t.kind != "audio" for t in transceivers)
        transceiver = RTCRtpTransceiver(
            direction="sendrecv" if is_voice else "inactive",
            kind=kind,
            sender=EngineSender(kind, dtls),
            receiver=EngineReceiver(kind, dtls),
        )
        if kind == "audio":
            codecs = RTCRtpSender.getCapabilities("audio").codecs
            transceiver.setCodecPreferences([c for c in codecs if c.name.lower() == "opus"])
        transceiver.sender._stream_id = _stream_id(self)
        transceiver._bundled = bundled
        transceivers.append(transceiver)
        return transceiver

    def abort(self) -> None:
        """Close the sockets without the goodbyes."""
        if self.dtls_transport is not None:
            self.dtls_transport.connection.abort()


class SharedCertificate(RTCCertificate):
    """A certificate of several connections: what aiortc makes anew for each is made once."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, cert: x509.Certificate) -> None:
        super().__init__(key, cert)
        self._fingerprints = super().getFingerprints()
        self._context = super()._create_ssl_context(SRTP_PROFILES)
        self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)

    def getFingerprints(self) -> list[RTCDtlsFingerprint]:
        """The digests that go into SDP."""
        return list(self._fingerprints)

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        """Every transport passes SRTP_PROFILES."""
        return self._context


def process_certificate() -> SharedCertificate:
    """The DTLS certificate that this process's connections share, renewed daily."""
    return _certificate_of(datetime.now(UTC).date())


@lru_cache(maxsize=1)
def _certificate_of(day: date) -> SharedCertificate:
    return SharedCertificate.generateCertificate()


def _register_transport(
    connection: RTCPeerConnection, ice: RTCIceTransport, dtls: RTCDtlsTransport
) -> None:
    """Let a connection's states follow its transport's."""
    stock: Any = connection
    ice.iceGatherer.on("statechange", stock._RTCPeerConnection__updateIceGatheringState)
    ice.on("statechange", stock._RTCPeerConnection__updateIceConnectionState)
    for transport in (ice, dtls):
        transport.on("statechange", stock._RTCPeerConnection__updateConnectionState)
    stock._RTCPeerConnection__iceTransports.add(ice)
    stock._RTCPeerConnection__dtlsTransports.add(dtls)


def _transceivers(connection: RTCPeerConnection) -> list[RTCRtpTransceiver]:
    """The list that a connection keeps, not `getTransceivers`' copy."""
    stock: Any = connection
    transceivers: list[RTCRtpTransceiver] = stock._RTCPeerConnection__transceivers
    return transceivers


def _stream_id(connection: RTCPeerConnection) -> str:
    """What ties a connection's tracks together in `a=msid`."""
    stock: Any = connection
    stream_id: str = stock._RTCPeerConnection__stream_id
    return stream_id


def _pending_relay_sends(transport: TurnTransport) -> int:
    """Sends of a relay that wait for a channel binding or their turn."""
    stock: Any = transport
    return len(stock._TurnTransport__send_tasks)


def _retransmit_checks(pair: CandidatePair) -> None:
    """Send the pair's outstanding Binding requests once more, now."""
    transactions: list[Any] = list(pair.protocol.transactions.values())
    for transaction in transactions:
        if transaction._Transaction__addr == pair.remote_addr:
            pair.protocol.send_stun(transaction._Transaction__request, pair.remote_addr)
