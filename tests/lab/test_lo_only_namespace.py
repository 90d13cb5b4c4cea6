"""A call needs no network: it connects in a network namespace that has only lo."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

CALL = """
import asyncio
from support.calls import connected, fake_end, run

async def scenario():
    caller, agent = fake_end(), fake_end()
    caller.peer.send_message("hello")
    async with connected(caller, agent):
        await caller.until(lambda end: end.events)
        await agent.until(lambda end: end.events and end.messages)
        print(caller.peer.transport_stats().nominated_pair)

run(scenario)
"""


def test_a_call_connects_with_nothing_but_lo() -> None:
    if sys.platform != "linux":
        pytest.skip("network namespaces are Linux's")
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("needs ip (iproute2) and unshare (util-linux)")
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not make a network namespace (needs root)")
    inside = 'ip link set lo up && ip -o addr && exec "$0" -W error -c "$1"'
    result = subprocess.run(
        ["unshare", "-n", "sh", "-c", inside, sys.executable, CALL],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    addresses = [line for line in result.stdout.splitlines() if " inet" in line]
    assert all(" lo " in line for line in addresses)
    assert "127.0.0.1" in result.stdout.splitlines()[-1]
