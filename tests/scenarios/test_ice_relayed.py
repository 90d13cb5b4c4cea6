"""A call through a TURN server (coturn on loopback), both ends relayed."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.calls import LOOPBACK, connected, fake_end, run

from voicectl.rtc import IceServer, PeerSettings, _aioice_private

pytestmark = pytest.mark.skipif(
    shutil.which("turnserver") is None, reason="needs coturn (turnserver)"
)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def turn_server(directory: Path, *more: str) -> AsyncIterator[int]:
    """Coturn with the user voicectl and the password secret; yields its port once it listens."""
    port = free_port()
    options = [
        "--no-cli --no-tls --no-dtls --lt-cred-mech --allow-loopback-peers --log-file=stdout",
        "--user=voicectl:secret --realm=test --listening-ip=127.0.0.1 --relay-ip=127.0.0.1",
        f"--listening-port={port} --pidfile={directory}/pid --userdb={directory}/db -n",
    ]
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        *" ".join([*options, *more]).split(),
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
            assert stats.dropped.unsent == 0

    run(scenario)


def test_a_relayed_call_outlives_its_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server forgets permissions after 300 s: the call went deaf in its sixth minute.

    Lifetimes and the interval of the refresh are a hundredth here. Coturn lets a permission that
    came with a channel live as long as the channel.
    """
    shrunk = 100
    lifetimes = f"--permission-lifetime={300 // shrunk} --channel-lifetime={300 // shrunk}"
    interval_s = _aioice_private.PERMISSION_REFRESH_S / shrunk
    monkeypatch.setattr(_aioice_private, "PERMISSION_REFRESH_S", interval_s)

    async def scenario() -> None:
        async with turn_server(tmp_path, lifetimes) as port:
            server = IceServer((f"turn:127.0.0.1:{port}",), "voicectl", "secret")
            relayed = replace(LOOPBACK, ice_servers=(server,), relay_only=True)
            caller, agent = fake_end(relayed), fake_end(relayed)
            async with connected(caller, agent):
                await asyncio.sleep(6)
                heard = [len(end.events) for end in (caller, agent)]
                await caller.until(lambda end: len(end.events) > heard[0] + 25)
                await agent.until(lambda end: len(end.events) > heard[1] + 25)

    run(scenario)
