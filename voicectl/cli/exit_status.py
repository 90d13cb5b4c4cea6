"""What a command's exit status means; docs/cli.md has the table for users."""

from enum import IntEnum

__all__ = ["ExitStatus"]


class ExitStatus(IntEnum):
    """The statuses a voicectl command ends with.

    2 to 6 are carried by the exceptions of `voicectl.errors`, which names their causes.
    """

    YES = 0
    """Done, and the answer is yes."""
    NO = 1
    """Ran, and the answer is no: a threshold missed, a server unusable."""
    USAGE = 2
    SETUP = 3
    CONNECT = 4
    MEDIA = 5
    SERVICE = 6
    BUG = 70
    INCONCLUSIVE = 75
    """The machine was too noisy to judge (`bench`)."""
    INTERRUPTED = 130
