"""What the evidence says, in the terms the verdicts are made of."""

from collections.abc import Callable, Iterable
from functools import cached_property

from voicectl.ice.candidate import is_private
from voicectl.probe.evidence import Evidence, LegResult, Role
from voicectl.probe.target import TransportName
from voicectl.probe.transport.failure import FailureKind

__all__ = ["Facts", "all_failed"]

_HTTPS_PORT = 443
_FORBIDDEN = 403
_BLOCKED = (
    FailureKind.SILENT,
    FailureKind.PROHIBITED,
    FailureKind.UNREACHABLE,
)
_PROXY = (
    FailureKind.PROXY_REFUSED,
    FailureKind.PROXY_AUTHENTICATION,
    FailureKind.PROXY_SILENT,
    FailureKind.PROXY_UNREACHABLE,
)


class Facts:
    """Questions about one target's evidence."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.legs = [each for each in evidence.legs if each.skipped is None]
        self.target_legs = [each for each in self.legs if each.leg.role is Role.TARGET]
        self.working = [each for each in self.target_legs if each.ok]
        self.udp = [each for each in self.legs if each.leg.transport is TransportName.UDP]
        self.direct = [each for each in self.legs if not each.leg.via_proxy]
        self.secure = [each for each in self.legs if each.leg.transport is TransportName.TLS]

    @cached_property
    def usable(self) -> bool:
        """Whether a browser could use the target through some leg."""
        return bool(self.working) and not self.peer_refused and not self.relay_fails

    @cached_property
    def udp_answered(self) -> bool:
        """Whether any STUN over UDP was answered."""
        return any(each.answered for each in self.udp)

    @cached_property
    def streams_answered(self) -> bool:
        """Whether STUN over TCP or TLS was answered without a proxy."""
        return any(
            each.answered and each.leg.transport in (TransportName.TCP, TransportName.TLS)
            for each in self.direct
        )

    @cached_property
    def udp_is_silent(self) -> bool:
        """Whether UDP was tried and all of it dropped."""
        return bool(self.udp) and all(each.failed_with(FailureKind.SILENT) for each in self.udp)

    @cached_property
    def stun_is_filtered(self) -> bool:
        """Whether UDP passes and STUN in it does not."""
        if not self.udp_is_silent:
            return False
        controls = self.evidence.controls
        dtls = any(
            each.tls is not None and each.leg.transport is TransportName.DTLS for each in self.legs
        )
        knocked = bool(controls.plain_udp_refused) and not controls.stun_udp_refused
        return dtls or bool(controls.classic_stun_answered) or knocked

    @cached_property
    def only_443(self) -> bool:
        """Whether all that works is direct, on TCP 443, and the rest is blocked."""
        if not self.working or self.udp_answered:
            return False
        others = [each for each in self.direct if each.leg.address.port != _HTTPS_PORT]
        return (
            all(
                each.leg.address.port == _HTTPS_PORT and not each.leg.via_proxy
                for each in self.working
            )
            and bool(others)
            and all(each.failed_with(*_BLOCKED) for each in others)
        )

    @cached_property
    def only_by_proxy(self) -> bool:
        """Whether all that works goes through the proxy."""
        return bool(self.working) and all(each.leg.via_proxy for each in self.working)

    @cached_property
    def rejected_udp(self) -> list[LegResult]:
        """UDP legs that a firewall has turned away with ICMP."""
        return [
            each
            for each in self.udp
            if each.failed_with(FailureKind.PROHIBITED, FailureKind.UNREACHABLE)
        ]

    @cached_property
    def peer_refused(self) -> bool:
        """Whether the peer that matters is refused, by policy or for its IP version."""
        proof = self.evidence.relay
        return self.peer_denied or (proof is not None and bool(proof.second_peer_code))

    @cached_property
    def peer_denied(self) -> bool:
        """Whether the peer that matters is refused by policy.

        A server that denies private peers does right, so our own private address does not count.
        """
        proof = self.evidence.relay
        if proof is None:
            return False
        if proof.second_peer_code == _FORBIDDEN:
            return True
        return (
            proof.method == "self-peer"
            and proof.permission_code == _FORBIDDEN
            and proof.peer is not None
            and not is_private(proof.peer.ip)
            and not proof.second_peer_echoed
        )

    @cached_property
    def relay_address_is_private(self) -> bool:
        """Whether a public server advertises a private relayed address."""
        return any(
            is_private(relayed.ip) and not is_private(each.leg.address.ip)
            for each in self.working
            if each.allocation is not None and not each.leg.via_proxy
            for relayed in each.allocation.relayed
        )

    @cached_property
    def relay_elsewhere(self) -> bool:
        """Whether the relay was found at another address than it advertises."""
        proof = self.evidence.relay
        if self.relay_address_is_private:
            return True
        if proof is None or proof.inbound or proof.method != "self-peer":
            return False
        source = proof.outbound_source
        return bool(proof.inbound_via_server_ip) or (
            source is not None and source.ip != proof.relayed.ip
        )

    @cached_property
    def relay_fails(self) -> bool:
        """Whether data was sent to the advertised address and none came through."""
        proof = self.evidence.relay
        if self.relay_address_is_private:
            return True
        return (
            proof is not None
            and proof.method == "self-peer"
            and proof.peer is not None
            and proof.permission_code is None
            and not proof.delivered
        )

    @cached_property
    def no_route(self) -> bool:
        """Whether this machine has no route for any address of the target."""
        tried = [each for each in self.evidence.legs if not each.leg.via_proxy]
        return bool(tried) and all(
            each.skipped is not None or each.failed_with(FailureKind.NO_ROUTE) for each in tried
        )

    def refused_with(self, code: int, *, signed: bool | None = None) -> list[LegResult]:
        """Target legs whose Allocate was refused with that code."""
        return [
            each
            for each in self.target_legs
            if each.refused is not None
            and each.refused.code == code
            and (signed is None or each.refused.signed is signed)
        ]

    def failed(self, *kinds: FailureKind, phase: str | None = None) -> list[LegResult]:
        """Target legs that failed so."""
        return [
            each
            for each in self.target_legs
            if each.failure is not None
            and each.failure.kind in kinds
            and (phase is None or each.failure.phase == phase)
        ]

    def proxy_failures(self) -> list[LegResult]:
        """Legs that the proxy let down."""
        return self.failed(*_PROXY)

    def suspicious_tls(self, test: Callable[[LegResult], bool]) -> list[LegResult]:
        """TLS legs with that flaw.

        When the user named a TLS port it always counts; on the usual ports beside a target that
        left the port open, only what speaks STUN there is the TURN server's own TLS.
        """
        return [
            each
            for each in self.target_legs
            if each.leg.transport in (TransportName.TLS, TransportName.DTLS)
            and each.tls is not None
            and (each.answered or not self.evidence.target.is_open)
            and test(each)
        ]

    def foreign_issuer(self, result: LegResult) -> bool:
        """Whether a leg's certificate is another authority's than the server's own."""
        if result.tls is None or not result.tls.untrusted:
            return False
        if self.evidence.pins_ca:
            return not result.tls.chain[:1] or not _self_issued(result)
        return any(
            other.tls is not None
            and other is not result
            and other.tls.chain
            and other.tls.issuer != result.tls.issuer
            and not other.tls.untrusted
            for other in self.legs
        ) or self._disagrees_with_dtls(result)

    def _disagrees_with_dtls(self, result: LegResult) -> bool:
        """DTLS is what no box intercepts: its certificate is the server's own."""
        issuers = {
            each.tls.issuer
            for each in self.legs
            if each.tls is not None and each.leg.transport is TransportName.DTLS
        }
        issuers |= {
            each.tls.issuer
            for each in self.legs
            if each.tls is not None
            and each.leg.transport is TransportName.TLS
            and each.leg.address.port not in (_HTTPS_PORT, result.leg.address.port)
        }
        return bool(issuers) and result.tls is not None and result.tls.issuer not in issuers


def _self_issued(result: LegResult) -> bool:
    tls = result.tls
    return tls is not None and bool(tls.chain) and tls.chain[0].issuer == tls.chain[0].subject


def all_failed(results: Iterable[LegResult], *kinds: FailureKind) -> bool:
    """Whether there are such legs and each has failed in one of these ways."""
    found = list(results)
    return bool(found) and all(each.failed_with(*kinds) for each in found)
