"""DTLS over a connected UDP socket (RFC 7350)."""

import asyncio

from voicectl.clock import Clock
from voicectl.probe.transport.failure import Failure, FailureKind, PathFailed
from voicectl.probe.transport.secure import SecureLayer, SecureLayerFailed, TlsReport, TrustStore
from voicectl.probe.transport.udp import Received, UdpTransport
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["DtlsTransport"]

_FLIGHT_INTERVAL_S = 0.3
"""OpenSSL's own first timer is 1 s: too slow for a diagnosis."""


class DtlsTransport:
    """STUN over DTLS; requests are sent again as over UDP."""

    reliable = False

    def __init__(self, lower: UdpTransport, layer: SecureLayer) -> None:
        self._lower = lower
        self._layer = layer
        self._decrypted: list[Received] = []
        self.local = lower.local
        self.remote = lower.remote
        self.tls: TlsReport | None = None

    @classmethod
    async def connect(
        cls, remote: TransportAddress, server_name: str, trust: TrustStore, clock: Clock
    ) -> "DtlsTransport":
        """Shake hands; bounded by the caller's timeout.

        Raises:
            PathFailed: ICMP, or a handshake that can't go on.
        """
        layer = SecureLayer(server_name, trust, datagrams=True)
        lower = UdpTransport.connect(remote, clock)
        transport = cls(lower, layer)
        try:
            await transport._shake_hands()
        except BaseException:  # cancelled too: the socket must not outlive the wait
            lower.close()
            raise
        return transport

    def send(self, data: bytes) -> None:
        """Send one message."""
        self._lower.send(self._layer.encrypt(data))

    async def receive(self) -> Received:
        """The next message.

        Raises:
            PathFailed: an ICMP error, or the end of the session.
        """
        while not self._decrypted:
            data, received_ns = await self._lower.receive()
            try:
                plain = self._layer.decrypt(data)
            except SecureLayerFailed as error:
                raise _tls_failure("request", error) from error
            self._decrypted += [(each, received_ns) for each in plain]
        return self._decrypted.pop(0)

    def close(self) -> None:
        """Close the socket."""
        self._lower.close()

    async def _shake_hands(self) -> None:
        try:
            self._lower.send(self._layer.handshake())
            while not self._layer.established:
                try:
                    async with asyncio.timeout(_FLIGHT_INTERVAL_S):
                        data, _ = await self._lower.receive()
                except TimeoutError:
                    if again := self._layer.resend():
                        self._lower.send(again)
                    continue
                if answer := self._layer.handshake(data):
                    self._lower.send(answer)
        except SecureLayerFailed as error:
            raise _tls_failure("tls", error) from error
        self.tls = self._layer.report()


def _tls_failure(phase: str, error: SecureLayerFailed) -> PathFailed:
    return PathFailed(Failure(FailureKind.TLS, phase, str(error)))
