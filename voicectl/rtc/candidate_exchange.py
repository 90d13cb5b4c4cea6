"""What goes between two peers' ICE agents by signaling: in descriptions, and after them."""

import re
from collections.abc import AsyncIterator

from voicectl.errors import ConnectError
from voicectl.rtc._aioice_private import EngineConnection
from voicectl.rtc._aiortc_private import EnginePeerConnection
from voicectl.rtc.candidates import (
    END_OF_CANDIDATES,
    IceCandidate,
    RemoteCandidates,
    RemoteTransport,
)
from voicectl.rtc.settings import PeerSettings

__all__ = ["CandidateExchange"]


class CandidateExchange:
    """The candidates of one call, both ways."""

    def __init__(self, connection: EnginePeerConnection, settings: PeerSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._remote = RemoteCandidates(allow_loopback=settings.host_addresses != "interfaces")
        self._described: int | None = None
        """How many of ours the description named."""

    @property
    def refused(self) -> int:
        """The peer's candidates that were not tried."""
        return self._remote.refused

    @property
    def has_nothing_to_offer(self) -> bool:
        """Whether no server gave what our description, given without a candidate, was to get."""
        agent = self._agent
        gathered = agent is not None and agent.has_gathered and not agent.local_candidates
        return gathered and self._described is not None

    def wait_for_servers(self) -> None:
        """Let our description, which is about to be made, wait for a while."""
        if (agent := self._agent) is not None:
            agent.gathering_wait_s = self._settings.gathering_wait_ms / 1000

    def describe_local(self) -> str:
        """Our description, now that it is made.

        Raises:
            ConnectError: It names no candidate, and none follows.
        """
        agent = self._agent
        if agent is None or (agent.has_gathered and not agent.local_candidates):
            raise self._no_candidate()
        self._described = len(agent.local_candidates)
        return str(self._connection.localDescription.sdp)

    async def describe_remote(self, transport: RemoteTransport) -> None:
        """Take what the peer's description says."""
        if (agent := self._agent) is not None:
            await self._remote.describe(transport, agent.add_remote_candidate)

    async def take(self, candidate: IceCandidate) -> None:
        """Take a candidate of the peer's, or its end-of-candidates.

        Raises:
            WireError: It does not parse.
        """
        await self._remote.take(candidate)

    async def local(self) -> AsyncIterator[IceCandidate]:
        """Our candidates after the description, as they come, and then end-of-candidates.

        Raises:
            ConnectError: There is no description yet.
        """
        if self._described is None or (agent := self._agent) is None:
            raise ConnectError("candidates follow a description, and there is none yet")
        sdp = self._connection.localDescription.sdp
        if "a=end-of-candidates" in sdp:
            return
        mid = re.search(r"^a=mid:(\S+)", sdp, re.MULTILINE)
        async for candidate in agent.candidates_after(self._described):
            yield IceCandidate(
                END_OF_CANDIDATES if candidate is None else f"candidate:{candidate.to_sdp()}",
                mid[1] if mid else None,
                agent.local_username,
            )

    def close(self) -> None:
        """Take no more of the peer's."""
        self._remote.close()

    @property
    def _agent(self) -> EngineConnection | None:
        """The ICE agent, once there is a description."""
        dtls = self._connection.dtls_transport
        return dtls.connection if dtls is not None else None

    def _no_candidate(self) -> ConnectError:
        failures = self._agent.server_failures if self._agent is not None else []
        return ConnectError(
            "no candidate could be gathered",
            detail=f"host addresses: {self._settings.host_addresses}"
            + (", relayed candidates only" if self._settings.relay_only else "")
            + "".join(f"\n{failure.uri}: {failure.reason}" for failure in failures),
            hint="check the network interfaces, and the TURN server when only relayed "
            "candidates are wanted (voicectl probe)",
        )
