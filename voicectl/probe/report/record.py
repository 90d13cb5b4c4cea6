"""The JSON record of one target, schema voicectl.probe/1: what every other format is made from."""

from collections.abc import Sequence
from typing import Any

from voicectl.ice.candidate import Candidate, policies_that_connect
from voicectl.ice.nat_behavior import Mapping
from voicectl.probe.evidence import (
    Evidence,
    LegResult,
    NatEvidence,
    PathStatistics,
    Quality,
    RelayProof,
)
from voicectl.probe.transport.failure import Failure
from voicectl.probe.transport.secure import TlsReport
from voicectl.probe.verdict import Verdict

__all__ = ["SCHEMA", "Record", "candidate_records", "make_record"]

SCHEMA = "voicectl.probe/1"

Record = dict[str, Any]


def make_record(evidence: Evidence, verdict: Verdict) -> Record:
    """Everything a reader or a program may want, with names and units that stay."""
    return {
        "schema": SCHEMA,
        "target": evidence.target.text,
        "host": evidence.target.host,
        "usable": verdict.usable,
        "verdict": {
            "id": verdict.id,
            "title": verdict.title,
            "cause": verdict.cause,
            "evidence": list(verdict.excludes),
            "cannot_tell_apart": verdict.cannot_tell,
            "fix": {"network": verdict.network_fix, "server": verdict.server_fix},
            "also": [{"id": each, "title": title} for each, title in verdict.also],
            "docs": f"docs/probe.md#{verdict.id}",
        },
        "notes": [{"id": each.id, "text": each.text} for each in verdict.notes],
        "dns": [
            {
                "name": each.name,
                "type": each.type,
                "outcome": each.outcome,
                "answers": list(each.answers),
                "took_ms": _ms(each.took_ms),
            }
            for each in evidence.dns.queries
        ],
        "legs": [_leg(each) for each in evidence.legs],
        "redirects": [str(each) for each in evidence.redirects],
        "controls": {
            "classic_stun_answered": evidence.controls.classic_stun_answered,
            "plain_udp_refused": evidence.controls.plain_udp_refused,
            "stun_udp_refused": evidence.controls.stun_udp_refused,
        },
        "nat": _nat(evidence.nat) if evidence.nat else None,
        "nat_lifetime": None
        if evidence.lifetime is None
        else {
            "alive_after_s": evidence.lifetime.alive_after_s,
            "gone_after_s": evidence.lifetime.gone_after_s,
        },
        "relay": _relay(evidence.relay) if evidence.relay else None,
        "quality": _quality(evidence.quality) if evidence.quality else None,
        "candidates": candidate_records(evidence.candidates),
        "policies": _policies(evidence),
        "audit": None
        if evidence.audit is None
        else [{"id": each.id, "text": each.text} for each in evidence.audit],
        "verdict_ms": _ms(evidence.verdict_ms),
        "total_ms": _ms(evidence.total_ms),
    }


def _leg(result: LegResult) -> Record:
    leg = result.leg
    allocation, refused = result.allocation, result.refused or result.binding_refused
    return {
        "label": leg.label,
        "role": leg.role.value,
        "transport": leg.transport.value,
        "address": leg.address.ip,
        "port": leg.address.port,
        "via_proxy": leg.via_proxy,
        "redirects": leg.hops,
        "result": _result(result),
        "started_ms": _ms(result.started_ms),
        "took_ms": _ms(result.took_ms),
        "tries": result.tries,
        "rtt_ms": _ms(result.rtt_ms),
        "mapped": _address(result.binding.mapped if result.binding else None)
        or _address(allocation.mapped if allocation else None),
        "relayed": [str(each) for each in allocation.relayed] if allocation else [],
        "lifetime_s": allocation.lifetime_s if allocation else None,
        "software": _software(result),
        "error_code": refused.code if refused else None,
        "error_reason": refused.reason if refused else None,
        "realm": next((each.realm for each in result.challenged), None),
        "token_audience": result.token_audience,
        "failure": _failure(result.failure) if result.failure else None,
        "skipped": result.skipped,
        "tls": _tls(result.tls) if result.tls else None,
        "discarded": list(result.discarded),
    }


def _result(result: LegResult) -> str:
    if result.skipped is not None:
        return "skipped"
    if result.ok:
        return "ok"
    return "refused" if result.refused or result.binding_refused else "failed"


def _software(result: LegResult) -> str | None:
    seen = (result.binding, result.allocation, result.refused, *result.challenged)
    return next((each.software for each in seen if each is not None and each.software), None)


def _failure(failure: Failure) -> Record:
    return {
        "kind": failure.kind.value,
        "phase": failure.phase,
        "detail": failure.detail,
        "errno": failure.errno,
        "icmp": list(failure.icmp) if failure.icmp else None,
        "offender": failure.offender,
        "http_status": failure.http_status,
    }


def _tls(tls: TlsReport) -> Record:
    return {
        "version": tls.version,
        "cipher": tls.cipher,
        "valid": tls.valid,
        "name_matches": tls.name_matches,
        "verify_errors": [
            {"code": code, "depth": depth, "text": text} for code, depth, text in tls.verify_errors
        ],
        "chain": [
            {
                "subject": each.subject,
                "issuer": each.issuer,
                "names": list(each.names),
                "not_before": each.not_before.isoformat(),
                "not_after": each.not_after.isoformat(),
                "sha256": each.fingerprint_sha256,
            }
            for each in tls.chain
        ],
    }


def _nat(nat: NatEvidence) -> Record:
    return {
        "mapped": _address(nat.mapped),
        "local": _address(nat.local),
        "mapping": nat.mapping.value,
        "filtering": nat.filtering.value,
        "hairpin": nat.hairpin,
        "method": nat.method,
        "took_ms": _ms(nat.took_ms),
    }


def _relay(proof: RelayProof) -> Record:
    return {
        "method": proof.method,
        "relayed": str(proof.relayed),
        "peer": _address(proof.peer),
        "observed_peer": _address(proof.observed_peer),
        "permission_error": proof.permission_code,
        "inbound": proof.inbound,
        "inbound_via_server_ip": proof.inbound_via_server_ip,
        "outbound": proof.outbound,
        "outbound_source": _address(proof.outbound_source),
        "loopback": proof.loopback,
        "second_peer": proof.second_peer,
        "second_peer_error": proof.second_peer_code,
        "second_peer_echoed": proof.second_peer_echoed,
        "took_ms": _ms(proof.took_ms),
    }


def _quality(quality: Quality) -> Record:
    return {
        "duration_s": quality.duration_s,
        "rate_kbps": quality.rate_kbps,
        "loss": round(quality.loss, 4),
        "mos": None if quality.mos is None else round(quality.mos, 2),
        "to_relay": _statistics(quality.to_relay),
        "from_relay": _statistics(quality.from_relay),
        "sender_lag_ms": _ms(quality.sender_lag_ms),
        "slower_loss": None if quality.slower_loss is None else round(quality.slower_loss, 4),
        "slower_rate_kbps": quality.slower_rate_kbps,
        "sizes": [
            {"bytes": size, "sent": sent, "received": received}
            for size, (sent, received) in quality.sizes.items()
        ],
    }


def _statistics(statistics: PathStatistics) -> Record:
    return {
        "sent": statistics.sent,
        "received": statistics.received,
        "loss": round(statistics.loss, 4),
        "duplicated": statistics.duplicated,
        "reordered": statistics.reordered,
        "rtt_ms_min": _ms(statistics.rtt_ms_min),
        "rtt_ms_p50": _ms(statistics.rtt_ms_p50),
        "rtt_ms_p95": _ms(statistics.rtt_ms_p95),
        "jitter_ms": _ms(statistics.jitter_ms),
        "longest_loss": statistics.longest_loss,
        "throughput_kbps": round(statistics.throughput_kbps, 1),
    }


def candidate_records(candidates: Sequence[Candidate]) -> list[Record]:
    """The candidates as they stand in a record."""
    return [
        {
            "type": each.type.token,
            "transport": each.transport,
            "address": each.address,
            "port": each.port,
            "interface": each.interface or None,
            "related": _address(each.related),
            "relay_transport": each.relay_transport,
            "priority": each.priority,
        }
        for each in candidates
    ]


def _policies(evidence: Evidence) -> dict[str, str]:
    mapping = evidence.nat.mapping if evidence.nat else Mapping.UNKNOWN
    proof = evidence.relay
    return policies_that_connect(
        evidence.candidates, mapping, relay_proven=proof is None or proof.delivered
    )


def _address(address: object) -> str | None:
    return None if address is None else str(address)


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
