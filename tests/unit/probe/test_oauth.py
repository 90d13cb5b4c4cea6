"""OAuth tokens (RFC 7635): read from JSON, and used on a fake server that does as the RFC says."""

import asyncio
import base64
import json
import os
from pathlib import Path

import pytest
from support.fake_servers import LoopbackTurn
from support.fake_turn import FakeTurn
from support.oauth_tokens import seal_token, token_json

from voicectl.errors import UsageError
from voicectl.probe.access_token import parse_access_token
from voicectl.probe.ice_servers import parse_ice_servers
from voicectl.probe.runner import probe_target
from voicectl.probe.secrets_input import TOKEN_VARIABLE, CredentialSource, read_credentials
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.target import parse_target
from voicectl.probe.verdict import Verdict, judge
from voicectl.turn.credentials import AccessToken

SEALING_KEY, MAC_KEY = bytes(range(32)), os.urandom(20)
TOKEN = seal_token(SEALING_KEY, MAC_KEY, "turn.example.org", epoch_s=1_800_000_000)
GOOD = token_json("kid", TOKEN, MAC_KEY)


def verdict(credentials: AccessToken | None) -> Verdict:
    async def scenario() -> Verdict:
        server = FakeTurn(token_key=SEALING_KEY, token_audience="turn.example.org")
        async with LoopbackTurn(server) as running:
            target = parse_target(running.uri(), credentials)
            evidence = await probe_target(target, ProbeSettings(quality_s=0), epoch_s=0)
            return judge(evidence)

    return asyncio.run(scenario())


def test_whole_mac_key_signs() -> None:
    found = verdict(parse_access_token(GOOD, "a test"))
    assert found.id == "ok"
    assert "takes-oauth" in [each.id for each in found.notes]


def test_token_for_another_server_is_rejected_and_the_name_said() -> None:
    token = seal_token(SEALING_KEY, MAC_KEY, "other.example.org", epoch_s=1_800_000_000)
    found = verdict(AccessToken("kid", token, MAC_KEY))
    assert found.id == "credentials-rejected"
    assert any("turn.example.org" in each for each in found.excludes)


def test_server_that_takes_tokens_says_so_to_those_without() -> None:
    found = verdict(None)
    assert found.id == "credentials-missing"
    assert "takes-oauth" in [each.id for each in found.notes]


def test_token_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token.json"
    path.write_text(GOOD + "\n")
    expected = AccessToken("kid", TOKEN, MAC_KEY)
    assert read_credentials(CredentialSource(None, None, None, path), epoch_s=0) == expected
    monkeypatch.setenv(TOKEN_VARIABLE, GOOD)
    assert read_credentials(CredentialSource(None, None, None), epoch_s=0) == expected
    with pytest.raises(UsageError, match="its own key id"):
        read_credentials(CredentialSource("user", None, None), epoch_s=0)
    with pytest.raises(UsageError, match="exclude each other"):
        read_credentials(CredentialSource(None, None, path, path), epoch_s=0)


def test_base64_may_be_for_urls_wrapped_and_unpadded() -> None:
    fields = json.loads(GOOD)
    plain = base64.urlsafe_b64encode(TOKEN).decode().rstrip("=")
    fields["access_token"] = plain[:30] + "\n  " + plain[30:]
    assert parse_access_token(json.dumps(fields), "a test").token == TOKEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"kid"',
        "{}",
        '{"kid": "", "access_token": "YQ==", "key": "YQ=="}',
        '{"kid": 1, "access_token": "YQ==", "key": "YQ=="}',
        '{"kid": "k", "access_token": "YQ=="}',
        '{"kid": "k", "access_token": "", "key": "YQ=="}',
        '{"kid": "k", "access_token": "!", "key": "YQ=="}',
        '{"kid": "k", "access_token": "é", "key": "YQ=="}',
        '{"kid": "k", "access_token": ["YQ=="], "key": "YQ=="}',
        json.dumps({"kid": "k", "access_token": "A" * 8192, "key": "YQ=="}),
        "[" * 100_000,
    ],
)
def test_what_is_no_token_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_access_token(text, "a test")


def test_ice_servers_may_hold_a_token() -> None:
    fields = json.loads(GOOD)
    credential = {"macKey": fields["key"], "accessToken": fields["access_token"]}
    server = {"urls": "turn:a.example", "username": "kid", "credentialType": "oauth"}
    (target,) = parse_ice_servers(json.dumps([server | {"credential": credential}]))
    assert target.credentials == AccessToken("kid", TOKEN, MAC_KEY)
    with pytest.raises(UsageError, match="Base64"):
        parse_ice_servers(json.dumps([server | {"credential": {"macKey": "YQ=="}}]))
