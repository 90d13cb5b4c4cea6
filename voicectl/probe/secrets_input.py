"""Credentials from a file, the environment or stdin, never from a flag's value."""

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from voicectl.errors import UsageError
from voicectl.probe.access_token import parse_access_token
from voicectl.turn.credentials import Credentials, LongTermCredentials, rest_credentials

__all__ = [
    "PASSWORD_VARIABLE",
    "SECRET_VARIABLE",
    "TOKEN_VARIABLE",
    "CredentialSource",
    "read_credentials",
]

PASSWORD_VARIABLE = "VOICECTL_TURN_PASSWORD"  # noqa: S105 - a variable's name
SECRET_VARIABLE = "VOICECTL_TURN_SECRET"  # noqa: S105 - a variable's name
TOKEN_VARIABLE = "VOICECTL_TURN_TOKEN"  # noqa: S105 - a variable's name
_REST_LIFETIME_S = 3600


@dataclass(frozen=True)
class CredentialSource:
    """Where the user says they are. A file of `-` is stdin, which is read once."""

    username: str | None
    password_file: Path | None
    secret_file: Path | None
    token_file: Path | None = None

    @cached_property
    def _stdin(self) -> str:
        return sys.stdin.read()

    def read(self, path: Path | None, variable: str, flag: str) -> str | None:
        """What the file holds, or else the variable; None where there is neither.

        Raises:
            UsageError: the file is missing, empty or no text.
        """
        if path is None:
            return os.environ.get(variable) or None
        try:
            text = self._stdin if str(path) == "-" else path.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot read {flag} `{path}`: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{flag} `{path}` is not text") from error
        secret = text.rstrip("\r\n")
        if not secret:
            raise UsageError(f"{flag} `{path}` is empty")
        return secret


def read_credentials(source: CredentialSource, *, epoch_s: int) -> Credentials | None:
    """The credentials; None when none are named.

    Raises:
        UsageError: half of a pair, two kinds at once, or a file that is missing or empty.
    """
    files = {
        "--password-file": source.password_file,
        "--secret-file": source.secret_file,
        "--token-file": source.token_file,
    }
    given = [flag for flag, path in files.items() if path is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other")
    if not given or given == ["--token-file"]:
        token = source.read(source.token_file, TOKEN_VARIABLE, "--token-file")
        if token is not None:
            return _from_token(source, token)
    secret = source.read(source.secret_file, SECRET_VARIABLE, "--secret-file")
    if source.username is None and source.password_file is not None:
        raise UsageError("--password-file needs --username", hint="add --username NAME")
    if source.password_file is None and secret is not None:
        return rest_credentials(secret, source.username or "voicectl", epoch_s + _REST_LIFETIME_S)
    if source.username is None:
        return None
    if not source.username:
        raise UsageError("--username is empty")
    password = source.read(source.password_file, PASSWORD_VARIABLE, "--password-file")
    if password is None:
        raise UsageError(
            f"there is no password for user `{source.username}`",
            hint=f"give --password-file FILE (- is stdin) or set {PASSWORD_VARIABLE}",
        )
    return LongTermCredentials(source.username, password)


def _from_token(source: CredentialSource, token: str) -> Credentials:
    if source.username is not None:
        raise UsageError(
            "an OAuth token names its own key id",
            hint=f"leave --username out, or unset {TOKEN_VARIABLE}",
        )
    return parse_access_token(token, "--token-file" if source.token_file else TOKEN_VARIABLE)
