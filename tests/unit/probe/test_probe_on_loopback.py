"""The whole probe against servers on loopback: every fault that needs no root and no network."""

import asyncio
import contextlib
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_servers import IP, LoopbackTurn, start_stream, start_udp
from support.fake_turn import FakeTurn, Faults
from support.tls_files import TlsFiles, make_tls_files

from voicectl.probe.evidence import Evidence
from voicectl.probe.runner import probe_target
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.target import parse_target
from voicectl.probe.transport.proxy import Proxy
from voicectl.probe.transport.secure import TrustStore
from voicectl.probe.verdict import Verdict, judge
from voicectl.turn.credentials import LongTermCredentials, rest_credentials
from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import TransportAddress

RIGHT = LongTermCredentials("user", "pass")
EPOCH_S = 1_800_000_000
QUICK = ProbeSettings(quality_s=0.0, leg_timeout_s=0.7, deadline_s=4.0)


async def see(
    uri: str,
    credentials: LongTermCredentials | None = RIGHT,
    settings: ProbeSettings = QUICK,
) -> tuple[Verdict, Evidence]:
    evidence = await probe_target(parse_target(uri, credentials), settings, epoch_s=EPOCH_S)
    return judge(evidence), evidence


def verdict_on(
    server: LoopbackTurn,
    credentials: LongTermCredentials | None = RIGHT,
    settings: ProbeSettings = QUICK,
    query: str = "",
) -> tuple[Verdict, Evidence]:
    async def run() -> tuple[Verdict, Evidence]:
        async with server:
            return await see(server.uri(query), credentials, settings)

    return asyncio.run(run())


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"), IP)


def test_server_that_is_well_is_ok_and_its_relay_proven() -> None:
    verdict, evidence = verdict_on(LoopbackTurn())
    assert (verdict.id, verdict.usable) == ("ok", True)
    assert evidence.relay is not None
    assert (evidence.relay.method, evidence.relay.inbound) == ("self-peer", True)
    assert evidence.nat is not None
    assert evidence.nat.mapping == "no-nat"


def test_verdict_on_an_open_network_comes_within_a_second_and_a_half() -> None:
    _, evidence = verdict_on(LoopbackTurn(), settings=ProbeSettings(quality_s=0.0))
    assert evidence.verdict_ms <= 1500


def test_every_allocation_is_given_back() -> None:
    server = LoopbackTurn()
    verdict_on(server)
    assert server.fake.allocations == {}


@pytest.mark.parametrize(
    ("faults", "credentials", "expected"),
    [
        (Faults(), LongTermCredentials("user", "wrong"), "credentials-rejected"),
        (Faults(), LongTermCredentials("nobody", "pass"), "credentials-rejected"),
        (Faults(), rest_credentials("s", "a", EPOCH_S - 60), "credentials-expired"),
        (Faults(), rest_credentials("s", "a", EPOCH_S + 60), "credentials-rejected"),
        (Faults(), rest_credentials("s", "a", (EPOCH_S + 60) * 1000), "credentials-expired"),
        (Faults(), None, "credentials-missing"),
        (Faults(always_stale=True), RIGHT, "nonce-unstable"),
        (Faults(refuse={Method.ALLOCATE: 486}), RIGHT, "allocation-quota"),
        (Faults(refuse={Method.ALLOCATE: 508}), RIGHT, "relay-ports-exhausted"),
        (Faults(refuse={Method.ALLOCATE: 403}), RIGHT, "allocation-forbidden"),
        (Faults(refuse={Method.ALLOCATE: 440}), RIGHT, "address-family"),
        (Faults(refuse={Method.ALLOCATE: 441}), RIGHT, "credentials-mixed"),
        (Faults(refuse={Method.ALLOCATE: 442}), RIGHT, "transport-unsupported"),
        (Faults(refuse={Method.ALLOCATE: 500}), RIGHT, "server-error"),
        (Faults(refuse_unsigned={Method.ALLOCATE: 400}), RIGHT, "server-error"),
        (Faults(refuse={Method.ALLOCATE: 400}), RIGHT, "credentials-rejected"),
        (Faults(no_integrity=True), RIGHT, "answers-not-authentic"),
        (Faults(garbage=b"no STUN at all"), RIGHT, "not-stun"),
        (Faults(garbage=bytes(60_000)), RIGHT, "not-stun"),
    ],
)
def test_refusal_gets_its_own_verdict(
    faults: Faults, credentials: LongTermCredentials | None, expected: str
) -> None:
    verdict, _ = verdict_on(LoopbackTurn(FakeTurn(faults=faults)), credentials)
    assert (verdict.id, verdict.usable) == (expected, False)


def test_stale_nonce_once_is_no_fault() -> None:
    verdict, _ = verdict_on(LoopbackTurn(FakeTurn(faults=Faults(stale_once=True))))
    assert verdict.id == "ok"


def test_forged_answers_are_ignored() -> None:
    verdict, evidence = verdict_on(LoopbackTurn(FakeTurn(faults=Faults(forge_first=True))))
    assert verdict.id == "ok"
    assert any("MESSAGE-INTEGRITY" in reason for leg in evidence.legs for reason in leg.discarded)


def test_secure_stun_is_a_note_on_a_server_that_is_well() -> None:
    verdict, evidence = verdict_on(LoopbackTurn(FakeTurn(faults=Faults(secure_stun=True))))
    assert verdict.id == "ok"
    assert "stun-needs-credentials" in [note.id for note in verdict.notes]
    assert evidence.relay is not None
    assert (evidence.relay.method, evidence.relay.inbound) == ("self-peer", True)


def test_own_allocations_do_not_make_a_quota_of_two_look_used_up() -> None:
    async def run() -> Verdict:
        faults = Faults(maximum_allocations=1)
        async with LoopbackTurn(FakeTurn(faults=faults)) as first:
            return (await see(first.uri()))[0]

    assert asyncio.run(run()).id == "allocation-quota"
    verdict, _ = verdict_on(LoopbackTurn(FakeTurn(faults=Faults(maximum_allocations=2))))
    assert verdict.id == "ok"


def test_advertised_address_that_is_not_the_relays_is_found_out() -> None:
    faults = Faults(relayed=lambda real: TransportAddress("127.0.0.77", real.port))
    verdict, evidence = verdict_on(LoopbackTurn(FakeTurn(faults=faults)))
    assert (verdict.id, verdict.usable) == ("relay-address-wrong", False)
    assert evidence.relay is not None
    assert evidence.relay.inbound_via_server_ip is True


def test_relay_that_forwards_nothing_is_found_out() -> None:
    verdict, _ = verdict_on(LoopbackTurn(relay_passes=lambda _: False))
    assert (verdict.id, verdict.usable) == ("relay-range-blocked", False)


def test_large_packets_that_vanish_are_found_out() -> None:
    server = LoopbackTurn(relay_passes=lambda payload: len(payload) < 1250)
    settings = ProbeSettings(quality_s=0.2, leg_timeout_s=0.7)
    verdict, evidence = verdict_on(server, settings=settings)
    assert (verdict.id, verdict.usable) == ("pmtu-black-hole", True)
    assert evidence.quality is not None
    assert evidence.quality.sizes[1200][1] > 0
    assert evidence.quality.sizes[1300][1] == 0


def test_random_loss_is_a_lossy_path_and_not_a_cap() -> None:
    rng = random.Random(7)

    def passes(payload: bytes) -> bool:
        return len(payload) != 160 or rng.random() > 0.12

    settings = ProbeSettings(quality_s=1.0, leg_timeout_s=0.7)
    verdict, _ = verdict_on(LoopbackTurn(relay_passes=passes), settings=settings)
    assert (verdict.id, verdict.usable) == ("lossy-path", True)


def test_policing_is_told_from_random_loss() -> None:
    spent: dict[int, int] = {}

    def passes(payload: bytes) -> bool:
        if len(payload) != 160:
            return True
        second = int(time.monotonic())
        spent[second] = spent.get(second, 0) + len(payload)
        return spent[second] <= 6000

    settings = ProbeSettings(quality_s=1.0, leg_timeout_s=0.7)
    verdict, _ = verdict_on(LoopbackTurn(relay_passes=passes), settings=settings)
    assert (verdict.id, verdict.usable) == ("bandwidth-capped", True)


def test_longer_quality_test_has_the_time_it_asks_for() -> None:
    settings = ProbeSettings(quality_s=4.0, leg_timeout_s=0.7, deadline_s=3.5)
    _, evidence = verdict_on(LoopbackTurn(), settings=settings)
    assert evidence.quality is not None
    assert evidence.quality.to_relay.sent == 200
    assert not evidence.cut_short


def test_redirect_is_followed() -> None:
    async def run() -> tuple[Verdict, Evidence]:
        async with LoopbackTurn(ip="127.0.0.42") as second:
            to = TransportAddress(second.ip, second.port)
            async with LoopbackTurn(FakeTurn(faults=Faults(redirect=to))) as first:
                return await see(first.uri())

    verdict, evidence = asyncio.run(run())
    assert (verdict.id, verdict.usable) == ("redirected", True)
    assert evidence.redirects


def test_redirect_to_a_dead_server_is_no_path() -> None:
    faults = Faults(redirect=TransportAddress("127.0.0.43", 9))
    verdict, _ = verdict_on(LoopbackTurn(FakeTurn(faults=faults)))
    assert (verdict.id, verdict.usable) == ("redirected", False)


def test_redirect_in_a_circle_ends() -> None:
    async def run() -> Verdict:
        first_fake, second_fake = FakeTurn(), FakeTurn()
        async with LoopbackTurn(first_fake) as first:
            async with LoopbackTurn(second_fake, ip="127.0.0.42") as second:
                first_fake.faults.redirect = TransportAddress(second.ip, second.port)
                second_fake.faults.redirect = TransportAddress(first.ip, first.port)
                return (await see(first.uri()))[0]

    verdict = asyncio.run(run())
    assert (verdict.id, verdict.usable) == ("redirect-loop", False)


def test_closed_port_is_told_at_once() -> None:
    async def run() -> tuple[Verdict, Evidence]:
        transport, port = await start_udp(lambda _: [])
        transport.close()
        await asyncio.sleep(0)
        return await see(f"turn:{IP}:{port}")

    verdict, evidence = asyncio.run(run())
    assert verdict.id == "port-closed"
    assert evidence.total_ms < 1000


def test_server_that_never_answers_is_silent_within_the_deadline() -> None:
    async def run() -> tuple[Verdict, Evidence]:
        udp, port = await start_udp(lambda _: [])
        tcp, _ = await start_stream(lambda reader, _: reader.read(), port=port)
        try:
            return await see(f"turn:{IP}:{port}")
        finally:
            udp.close()
            await tcp.close()

    verdict, evidence = asyncio.run(run())
    assert verdict.id == "host-silent"
    assert evidence.total_ms <= QUICK.deadline_s * 1000 + 500


def test_udp_that_is_dropped_beside_tcp_that_works() -> None:
    async def run() -> Verdict:
        async with LoopbackTurn(udp=False) as server:
            udp, _ = await start_udp(lambda _: [], port=server.port)
            try:
                return (await see(server.uri()))[0]
            finally:
                udp.close()

    verdict = asyncio.run(run())
    # The usual UDP ports of a loopback address refuse: only the silent one counts as evidence.
    assert verdict.usable
    assert verdict.id in ("ok", "udp-dropped")


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\x01\x00\x00",
        struct.pack("!HHI", 0x0101, 0xFFFC, 0x2112A442) + bytes(40),
        bytes(1_000_000),
    ],
    ids=["http", "ssh", "four-bytes", "half-a-message", "a-megabyte"],
)
def test_stream_of_something_else_ends_in_a_verdict(bytes_sent: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(bytes_sent)
        await writer.drain()
        await reader.read()

    async def run() -> tuple[Verdict, Evidence]:
        server, port = await start_stream(serve)
        try:
            return await see(f"turn:{IP}:{port}?transport=tcp")
        finally:
            await server.close()

    verdict, evidence = asyncio.run(run())
    assert verdict.id in ("not-stun", "host-silent")
    assert not verdict.usable
    assert evidence.total_ms < 2500


class TestTls:
    def serve(
        self,
        files: TlsFiles,
        certificate: str,
        *,
        trusted: bool = True,
        host: str = IP,
    ) -> tuple[Verdict, Evidence]:
        async def run() -> tuple[Verdict, Evidence]:
            context = files.server(certificate)
            async with LoopbackTurn(udp=False, tls=context) as server:
                trust = TrustStore(files.authority if trusted else None)
                settings = ProbeSettings(
                    trust=trust, quality_s=0.0, leg_timeout_s=0.9, deadline_s=4.0
                )
                return await see(f"turns:{host}:{server.port}", settings=settings)

        return asyncio.run(run())

    def test_good_certificate_is_ok(self, tls_files: TlsFiles) -> None:
        verdict, evidence = self.serve(tls_files, "good")
        assert verdict.id == "ok"
        assert evidence.legs[0].tls is not None
        assert evidence.legs[0].tls.valid

    def test_expired_certificate_is_named(self, tls_files: TlsFiles) -> None:
        verdict, _ = self.serve(tls_files, "expired")
        assert (verdict.id, verdict.usable) == ("tls-expired", False)

    def test_other_name_is_named(self, tls_files: TlsFiles) -> None:
        verdict, _ = self.serve(tls_files, "othername")
        assert verdict.id == "tls-hostname-mismatch"
        assert "other.example.test" in verdict.title

    def test_foreign_issuer_is_interception_when_the_authority_is_known(
        self, tls_files: TlsFiles
    ) -> None:
        verdict, _ = self.serve(tls_files, "corporate")
        assert verdict.id == "tls-intercepted"
        assert "CorpProxy Issuing CA" in verdict.title

    def test_unknown_issuer_may_be_either_without_it(self, tls_files: TlsFiles) -> None:
        verdict, _ = self.serve(tls_files, "good", trusted=False)
        assert verdict.id == "tls-untrusted"
        assert verdict.cannot_tell is not None

    def test_plain_port_is_told_from_a_dead_one(self) -> None:
        async def run() -> Verdict:
            async with LoopbackTurn(udp=False) as server:
                settings = ProbeSettings(quality_s=0.0, leg_timeout_s=3.0)
                return (await see(f"turns:{IP}:{server.port}", settings=settings))[0]

        assert asyncio.run(run()).id == "tls-to-plain-port"

    def test_reset_after_the_client_hello_is_named(self) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            linger = struct.pack("ii", 1, 0)
            import socket

            opened = writer.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

        async def run() -> Verdict:
            server, port = await start_stream(serve)
            try:
                return (await see(f"turns:{IP}:{port}"))[0]
            finally:
                await server.close()

        assert asyncio.run(run()).id == "tls-reset"


class TestProxy:
    """An HTTP proxy on loopback that answers CONNECT as each test says."""

    def ask(self, head: bytes, *, forwards: bool = False) -> Verdict:
        async def run() -> Verdict:
            async with LoopbackTurn(udp=False) as turn:

                async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    with contextlib.suppress(asyncio.IncompleteReadError):
                        await reader.readuntil(b"\r\n\r\n")
                    writer.write(head)
                    await writer.drain()
                    if forwards:
                        await _splice(reader, writer, turn.port)
                    else:
                        await reader.read()

                proxy, port = await start_stream(serve)
                settings = ProbeSettings(
                    quality_s=0.0, leg_timeout_s=0.7, deadline_s=4.0, proxy=Proxy(IP, port)
                )
                try:
                    # A name that only the proxy knows: there is no direct way.
                    return (await see("turn:127.0.0.66:9?transport=tcp", settings=settings))[0]
                finally:
                    await proxy.close()

        return asyncio.run(run())

    def test_connect_makes_a_path_where_there_is_no_other(self) -> None:
        verdict = self.ask(b"HTTP/1.1 200 Connection established\r\n\r\n", forwards=True)
        assert (verdict.id, verdict.usable) == ("proxy-only", True)

    @pytest.mark.parametrize(
        ("head", "expected"),
        [
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", "proxy-refuses-port"),
            (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "proxy-authentication"),
            (b"\x05\x00\r\n\r\n", "proxy-broken"),
            (b"HTTP/1.1 abc\r\n\r\n", "proxy-broken"),
            (b"HTTP/1.1 200 OK\r\n\r\n", "proxy-broken"),
            (b"X" * 40_000, "proxy-broken"),
            (b"", "proxy-broken"),
        ],
        ids=["403", "407", "socks", "no-status", "lies", "endless", "silent"],
    )
    def test_proxy_that_fails_is_named(self, head: bytes, expected: str) -> None:
        verdict = self.ask(head)
        assert (verdict.id, verdict.usable) == (expected, False)


async def _splice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection(IP, port)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
        sink.close()

    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


def test_audit_finds_an_open_relay_and_private_peers() -> None:
    settings = ProbeSettings(quality_s=0.0, leg_timeout_s=0.7, audit=True)
    verdict, evidence = verdict_on(
        LoopbackTurn(FakeTurn(faults=Faults(open_relay=True))), settings=settings
    )
    assert verdict.id == "open-relay"
    assert evidence.audit is not None
    assert {each.id for each in evidence.audit} >= {"open-relay", "peer-allowed"}


def test_audit_finds_default_credentials() -> None:
    settings = ProbeSettings(quality_s=0.0, leg_timeout_s=0.7, audit=True)
    fake = FakeTurn(users={"user": "pass", "test": "test"})
    verdict, evidence = verdict_on(LoopbackTurn(fake), settings=settings)
    assert verdict.id == "audit-findings"
    assert evidence.audit is not None
    assert any(each.id == "default-credentials" for each in evidence.audit)


def test_mapping_lifetime_is_measured_inwards() -> None:
    settings = ProbeSettings(quality_s=0.0, leg_timeout_s=0.7, nat_lifetime_s=1.2)
    verdict, evidence = verdict_on(LoopbackTurn(), settings=settings)
    assert verdict.id == "ok"
    assert evidence.lifetime is not None
    assert (evidence.lifetime.alive_after_s, evidence.lifetime.gone_after_s) == (1.2, None)


def test_probe_without_udp_proves_the_relay_between_two_allocations() -> None:
    server = LoopbackTurn(udp=False)
    verdict, evidence = verdict_on(server, query="?transport=tcp")
    assert verdict.usable
    assert evidence.relay is not None
    assert (evidence.relay.method, evidence.relay.loopback) == ("relay-to-relay", True)


def test_missing_authority_file_is_a_setup_error(tmp_path: Path) -> None:
    from voicectl.errors import SetupError

    empty = tmp_path / "empty.pem"
    empty.write_text("")
    make: Callable[[], object] = lambda: asyncio.run(  # noqa: E731
        see(f"turns:{IP}:9", settings=ProbeSettings(trust=TrustStore(empty)))
    )
    with pytest.raises(SetupError):
        make()
