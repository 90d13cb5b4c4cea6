"""What a capture file comes to, whatever its format: frames with their times, and its damage."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Capture", "Damage", "Frame", "Frames"]


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


class Frames:
    """The frames of a file in its order: where they lie, so that each is a copy only while used.

    Args:
        data: The whole file.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._times_ns: list[int] = []
        self._link_types = array("L")
        self._begins = array("Q")
        self._ends = array("Q")

    def add(self, at_ns: int, link_type: int, begin: int, end: int) -> None:
        """Append the frame that lies from `begin` to `end`."""
        self._times_ns.append(at_ns)
        self._link_types.append(link_type)
        self._begins.append(begin)
        self._ends.append(end)

    def __len__(self) -> int:
        return len(self._times_ns)

    def __getitem__(self, index: int) -> Frame:
        data = self._data[self._begins[index] : self._ends[index]]
        return Frame(self._times_ns[index], self._link_types[index], data)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))


@dataclass
class Capture:
    """The frames of a capture, and what of the file is not among them."""

    frames: Frames
    damage: list[Damage] = field(default_factory=list)
