"""A call through a TURN server (coturn on loopback), both ends relayed."""
# ruff: noqa: SLF001 (the description that went is aiortc's to tell)

import asyncio
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.calls import LOOPBACK, connected, fake_end, run
from support.fake_servers import LoopbackTurn
from support.fake_turn import FakeTurn

from voicectl.rtc import IceServer, PeerSettings, _aioice_turn_private

needs_coturn = pytest.mark.skipif(
    shutil.which("turnserver") is None, reason="needs coturn (turnserver)"
)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def turn_server(directory: Path) -> AsyncIterator[int]:
    """Coturn with the user voicectl and the password secret; yields its port once it listens."""
    port = free_port()
    options = [
        "--no-cli --no-tls --no-dtls --lt-cred-mech --allow-loopback-peers --log-file=stdout",
        "--user=voicectl:secret --realm=test --listening-ip=127.0.0.1 --relay-ip=127.0.0.1",
        f"--listening-port={port} --pidfile={directory}/pid --userdb={directory}/db -n",
    ]
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        *" ".join(options).split(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=directory,
    )
    try:
        await listening(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def listening(port: int) -> None:
    """Wait until TCP connects; coturn buffers what it would say about it."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return


@needs_coturn
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_relayed_call_carries_packets_both_ways(transport: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with turn_server(tmp_path) as port:
            url = f"turn:127.0.0.1:{port}?transport={transport}"
            relayed: PeerSettings = replace(
                LOOPBACK, ice_servers=(IceServer((url,), "voicectl", "secret"),), relay_only=True
            )
            caller, agent = fake_end(relayed), fake_end(relayed)
            async with connected(caller, agent):
                await agent.until(lambda end: len(end.events) > 10)
                await caller.until(lambda end: len(end.events) > 10)
                stats = caller.peer.transport_stats()
            assert stats.nominated_pair is not None
            assert stats.nominated_pair.local_type == "relay"
            described = caller.peer._connection.localDescription.sdp
            assert "a=candidate" not in described  # it followed
            assert stats.dropped.unsent == 0

    run(scenario)


def test_a_relayed_call_outlives_its_permissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server forgets permissions after 300 s: the call went deaf in its sixth minute.

    The lifetime and the interval of the refresh are a hundredth here. The server goes by RFC 8656:
    coturn and Pion let a permission that came with a channel live as long as the channel.
    """
    shrunk = 100
    interval_s = _aioice_turn_private.PERMISSION_REFRESH_S / shrunk
    monkeypatch.setattr(_aioice_turn_private, "PERMISSION_REFRESH_S", interval_s)
    strict = FakeTurn(permission_lifetime_s=300 / shrunk, clock=time.monotonic)

    async def scenario() -> None:
        async with LoopbackTurn(strict) as turn:
            server = IceServer((turn.uri(),), "user", "pass")
            relayed = replace(LOOPBACK, ice_servers=(server,), relay_only=True)
            caller, agent = fake_end(relayed), fake_end(relayed)
            async with connected(caller, agent):
                await asyncio.sleep(2 * strict.permission_lifetime_s)
                heard = [len(end.events) for end in (caller, agent)]
                await caller.until(lambda end: len(end.events) > heard[0] + 25)
                await agent.until(lambda end: len(end.events) > heard[1] + 25)

    run(scenario)
