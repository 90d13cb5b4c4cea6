"""With an allocation in hand: prove the relayed address, measure it, and learn of the NAT by it."""

import contextlib
from collections.abc import Callable

from voicectl.ice.nat_behavior import Filtering
from voicectl.probe.evidence import Evidence, Quality
from voicectl.probe.leg_race import LegRace
from voicectl.probe.leg_run import LegRun, release
from voicectl.probe.nat_check import check_filtering_through_relay, patience, refine_with_relay
from voicectl.probe.nat_lifetime import measure_lifetime
from voicectl.probe.quality import measure_quality, measure_sizes, measure_slower
from voicectl.probe.relay_path import (
    OwnPeerPath,
    RelayedPath,
    RelayPath,
    ask_second_peer,
    self_peer_is_possible,
)
from voicectl.probe.session import TurnSession
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.target import TransportName
from voicectl.turn.events import AllocationCreated
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["RelayStage"]

_PROOF_TIMEOUT_S = 0.7
_SUSPICIOUS_LOSS = 0.08
_STEADY_MS = 25.0
"""A round trip that spreads less than this under loss speaks of policing, not of a full queue."""


class RelayStage:
    """Runs once, over the leg that a browser would prefer.

    Fills `evidence.relay`, `.quality` and `.lifetime`, and refines `.nat`. `on_verdict` is called
    when all is known but the quality.
    """

    def __init__(
        self,
        best: LegRun,
        race: LegRace,
        evidence: Evidence,
        settings: ProbeSettings,
        on_verdict: Callable[[], None],
    ) -> None:
        self._best = best
        self._race = race
        self._evidence = evidence
        self._settings = settings
        self._on_verdict = on_verdict
        self._stack = contextlib.AsyncExitStack()

    async def run(self) -> None:
        """Prove, examine, measure."""
        session, allocation = self._best.session, self._best.result.allocation
        if session is None or allocation is None:
            return
        evidence, settings = self._evidence, self._settings
        server = _stun_server(evidence, allocation.relayed[0])
        async with self._stack:
            path: RelayPath | None = None
            if server is not None and self_peer_is_possible(allocation.relayed[0], server):
                path = await self._prove_by_own_peer(session, allocation, server)
            if evidence.relay is None or not evidence.relay.inbound:
                path = await self._prove_by_second_relay(session, allocation)
            if server is not None:
                await self._find_filtering(session, allocation, server)
            self._on_verdict()
            if path is not None and settings.quality_s > 0:
                settings.progress.step(evidence.target.text, "quality")
                evidence.quality = await measure_quality(path, settings)
                await _look_closer(path, evidence.quality, settings)
            if settings.nat_lifetime_s and server is not None:
                settings.progress.step(evidence.target.text, "nat lifetime")
                await self._find_lifetime(session, allocation, server)

    async def _prove_by_own_peer(
        self, session: TurnSession, allocation: AllocationCreated, server: TransportAddress
    ) -> RelayPath | None:
        evidence, settings = self._evidence, self._settings
        mapped_ip = allocation.mapped.ip if allocation.mapped else None
        path = OwnPeerPath(session, allocation.relayed[0], server, mapped_ip, settings)
        self._stack.push_async_callback(path.close)
        evidence.relay = path.proof
        if settings.peer is not None:
            await ask_second_peer(session, settings.peer, path.proof, settings)
            path.listen()
        proof = await path.prove(_proof_timeout_s(evidence))
        if evidence.nat is not None:
            refine_with_relay(evidence.nat, proof, server)
        return path if proof.inbound and proof.outbound else None

    async def _prove_by_second_relay(
        self, session: TurnSession, allocation: AllocationCreated
    ) -> RelayPath | None:
        """Data between two allocations: less proof, and all there is without UDP of our own."""
        evidence, settings = self._evidence, self._settings
        first = evidence.relay
        second = await self._race.again(self._best.leg)
        if second.session is None or second.result.allocation is None:
            return None
        self._stack.push_async_callback(release, second.session)
        near = (session, allocation.relayed[0])
        far = (second.session, second.result.allocation.relayed[0])
        path = RelayedPath(near, far, settings)
        self._stack.push_async_callback(path.close)
        if first is None and settings.peer is not None:
            await ask_second_peer(session, settings.peer, path.proof, settings)
            path.listen()
        proof = await path.prove(_proof_timeout_s(evidence))
        if first is None:
            evidence.relay = proof
            return path if proof.inbound and proof.outbound else None
        first.loopback = proof.loopback
        return None

    async def _find_filtering(
        self, session: TurnSession, allocation: AllocationCreated, server: TransportAddress
    ) -> None:
        nat, proof = self._evidence.nat, self._evidence.relay
        if nat is None or nat.filtering is not Filtering.UNKNOWN:
            return
        if proof is None or proof.method != "self-peer" or not proof.inbound:
            return
        nat.filtering = await check_filtering_through_relay(
            session,
            allocation.relayed[0],
            server,
            self._settings,
            patience_s=patience(self._best.result.rtt_ms),
        )

    async def _find_lifetime(
        self, session: TurnSession, allocation: AllocationCreated, server: TransportAddress
    ) -> None:
        proof, longest_s = self._evidence.relay, self._settings.nat_lifetime_s
        if proof is None or not proof.inbound or longest_s is None:
            return
        self._evidence.lifetime = await measure_lifetime(
            session, allocation.relayed[0], server, longest_s, self._settings
        )


async def _look_closer(path: RelayPath, quality: Quality, settings: ProbeSettings) -> None:
    if quality.loss > _SUSPICIOUS_LOSS and _is_steady(quality):
        await measure_slower(path, quality, settings)
    elif quality.loss < 0.5:
        await measure_sizes(path, quality, settings)


def _is_steady(quality: Quality) -> bool:
    for direction in (quality.to_relay, quality.from_relay):
        if direction.rtt_ms_p95 is not None and direction.rtt_ms_p50 is not None:
            if direction.rtt_ms_p95 - direction.rtt_ms_p50 > _STEADY_MS:
                return False
    return True


def _proof_timeout_s(evidence: Evidence) -> float:
    """A fixed time for lost packets, and three of the slowest round trips seen."""
    round_trips = [each.rtt_ms for each in evidence.legs if each.ok and each.rtt_ms is not None]
    return _PROOF_TIMEOUT_S + 3 * max(round_trips, default=0.0) / 1000


def _stun_server(evidence: Evidence, relayed: TransportAddress) -> TransportAddress | None:
    """A server that answered a Binding over UDP, of the relayed address's family."""
    for result in evidence.legs:
        if (
            result.leg.transport is TransportName.UDP
            and result.binding is not None
            and result.leg.address.family == relayed.family
        ):
            return result.leg.address
    return None
