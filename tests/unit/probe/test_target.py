import pytest

from voicectl.errors import UsageError
from voicectl.probe.target import Scheme, parse_target


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "transport"),
    [
        ("stun:example.org", Scheme.STUN, "example.org", None, None),
        ("STUN:Example.ORG:3479", Scheme.STUN, "example.org", 3479, None),
        ("stuns:example.org", Scheme.STUNS, "example.org", None, None),
        ("turn:example.org?transport=udp", Scheme.TURN, "example.org", None, "udp"),
        ("turn:example.org:80?transport=TCP", Scheme.TURN, "example.org", 80, "tcp"),
        ("turns:[2001:db8::1]:443", Scheme.TURNS, "2001:db8::1", 443, None),
        ("turn:[2001:DB8:0:0:0:0:0:1]", Scheme.TURN, "2001:db8::1", None, None),
        ("turn:192.0.2.1", Scheme.TURN, "192.0.2.1", None, None),
        ("turn:example.org.", Scheme.TURN, "example.org", None, None),
        ("turn:b\u00fccher.example", Scheme.TURN, "xn--bcher-kva.example", None, None),
        ("example.org", Scheme.DOMAIN, "example.org", None, None),
    ],
)
def test_target_is_read(
    text: str, scheme: Scheme, host: str, port: int | None, transport: str | None
) -> None:
    target = parse_target(text)
    assert (target.scheme, target.host, target.port) == (scheme, host, port)
    assert target.transport == transport


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "turn:",
        "turn::3478",
        "turn://example.org",
        "http://example.org",
        "sip:example.org",
        "example.org:3478",
        "turn:example.org:",
        "turn:example.org:0",
        "turn:example.org:65536",
        "turn:example.org:99999999999999999999",
        "turn:example.org:-1",
        "turn:example.org:\u0661",
        "turn:example.org?transport=sctp",
        "turn:example.org?transport=udp&x=1",
        "turn:example.org?",
        "stun:example.org?transport=udp",
        "turn:2001:db8::1",
        "turn:[2001:db8::1",
        "turn:[]",
        "turn:[192.0.2.1]",
        "turn:[fe80::1%eth0]",
        "turn:[2001:db8::1]x",
        "turn:user:secret@example.org",
        "turn:user@example.org",
        "turn:exa mple.org",
        "turn:\x1b[31mred",
        "turn:-bad.example",
        "turn:a..b",
        "turn:1.2.3",
        "turn:1.2.3.4.5",
        "turn:256.1.1.1",
        "turn:" + "a" * 64 + ".example",
        "turn:" + "a." * 200 + "example",
        "turn:\ud800",
        "domain:example.org",
    ],
)
def test_malformed_target_is_a_usage_error_in_words(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200
    assert "secret" not in caught.value.message


def test_only_a_uri_without_port_and_transport_is_open() -> None:
    assert parse_target("turn:example.org").is_open
    assert not parse_target("turn:example.org:3478").is_open
    assert not parse_target("turn:example.org?transport=udp").is_open
    assert not parse_target("turns:example.org").is_open
