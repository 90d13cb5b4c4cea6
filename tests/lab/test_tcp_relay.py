"""TCP allocations (RFC 6062) against coturn: Connect, ConnectionBind and ConnectionAttempt."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voicectl.bench.lab.network import missing
from voicectl.bench.lab.servers import Lab

REASON = missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
HERE = Path(__file__).parent
PORT = 7


def test_bytes_pass_both_ways_whoever_connects(lab: Lab) -> None:
    lab.up("eim")
    lab.coturn()
    names = lab.names
    peer = lab.network.spawn("peer", sys.executable, str(HERE / "tcp_peer.py"), str(PORT))
    lab.network.wait_for_port(peer, PORT)
    client = [sys.executable, str(HERE / "tcp_relay.py"), names.server, str(names.port)]
    done = subprocess.run(
        ["ip", "netns", "exec", lab.network.ns("cli")]
        + [*client, names.user, names.password, names.peer, str(PORT)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "closed_port": 447,
        "echoed": "to the peer\n",
        "caller": names.peer,
        "heard": "it is the peer who calls\n",
    }


def test_audit_says_that_tcp_allocations_tell_open_ports_from_closed(lab: Lab) -> None:
    lab.up("eim")
    lab.coturn()
    target = f"turn:{lab.names.v4_only}:{lab.names.port}"
    options = ("--audit", "--i-own-this-server", "--scan-peers", "--quality", "0")
    answer = lab.probe(target, *options)
    assert (answer.verdict, answer.status) == ("audit-findings", 0), answer.record
    assert any("RFC 6062" in each for each in answer.record["verdict"]["evidence"])
