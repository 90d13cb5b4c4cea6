"""The table of verdicts on evidence written by hand: what needs a firewall or a NAT to be seen."""

import datetime as dt
from dataclasses import replace

import pytest

from voicectl.ice.nat_behavior import Mapping
from voicectl.probe.dns_lookup import DnsLookup
from voicectl.probe.evidence import Controls, Evidence, Leg, LegResult, NatEvidence, Role
from voicectl.probe.target import TransportName, parse_target
from voicectl.probe.transport.failure import Failure, FailureKind
from voicectl.probe.transport.secure import Certificate, TlsReport
from voicectl.probe.verdict import judge
from voicectl.turn.events import AllocationCreated, BindingSucceeded
from voicectl.wire.stun_attributes import TransportAddress

SERVER = "203.0.113.10"
UDP, TCP, TLS, DTLS = TransportName.UDP, TransportName.TCP, TransportName.TLS, TransportName.DTLS
MAPPED = TransportAddress("198.51.100.7", 61_000)
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def leg(
    transport: TransportName,
    port: int,
    failed: FailureKind | None = None,
    *,
    role: Role = Role.TARGET,
    via_proxy: bool = False,
    phase: str = "request",
) -> LegResult:
    """A leg that works, or that failed in that way."""
    allocates = role is Role.TARGET
    address = TransportAddress(SERVER, port)
    result = LegResult(Leg(transport, address, "turn.example", role, allocates, via_proxy))
    if failed is not None:
        icmp = (3, 13) if failed is FailureKind.PROHIBITED else None
        result.failure = Failure(
            failed, phase, f"{failed.value} seen", icmp=icmp, offender="192.0.2.254"
        )
        return result
    result.binding = BindingSucceeded(bytes(12), MAPPED, None, None, None, 1_000_000, 1)
    if allocates:
        relayed = (TransportAddress(SERVER, 50_000),)
        result.allocation = AllocationCreated(
            relayed, MAPPED, 600, None, None, None, True, 1_000_000, 1
        )
    return result


def seen(*legs: LegResult, uri: str = "turn:turn.example", **more: object) -> Evidence:
    evidence = Evidence(parse_target(uri), DnsLookup(addresses=[SERVER]), legs=list(legs))
    for name, value in more.items():
        setattr(evidence, name, value)
    return evidence


SILENT = FailureKind.SILENT
OPEN_TARGET_BUT_UDP = [leg(TCP, 3478), leg(TLS, 5349, FailureKind.REFUSED)]


@pytest.mark.parametrize(
    ("evidence", "expected", "usable"),
    [
        (seen(leg(UDP, 3478, SILENT), leg(TCP, 3478)), "udp-dropped", True),
        (
            seen(
                leg(UDP, 3478, SILENT),
                leg(TCP, 3478, role=Role.CONTROL),
                uri="turn:turn.example?transport=udp",
            ),
            "udp-dropped",
            False,
        ),
        (seen(leg(UDP, 3478, FailureKind.PROHIBITED), leg(TCP, 3478)), "udp-rejected", True),
        (seen(leg(UDP, 3478, FailureKind.PROHIBITED)), "udp-rejected", False),
        (
            seen(
                leg(UDP, 3478, SILENT),
                leg(TCP, 3478),
                controls=Controls(classic_stun_answered=True),
            ),
            "stun-filtered",
            True,
        ),
        (
            seen(
                leg(UDP, 3478, SILENT),
                leg(TCP, 3478),
                controls=Controls(False, plain_udp_refused=True, stun_udp_refused=False),
            ),
            "stun-filtered",
            True,
        ),
        (
            seen(
                leg(UDP, 3478, SILENT),
                leg(TCP, 3478, SILENT),
                leg(TLS, 5349, SILENT),
                leg(TCP, 443),
            ),
            "tcp-443-only",
            True,
        ),
        (
            seen(leg(UDP, 3478, SILENT), leg(TCP, 443, SILENT), leg(TLS, 443, via_proxy=True)),
            "proxy-only",
            True,
        ),
        (seen(leg(UDP, 3478, SILENT), leg(TCP, 3478, SILENT)), "host-silent", False),
        (seen(leg(UDP, 3478, FailureKind.REFUSED)), "port-closed", False),
        (seen(leg(UDP, 3478, FailureKind.NO_ROUTE)), "address-family", False),
        (
            seen(leg(UDP, 3478, FailureKind.UNREACHABLE), leg(TCP, 3478, FailureKind.UNREACHABLE)),
            "host-unreachable",
            False,
        ),
        (
            seen(
                leg(UDP, 3478), nat=NatEvidence(MAPPED, mapping=Mapping.ADDRESS_AND_PORT_DEPENDENT)
            ),
            "nat-symmetric",
            True,
        ),
        (seen(leg(UDP, 3478), *OPEN_TARGET_BUT_UDP), "ok", True),
        (seen(leg(UDP, 3478, FailureKind.REFUSED), leg(TCP, 3478)), "ok", True),
    ],
)
def test_evidence_has_one_verdict(evidence: Evidence, expected: str, usable: bool) -> None:
    verdict = judge(evidence)
    assert (verdict.id, verdict.usable) == (expected, usable)


def test_stun_that_reaches_a_closed_port_is_not_filtered() -> None:
    controls = Controls(False, plain_udp_refused=True, stun_udp_refused=True)
    verdict = judge(seen(leg(UDP, 3478, SILENT), leg(TCP, 3478), controls=controls))
    assert verdict.id == "udp-dropped"


def test_firewall_that_rejects_is_named_by_its_address() -> None:
    verdict = judge(seen(leg(UDP, 3478, FailureKind.PROHIBITED), leg(TCP, 3478)))
    assert "192.0.2.254" in verdict.network_fix


def report(issuer: str, *errors: int) -> TlsReport:
    leaf = Certificate("turn.example", issuer, ("turn.example",), NOW, NOW, "00")
    found = tuple((number, 0, "text") for number in errors)
    return TlsReport("TLSv1.3", "", (leaf,), found, "turn.example", True)


def test_tls_whose_issuer_differs_from_that_of_dtls_is_intercepted() -> None:
    tls, dtls = leg(TLS, 443), leg(DTLS, 5349, role=Role.CONTROL)
    tls.tls, dtls.tls = report("CorpProxy", 20), report("Private CA", 20)
    verdict = judge(seen(tls, dtls, uri="turns:turn.example:443"))
    assert (verdict.id, verdict.usable) == ("tls-intercepted", False)


def test_private_authority_seen_on_every_leg_is_not_interception() -> None:
    tls, dtls = leg(TLS, 443), leg(DTLS, 5349, role=Role.CONTROL)
    tls.tls, dtls.tls = report("Private CA", 20), report("Private CA", 20)
    verdict = judge(seen(tls, dtls, uri="turns:turn.example:443"))
    assert verdict.id == "tls-untrusted"


def test_untrusted_tls_beside_udp_that_works_is_a_note() -> None:
    tls = leg(TLS, 5349)
    tls.tls = report("Private CA", 20)
    verdict = judge(seen(leg(UDP, 3478), tls))
    assert verdict.id == "ok"
    assert "tls-untrusted" in [note.id for note in verdict.notes]


def test_every_verdict_fills_all_its_words() -> None:
    evidence = seen(leg(UDP, 3478, SILENT), leg(TCP, 3478, SILENT), leg(TCP, 443))
    verdict = judge(replace(evidence))
    for text in (verdict.title, verdict.network_fix, verdict.server_fix):
        assert "{" not in text
        assert " - " not in text
