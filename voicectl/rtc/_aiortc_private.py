"""aiortc's connection around the engine. Only this file touches what aiortc keeps to itself.

Nothing is replaced in that package: what changes, changes in subclasses that only our own
connections use, so another user of aiortc in the same process keeps the stock behaviour.

- `EngineDtlsTransport` gives the keys and the media to the `EngineDriver`, and sends what comes
  from there, without a task or an await per packet.
- `GuardedReceiver` stands before aiortc's SCTP.
- `EngineSender` and `EngineReceiver` report what was negotiated; they start no codec, no thread.
- `EnginePeerConnection` builds these, with one DTLS certificate for the process.
"""

import asyncio
import struct
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from typing import Any

from aiortc import (
    RTCConfiguration,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSctpTransport,
)
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcdtlstransport import (
    SRTP_PROFILES,
    DataReceiver,
    RTCCertificate,
    RTCDtlsFingerprint,
    SRTPProtectionProfile,
    State,
)
from aiortc.rtcicetransport import ICE_TRANSPORT_POLICIES, RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from voicectl.rtc._aioice_private import EngineConnection
from voicectl.rtc.driver import EngineDriver
from voicectl.rtc.sctp_gate import is_sound
from voicectl.rtc.sctp_limits import WINDOW_BYTES, Kept, Verdict, judge
from voicectl.rtc.settings import HostAddresses
from voicectl.rtc.voice_formats import CODECS

__all__ = ["EnginePeerConnection"]

SCTP_FAILURES = (ValueError, AssertionError, LookupError, InvalidStateError, struct.error)
"""What aiortc raises for chunks and channel messages that are not as they should be."""
EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"


class EngineGatherer(RTCIceGatherer):
    """An ICE gatherer on `EngineConnection`."""

    def __init__(self, configuration: RTCConfiguration, host_addresses: HostAddresses) -> None:
        servers = configuration.iceServers or []
        super().__init__(iceServers=servers, iceTransportPolicy=configuration.iceTransportPolicy)
        policy = ICE_TRANSPORT_POLICIES[configuration.iceTransportPolicy]
        self.connection = EngineConnection(host_addresses, policy, servers)
        self.connection.on_gathered = partial(self._become, "completed")
        self._connection = self.connection

    async def gather(self) -> None:
        """Gather what a description is to wait for; the rest completes it later."""
        if self.state == "new":
            self._become("gathering")
            await self.connection.gather_candidates()

    def _become(self, state: str) -> None:
        stock: Any = self
        stock._RTCIceGatherer__setState(state)


class EngineIceTransport(RTCIceTransport):
    """An ICE transport whose end may overtake its beginning."""

    async def start(self, remoteParameters: RTCIceParameters) -> None:
        """As aiortc's, whose task that connects dies of a transport that was closed meanwhile."""
        if self.state != "closed":
            await super().start(remoteParameters)


class EngineDtlsTransport(RTCDtlsTransport):
    """DTLS-SRTP whose keys and media go to the `EngineDriver`, past libsrtp and aiortc's router."""

    def __init__(
        self, transport: RTCIceTransport, connection: EngineConnection, driver: EngineDriver
    ) -> None:
        super().__init__(transport, [process_certificate()])
        self.connection = connection
        self.driver = driver
        self._sctp: RTCSctpTransport | None = None

    def _setup_srtp(self) -> None:
        """Export the keys (RFC 5764 §4.2) to the engine, and give it the media from now on.

        libsrtp is left out, and with it the queue and the task that aiortc reads media by.
        """
        ssl: Any = self._ssl  # made before the handshake
        name = ssl.get_selected_srtp_profile()
        profile = next((p for p in self._srtp_profiles if p.openssl_profile == name), None)
        if profile is None:
            self._set_state(State.FAILED)
            return
        keying_bytes = 2 * (profile.key_length + profile.salt_length)
        material = ssl.export_keying_material(EXPORTER_LABEL, keying_bytes)
        client, server = (profile.get_key_and_salt(material, index) for index in (0, 1))
        local, remote = (server, client) if self._role == "server" else (client, server)
        self.driver.keys_negotiated(profile.openssl_profile.decode(), local, remote)
        self.connection.set_media_handler(self.driver.datagram_received)

    def send_now(self, datagram: bytes) -> bool:
        """Send one protected RTP or RTCP packet; what cannot be sent is counted."""
        sent = self._state is State.CONNECTED and self.connection.send_now(datagram)
        self.connection.counters.unsent += not sent
        return sent

    async def stop(self) -> None:
        """Stop; media that still arrives goes nowhere."""
        self.connection.set_media_handler(None)
        await super().stop()

    async def _send_data(self, data: bytes) -> None:
        """As aiortc's, and count what comes too late: SCTP's tasks die of it, and nobody asks them.

        SCTP then ends as well, as soon as it has set the timer that it sets after sending.
        """
        try:
            await super()._send_data(data)
        except (ConnectionError, SSL.Error):
            self.connection.counters.unsent += 1
            asyncio.get_running_loop().call_soon(self._end_sctp)

    def _end_sctp(self) -> None:
        if self._sctp is not None:
            self._sctp._set_state(RTCSctpTransport.State.CLOSED)

    def _register_data_receiver(self, receiver: DataReceiver) -> None:
        """Look at what the peer sends before SCTP does."""
        if isinstance(receiver, RTCSctpTransport):
            self._sctp = receiver
            receiver = GuardedReceiver(receiver, self.connection)
        super()._register_data_receiver(receiver)

    def _unregister_data_receiver(self, receiver: DataReceiver) -> None:
        guarded = self._data_receiver
        if isinstance(guarded, GuardedReceiver) and guarded.receiver is receiver:
            super()._unregister_data_receiver(guarded)


class GuardedReceiver:
    """SCTP that counts what aiortc fails on, which would end the call with a traceback.

    A peer that wants more than `sctp_limits` grants loses its channels; the call goes on.
    """

    def __init__(self, receiver: RTCSctpTransport, connection: EngineConnection) -> None:
        self.receiver = receiver
        self._counters = connection.counters
        self._has_ended = False

    async def _handle_data(self, data: bytes) -> None:
        if self._has_ended:
            self._counters.malformed += 1
            return
        verdict = judge(data, _kept(self.receiver)) if is_sound(data) else Verdict.DROP
        if verdict is not Verdict.TAKE:
            self._counters.malformed += 1
            if verdict is Verdict.END:
                self._has_ended = True
                await self.receiver.stop()
                self.receiver._inbound_streams.clear()
            return
        try:
            await self.receiver._handle_data(data)
        except SCTP_FAILURES:
            self._counters.malformed += 1


class EngineSender(RTCRtpSender):
    """Stands for our audio in SDP; the engine encodes and sends."""

    is_on = False

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Report what was negotiated. Must not suspend: SCTP starts right after."""
        driver = self.transport.driver if isinstance(self.transport, EngineDtlsTransport) else None
        if driver is not None and driver.payload_type is not None:
            self.is_on = True
            driver.sending_negotiated(
                ssrc=self._ssrc,
                payload_type=driver.payload_type,
                cname=parameters.rtcp.cname or "",
            )


class EngineReceiver(RTCRtpReceiver):
    """Stands for the peer's audio in SDP; the engine receives and decodes."""

    def __init__(
        self, kind: str, transport: RTCDtlsTransport, sender: EngineSender, cname: str
    ) -> None:
        super().__init__(kind, transport)
        self._sender: EngineSender | None = sender
        self._cname = cname

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Report where nothing is sent. Must not suspend: SCTP starts right after.

        The descriptions have told the engine all else, before the first packet.
        """
        sender, self._sender = self._sender, None
        if (
            sender is not None
            and not sender.is_on
            and isinstance(self.transport, EngineDtlsTransport)
        ):
            self.transport.driver.reporting_negotiated(ssrc=sender._ssrc, cname=self._cname)


class EnginePeerConnection(RTCPeerConnection):
    """A peer connection of one audio section and one transport, its media in the `EngineDriver`.

    The first audio section is `sendrecv` Opus, or G.711; other sections with media are `inactive`.
    """

    def __init__(
        self, configuration: RTCConfiguration, driver: EngineDriver, host_addresses: HostAddresses
    ) -> None:
        super().__init__(configuration)
        self._configuration = configuration
        self._driver = driver
        self._host_addresses = host_addresses
        self.dtls_transport: EngineDtlsTransport | None = None
        self._late_start: asyncio.Future[None] | None = None

    def _RTCPeerConnection__createDtlsTransport(self) -> EngineDtlsTransport:
        """Every section shares the one transport, so this runs once."""
        gatherer = EngineGatherer(self._configuration, self._host_addresses)
        gatherer.connection.on_first_candidate = self._connect_late
        ice = EngineIceTransport(gatherer)
        dtls = EngineDtlsTransport(ice, gatherer.connection, self._driver)
        _register_transport(self, ice, dtls)
        self.dtls_transport = dtls
        return dtls

    def _connect_late(self) -> None:
        """Start ICE and DTLS, which aiortc leaves out for want of a local candidate."""
        stock: Any = self
        self._late_start = asyncio.ensure_future(stock._RTCPeerConnection__connect())

    def _RTCPeerConnection__createTransceiver(
        self, direction: str, kind: str, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        """Media beyond the one voice is refused, whatever `direction` says."""
        transceivers = _transceivers(self)
        bundled = self.dtls_transport is not None
        dtls = self.dtls_transport or self._RTCPeerConnection__createDtlsTransport()
        is_voice = kind == "audio" and all(t.kind != "audio" for t in transceivers)
        sender = EngineSender(kind, dtls)
        transceiver = RTCRtpTransceiver(
            direction="sendrecv" if is_voice else "inactive",
            kind=kind,
            sender=sender,
            receiver=EngineReceiver(kind, dtls, sender, _cname(self)),
        )
        if kind == "audio":
            codecs = RTCRtpSender.getCapabilities("audio").codecs
            preferred = {codec.name.lower(): codec for codec in codecs}
            transceiver.setCodecPreferences([preferred[name] for name in CODECS])
        transceiver.sender._stream_id = _stream_id(self)
        transceiver._bundled = bundled
        transceivers.append(transceiver)
        return transceiver

    def _RTCPeerConnection__createSctpTransport(self) -> None:
        """With the window that is held to."""
        stock: Any = super()
        stock._RTCPeerConnection__createSctpTransport()
        if self.sctp is not None:
            self.sctp._advertised_rwnd = WINDOW_BYTES

    def leave_data_out(self) -> None:
        """Do not begin the association that the peer has rejected."""
        stock: Any = self
        stock._RTCPeerConnection__remoteIce.pop(self.sctp, None)

    def abort(self) -> None:
        """Close the sockets without the goodbyes."""
        if self.dtls_transport is not None:
            self.dtls_transport.connection.abort()


def _kept(association: RTCSctpTransport) -> Kept:
    """What an association holds of the peer's."""
    last_tsn = association._last_received_tsn
    streams = association._inbound_streams
    return Kept(
        next_tsn=None if last_tsn is None else (last_tsn + 1) % 2**32,
        next_own_tsn=association._local_tsn,
        byte_count=WINDOW_BYTES - association._advertised_rwnd,
        chunk_count=sum(len(stream.reassembly) for stream in streams.values()),
        ahead_count=len(association._sack_misordered),
        streams=streams.keys() | association._data_channels.keys(),
    )


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


def _cname(connection: RTCPeerConnection) -> str:
    """What our descriptions call the author of our reports."""
    stock: Any = connection
    cname: str = stock._RTCPeerConnection__cname
    return cname


def _stream_id(connection: RTCPeerConnection) -> str:
    """What ties a connection's tracks together in `a=msid`."""
    stock: Any = connection
    stream_id: str = stock._RTCPeerConnection__stream_id
    return stream_id
