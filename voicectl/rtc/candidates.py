"""Candidates that travel in descriptions or apart from them (trickle ICE, RFC 8838)."""

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aioice import Candidate
from aiortc import RTCIceCandidate
from aiortc.rtcicetransport import candidate_to_aioice
from aiortc.sdp import candidate_from_sdp

from voicectl.errors import WireError

__all__ = ["END_OF_CANDIDATES", "IceCandidate", "RemoteCandidates", "RemoteTransport"]

MAX_CANDIDATES = 32
"""Of one peer: an agent sends checks to every one of them."""
MAX_CHARACTERS = 512
END_OF_CANDIDATES = ""
_PREFIX = "candidate:"
_MDNS_NAME = re.compile(r"[A-Za-z0-9-]{1,63}\.local")
_FRAGMENT = re.compile(r" ufrag (\S+)")
_TYPES = ("host", "srflx", "relay")
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_Add = Callable[[Candidate | None], Awaitable[None]]


@dataclass(frozen=True)
class IceCandidate:
    """A candidate on its own, with the meaning of W3C's RTCIceCandidateInit.

    Args:
        candidate: The candidate-attribute (RFC 8839 §5.1) without `a=`; empty for
            end-of-candidates.
        mid: The media section; None: the one that all share.
        username_fragment: The ICE generation; None: that of the description, or the one that the
            attribute itself names.
    """

    candidate: str
    mid: str | None = None
    username_fragment: str | None = None


@dataclass(frozen=True)
class RemoteTransport:
    """What a description says about the transport that its sections share.

    Args:
        mid: The section that stands for them all (RFC 9143 §7.1.3).
        username_fragment: Its ICE generation.
        candidates: Those that the section names.
        ended: No further candidates follow.
    """

    mid: str
    username_fragment: str
    candidates: Sequence[RTCIceCandidate]
    ended: bool


class RemoteCandidates:
    """The gate before the ICE agent for all the candidates of one peer.

    What does not parse is a WireError. What parses and must not be tried is counted: addresses
    that no peer can have, other transports than UDP, another generation's, more than 32, and what
    comes after the end.
    """

    def __init__(self, *, allow_loopback: bool) -> None:
        self.refused = 0
        """Candidates that were not tried."""
        self._allow_loopback = allow_loopback
        self._transport: RemoteTransport | None = None
        self._add: _Add | None = None
        self._early: list[tuple[IceCandidate, RTCIceCandidate | None]] = []
        self._tried = 0
        self._ended = False
        self._resolving: set[asyncio.Task[None]] = set()

    async def describe(self, transport: RemoteTransport, add: _Add) -> None:
        """Take what the description names, then what came before it; `add` is the agent's."""
        self._transport, self._add = transport, add
        for parsed in transport.candidates:
            await self._try(parsed)
        early, self._early = self._early, []
        for item, parsed_early in early:
            await self._take(transport, item, parsed_early)
        if transport.ended:
            await self._end()

    async def take(self, item: IceCandidate) -> None:
        """Take a candidate that the peer has trickled, or its end-of-candidates.

        Raises:
            WireError: It is neither.
        """
        parsed = _parse(item.candidate) if item.candidate.strip() else None
        if self._ended:
            self.refused += parsed is not None
        elif self._transport is not None:
            await self._take(self._transport, item, parsed)
        elif len(self._early) < MAX_CANDIDATES:
            self._early.append((item, parsed))
        else:
            self.refused += parsed is not None

    def close(self) -> None:
        """Take no more, and resolve no more names."""
        self._ended = True
        for task in self._resolving:
            task.cancel()

    async def _take(
        self, transport: RemoteTransport, item: IceCandidate, parsed: RTCIceCandidate | None
    ) -> None:
        of_this_section = item.mid in (None, transport.mid)
        named = _FRAGMENT.search(item.candidate)
        fragment = item.username_fragment or (named[1] if named else None)
        if not of_this_section or fragment not in (None, transport.username_fragment):
            self.refused += parsed is not None
        elif parsed is None:
            await self._end()
        else:
            await self._try(parsed)

    async def _try(self, parsed: RTCIceCandidate) -> None:
        if (
            self._ended
            or self._add is None
            or self._tried == MAX_CANDIDATES
            or not _is_allowed(parsed, self._allow_loopback)
        ):
            self.refused += 1
            return
        self._tried += 1
        candidate = candidate_to_aioice(parsed)
        if parsed.ip.endswith(".local"):
            self._resolve(self._add, candidate)  # up to 1 s, for which nothing else waits
        else:
            await self._add(candidate)

    async def _end(self) -> None:
        if self._add is None or self._ended:
            return
        self._ended = True
        if self._resolving:
            self._resolve(self._add, None)  # after those have begun
        else:
            await self._add(None)

    def _resolve(self, add: _Add, candidate: Candidate | None) -> None:
        async def resolve() -> None:
            try:
                await add(candidate)
            except OSError:  # no socket for multicast DNS here
                self.refused += 1

        task = asyncio.create_task(resolve())
        self._resolving.add(task)
        task.add_done_callback(self._resolving.discard)


def _parse(attribute: str) -> RTCIceCandidate:
    text = attribute.strip().removeprefix("a=")
    if len(text) > MAX_CHARACTERS or not text.startswith(_PREFIX):
        raise WireError("not an ICE candidate", detail=repr(text[:80]))
    try:
        return candidate_from_sdp(text.removeprefix(_PREFIX))
    except (ValueError, AssertionError, IndexError) as error:
        raise WireError("an ICE candidate does not parse", detail=repr(text[:80])) from error


def _is_allowed(candidate: RTCIceCandidate, allow_loopback: bool) -> bool:
    """Whether a check may be sent to it (aioice resolves an mDNS name itself)."""
    if candidate.component != 1 or candidate.protocol.lower() != "udp":
        return False  # RTP and RTCP share a component, and aioice knows UDP only
    if candidate.type not in _TYPES or not 0 < candidate.port < 65536:
        return False
    if _MDNS_NAME.fullmatch(candidate.ip):
        return True
    try:
        address = ipaddress.ip_address(candidate.ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return allow_loopback
    return not (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address == _BROADCAST
    )
