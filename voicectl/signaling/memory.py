"""Signaling between two peers of one process: the descriptions are handed over as text."""

from typing import Protocol

__all__ = ["Answerer", "Offerer", "connect_in_memory"]


class Offerer(Protocol):
    """The end that calls."""

    async def create_offer(self) -> str:
        """The offer, with all its candidates."""
        ...

    async def accept_answer(self, sdp: str) -> None:
        """Connect to the peer that answered."""
        ...


class Answerer(Protocol):
    """The end that is called."""

    async def accept_offer(self, sdp: str) -> str:
        """The answer, with all its candidates."""
        ...


async def connect_in_memory(caller: Offerer, agent: Answerer) -> None:
    """Exchange offer and answer; await both peers' `connected` after it.

    Neither side trickles: both descriptions end with `a=end-of-candidates`, so a call that
    cannot connect fails instead of waiting for more candidates.

    Raises:
        ConnectError: A peer refused a description or has nothing to offer.
    """
    await caller.accept_answer(await agent.accept_offer(await caller.create_offer()))
