"""OAuth (RFC 7635) against coturn's --oauth, with tokens sealed here as the RFC says.

coturn 4.6.1 signs with the first 16 bytes of a token's MAC key of 20, and so does its own client;
RFC 7635 has the whole key used, which `tests/unit/probe/test_oauth.py` tries on a fake server.
"""

import base64
import os
import sqlite3

import pytest
from support.oauth_tokens import seal_token, token_json

from voicectl.bench.lab.network import missing, until
from voicectl.bench.lab.servers import Answer, Lab, epoch_s
from voicectl.bench.probe.faults import turn

REASON = missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
MAC_KEY = os.urandom(20)
COTURNS_PART = MAC_KEY[:16]


@pytest.fixture
def sealing_key(lab: Lab) -> bytes:
    """coturn's, which an authorization server shares."""
    key = os.urandom(32)
    lab.up("eim")
    lab.coturn("--oauth", "--server-name", lab.names.turn, auth=("--lt-cred-mech",))
    (log,) = lab.folder.glob("turnserver-*.log")
    assert until(lambda: "SQLite DB connection success" in log.read_text(), 10)
    (database,) = lab.folder.glob("turn*.sqlite")
    row = ("kid-1", base64.b64encode(key).decode(), 0, 0, "A256GCM", "")
    with sqlite3.connect(database, timeout=10) as opened:
        opened.execute("insert into oauth_key values (?, ?, ?, ?, ?, ?)", row)
    opened.close()
    return key


def probe(lab: Lab, token: bytes, mac_key: bytes) -> Answer:
    path = lab.folder / "token.json"
    path.write_text(token_json("kid-1", token, mac_key))
    options = ("--token-file", str(path), "--quality", "0")
    return lab.probe(turn(lab, lab.names.v4_only), *options, credentials=None)


def test_token_is_taken(lab: Lab, sealing_key: bytes) -> None:
    token = seal_token(sealing_key, MAC_KEY, lab.names.turn, epoch_s=epoch_s())
    answer = probe(lab, token, COTURNS_PART)
    assert (answer.verdict, answer.status) == ("ok", 0), answer.record
    assert answer.record["relay"]["inbound"]
    assert "takes-oauth" in [each["id"] for each in answer.record["notes"]]


def test_token_that_is_not_for_this_server_is_rejected(lab: Lab, sealing_key: bytes) -> None:
    token = seal_token(sealing_key, MAC_KEY, "other.example", epoch_s=epoch_s())
    answer = probe(lab, token, COTURNS_PART)
    assert (answer.verdict, answer.status) == ("credentials-rejected", 1)
    assert any(lab.names.turn in each for each in answer.record["verdict"]["evidence"])


def test_expired_token_is_rejected(lab: Lab, sealing_key: bytes) -> None:
    token = seal_token(sealing_key, MAC_KEY, lab.names.turn, epoch_s=epoch_s() - 7200)
    assert probe(lab, token, COTURNS_PART).verdict == "credentials-rejected"


def test_whole_mac_key_is_what_coturn_does_not_take(lab: Lab, sealing_key: bytes) -> None:
    token = seal_token(sealing_key, MAC_KEY, lab.names.turn, epoch_s=epoch_s())
    answer = probe(lab, token, MAC_KEY)
    assert answer.verdict == "credentials-rejected"
    assert any("16 bytes" in each for each in answer.record["verdict"]["evidence"])
