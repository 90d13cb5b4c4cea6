"""What a capture file comes to, whatever its format: frames with their times, and its damage."""

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Capture", "Damage", "Frame"]


class Frame(NamedTuple):
    """One captured packet, from its link layer on."""

    at_ns: int
    """Since the Unix epoch."""
    link_type: int
    """LINKTYPE_ number of tcpdump.org."""
    data: bytes
    """What was captured of it: shorter than it was under a snapshot length."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A place in a file from which something could not be read."""

    offset: int
    """In bytes from the beginning of the file."""
    what: str

    def __str__(self) -> str:
        return f"at byte {self.offset}: {self.what}"


@dataclass
class Capture:
    """The frames of a capture in the file's order, and what of the file is not among them."""

    frames: list[Frame] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
