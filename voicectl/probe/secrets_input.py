"""Credentials from a file, the environment or stdin, never from a flag's value."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from voicectl.errors import UsageError
from voicectl.turn.credentials import LongTermCredentials, rest_credentials

__all__ = ["PASSWORD_VARIABLE", "SECRET_VARIABLE", "CredentialSource", "read_credentials"]

PASSWORD_VARIABLE = "VOICECTL_TURN_PASSWORD"  # noqa: S105 - a variable's name
SECRET_VARIABLE = "VOICECTL_TURN_SECRET"  # noqa: S105 - a variable's name
_REST_LIFETIME_S = 3600


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """Where the user says they are. A file of `-` is stdin."""

    username: str | None
    password_file: Path | None
    secret_file: Path | None


def read_credentials(source: CredentialSource, *, epoch_s: int) -> LongTermCredentials | None:
    """The credentials; None when none are named.

    Raises:
        UsageError: half of a pair, both kinds at once, or a file that is missing or empty.
    """
    if source.password_file is not None and source.secret_file is not None:
        raise UsageError("--password-file and --secret-file exclude each other")
    secret = _read(source.secret_file, SECRET_VARIABLE, "--secret-file")
    if source.username is None and source.password_file is not None:
        raise UsageError("--password-file needs --username")
    if source.password_file is None and secret is not None:
        return rest_credentials(secret, source.username or "voicectl", epoch_s + _REST_LIFETIME_S)
    if source.username is None:
        return None
    if not source.username:
        raise UsageError("--username is empty")
    password = _read(source.password_file, PASSWORD_VARIABLE, "--password-file")
    if password is None:
        raise UsageError(
            f"there is no password for user `{source.username}`",
            hint=f"give --password-file FILE (- is stdin) or set {PASSWORD_VARIABLE}",
        )
    return LongTermCredentials(source.username, password)


def _read(path: Path | None, variable: str, flag: str) -> str | None:
    if path is None:
        return os.environ.get(variable) or None
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {flag} `{path}`: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{flag} `{path}` is not text") from error
    secret = text.rstrip("\r\n")
    if not secret:
        raise UsageError(f"{flag} `{path}` is empty")
    return secret
