"""What `voicectl talk TARGET` can name."""

from dataclasses import dataclass

from voicectl.errors import UsageError

__all__ = ["LocalTarget", "Target", "parse_target"]


@dataclass(frozen=True)
class LocalTarget:
    """The embedded agent, in this process, over a real WebRTC connection."""


Target = LocalTarget


def parse_target(text: str) -> Target:
    """Read a TARGET.

    Raises:
        UsageError: it names nothing this version can talk to.
    """
    if text == "local":
        return LocalTarget()
    raise UsageError(
        f"unknown target: {text}",
        hint="this version talks to `local`, the embedded agent; leave TARGET out for it",
    )
