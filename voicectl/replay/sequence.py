"""Numbers that wrap, and where a sender began its own anew (RFC 3550 appendix A.1)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["Place", "forward", "packets_expected", "places_of", "signed"]

_MAX_DROPOUT = 3000
"""A jump ahead by fewer packets than this is loss."""
_MAX_MISORDER = 100
"""A step back by fewer packets than this is reordering."""
_FULL_CIRCLE = 1 << 16


def forward(before: int, after: int, bits: int) -> int:
    """From one number of so many bits on to the other, through a wrap if it has to be."""
    return (after - before) % (1 << bits)


def signed(difference: int, bits: int) -> int:
    """The difference of two numbers of so many bits, the shorter way round."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half


class Place(NamedTuple):
    """Where a packet belongs."""

    run: int
    """How often the sender began anew before."""
    number: int
    """Within the run, wraps counted; below 0 is what overtook the packet that came first."""


def places_of(sequence_numbers: Iterable[int]) -> list[Place | None]:
    """The places of packets in the order in which they came; None: it fits nowhere.

    A number far from the others says nothing, unless the packet that comes next follows it.
    """
    places: list[Place | None] = []
    run = first = highest = 0
    awaited: int | None = None
    for index, sequence_number in enumerate(sequence_numbers):
        if index == 0:
            first = highest = sequence_number
        ahead = (sequence_number - highest) % _FULL_CIRCLE
        if ahead < _MAX_DROPOUT:
            highest += ahead
            places.append(Place(run, highest - first))
        elif ahead > _FULL_CIRCLE - _MAX_MISORDER:
            places.append(Place(run, highest + ahead - _FULL_CIRCLE - first))
        elif sequence_number == awaited:
            run, first, highest = run + 1, sequence_number - 1, sequence_number
            places[-1] = Place(run, 0)
            places.append(Place(run, 1))
        else:
            awaited = (sequence_number + 1) % _FULL_CIRCLE
            places.append(None)
            continue
        awaited = None
    return places


def packets_expected(places: Sequence[Place | None]) -> int:
    """How many packets were sent from the first number to the last of each run."""
    lowest: dict[int, int] = {}
    highest: dict[int, int] = {}
    for place in places:
        if place is not None:
            lowest[place.run] = min(place.number, lowest.get(place.run, place.number))
            highest[place.run] = max(place.number, highest.get(place.run, place.number))
    return sum(highest[run] - lowest[run] + 1 for run in highest)
