import json
from io import StringIO
from pathlib import Path

import pytest

from voicectl.errors import UsageError
from voicectl.probe.ice_servers import load_ice_servers, parse_ice_servers
from voicectl.probe.plan import parse_address
from voicectl.probe.secrets_input import (
    PASSWORD_VARIABLE,
    SECRET_VARIABLE,
    CredentialSource,
    read_credentials,
)
from voicectl.probe.transport.proxy import is_exempt, parse_proxy
from voicectl.turn.credentials import LongTermCredentials

SERVERS = [
    {"urls": "stun:stun.example.org"},
    {
        "urls": ["turn:a.example.org:3478?transport=udp", "turns:a.example.org:443"],
        "username": "u",
        "credential": "hush",
    },
]


@pytest.fixture(autouse=True)
def _no_secrets_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)


@pytest.mark.parametrize(
    "value",
    [
        SERVERS,
        {"iceServers": SERVERS},
        {"ice_servers": SERVERS, "ttl": "86400"},
    ],
    ids=["array", "rtc-configuration", "twilio"],
)
def test_ice_servers_are_read_in_every_shape_in_use(value: object) -> None:
    targets = parse_ice_servers(json.dumps(value))
    assert [each.text for each in targets] == [
        "stun:stun.example.org",
        "turn:a.example.org:3478?transport=udp",
        "turns:a.example.org:443",
    ]
    assert targets[0].credentials is None
    assert targets[1].credentials == LongTermCredentials("u", "hush")


def test_ice_servers_of_cloudflare_are_one_object() -> None:
    value = {"iceServers": {"urls": ["turn:a.example"], "username": "u", "credential": "c"}}
    assert parse_ice_servers(json.dumps(value))[0].host == "a.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        "3",
        '["turn:a.example"]',
        '[{"urls": 7}]',
        '[{"urls": [7]}]',
        '[{"urls": "http://a"}]',
        '[{"urls": "turn:a b"}]',
        "[" * 100_000,
        json.dumps([{"urls": f"stun:s{n}.example"} for n in range(65)]),
    ],
)
def test_malformed_ice_servers_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError):
        parse_ice_servers(text)


def test_ice_servers_are_not_fetched_without_tls() -> None:
    with pytest.raises(UsageError, match="passwords"):
        load_ice_servers("http://example.org/ice")


def test_ice_servers_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    path.write_text(json.dumps(SERVERS))
    assert len(load_ice_servers(str(path))) == 3
    with pytest.raises(UsageError, match="cannot read"):
        load_ice_servers(str(tmp_path / "absent.json"))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not text"):
        load_ice_servers(str(path))


def test_password_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pw"
    path.write_text("with spaces \n")
    source = CredentialSource("u", path, None)
    assert read_credentials(source, epoch_s=0) == LongTermCredentials("u", "with spaces ")
    monkeypatch.setenv(PASSWORD_VARIABLE, "from env")
    source = CredentialSource("u", None, None)
    assert read_credentials(source, epoch_s=0) == LongTermCredentials("u", "from env")


def test_secret_makes_credentials_that_live_an_hour(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("north\n")
    credentials = read_credentials(CredentialSource("alice", None, path), epoch_s=1_800_000_000)
    assert credentials is not None
    assert credentials.username == "1800003600:alice"


def test_half_of_the_credentials_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "pw"
    path.write_text("x")
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for source in (
        CredentialSource("u", None, None),
        CredentialSource(None, path, None),
        CredentialSource("", path, None),
        CredentialSource("u", empty, None),
        CredentialSource("u", path, path),
        CredentialSource("u", tmp_path / "absent", None),
    ):
        with pytest.raises(UsageError):
            read_credentials(source, epoch_s=0)


def test_no_credentials_named_are_none() -> None:
    assert read_credentials(CredentialSource(None, None, None), epoch_s=0) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy.corp:8080", "proxy.corp:8080"),
        ("proxy.corp:8080", "proxy.corp:8080"),
        ("http://proxy.corp", "proxy.corp:3128"),
        ("http://u:p%40ss@proxy.corp:1", "proxy.corp:1"),
    ],
)
def test_proxy_urls_are_read(url: str, expected: str) -> None:
    proxy = parse_proxy(url, from_environment=True)
    assert str(proxy) == expected
    assert "p@ss" not in repr(proxy)


@pytest.mark.parametrize(
    "url", ["", "socks5://x:1", "https://x:1", "http://", "http://x:99999", "http://[::1"]
)
def test_malformed_proxies_are_usage_errors(url: str) -> None:
    with pytest.raises(UsageError):
        parse_proxy(url, from_environment=True)


def test_proxys_password_is_in_no_message() -> None:
    with pytest.raises(UsageError) as raised:
        parse_proxy("http://u:hunter2@proxy:port", from_environment=True)
    assert "hunter2" not in raised.value.message


def test_proxy_password_on_the_command_line_is_refused() -> None:
    with pytest.raises(UsageError, match="seen by everyone"):
        parse_proxy("http://u:secret@proxy:1", from_environment=False)


@pytest.mark.parametrize("text", ["", "1.2.3.4", "host:1", "1.2.3.4:0", "::1:5", "[::1]"])
def test_addresses_need_an_ip_and_a_port(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text, "--peer")
    assert parse_address("[::1]:5", "--peer").port == 5


@pytest.mark.parametrize(
    ("host", "no_proxy", "exempt"),
    [
        ("turn.corp", "turn.corp", True),
        ("turn.corp", "a, .CORP ,b", True),
        ("turn.corp", "*", True),
        ("turncorp", "corp", False),
        ("turn.corp", "", False),
        ("192.0.2.1", "192.0.2.1", True),
    ],
)
def test_no_proxy_names_hosts_and_domains(host: str, no_proxy: str, exempt: bool) -> None:
    assert is_exempt(host, no_proxy) is exempt


def test_stdin_is_read_once_and_files_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("north\n"))
    source = CredentialSource("alice", None, Path("-"))
    first = read_credentials(source, epoch_s=1_800_000_000)
    later = read_credentials(source, epoch_s=1_800_007_200)
    assert isinstance(first, LongTermCredentials)
    assert isinstance(later, LongTermCredentials)
    assert (first.username, later.username) == ("1800003600:alice", "1800010800:alice")
    path = tmp_path / "pw"
    source = CredentialSource("u", path, None)
    for text in ("old", "new"):
        path.write_text(text)
        assert read_credentials(source, epoch_s=0) == LongTermCredentials("u", text)
