"""aioice's ICE agent, with what it leaves out.

Only this file and `_aioice_turn_private` touch what aioice keeps to itself.

Nothing is replaced in that package: what changes, changes in a subclass that only our own
connections use, so another user of it in the same process keeps the stock behaviour.
"""

import asyncio
import random
from asyncio import selector_events
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aioice import Candidate, Connection, TransportPolicy, stun
from aioice.ice import (
    ICE_COMPLETED,
    ICE_FAILED,
    CandidatePair,
    StunProtocol,
    get_host_addresses,
)
from aioice.turn import TurnTransport
from aiortc import RTCIceServer

from voicectl.rtc._aioice_turn_private import (
    MALFORMED_STUN,
    guard_client,
    keep_permissions,
    pending_relay_sends,
)
from voicectl.rtc.gathering import IceQuestions, ServerFailure
from voicectl.rtc.settings import HostAddresses
from voicectl.rtc.stats import DatagramCounters, NominatedPair

__all__ = ["DetachedSocket", "EngineConnection", "MediaRoute"]

COMPONENT = 1
"""RTP and RTCP share one (RFC 8445 §5.1.1.1 with rtcp-mux)."""
LOOPBACK_ADDRESSES = ["127.0.0.1"]
"""One family: each further address costs every call a socket and a pair."""
STUN_MAGIC_COOKIE = stun.COOKIE.to_bytes(4)
CHECK_PACING_S = 0.005
"""Ta between two new checks, the least that RFC 8445 §14.2 allows."""
CONSENT_INTERVAL_S = 5.0
"""Between two consent checks, give or take a fifth (RFC 7675 §5.1)."""
CONSENT_LIFETIME_S = 30.0
PAIRS_ADDED = 0
"""In the queue of check list states, beside ICE_COMPLETED and ICE_FAILED: go on checking."""
MAX_DATAGRAM_BYTES = 1500
"""No WebRTC endpoint sends more than an Ethernet frame holds."""
MAX_QUEUED_DATAGRAMS = 256
"""DTLS that waits for its reader; the newest is dropped."""
MAX_EARLY_MEDIA = 64
"""Media that waits for the keys; the newest is dropped."""
MAX_PEER_REFLEXIVE = 32
"""Addresses that a peer may be learned at: each is sent checks, whoever is there."""
MAX_QUEUED_RELAY_SENDS = 64
MAX_QUEUED_SOCKET_BYTES = 65536

# Typeshed leaves it out. Nothing is an instance of () on a Python that has it no more.
_SELECTOR_TRANSPORT: Any = getattr(selector_events, "_SelectorDatagramTransport", ())

Address = tuple[int, str, int]
"""Index of a socket, host and port."""


@dataclass(frozen=True)
class DetachedSocket:
    """A socket that the event loop no longer reads."""

    protocol: StunProtocol
    """Takes what is no media."""
    fileno: int


@dataclass(frozen=True)
class MediaRoute:
    """Which way media goes over detached sockets."""

    accepted: list[Address]
    """The peer's ends of the live candidate pairs."""
    destination: Address | None
    """None: not over a detached socket."""


class EngineConnection(Connection):
    """An ICE agent for one component, with what aioice leaves out."""

    def __init__(
        self,
        host_addresses: HostAddresses,
        transport_policy: TransportPolicy,
        servers: list[RTCIceServer],
    ) -> None:
        super().__init__(ice_controlling=False, transport_policy=transport_policy)
        self.counters = DatagramCounters()
        self.on_pairs_changed: Callable[[], None] | None = None
        """Called when a pair may have come to life or been nominated."""
        self.consent_expired = False
        self.gathering_wait_s: float | None = None
        """How long `gather_candidates` waits for the servers; None: not even for a candidate."""
        self.server_failures: list[ServerFailure] = []
        self.on_first_candidate: Callable[[], None] | None = None
        """Called when a server gave the first candidate, no host having given one."""
        self.on_gathered: Callable[[], None] | None = None
        """Called when no more candidates are to come."""
        self._questions = IceQuestions(
            servers, relay_only=transport_policy is TransportPolicy.RELAY
        )
        self._asking: asyncio.Task[None] | None = None
        self._gathering_news = asyncio.Event()
        self._is_resting = False
        self._on_media: Callable[[bytes], None] | None = None
        self._early_media: list[bytes] = []
        self._host_addresses = host_addresses
        self._proven: set[tuple[StunProtocol, tuple[str, int]]] = set()
        self._triggered_by: dict[CandidatePair, bytes] = {}
        self._permission_tasks: list[asyncio.Task[None]] = []

    async def gather_candidates(self) -> None:
        """Gather the hosts' candidates, and wait for the servers' as long as was asked.

        With no candidate there is nothing to wait less for: then the first one ends the wait.
        The servers' candidates go on coming in after it.
        """
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        self._local_candidates += await self.get_component_candidates(COMPONENT, self._addresses())
        for protocol in self._protocols:
            self._guard(protocol)
        if self._closing:
            self.abort()  # close() has come and gone, and did not see these sockets
        elif not self._questions:
            self._end_gathering()
        else:
            self._asking = asyncio.create_task(self._ask_servers(list(self._protocols)))
            if self.gathering_wait_s is not None:
                await asyncio.wait({self._asking}, timeout=self.gathering_wait_s)
                while not (self._local_candidates or self._asking.done() or self._closing):
                    await self._gathering_news.wait()

    async def _ask_servers(self, hosts: list[StunProtocol]) -> None:
        self.server_failures = await self._questions.ask(
            COMPONENT, hosts, lambda: StunProtocol(self), self._add_local_candidate
        )
        self._end_gathering()

    def _add_local_candidate(self, candidate: Candidate, protocol: StunProtocol | None) -> None:
        """Take what a server gave; a relayed candidate has a socket of its own, and pairs.

        A server-reflexive one is for the peer to know: its pairs are those of its host.
        """
        if protocol is None and self._is_known(candidate):
            return
        is_first = not self._local_candidates
        self._local_candidates.append(candidate)
        if protocol is not None:
            self._protocols.append(protocol)
            self._guard(protocol)
            if not self._check_list_done:  # else it would bring back the pairs that were pruned
                for remote in self._remote_candidates:
                    self._pair_remote_candidate(remote)
                self.sort_check_list()
        self._tell_gathering()
        if is_first and self.on_first_candidate is not None:
            self.on_first_candidate()

    def _is_known(self, candidate: Candidate) -> bool:
        """Whether the peer learns nothing from it (RFC 8445 §5.1.3)."""
        address = (candidate.host, candidate.port)
        return candidate.port == 0 or any(
            address == (known.host, known.port) for known in self._local_candidates
        )

    def _guard(self, protocol: StunProtocol) -> None:
        """Put the gate before a socket, and keep a relay's permissions."""
        gate = partial(self._admit_datagram, protocol)
        protocol.datagram_received = gate  # type: ignore[method-assign]
        if isinstance(protocol.transport, TurnTransport):
            guard_client(protocol.transport, self.counters)
            keeping = asyncio.create_task(keep_permissions(protocol.transport))
            self._permission_tasks.append(keeping)

    def _end_gathering(self) -> None:
        self._local_candidates_end = True
        self._tell_gathering()
        if self.on_gathered is not None:
            self.on_gathered()
        if self._early_checks_done and not self._check_list_maybe_complete():
            self._check_list_maybe_fail()

    def _tell_gathering(self) -> None:
        self._gathering_news.set()
        self._gathering_news = asyncio.Event()

    @property
    def has_gathered(self) -> bool:
        """Whether no more local candidates are to come."""
        return self._local_candidates_end

    async def candidates_after(self, count: int) -> AsyncIterator[Candidate | None]:
        """The local candidates after the first `count`, as they come; None when it was the last.

        It stops without a None when the agent is closed.
        """
        while not self._closing:
            news = self._gathering_news
            if count < len(self._local_candidates):
                count += 1
                yield self._local_candidates[count - 1]
            elif self._local_candidates_end:
                yield None
                return
            else:
                await news.wait()

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
            except MALFORMED_STUN:
                self.counters.malformed += 1
        elif not self._is_pair(protocol, source):
            self.counters.unknown_source += 1
        elif 128 <= data[0] <= 191:
            self._take_media(data)
        elif self._queue.qsize() >= MAX_QUEUED_DATAGRAMS:
            self.counters.overflowed += 1
        else:
            self._queue.put_nowait((data, COMPONENT))

    def _take_media(self, datagram: bytes) -> None:
        if self._on_media is not None:
            self._on_media(datagram)
        elif len(self._early_media) >= MAX_EARLY_MEDIA:
            self.counters.overflowed += 1
        else:
            self._early_media.append(datagram)

    def set_media_handler(self, handler: Callable[[bytes], None] | None) -> None:
        """Give `handler` the media of live pairs, first what came before there were keys."""
        self._on_media = handler
        early_media, self._early_media = self._early_media, []
        for datagram in early_media:
            if handler is not None:
                handler(datagram)

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
        if not self._local_candidates_start:
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
        while self._check_periodic() or self._check_list:
            self._is_resting = all(pair.state not in unchecked for pair in self._check_list)
            try:
                async with asyncio.timeout(None if self._is_resting else CHECK_PACING_S):
                    if (result := await self._check_list_state.get()) != PAIRS_ADDED:
                        return result
            except TimeoutError:
                continue
        return ICE_FAILED

    def _pair_remote_candidate(self, remote_candidate: Candidate) -> None:
        """As aioice's, and check the pairs at once when there was nothing to check."""
        super()._pair_remote_candidate(remote_candidate)
        if self._is_resting:
            self._is_resting = False
            self._check_list_state.put_nowait(PAIRS_ADDED)

    def _remote_candidates_expected(self) -> bool:
        """As aioice's, which asks it before it gives up: candidates of ours may follow as well."""
        return not self._local_candidates_end or super()._remote_candidates_expected()

    def _prune_components(self) -> None:
        """Leave the one component there is, for a peer-reflexive candidate that may be learned."""

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
        if self._learned_too_many(addr):
            self.counters.overflowed += 1
            return
        in_progress = self._in_progress_pair(protocol, addr)
        super().check_incoming(message, addr, protocol)
        if in_progress and self._triggered_by.get(in_progress) != message.transaction_id:
            self._triggered_by[in_progress] = message.transaction_id
            _retransmit_checks(in_progress)

    def _learned_too_many(self, addr: tuple[str, int]) -> bool:
        learned = sum(candidate.type == "prflx" for candidate in self._remote_candidates)
        return learned >= MAX_PEER_REFLEXIVE and all(
            addr != (candidate._network_host, candidate.port)
            for candidate in self._remote_candidates
        )

    def _in_progress_pair(
        self, protocol: StunProtocol, addr: tuple[str, int]
    ) -> CandidatePair | None:
        for pair in self._check_list:
            if pair.protocol is protocol and pair.remote_addr == addr:
                return pair if pair.state is CandidatePair.State.IN_PROGRESS else None
        return None

    def check_state(self, pair: CandidatePair, state: CandidatePair.State) -> None:
        """As aioice's, and tell."""
        super().check_state(pair, state)
        self._tell_pairs()

    def check_complete(self, pair: CandidatePair) -> None:
        """As aioice's, and tell: the pair may be the nominated one now."""
        super().check_complete(pair)
        self._tell_pairs()

    def _tell_pairs(self) -> None:
        if self.on_pairs_changed is not None:
            self.on_pairs_changed()

    async def query_consent(self) -> None:
        """As aioice's, but consent ends 30 s after the last valid response (RFC 7675 §5.1).

        aioice counts six failures, with 4 to 6.5 s from one to the next.
        """
        loop = asyncio.get_running_loop()
        renewed_at = loop.time()
        while (left_s := renewed_at + CONSENT_LIFETIME_S - loop.time()) > 0:
            interval_s = CONSENT_INTERVAL_S * random.uniform(0.8, 1.2)
            await asyncio.sleep(min(interval_s, left_s))
            if await self._is_consenting(renewed_at + CONSENT_LIFETIME_S):
                renewed_at = loop.time()
        self.consent_expired = True
        self._query_consent_task = None  # close() would wait for it
        await self.close()

    async def _is_consenting(self, until: float) -> bool:
        """Whether the peer answers one check, by `until` on the loop's clock."""
        pair, password = self._nominated.get(COMPONENT), self.remote_password
        if pair is None or password is None:
            return False
        request = self.build_request(pair, nominate=False)
        try:
            async with asyncio.timeout_at(until):
                await pair.protocol.request(
                    request, pair.remote_addr, password.encode(), retransmissions=0
                )
        except (stun.TransactionError, TimeoutError):
            return False
        return True

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

    def detach_sockets(self) -> list[DetachedSocket]:
        """Stop reading the sockets that asyncio's own loop reads, for another thread to read them.

        They stay open, and sending goes on as before. Empty when the pair in use is relayed, or
        where the loop or the system does not let its sockets go.
        """
        loop = asyncio.get_running_loop()
        remove_reader = getattr(loop, "_remove_reader", None)
        nominated = self._nominated.get(COMPONENT)
        raw = [p for p in self._protocols if isinstance(p.transport, _SELECTOR_TRANSPORT)]
        if remove_reader is None or nominated is None or nominated.protocol not in raw:
            return []
        sockets = [DetachedSocket(p, p.transport.get_extra_info("socket").fileno()) for p in raw]
        for detached in sockets:
            remove_reader(detached.fileno)
        return sockets

    def attach_sockets(self, sockets: Sequence[DetachedSocket]) -> None:
        """Read detached sockets again."""
        loop: Any = asyncio.get_running_loop()
        for detached in sockets:
            transport: Any = detached.protocol.transport
            loop._add_reader(detached.fileno, transport._read_ready)

    def media_route(self, sockets: Sequence[DetachedSocket]) -> MediaRoute:
        """Where media may come from and goes to now, by index into `sockets`."""
        index_of = {detached.protocol: index for index, detached in enumerate(sockets)}
        live = (CandidatePair.State.IN_PROGRESS, CandidatePair.State.SUCCEEDED)
        accepted = [
            (index_of[pair.protocol], *pair.remote_addr)
            for pair in self._check_list
            if pair.state in live and pair.protocol in index_of
        ]
        nominated = self._nominated.get(COMPONENT)
        if nominated is None or nominated.protocol not in index_of:
            return MediaRoute(accepted, None)
        return MediaRoute(accepted, (index_of[nominated.protocol], *nominated.remote_addr))

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
            if pending_relay_sends(transport) >= MAX_QUEUED_RELAY_SENDS:
                return False
        elif transport.is_closing() or transport.get_write_buffer_size() > MAX_QUEUED_SOCKET_BYTES:
            return False
        transport.sendto(data, pair.remote_addr)
        return True

    async def close(self) -> None:
        """As aioice's, and ask no server and keep no permissions any longer."""
        self._closing = True
        self._stop_tasks()
        if self._asking is not None:
            await asyncio.wait({self._asking})  # or it would leave a relay behind
        await super().close()

    def _stop_tasks(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        for task in self._permission_tasks:
            task.cancel()
        self._permission_tasks.clear()
        self._tell_gathering()

    def abort(self) -> None:
        """Close the sockets at once, for a close that did not end in time."""
        self._stop_tasks()
        for protocol in self._protocols:
            protocol.transport.close()


def _retransmit_checks(pair: CandidatePair) -> None:
    """Send the pair's outstanding Binding requests once more, now."""
    transactions: list[Any] = list(pair.protocol.transactions.values())
    for transaction in transactions:
        if transaction._Transaction__addr == pair.remote_addr:
            pair.protocol.send_stun(transaction._Transaction__request, pair.remote_addr)
