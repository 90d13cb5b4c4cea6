"""turnutils, two STUN clients and aioice, asked in the same network what the probe was asked."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from voicectl.bench.lab.servers import Lab
from voicectl.bench.probe.lines import Line
from voicectl.clock import SystemClock
from voicectl.probe.target import Target, TransportName, parse_target

__all__ = [
    "LIMIT_S",
    "RivalAnswer",
    "ask_about_nat",
    "ask_about_path",
    "ask_about_quality",
]

LIMIT_S = 8.0
"""After that a rival is stopped: `hung`."""
_PORT, _SECURE_PORT = 3478, 5349
_AIOICE = """
import asyncio, sys
import aioice
async def main(host, port, user, password, transport, secure):
    server = (host, int(port))
    connection = aioice.Connection(
        ice_controlling=True, stun_server=server, turn_server=server if user else None,
        turn_username=user, turn_password=password,
        turn_transport=transport, turn_ssl=secure == "1", use_ipv6=False)
    await connection.gather_candidates()
    types = {each.type for each in connection.local_candidates}
    await connection.close()
    print(" ".join(sorted(types)))
    sys.exit(0 if ("relay" if user else "srflx") in types else 1)
asyncio.run(main(*sys.argv[1:]))
"""
_STUN_UNREACHABLE = (28, 255)
"""What stun-client 0.97 ends with when nothing answers; its other statuses are kinds of NAT."""


@dataclass(frozen=True)
class RivalAnswer:
    """What came of a rival."""

    name: str
    status: int | None
    """None where it was stopped after `LIMIT_S`."""
    took_s: float
    said: str
    """The last line, or the one with the figure."""
    usable: bool | None
    """What its status says of the target; None where it was stopped."""
    figure: float | None = None
    """What it measured, where it was asked to."""

    @property
    def text(self) -> str:
        """In a table's cell."""
        return "hung" if self.status is None else f"{self.status} {self.took_s:.1f}s"


@dataclass(frozen=True)
class _Rival:
    name: str
    command: list[str]
    usable: Callable[[int], bool] = lambda status: status == 0


def ask_about_path(lab: Lab) -> list[RivalAnswer]:
    """Have each try the target that the probe was given last, where it can speak that at all."""
    target = parse_target(lab.asked[0])
    asked = [_uclient(lab, target), _stun(target), _stunclient(target), _aioice(lab, target)]
    return [_run(lab, each) for each in asked if each is not None]


def ask_about_nat(lab: Lab) -> list[RivalAnswer]:
    """Have those that know NATs examine this one."""
    target = parse_target(lab.asked[0])
    port = str(target.port or _PORT)
    command = ["turnutils_natdiscovery", "-m", "-f", "-p", port, target.host]
    asked = [_Rival("natdiscovery", command), _stun(target), _stunclient(target)]
    return [_run(lab, each, limit_s=2 * LIMIT_S) for each in asked if each is not None]


def ask_about_quality(lab: Lab, line: Line) -> list[RivalAnswer]:
    """Have turnutils_uclient measure the line: the loss as a share, or the round trip in ms."""
    rival = _uclient(lab, parse_target(lab.asked[0]), messages=250)
    if rival is None:
        return []
    pattern = r"lost packets \d+ \(([\d.]+)%\)" if line.loss_percent else r"delay ([\d.]+) ms; min"
    return [_run(lab, rival, limit_s=3 * LIMIT_S, pattern=pattern)]


def _uclient(lab: Lab, target: Target, messages: int = 5) -> _Rival | None:
    if lab.credentials is None or shutil.which("turnutils_uclient") is None:
        return None
    secure = target.scheme.secure
    port = target.port or (_SECURE_PORT if secure else _PORT)
    command = ["turnutils_uclient", "-c", "-n", str(messages), "-l", "160", "-p", str(port)]
    command += ["-u", lab.credentials[0], "-w", lab.credentials[1]]
    if target.transport == "tcp" or (secure and target.transport is None):
        command.append("-t")
    if secure:
        command.append("-S")
    if "--ca" in lab.asked:
        command += ["-E", _after(lab, "--ca")]
    if "--relay-family" in lab.asked:
        command.append("-x")
    if "--peer" in lab.asked:
        ip, _, peer_port = _after(lab, "--peer").rpartition(":")
        command += ["-e", ip.strip("[]"), "-r", peer_port]
    else:
        command.append("-y")
    return _Rival("uclient", [*command, target.host])


def _stun(target: Target) -> _Rival | None:
    if not _over_udp(target) or shutil.which("stun") is None:
        return None
    command = ["stun", f"{target.host}:{target.port or _PORT}"]
    return _Rival("stun", command, lambda status: status not in _STUN_UNREACHABLE)


def _stunclient(target: Target) -> _Rival | None:
    if not _over_udp(target) or shutil.which("stunclient") is None:
        return None
    command = ["stunclient", "--mode", "full", target.host, str(target.port or _PORT)]
    return _Rival("stunclient", command)


def _aioice(lab: Lab, target: Target) -> _Rival | None:
    secure = target.scheme.secure
    if secure and target.transport == "udp":
        return None
    user, password = lab.credentials or ("", "")
    transport = "tcp" if secure else target.transport or "udp"
    port = str(target.port or (_SECURE_PORT if secure else _PORT))
    arguments = [target.host, port, user, password, transport, "1" if secure else "0"]
    return _Rival("aioice", [sys.executable, "-c", _AIOICE, *arguments])


def _over_udp(target: Target) -> bool:
    return not target.scheme.secure and target.transport in (None, TransportName.UDP)


def _after(lab: Lab, flag: str) -> str:
    return lab.asked[lab.asked.index(flag) + 1]


def _run(
    lab: Lab, rival: _Rival, *, limit_s: float = LIMIT_S, pattern: str | None = None
) -> RivalAnswer:
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    if "--ca" in lab.asked:
        environment["SSL_CERT_FILE"] = _after(lab, "--ca")
    clock = SystemClock()
    began_ns = clock.now_ns()
    status: int | None
    try:
        done = subprocess.run(
            ["ip", "netns", "exec", lab.network.ns("cli"), *rival.command],
            check=False,
            capture_output=True,
            text=True,
            timeout=limit_s,
            errors="replace",
            env=environment,
        )
        status, output = done.returncode, (done.stdout + done.stderr).strip()
    except subprocess.TimeoutExpired:
        status, output = None, ""
    took_s = (clock.now_ns() - began_ns) / 1e9
    found = re.search(pattern, output) if pattern else None
    return RivalAnswer(
        rival.name,
        status,
        took_s,
        found[0] if found else output.splitlines()[-1][:100] if output else "",
        None if status is None else rival.usable(status),
        float(found[1]) if found else None,
    )
