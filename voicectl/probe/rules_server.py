"""Rules on what the server answered: credentials, quotas, redirects, certificates, the audit."""

from collections.abc import Callable

from voicectl.probe.evidence import LegResult
from voicectl.probe.facts import Facts
from voicectl.probe.finding import Finding
from voicectl.probe.target import TransportName
from voicectl.probe.transport.failure import FailureKind
from voicectl.turn.credentials import AccessToken

_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_STALE_NONCE = 438
_QUOTA = 486
_NO_CAPACITY = 508
_REDIRECT = 300
_COTURNS_MAC_KEY = 16
"""Bytes that coturn 4.6 uses of a token's MAC key."""
_OTHER = {
    403: "allocation-forbidden",
    441: "credentials-mixed",
    442: "transport-unsupported",
}


def redirect_loop(facts: Facts) -> Finding | None:
    """300 leads in a circle."""
    if facts.working or not facts.evidence.redirect_loops:
        return None
    seen = " -> ".join(str(each) for each in facts.evidence.redirects[:5])
    return Finding("redirect-loop", excludes=(f"redirected to {seen}",))


def redirect_dead_end(facts: Facts) -> Finding | None:
    """300 leads to where nothing works."""
    if facts.working or not facts.evidence.redirects:
        return None
    hopped = [each for each in facts.target_legs if each.leg.hops]
    if any(each.answered for each in hopped):
        return None
    shown = hopped[0] if hopped else None
    seen = tuple(f"{e.leg.label}: {e.failure.detail}" for e in hopped[:3] if e.failure)
    outcome = (
        "does not answer" if hopped else "is a private address, which a public server may not name"
    )
    cause = f"Allocate is answered with 300 (Try Alternate), and the alternate {outcome}."
    return Finding("redirected", shown, seen, cause)


def redirected(facts: Facts) -> Finding | None:
    """300 leads to where it works."""
    if not facts.evidence.redirects or not any(each.leg.hops for each in facts.working):
        return None
    shown = next(each for each in facts.working if each.leg.hops)
    return Finding("redirected", shown, (f"followed, and works: {shown.leg.label}",))


def nonce_unstable(facts: Facts) -> Finding | None:
    """438 whatever nonce is used."""
    found = facts.refused_with(_STALE_NONCE)
    if facts.working or not found:
        return None
    refused = found[0].refused
    count = refused.nonces + 1 if refused else 0
    return Finding(
        "nonce-unstable",
        found[0],
        (f"{count} nonces in a row were rejected; a single 438 would have been retried",),
    )


def credentials_expired(facts: Facts) -> Finding | None:
    """401, and the username itself says that it is past."""
    found = facts.refused_with(_UNAUTHORIZED, signed=True)
    expiry = facts.evidence.rest_expiry
    if facts.working or not found or expiry is None:
        return None
    epoch_s, in_milliseconds = expiry
    late_s = facts.evidence.epoch_s - epoch_s
    if in_milliseconds:
        ago = "or were never valid: their expiry is in milliseconds where seconds are due"
    elif late_s > 0:
        ago = f"{_span(late_s)} ago"
    else:
        return None
    return Finding(
        "credentials-expired",
        found[0],
        ("the request was signed with the server's realm and nonce: it is not the missing 401",),
        words={"expired_ago": ago},
        cannot_tell="an expired credential that was wrong as well",
    )


def credentials_rejected(facts: Facts) -> Finding | None:
    """401 to a signed request; Pion's servers say 400 instead."""
    found = facts.refused_with(_UNAUTHORIZED, signed=True)
    bad_requests = facts.refused_with(_BAD_REQUEST, signed=True)
    if facts.working or not (found or bad_requests):
        return None
    if not found:
        return Finding(
            "credentials-rejected",
            bad_requests[0],
            ("the unsigned Allocate got 401, the signed one 400, as Pion answers a bad signature",),
            cause="A signed Allocate is answered with 400.",
            cannot_tell="a wrong user or password, and a server that dislikes the request itself",
        )
    realm = found[0].refused.realm if found[0].refused else None
    seen = ["the request was signed with the server's realm and nonce"]
    if realm:
        seen.append(f"the realm is `{realm}`")
    expiry = facts.evidence.rest_expiry
    if expiry is not None:
        left = _span(expiry[0] - facts.evidence.epoch_s)
        seen.append(f"the username states an expiry {left} ahead: it is not that")
    credentials, audience = facts.evidence.target.credentials, found[0].token_audience
    if audience is not None:
        seen.append(f"OAuth tokens must be sealed for `{audience}`")
    if isinstance(credentials, AccessToken) and len(credentials.mac_key) > _COTURNS_MAC_KEY:
        seen.append("the whole MAC key signed, as RFC 7635 says; coturn takes its first 16 bytes")
    return Finding("credentials-rejected", found[0], tuple(seen))


def credentials_missing(facts: Facts) -> Finding | None:
    """401, and there was nothing to sign with."""
    found = facts.refused_with(_UNAUTHORIZED, signed=False)
    if facts.working or not found:
        return None
    realm = found[0].refused.realm if found[0].refused else None
    return Finding("credentials-missing", found[0], (f"the realm is `{realm}`",))


def quota(facts: Facts) -> Finding | None:
    """486, with or without an allocation of our own."""
    found = facts.refused_with(_QUOTA)
    if not found:
        return None
    own = any(each.quota_with_own for each in found)
    seen = (
        "one allocation was given and the next refused: the user may hold one at a time"
        if own
        else "this probe held no allocation when it was refused"
    )
    return Finding("allocation-quota", found[0], (seen, "the credentials were accepted"))


def relay_ports(facts: Facts) -> Finding | None:
    """508."""
    found = facts.refused_with(_NO_CAPACITY)
    if not found:
        return None
    return Finding("relay-ports-exhausted", found[0], ("the credentials were accepted",))


def other_errors(facts: Facts) -> Finding | None:
    """Any other code, when nothing works."""
    known = {_UNAUTHORIZED, _STALE_NONCE, _QUOTA, _NO_CAPACITY, _REDIRECT, 440}
    if facts.working:
        return None
    for each in facts.target_legs:
        refused = each.refused or (each.binding_refused if not each.leg.allocates else None)
        if refused is not None and refused.code not in known:
            reason = f"the server says: {refused.reason}" if refused.reason else "no reason given"
            words = {"code": str(refused.code)}
            return Finding(_OTHER.get(refused.code, "server-error"), each, (reason,), words=words)
    return None


def _tls(
    found: str, test: Callable[[Facts, LegResult], bool], *, blocks: bool
) -> Callable[[Facts], Finding | None]:
    """A rule on a certificate's flaw: as a verdict on a dead target, or beside a working path."""

    def rule(facts: Facts) -> Finding | None:
        if bool(facts.working) is blocks:
            return None
        flawed = facts.suspicious_tls(lambda each: test(facts, each))
        return Finding(found, flawed[0], _certificate(flawed[0])) if flawed else None

    return rule


def _certificate(result: LegResult) -> tuple[str, ...]:
    tls = result.tls
    if tls is None or not tls.chain:
        return ()
    leaf = tls.chain[0]
    said = ", ".join(f"{text} (verify {code})" for code, _, text in tls.verify_errors[:3])
    seen = [f"certificate of {leaf.subject}, issued by {leaf.issuer}, {tls.version}"]
    if said:
        seen.append(said)
    if result.answered:
        seen.append("STUN works inside that TLS session")
    return tuple(seen)


def _expired(facts: Facts, result: LegResult) -> bool:
    return result.tls is not None and result.tls.expired and not _is_foreign(facts, result)


def _name_mismatch(facts: Facts, result: LegResult) -> bool:
    target = facts.evidence.target
    if target.host_is_ip and target.is_open:
        # Whoever names the server by its address asked for no certificate of that name.
        return False
    matches = result.tls is None or result.tls.name_matches
    return not matches and not _is_foreign(facts, result)


def _is_foreign(facts: Facts, result: LegResult) -> bool:
    return facts.foreign_issuer(result)


def _is_untrusted(facts: Facts, result: LegResult) -> bool:
    return result.tls is not None and result.tls.untrusted and not _is_foreign(facts, result)


tls_expired_blocks = _tls("tls-expired", _expired, blocks=True)
tls_name_blocks = _tls("tls-hostname-mismatch", _name_mismatch, blocks=True)
tls_intercepted_blocks = _tls("tls-intercepted", _is_foreign, blocks=True)
tls_untrusted_blocks = _tls("tls-untrusted", _is_untrusted, blocks=True)
tls_expired = _tls("tls-expired", _expired, blocks=False)
tls_name = _tls("tls-hostname-mismatch", _name_mismatch, blocks=False)
tls_intercepted = _tls("tls-intercepted", _is_foreign, blocks=False)


def _resets(facts: Facts) -> list[LegResult]:
    return [
        each
        for each in facts.failed(FailureKind.RESET, FailureKind.CLOSED, phase="tls")
        if each.leg.transport is TransportName.TLS
    ]


def tls_reset_blocks(facts: Facts) -> Finding | None:
    """RST after ClientHello, and no other path."""
    return None if facts.working else tls_reset(facts)


def tls_reset(facts: Facts) -> Finding | None:
    """RST after ClientHello."""
    found = [each for each in _resets(facts) if each.failed_with(FailureKind.RESET)]
    if not found:
        return None
    return Finding("tls-reset", found[0], ("TCP opened: the port is not closed",))


def tls_plain_port(facts: Facts) -> Finding | None:
    """No TLS there, but STUN."""
    found = [
        each
        for each in facts.target_legs
        if each.leg.transport is TransportName.TLS and each.plain_answers
    ]
    if facts.working or not found:
        return None
    return Finding("tls-to-plain-port", found[0], ("plain STUN over TCP to the port is answered",))


def tls_failed(facts: Facts) -> Finding | None:
    """The handshake fails in another way."""
    found = facts.failed(FailureKind.TLS) + [
        each for each in _resets(facts) if each.failed_with(FailureKind.CLOSED)
    ]
    found += [each for each in facts.target_legs if each.tls_left_unanswered and each.failure]
    if facts.working or not found:
        return None
    if facts.evidence.target.is_open and not any(each.answered for each in facts.target_legs):
        return None
    return Finding("tls-failed", found[0], ("TCP opened: the port is not closed",))


def audit_open_relay(facts: Facts) -> Finding | None:
    """The audit found that no credentials are needed."""
    findings = facts.evidence.audit or []
    if not any(each.id == "open-relay" for each in findings):
        return None
    return Finding("open-relay", None, ("Allocate succeeded and was never challenged",))


def audit_findings(facts: Facts) -> Finding | None:
    """The audit found something else."""
    findings = facts.evidence.audit or []
    if not findings:
        return None
    return Finding("audit-findings", None, tuple(each.text for each in findings))


def _span(seconds: int) -> str:
    seconds = abs(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
