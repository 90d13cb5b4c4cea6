"""The resolver's answers, from a DNS server on loopback that lies as each test says."""

import asyncio
from collections.abc import Callable

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from support.fake_servers import start_udp

from voicectl.clock import SystemClock
from voicectl.probe import dns_lookup
from voicectl.probe.dns_lookup import DnsLookup, look_up
from voicectl.probe.target import TransportName, parse_target

Zone = dict[tuple[str, str], list[str]]
Answer = Callable[[bytes], list[bytes]]


def answering(
    zone: Zone, rcode: dns.rcode.Rcode = dns.rcode.NOERROR
) -> Callable[[bytes], list[bytes]]:
    def answer(data: bytes) -> list[bytes]:
        query = dns.message.from_wire(data)
        question = query.question[0]
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        kind = dns.rdatatype.to_text(question.rdtype)
        name = question.name.to_text().rstrip(".")
        response.set_rcode(rcode)
        for record_type in (kind, "CNAME"):
            records = zone.get((name, record_type))
            if records:
                rrset = dns.rrset.from_text(question.name, 60, "IN", record_type, *records)
                response.answer.append(rrset)
                break
        return [response.to_wire()]

    return answer


def resolve(target: str, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> DnsLookup:
    async def run() -> DnsLookup:
        transport, port = await start_udp(answer)
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.41"]
        resolver.port = port
        resolver.timeout = 0.1
        monkeypatch.setattr(dns_lookup, "_resolver", lambda: resolver)
        monkeypatch.setattr(dns_lookup, "_LIFETIME_S", 0.3)
        try:
            return await look_up(parse_target(target), SystemClock())
        finally:
            transport.close()

    return asyncio.run(run())


def test_addresses_of_both_families_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    zone: Zone = {
        ("turn.example", "A"): ["192.0.2.1", "192.0.2.2"],
        ("turn.example", "AAAA"): ["2001:db8::1"],
    }
    lookup = resolve("turn:turn.example", answering(zone), monkeypatch)
    assert set(lookup.addresses) == {"192.0.2.1", "192.0.2.2", "2001:db8::1"}


def test_domain_goes_by_naptr_and_srv(monkeypatch: pytest.MonkeyPatch) -> None:
    zone: Zone = {
        ("example", "NAPTR"): [
            '20 0 "S" "RELAY:turn.tls" "" _turns._tcp.example.',
            '10 0 "S" "RELAY:turn.udp" "" _other._udp.example.',
        ],
        ("_other._udp.example", "SRV"): ["0 0 4000 a.example."],
        ("_turns._tcp.example", "SRV"): ["0 0 443 b.example."],
        ("a.example", "A"): ["192.0.2.1"],
        ("b.example", "A"): ["192.0.2.2"],
    }
    lookup = resolve("example", answering(zone), monkeypatch)
    assert [(each.transport, each.host, each.port) for each in lookup.services] == [
        (TransportName.UDP, "a.example", 4000),
        (TransportName.TLS, "b.example", 443),
    ]


def test_service_that_srv_denies_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 2782: a target of "." means that the service is decidedly not there.
    zone: Zone = {("_turn._udp.example", "SRV"): ["0 0 0 ."]}
    assert resolve("example", answering(zone), monkeypatch).services == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answering({}, dns.rcode.NXDOMAIN), "nxdomain"),
        (answering({}), "no-data"),
        (answering({}, dns.rcode.SERVFAIL), "server-failure"),
        (answering({}, dns.rcode.REFUSED), "server-failure"),
        (lambda _: [], "timeout"),
    ],
)
def test_outcomes_are_told_apart(
    answer: Answer, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = resolve("turn:turn.example", answer, monkeypatch)
    assert lookup.outcomes == {"A": outcome, "AAAA": outcome}
    assert lookup.addresses == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: [b""],
        lambda data: [data],
        lambda data: [data[:2] + b"\xff" * 40],
        lambda data: [data[:6] + b"\xff\xff" + data[8:] + b"\xc0\x0c" * 200],
        answering({("turn.example", "CNAME"): ["turn.example."]}),
    ],
    ids=["empty", "echo", "garbage", "pointer-loops", "cname-to-itself"],
)
def test_answers_that_lie_end_in_time_and_without_addresses(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = resolve("turn:turn.example", answer, monkeypatch)
    assert lookup.addresses == []
    assert all(each.outcome != "ok" for each in lookup.queries)
    assert all(each.took_ms < 1500 for each in lookup.queries)


def test_address_needs_no_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    lookup = resolve("turn:[2001:db8::1]", lambda _: [], monkeypatch)
    assert (lookup.addresses, lookup.queries) == (["2001:db8::1"], [])
