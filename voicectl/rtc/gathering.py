"""What STUN and TURN servers add to an agent's own addresses: all are asked, all at once."""

import asyncio
import struct
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aioice import Candidate, stun
from aioice.candidate import candidate_priority
from aioice.ice import StunProtocol, relayed_candidate, server_reflexive_candidate
from aiortc import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

__all__ = ["IceQuestions", "ServerFailure", "TakeCandidate"]

SERVER_TIMEOUT_S = 5.0
"""No call waits for it (see `gathering_wait_ms`): it is when no more candidates are to come."""
HIGHEST_PREFERENCE = 65535

TakeCandidate = Callable[[Candidate, StunProtocol | None], None]
"""Takes a candidate, with the socket of its own that a relayed one has."""
_Answer = tuple[Candidate, StunProtocol | None]
_Question = Callable[[], Coroutine[Any, Any, _Answer]]

_FAILURES = (
    OSError,
    stun.TransactionError,
    ArithmeticError,
    AssertionError,
    LookupError,
    ValueError,
    struct.error,
)
"""No way there, a refusal, or bytes of something that is no STUN or TURN server."""


@dataclass(frozen=True)
class ServerFailure:
    """A server that gave no candidate."""

    uri: str
    reason: str


class IceQuestions:
    """The servers of one call.

    Args:
        servers: Their URIs and credentials; those that aiortc has no transport for are left out.
        relay_only: Ask for relayed candidates only, and hide the address related to them
            (RFC 9429 §3.5.3).
    """

    def __init__(self, servers: Sequence[RTCIceServer], *, relay_only: bool) -> None:
        self._relay_only = relay_only
        self._stun: list[tuple[str, dict[str, Any]]] = []
        self._turn: list[tuple[str, dict[str, Any]]] = []
        for server in servers:
            for uri in [server.urls] if isinstance(server.urls, str) else server.urls:
                one = RTCIceServer(uri, server.username, server.credential, server.credentialType)
                parsed = connection_kwargs([one])
                if "turn_server" in parsed:
                    self._turn.append((uri, parsed))
                elif "stun_server" in parsed and not relay_only:
                    self._stun.append((uri, parsed))

    def __bool__(self) -> bool:
        return bool(self._stun or self._turn)

    async def ask(
        self,
        component: int,
        hosts: Sequence[StunProtocol],
        make_protocol: Callable[[], StunProtocol],
        take: TakeCandidate,
    ) -> list[ServerFailure]:
        """Ask every server, and give each answer to `take` as it comes.

        Args:
            component: Of the relayed candidates.
            hosts: The sockets whose reflexive addresses are wanted.
            make_protocol: Makes the socket of a relayed candidate.
            take: Must not raise.

        Returns:
            The servers that gave nothing within 5 s.
        """
        questions: list[tuple[str, _Question]] = [
            (uri, partial(server_reflexive_candidate, protocol, parsed["stun_server"]))
            for uri, parsed in self._stun
            for protocol in hosts
            if ":" not in protocol.local_candidate.host  # aioice asks over IPv4 only
        ]
        questions += [
            (uri, partial(self._relayed, component, index, make_protocol, parsed))
            for index, (uri, parsed) in enumerate(self._turn)
        ]
        outcomes = await asyncio.gather(*(_ask(uri, each, take) for uri, each in questions))
        return [failure for failure in outcomes if failure is not None]

    async def _relayed(
        self,
        component: int,
        index: int,
        make_protocol: Callable[[], StunProtocol],
        parsed: dict[str, Any],
    ) -> _Answer:
        candidate, protocol = await relayed_candidate(
            component=component,
            hide_related_address=self._relay_only,
            protocol_factory=make_protocol,
            **parsed,
        )
        preference = HIGHEST_PREFERENCE - index  # the servers come in the order of preference
        candidate.priority = candidate_priority(component, "relay", preference)
        return candidate, protocol


async def _ask(uri: str, question: _Question, take: TakeCandidate) -> ServerFailure | None:
    try:
        async with asyncio.timeout(SERVER_TIMEOUT_S):
            candidate, protocol = await question()
    except TimeoutError:
        return ServerFailure(uri, f"no answer within {SERVER_TIMEOUT_S:g} s")
    except _FAILURES as error:
        return ServerFailure(uri, str(error) or type(error).__name__)
    take(candidate, protocol)
    return None
