"""Settings that cannot work are the user's to correct, before a call is made with them."""

import pytest

from voicectl.errors import UsageError
from voicectl.rtc import IceServer, PeerSettings
from voicectl.rtc.settings import to_configuration


def served_by(*uris: str) -> PeerSettings:
    return PeerSettings(ice_servers=(IceServer(uris, "user", "password"),))


@pytest.mark.parametrize("port", ["0", "65536", "99999", "1" * 30])
@pytest.mark.parametrize("scheme", ["stun", "turn", "turns"])
def test_port_that_no_server_has_broke_the_socket_of_the_host_candidate(
    scheme: str, port: str
) -> None:
    """Sending to it is an error that asyncio ends the whole datagram transport for."""
    with pytest.raises(UsageError, match=f"no port {port}: {scheme}:") as refused:
        to_configuration(served_by("stun:127.0.0.1", f"{scheme}:127.0.0.1:{port}"))
    assert "HOST[:PORT]" in (refused.value.hint or "")


def test_ipv6_address_was_called_malformed() -> None:
    with pytest.raises(UsageError, match="over IPv4 only: stun:"):
        to_configuration(served_by("stun:[::1]:3478"))


@pytest.mark.parametrize(
    "uri", ["stun", "http://127.0.0.1", "stun:host:port", "stun:h?transport=udp"]
)
def test_what_is_no_uri_is_named(uri: str) -> None:
    with pytest.raises(UsageError) as refused:
        to_configuration(served_by(uri))
    assert refused.value.message == f"not a STUN or TURN URI: {uri}"
    assert refused.value.detail is not None


@pytest.mark.parametrize("uri", ["stun:h:1", "turn:h:65535?transport=tcp", "turns:192.0.2.1"])
def test_servers_are_handed_on_with_their_credentials(uri: str) -> None:
    (server,) = to_configuration(served_by(uri)).iceServers
    assert (server.urls, server.username, server.credential) == ([uri], "user", "password")
