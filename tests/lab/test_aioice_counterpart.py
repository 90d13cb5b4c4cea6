"""aioice's TURN client and ours as each other's peers on coturn."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voicectl.bench.lab.network import missing
from voicectl.bench.lab.servers import Lab

REASON = missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
SCRIPT = Path(__file__).parents[1] / "support" / "aioice_counterpart.py"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_each_hears_the_other_through_both_relays(lab: Lab, transport: str) -> None:
    lab.up("eim")
    lab.coturn()
    names = lab.names
    where = ["ip", "netns", "exec", lab.network.ns("cli"), sys.executable, str(SCRIPT)]
    done = subprocess.run(
        [*where, names.server, str(names.port), names.user, names.password, transport],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout).values()) == {True}, done.stdout
