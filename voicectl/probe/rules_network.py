"""Rules on names, routes, firewalls and proxies."""

from voicectl.probe.dns_lookup import DnsQuery
from voicectl.probe.evidence import LegResult
from voicectl.probe.facts import Facts, all_failed
from voicectl.probe.finding import Finding
from voicectl.probe.target import Scheme, TransportName
from voicectl.probe.transport.failure import FailureKind

_BLOCKED_TCP = (FailureKind.SILENT, FailureKind.UNREACHABLE, FailureKind.PROHIBITED)
_ADDRESS_FAMILY_NOT_SUPPORTED = 440
_PEER_ADDRESS_FAMILY_MISMATCH = 443


def dns(facts: Facts) -> Finding | None:
    """The name leads to no address."""
    if facts.evidence.legs:
        return None
    queries = [each for each in facts.evidence.dns.queries if each.type in ("A", "AAAA")]
    outcomes = {each.outcome for each in queries}
    seen = ", ".join(_said(each) for each in queries)
    if outcomes <= {"nxdomain"} and outcomes:
        return Finding("dns-not-found", excludes=(f"the resolver answered: {seen}",))
    if "timeout" in outcomes or "no-resolver" in outcomes:
        return Finding("dns-timeout", excludes=(f"asked: {seen}",))
    if outcomes <= {"no-data", "nxdomain", "ok"}:
        domain = facts.evidence.target.scheme is Scheme.DOMAIN
        found = "dns-no-service" if domain and not facts.evidence.dns.services else "dns-no-address"
        return Finding(found, excludes=(f"the resolver answered: {seen}",))
    failed = next((each for each in queries if each.outcome not in ("ok", "no-data")), None)
    outcome = failed.outcome if failed else "no answer"
    return Finding("dns-failure", excludes=(f"asked: {seen}",), words={"outcome": outcome})


def _said(query: DnsQuery) -> str:
    return f"{query.type} {query.name}: {query.outcome}"


def address_family(facts: Facts) -> Finding | None:
    """Client, server or relay lack an IP version that another has."""
    if facts.no_route:
        families = sorted({each.leg.address.family for each in facts.evidence.legs})
        have = " and ".join(f"IPv{each}" for each in families)
        return _family(f"{facts.evidence.target.host} has only {have}, which this network lacks")
    if facts.refused_with(_ADDRESS_FAMILY_NOT_SUPPORTED):
        wanted = f"IPv{facts.evidence.requested_family or 4}"
        return _family(f"{facts.evidence.target.host} has no {wanted} relay (440)")
    proof = facts.evidence.relay
    if proof is not None and proof.second_peer_code == _PEER_ADDRESS_FAMILY_MISMATCH:
        text = f"the relay {proof.relayed.ip} and the peer {proof.second_peer} differ in IP version"
        return _family(f"{text} (443)")
    return None


def _family(problem: str) -> Finding:
    return Finding("address-family", words={"family_problem": problem})


def proxy_authentication(facts: Facts) -> Finding | None:
    """HTTP 407, and no other way."""
    failed = facts.failed(FailureKind.PROXY_AUTHENTICATION)
    if facts.working or not failed:
        return None
    return Finding("proxy-authentication", failed[0], ("the proxy answered with HTTP 407",))


def proxy_refuses(facts: Facts) -> Finding | None:
    """CONNECT is refused with an HTTP status, and direct legs are blocked."""
    failed = [
        each
        for each in facts.failed(FailureKind.PROXY_REFUSED)
        if each.failure is not None and each.failure.http_status is not None
    ]
    if facts.working or not failed or _direct_answers(facts):
        return None
    statuses = {each.failure.http_status for each in failed if each.failure is not None}
    said = ", ".join(f"HTTP {each}" for each in sorted(filter(None, statuses)))
    return Finding(
        "proxy-refuses-port",
        failed[0],
        (f"the proxy is up and answered CONNECT with {said}", "no direct leg was answered"),
    )


def proxy_broken(facts: Facts) -> Finding | None:
    """The proxy is silent, out of reach, or no proxy."""
    proxied = [each for each in facts.target_legs if each.leg.via_proxy]
    if facts.working or not proxied or _direct_answers(facts):
        return None
    if any(each.answered for each in proxied):
        return None
    shown = proxied[0].failure
    return Finding("proxy-broken", proxied[0], (shown.detail,) if shown else ())


def _direct_answers(facts: Facts) -> bool:
    return any(each.answered or each.connected for each in facts.direct if _is_stream(each))


def _is_stream(result: LegResult) -> bool:
    return result.leg.transport in (TransportName.TCP, TransportName.TLS)


def answers_not_authentic(facts: Facts) -> Finding | None:
    """Answers came and the client could accept none."""
    if facts.working:
        return None
    for each in facts.failed(FailureKind.NOT_STUN):
        if any("INTEGRITY" in reason or "unsolicited" in reason for reason in each.discarded):
            return Finding("answers-not-authentic", each, tuple(sorted(set(each.discarded)))[:3])
    return None


def not_stun(facts: Facts) -> Finding | None:
    """What answers is something else."""
    failed = facts.failed(FailureKind.NOT_STUN, FailureKind.CLOSED)
    if facts.working or not failed:
        return None
    if facts.target_legs and any(each.answered for each in facts.target_legs):
        return None
    plain = [each for each in failed if each.failure and each.failure.phase == "request"]
    if not plain:
        return None
    shown = next((each for each in plain if each.failed_with(FailureKind.NOT_STUN)), plain[0])
    return Finding("not-stun", shown, (shown.failure.detail,) if shown.failure else ())


def stun_filtered_blocks(facts: Facts) -> Finding | None:
    """STUN is filtered and nothing else is left."""
    return None if facts.working else stun_filtered(facts)


def stun_filtered(facts: Facts) -> Finding | None:
    """UDP passes, STUN in it does not."""
    if not facts.stun_is_filtered:
        return None
    controls = facts.evidence.controls
    seen: list[str] = []
    if any(each.tls and each.leg.transport is TransportName.DTLS for each in facts.legs):
        seen.append("DTLS over UDP to the same server shook hands: UDP passes")
    if controls.classic_stun_answered:
        seen.append("a Binding request without the magic cookie (RFC 3489) was answered")
    if controls.plain_udp_refused and not controls.stun_udp_refused:
        seen.append("a closed port refused plain UDP with ICMP, and stayed silent to STUN")
    return Finding("stun-filtered", facts.udp[0], tuple(seen))


def srv_dead(facts: Facts) -> Finding | None:
    """SRV was followed to a place where nothing answers."""
    if facts.working or not facts.evidence.dns.services:
        return None
    if any(each.answered for each in facts.target_legs):
        return None
    if not all_failed(facts.target_legs, FailureKind.REFUSED, FailureKind.SILENT):
        return None
    if not facts.failed(FailureKind.REFUSED):
        return None
    services = facts.evidence.dns.services
    seen = tuple(f"SRV leads to {s.transport.value} {s.host}:{s.port}" for s in services[:4])
    return Finding("dns-srv-dead", facts.target_legs[0], seen)


def udp_rejected_blocks(facts: Facts) -> Finding | None:
    """UDP is rejected and no other leg of the target works."""
    return None if facts.working else udp_rejected(facts)


def udp_rejected(facts: Facts) -> Finding | None:
    """ICMP administratively prohibited, or unreachable from a router."""
    rejected = facts.rejected_udp
    if not rejected or facts.udp_answered:
        return None
    if not facts.streams_answered and not facts.failed(FailureKind.PROHIBITED):
        return None
    shown = next((e for e in rejected if e.failed_with(FailureKind.PROHIBITED)), rejected[0])
    failure = shown.failure
    seen = [failure.detail] if failure else []
    if facts.streams_answered:
        seen.append("TCP to the same server was answered: it is up")
    return Finding("udp-rejected", shown, tuple(seen))


def port_closed(facts: Facts) -> Finding | None:
    """The host refuses at once."""
    refused = facts.failed(FailureKind.REFUSED)
    if facts.working or not refused or any(each.answered for each in facts.target_legs):
        return None
    others = [
        each.failure.kind
        for each in facts.target_legs
        if each.failure is not None and not each.leg.via_proxy
    ]
    if FailureKind.SILENT in others and not _refused_stream(refused):
        return None
    elsewhere = [each.leg.label for each in facts.legs if each.answered]
    seen = [_refusal(refused[0])]
    if elsewhere:
        seen.append(f"the same host answers on {', '.join(elsewhere[:3])}")
        return Finding("port-closed", refused[0], tuple(seen))
    seen.append("no usual port of that host answers: the TURN server is not running")
    return Finding("port-closed", refused[0], tuple(seen))


def _refused_stream(refused: list[LegResult]) -> bool:
    return any(_is_stream(each) for each in refused)


def _refusal(result: LegResult) -> str:
    return result.failure.detail if result.failure is not None else "refused"


def udp_dropped_blocks(facts: Facts) -> Finding | None:
    """UDP is dropped and no other leg of the target works."""
    return None if facts.working else udp_dropped(facts)


def udp_dropped(facts: Facts) -> Finding | None:
    """UDP is silent while TCP to the same server is answered."""
    if not facts.udp_is_silent or not facts.streams_answered:
        return None
    if facts.evidence.controls.plain_udp_passes and not facts.evidence.controls.stun_udp_refused:
        return None
    return Finding(
        "udp-dropped",
        facts.udp[0],
        (
            "TCP or TLS to the same server was answered: it is up",
            "no ICMP error came: this is no rejecting firewall and no closed port",
            "DTLS and UDP without STUN in it had no answer either: it is not STUN alone",
        ),
    )


def tcp_443_only(facts: Facts) -> Finding | None:
    """Only 443 gets through."""
    if not facts.only_443:
        return None
    blocked = ", ".join(
        sorted({each.leg.label for each in facts.direct if each.failed_with(*_BLOCKED_TCP)})
    )
    return Finding("tcp-443-only", facts.working[0], (f"no answer: {blocked}",))


def proxy_only(facts: Facts) -> Finding | None:
    """Only CONNECT gets through."""
    if not facts.only_by_proxy:
        return None
    return Finding(
        "proxy-only",
        facts.working[0],
        ("no direct leg was answered, over UDP, TCP or TLS", "CONNECT was answered with 200"),
    )


def host_unreachable(facts: Facts) -> Finding | None:
    """A router or the kernel says there is no way."""
    kinds = (FailureKind.UNREACHABLE, FailureKind.PROHIBITED, FailureKind.LOCAL)
    failed = facts.failed(*kinds)
    if facts.working or not failed or any(each.answered for each in facts.target_legs):
        return None
    return Finding("host-unreachable", failed[0], (_refusal(failed[0]),))


def no_service(facts: Facts) -> Finding | None:
    """A domain without SRV, and nothing at the domain itself."""
    evidence = facts.evidence
    if facts.working or evidence.target.scheme is not Scheme.DOMAIN or evidence.dns.services:
        return None
    if any(each.answered for each in facts.legs):
        return None
    return Finding("dns-no-service", None, ("no NAPTR and no SRV record was found",))


def host_silent(facts: Facts) -> Finding | None:
    """Nothing answers at all, and nothing says why."""
    if facts.working or any(each.answered for each in facts.target_legs):
        return None
    if not facts.target_legs and facts.evidence.legs:
        return None
    seen = tuple(
        f"{each.leg.label}: {each.failure.detail}" for each in facts.legs[:4] if each.failure
    )
    return Finding("host-silent", facts.target_legs[0] if facts.target_legs else None, seen)
