"""What a rule says when it holds."""

from dataclasses import dataclass, field

from voicectl.probe.evidence import LegResult

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict's id and what this case adds to the catalogue's words."""

    id: str
    leg: LegResult | None = None
    """The leg that shows it, for the words on places and certificates."""
    excludes: tuple[str, ...] = ()
    cause: str | None = None
    cannot_tell: str | None = None
    words: dict[str, str] = field(default_factory=dict)
