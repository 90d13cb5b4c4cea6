"""aioice's own TURN client as the counterpart: it shares no line with ours or with the fake."""

import asyncio

import pytest
from support.aioice_counterpart import exchange
from support.fake_servers import LoopbackTurn

from voicectl.wire.stun_attributes import TransportAddress

BOTH = {"ours_by_indication": True, "ours_by_channel": True, "theirs": True}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_fake_server_serves_aioice_and_us_alike(transport: str) -> None:
    async def scenario() -> dict[str, bool]:
        async with LoopbackTurn() as running:
            server = TransportAddress(running.ip, running.port)
            return await exchange(server, "user", "pass", transport)

    assert asyncio.run(scenario()) == BOTH
