"""What is worth knowing of a server that is well."""

from collections.abc import Iterator
from typing import NamedTuple

from voicectl.probe.facts import Facts
from voicectl.probe.rules_path import BUSY_MS
from voicectl.probe.target import TransportName
from voicectl.probe.transport.failure import FailureKind
from voicectl.wire.stun import Method

__all__ = ["Note", "collect_notes"]

_SOON_S = 600
_QUOTA = 486


class Note(NamedTuple):
    """An id that stays and a text that may change."""

    id: str
    text: str


def collect_notes(facts: Facts) -> Iterator[Note]:
    """Notes in the order of the legs they are about."""
    yield from _stun_notes(facts)
    yield from _leg_notes(facts)
    yield from _relay_notes(facts)
    yield from _credential_notes(facts)
    if facts.evidence.cut_short:
        yield Note("cut-short", "the deadline came before every check was done")


def _stun_notes(facts: Facts) -> Iterator[Note]:
    challenged = any(
        each.method is Method.BINDING for result in facts.legs for each in result.challenged
    )
    refused = any(result.binding_refused is not None for result in facts.legs)
    if challenged or refused:
        yield Note("stun-needs-credentials", "Binding needs credentials (secure-stun)")
    answered = [result.binding for result in facts.udp if result.binding is not None]
    if answered and all(each.other is None for each in answered):
        text = "no RFC 5780: NAT behaviour was found without the server's help"
        yield Note("no-rfc5780", text)


def _leg_notes(facts: Facts) -> Iterator[Note]:
    works = bool(facts.working)
    for result in facts.target_legs:
        tls = result.tls
        if tls is not None and tls.untrusted and result.answered and works:
            place = f"{result.leg.server_name}:{result.leg.address.port}"
            yield Note("tls-untrusted", f"{place}: issued by {tls.issuer}, not trusted here")
        if works and result.failed_with(FailureKind.REFUSED) and not result.leg.via_proxy:
            yield Note("not-served", f"{result.leg.label}: nothing listens")
        if works and result.failed_with(FailureKind.PROXY_REFUSED):
            yield Note("proxy-refuses", f"{result.leg.label}: {_detail(result.failure)}")
        refused = result.refused
        if refused is not None and refused.code == _QUOTA and works:
            yield Note("quota", f"{result.leg.label}: refused (486)")
    if (
        works
        and not facts.udp_answered
        and any(each.leg.transport is TransportName.UDP for each in facts.target_legs)
    ):
        yield Note("no-udp", "no UDP path: audio over TCP stalls when packets are lost")
    for reason in dict.fromkeys(each.skipped for each in facts.evidence.legs if each.skipped):
        yield Note("skipped", f"some legs were left out: {reason}")


def _relay_notes(facts: Facts) -> Iterator[Note]:
    proof = facts.evidence.relay
    if any(e.allocation is not None and not e.allocation.authenticated for e in facts.working):
        yield Note("no-authentication", "Allocate works without credentials: see --audit")
    if (
        facts.evidence.target.scheme.relays
        and facts.working
        and (proof is None or not proof.delivered)
    ):
        yield Note(
            "relay-not-proven",
            "no data could be sent through the relay from here: give --peer to have it proven",
        )
    if proof is None:
        return
    if proof.method == "relay-to-relay" and proof.delivered:
        text = "data passes between two relays of the server; from outside it is not proven"
        yield Note("relay-not-proven-from-outside", text)
    if proof.second_peer is not None and proof.second_peer_echoed is False and proof.inbound:
        yield Note("peer-silent", f"the peer {proof.second_peer} did not echo; our own was heard")
    quality = facts.evidence.quality
    if quality is not None and quality.sender_lag_ms > BUSY_MS:
        text = f"this machine was late by {quality.sender_lag_ms:.0f} ms: jitter was not judged"
        yield Note("busy-machine", text)
    if quality is not None and quality.sizes.get(1400, (0, 1))[1] == 0:
        yield Note("mtu-below-1400", "payloads of 1400 bytes do not pass")


def _credential_notes(facts: Facts) -> Iterator[Note]:
    audiences = dict.fromkeys(e.token_audience for e in facts.legs if e.token_audience is not None)
    for audience in audiences:
        text = f"takes OAuth tokens (RFC 7635) that are sealed for `{audience}`: --token-file"
        yield Note("takes-oauth", text)
    expiry = facts.evidence.rest_expiry
    if expiry is not None and facts.working:
        left_s = expiry[0] - facts.evidence.epoch_s
        if 0 < left_s < _SOON_S:
            yield Note("credentials-expire-soon", f"the REST credentials expire in {left_s} s")


def _detail(failure: object) -> str:
    return str(getattr(failure, "detail", ""))
