"""The errors voicectl raises, each with the exit status it ends a command with.

    VoicectlError
    ├── UsageError        2   a flag or file the user can correct
    ├── SetupError        3   a missing device, package or permission
    ├── ConnectError      4   signaling, ICE, TURN or DTLS
    │   ├── WireError         malformed bytes from a peer
    │   └── AdmissionError    no capacity for another call
    ├── MediaError        5   audio that cannot be read, decoded or played
    │   └── CodecError        a packet or setting that the codec refuses
    └── ServiceError      6   STT, LLM or TTS

Anything else that reaches `main()` is our bug and ends with 70.
"""

__all__ = [
    "AdmissionError",
    "CodecError",
    "ConnectError",
    "MediaError",
    "ServiceError",
    "SetupError",
    "UsageError",
    "VoicectlError",
    "WireError",
]


class VoicectlError(Exception):
    """What could not be done, in one line, and what may help.

    Args:
        message: One line, without a trailing period.
        detail: Further lines on where and why.
        hint: What the user can do about it.
    """

    exit_status = 70

    def __init__(self, message: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint


class UsageError(VoicectlError):
    """A flag or a file that the user can correct."""

    exit_status = 2


class SetupError(VoicectlError):
    """A device, package or permission is missing on this machine."""

    exit_status = 3


class ConnectError(VoicectlError):
    """Signaling, ICE, TURN or DTLS did not come about."""

    exit_status = 4


class WireError(ConnectError, ValueError):
    """Bytes from a peer that do not parse."""


class AdmissionError(ConnectError):
    """One call more would be heard in those there are."""


class MediaError(VoicectlError):
    """Audio that cannot be read, decoded or played."""

    exit_status = 5


class CodecError(MediaError, ValueError):
    """A packet or a setting that the codec refuses."""


class ServiceError(VoicectlError):
    """An STT, LLM or TTS service refused, failed or took too long."""

    exit_status = 6
