"""What a TURN server lets strangers and users do (OWASP ASVS 5.0 17.1.1). For one's own server.

Permissions are asked for and nothing is ever sent to those peers.
"""

import asyncio
import contextlib

from voicectl.probe.evidence import AuditFinding, Leg
from voicectl.probe.leg_race import LegRace
from voicectl.probe.leg_run import LegRun, release
from voicectl.probe.session import TurnSession
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.target import TransportName
from voicectl.probe.transport.failure import PathFailed
from voicectl.turn.credentials import LongTermCredentials
from voicectl.turn.events import ConnectionOpened, PermissionCreated, RequestRefused
from voicectl.turn.requests import TCP
from voicectl.wire.stun import Method
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["audit_server"]

_TIMEOUT_S = 1.0
_CONNECTION_FAILED = 447
_PEERS = (
    ("127.0.0.1", "loopback"),
    ("0.0.0.0", "unspecified"),  # an address to ask about, nothing is bound to it
    ("10.0.0.1", "private (RFC 1918)"),
    ("172.16.0.1", "private (RFC 1918)"),
    ("192.168.0.1", "private (RFC 1918)"),
    ("100.64.0.1", "carrier-grade NAT"),
    ("169.254.169.254", "cloud metadata"),
)
_DEFAULT_CREDENTIALS = (
    ("admin", "admin"),
    ("coturn", "coturn"),
    ("guest", "guest"),
    ("test", "test"),
    ("turn", "turn"),
    ("turnuser", "turnpassword"),
    ("user", "password"),
    ("webrtc", "webrtc"),
)


async def audit_server(
    race: LegRace, best: LegRun | None, settings: ProbeSettings
) -> list[AuditFinding]:
    """Ask what should be refused; what is granted is a finding."""
    findings: list[AuditFinding] = []
    leg = best.leg if best is not None else _first_answering(race)
    if leg is None:
        return findings
    if any(run.result.allocation and not run.result.allocation.authenticated for run in race.runs):
        findings.append(AuditFinding("open-relay", "Allocate succeeds without credentials"))
    else:
        findings += await _default_credentials(leg, settings)
    if best is not None and best.session is not None:
        findings += await _peers(best.session, leg)
    if settings.scan_peers:
        findings += await _tcp_scan(race)
    return findings


def _first_answering(race: LegRace) -> Leg | None:
    return next((run.leg for run in race.runs if run.result.answered and run.leg.allocates), None)


async def _default_credentials(leg: Leg, settings: ProbeSettings) -> list[AuditFinding]:
    """A few pairs from tutorials and sample configurations."""
    runs = [LegRun(leg, LongTermCredentials(*pair), settings) for pair in _DEFAULT_CREDENTIALS]
    await asyncio.gather(*(run.run(settings.clock.now_ns()) for run in runs))
    findings: list[AuditFinding] = []
    for run, (username, password) in zip(runs, _DEFAULT_CREDENTIALS, strict=True):
        if run.session is not None:
            await release(run.session)
            text = f"the credentials `{username}` / `{password}` of many tutorials are accepted"
            findings.append(AuditFinding("default-credentials", text))
    return findings


async def _peers(session: TurnSession, leg: Leg) -> list[AuditFinding]:
    peers = [*_PEERS, (leg.address.ip, "the server itself")]
    if leg.address.family == 6:
        peers += [("::1", "loopback"), ("::ffff:127.0.0.1", "IPv4-mapped loopback")]
    findings: list[AuditFinding] = []
    for ip, what in peers:
        address = TransportAddress(ip, leg.address.port)
        with contextlib.suppress(PathFailed, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                event = await _permission(session, address)
            if isinstance(event, PermissionCreated):
                text = f"a permission for {ip} ({what}) is granted"
                findings.append(AuditFinding("peer-allowed", text))
    return findings


async def _permission(session: TurnSession, peer: TransportAddress) -> object:
    return await session.ask(
        Method.CREATE_PERMISSION, lambda client, now: client.create_permission([peer], now)
    )


async def _tcp_scan(race: LegRace) -> list[AuditFinding]:
    """RFC 6062: 447 for a closed port and success for an open one make the relay a port scanner.

    A TCP allocation needs a connection of its own: on one that held another before, coturn says
    437. The port is the server's own, number 1.
    """
    streams = (TransportName.TCP, TransportName.TLS)
    legs = [run.leg for run in race.runs if run.result.ok and run.leg.transport in streams]
    if not legs:
        return []
    run = await race.again(legs[0], relayed_transport=TCP)
    if run.session is None:
        return []
    peer = TransportAddress(legs[0].address.ip, 1)
    findings: list[AuditFinding] = []
    try:
        async with asyncio.timeout(_TIMEOUT_S * 3):
            event = await run.session.ask(
                Method.CONNECT, lambda client, now: client.connect(peer, now)
            )
        told = isinstance(event, RequestRefused) and event.code == _CONNECTION_FAILED
        if told or isinstance(event, ConnectionOpened):
            text = "TCP allocations tell open from closed ports of peers (RFC 6062)"
            findings.append(AuditFinding("tcp-port-scan", text))
    except (PathFailed, TimeoutError):
        pass
    finally:
        await release(run.session)
    return findings
