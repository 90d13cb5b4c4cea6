"""One leg from the socket to the allocation, with its own deadline."""

import asyncio
import contextlib

from voicectl.probe.evidence import Leg, LegResult
from voicectl.probe.session import Transport, TurnSession
from voicectl.probe.settings import ProbeSettings, new_seed
from voicectl.probe.target import TransportName
from voicectl.probe.transport.dtls import DtlsTransport
from voicectl.probe.transport.failure import Failure, FailureKind, PathFailed
from voicectl.probe.transport.stream import StreamTransport
from voicectl.probe.transport.udp import UdpTransport
from voicectl.turn.credentials import Credentials
from voicectl.turn.events import (
    AllocationCreated,
    BindingSucceeded,
    Challenged,
    Event,
    RequestRefused,
    RequestTimedOut,
)
from voicectl.turn.requests import IPV4, IPV6, UDP, AllocateOptions
from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import TransportAddress, printable

__all__ = ["LegRun", "release"]

_NS_PER_MS = 1_000_000
_HANDSHAKE_TIMEOUT_S = 2.0
_PLAIN_TIMEOUT_S = 0.7
_RELEASE_TIMEOUT_S = 0.3
_ALLOCATION_MISMATCH = 437


class LegRun:
    """Runs a leg and keeps its session open when an allocation was made."""

    def __init__(
        self,
        leg: Leg,
        credentials: Credentials | None,
        settings: ProbeSettings,
        *,
        proxy_address: TransportAddress | None = None,
        relayed_transport: int = UDP,
    ) -> None:
        self.leg = leg
        self.result = LegResult(leg)
        self.session: TurnSession | None = None
        self._credentials = credentials
        self._settings = settings
        self._proxy_address = proxy_address
        self._relayed_transport = relayed_transport
        self._phase = "connect"
        self._timeout: asyncio.Timeout | None = None
        self._cut_at: float | None = None

    def cut(self, when: float) -> None:
        """Wait no longer than until `when` on the event loop's clock."""
        self._cut_at = when
        if self._timeout is not None and not self._timeout.expired():
            current = self._timeout.when()
            if current is None or current > when:
                self._timeout.reschedule(when)

    async def run(self, probe_started_ns: int) -> None:
        """Run it; whatever happens is in `result`."""
        clock = self._settings.clock
        started_ns = clock.now_ns()
        self.result.started_ms = (started_ns - probe_started_ns) / _NS_PER_MS
        try:
            async with asyncio.timeout(self._settings.leg_timeout_s) as self._timeout:
                if self._cut_at is not None:
                    self.cut(self._cut_at)
                await self._go()
        except TimeoutError:
            self._note_silence((clock.now_ns() - started_ns) / _NS_PER_MS)
        except PathFailed as error:
            self._note_failure(error.failure)
        finally:
            self._timeout = None
            self.result.took_ms = (clock.now_ns() - started_ns) / _NS_PER_MS
            if self.session is not None:
                self.result.discarded = list(self.session.discarded)
                if self.result.allocation is None:
                    await self.session.close()
                    self.session = None

    async def _go(self) -> None:
        for attempt in range(2):
            transport = await self._open()
            self.result.connected = True
            self.result.local = transport.local
            self._phase = "request"
            settings = self._settings.client_settings(
                self._credentials, reliable=transport.reliable
            )
            self.session = TurnSession(transport, settings, self._settings.clock, new_seed())
            self.session.start()
            await self._talk(self.session)
            refused = self.result.refused
            if attempt or refused is None or refused.code != _ALLOCATION_MISMATCH:
                return
            # 437: the server still holds an allocation of this 5-tuple's former owner.
            await self.session.close()
            self.result.refused = None

    async def _open(self) -> Transport:
        leg, clock, trust = self.leg, self._settings.clock, self._settings.trust
        if leg.transport is TransportName.UDP:
            return UdpTransport.connect(leg.address, clock)
        if leg.transport is TransportName.DTLS:
            self._phase = "tls"
            dtls = await DtlsTransport.connect(leg.address, leg.server_name, trust, clock)
            self.result.tls = dtls.tls
            return dtls
        stream = await self._open_stream()
        if leg.transport is TransportName.TLS:
            self._phase = "tls"
            await self._start_tls(stream)
        return stream

    async def _open_stream(self) -> StreamTransport:
        clock = self._settings.clock
        if not self.leg.via_proxy:
            return await StreamTransport.connect(self.leg.address, clock)
        proxy = self._settings.proxy
        if proxy is None or self._proxy_address is None:
            detail = "the proxy's name has no address"
            raise PathFailed(Failure(FailureKind.PROXY_UNREACHABLE, "proxy", detail))
        self._phase = "proxy"
        try:
            stream = await StreamTransport.connect(self._proxy_address, clock)
        except PathFailed as error:
            detail = f"the proxy at {proxy}: {error.failure.detail}"
            failure = Failure(FailureKind.PROXY_UNREACHABLE, "proxy", detail, error.failure.errno)
            raise PathFailed(failure) from error
        try:
            await stream.ask_proxy(proxy, self.leg.address.ip, self.leg.address.port)
        except BaseException:  # cancelled too: the socket must not outlive the wait
            stream.close()
            raise
        return stream

    async def _start_tls(self, stream: StreamTransport) -> None:
        try:
            async with asyncio.timeout(_HANDSHAKE_TIMEOUT_S):
                await stream.start_tls(self.leg.server_name, self._settings.trust)
        except TimeoutError:
            self.result.tls_left_unanswered = True
            stream.close()
            await self._try_plain()
            detail = "TCP opened, the TLS ClientHello had no answer"
            raise PathFailed(Failure(FailureKind.SILENT, "tls", detail)) from None
        except PathFailed:
            stream.close()
            await self._try_plain()
            raise
        except BaseException:  # cancelled too: the socket must not outlive the wait
            stream.close()
            raise
        self.result.tls = stream.tls

    async def _try_plain(self) -> None:
        """Whether the port that won't do TLS speaks plain STUN."""
        with contextlib.suppress(PathFailed, TimeoutError):
            async with asyncio.timeout(_PLAIN_TIMEOUT_S):
                stream = await self._open_stream()
                settings = self._settings.client_settings(None, reliable=True)
                session = TurnSession(stream, settings, self._settings.clock, new_seed())
                async with session:
                    await session.ask(Method.BINDING, lambda client, now: client.bind(now))
                    self.result.plain_answers = True

    async def _talk(self, session: TurnSession) -> None:
        asks = [self._ask_binding(session)]
        if self.leg.allocates:
            asks.append(self._ask_allocation(session))
        try:
            await asyncio.gather(*asks)
        finally:
            self.result.challenged = [e for e in session.events if isinstance(e, Challenged)]
            if (audience := session.client.authenticator.token_audience) is not None:
                self.result.token_audience = printable(audience)

    async def _ask_binding(self, session: TurnSession) -> None:
        event = await session.ask(Method.BINDING, lambda client, now: client.bind(now))
        if isinstance(event, BindingSucceeded):
            self.result.binding = event
            self.result.tries = event.tries
        elif isinstance(event, RequestRefused):
            self.result.binding_refused = event
        self._note_timeout(event)

    async def _ask_allocation(self, session: TurnSession) -> None:
        family = {4: IPV4, 6: IPV6}.get(self._settings.relay_family or 0)
        options = AllocateOptions(transport=self._relayed_transport, family=family)
        event = await session.ask(
            Method.ALLOCATE, lambda client, now: client.allocate(now, options)
        )
        if isinstance(event, AllocationCreated):
            self.result.allocation = event
        elif isinstance(event, RequestRefused):
            self.result.refused = event
        self._note_timeout(event)

    def _note_timeout(self, event: Event) -> None:
        if isinstance(event, RequestTimedOut):
            raise TimeoutError

    def _note_failure(self, failure: Failure) -> None:
        if failure.kind is FailureKind.NO_ROUTE and self.leg.address.family == 6:
            self.result.skipped = "no IPv6 route here"
        # A path that broke after the answers had come is still a path that answered.
        elif self.result.allocation is None:
            self.result.failure = failure

    def _note_silence(self, took_ms: float) -> None:
        result = self.result
        if result.allocation is not None or (result.binding and not self.leg.allocates):
            return
        discarded = self.session.discarded if self.session is not None else []
        malformed = [each for each in discarded if each.startswith("malformed")]
        if self._phase == "proxy":
            detail = f"the proxy accepted the connection and said nothing in {took_ms:.0f} ms"
            result.failure = Failure(FailureKind.PROXY_SILENT, "proxy", detail)
        elif malformed:
            result.failure = Failure(FailureKind.NOT_STUN, self._phase, malformed[0])
        elif discarded:
            detail = f"answers came, and none could be accepted: {discarded[0]}"
            result.failure = Failure(FailureKind.NOT_STUN, self._phase, detail)
        else:
            what = "no answer to Allocate" if result.answered else "no answer"
            detail = f"{what} in {took_ms:.0f} ms"
            result.failure = Failure(FailureKind.SILENT, self._phase, detail)
        if self._phase == "tls" and result.leg.transport is TransportName.TLS:
            result.tls_left_unanswered = True


async def release(session: TurnSession) -> None:
    """Give the allocation back, without waiting long for the server to agree, and close."""
    if session.failure is None and session.client.allocation is not None:
        with contextlib.suppress(PathFailed, TimeoutError):
            async with asyncio.timeout(_RELEASE_TIMEOUT_S):
                await session.ask(
                    Method.REFRESH, lambda client, now: client.refresh(now, lifetime_s=0)
                )
    await session.close()
