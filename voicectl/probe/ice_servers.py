"""The JSON that browsers take as `iceServers`, from a file or an https URL."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from voicectl.errors import ConnectError, UsageError
from voicectl.probe.access_token import access_token
from voicectl.probe.target import Target, parse_target
from voicectl.turn.credentials import Credentials, LongTermCredentials

__all__ = ["load_ice_servers", "parse_ice_servers"]

_TIMEOUT_S = 5.0
_MAXIMUM_BYTES = 262_144
_MAXIMUM_TARGETS = 64
_KEYS = ("iceServers", "ice_servers")
_FILE_HINT = "give --ice-servers a JSON file or an https:// URL"
_HINT = 'it should hold {"iceServers": [{"urls": "turn:…", "username": "…", "credential": "…"}]}'


def load_ice_servers(source: str) -> list[Target]:
    """Read the servers and their credentials from a file or URL.

    Raises:
        UsageError: no such file, no JSON, or not of that shape.
        ConnectError: the URL could not be fetched.
    """
    scheme = urlsplit(source).scheme.lower()
    if scheme == "http":
        raise UsageError(
            "--ice-servers takes no http:// URL: it carries passwords", hint="use https://"
        )
    text = _fetch(source) if scheme == "https" else _read(Path(source))
    return parse_ice_servers(text)


def parse_ice_servers(text: str) -> list[Target]:
    """Targets from the JSON: an array, or an object with `iceServers` or Twilio's `ice_servers`.

    Raises:
        UsageError: it is not of that shape, or names no server.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("the ICE servers are not JSON", hint=_HINT) from error
    if isinstance(value, dict):
        value = next((value[key] for key in _KEYS if key in value), value)
    servers = value if isinstance(value, list) else [value]
    targets: dict[str, Target] = {}
    for server in servers:
        for target in _targets(server):
            targets.setdefault(target.text, target)
    if not targets:
        raise UsageError("the ICE servers name no URL", hint=_HINT)
    if len(targets) > _MAXIMUM_TARGETS:
        raise UsageError(f"more than {_MAXIMUM_TARGETS} ICE servers")
    return list(targets.values())


def _targets(server: Any) -> Iterator[Target]:  # noqa: ANN401 - JSON of unknown shape
    if not isinstance(server, dict):
        raise UsageError("an ICE server is not an object", hint=_HINT)
    urls = server.get("urls", server.get("url", []))
    urls = [urls] if isinstance(urls, str) else urls
    if not isinstance(urls, list) or not all(isinstance(each, str) for each in urls):
        raise UsageError("`urls` of an ICE server is neither a string nor a list", hint=_HINT)
    credentials = _credentials(server)
    for url in urls:
        yield parse_target(url, credentials if url.lower().startswith("turn") else None)


def _credentials(server: dict[str, Any]) -> Credentials | None:
    """A password, or the macKey and accessToken of `credentialType` "oauth" (WebRTC extensions)."""
    username, credential = server.get("username"), server.get("credential")
    if not isinstance(username, str) or not username:
        return None
    if isinstance(credential, dict):
        token, mac_key = credential.get("accessToken"), credential.get("macKey")
        return access_token(username, token, mac_key, "an ICE server's `credential`")
    return LongTermCredentials(username, credential) if isinstance(credential, str) else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read `{path}`: {error.strerror}", hint=_FILE_HINT) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"`{path}` is not text", hint=_HINT) from error


def _fetch(url: str) -> str:
    request = urllib.request.Request(url, headers={"User-Agent": "voicectl"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            if not response.url.startswith("https://"):
                raise ConnectError("the ICE servers' URL redirects away from https")
            data: bytes = response.read(_MAXIMUM_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise ConnectError("the ICE servers could not be fetched", detail=str(error)) from error
    if len(data) > _MAXIMUM_BYTES:
        raise ConnectError("the ICE servers' answer is larger than 256 KiB")
    return data.decode("utf-8", "replace")
