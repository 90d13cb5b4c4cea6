"""Signaling between two peers of one process: what each has to say is handed to the other."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

__all__ = ["Answerer", "Offerer", "connect_in_memory"]


Candidate = TypeVar("Candidate")


class Trickler(Protocol[Candidate]):
    """An end whose candidates may follow its description."""

    def local_candidates(self) -> AsyncIterator[Candidate]:
        """Those that follow, and that no more do."""
        ...

    async def add_remote_candidate(self, candidate: Candidate) -> None:
        """Take one of the other end's."""
        ...


class Offerer(Trickler[Candidate], Protocol[Candidate]):
    """The end that calls."""

    async def create_offer(self, *, trickle: bool) -> str:
        """The offer."""
        ...

    async def accept_answer(self, sdp: str) -> None:
        """Connect to the peer that answered."""
        ...


class Answerer(Trickler[Candidate], Protocol[Candidate]):
    """The end that is called."""

    async def accept_offer(self, sdp: str, *, trickle: bool) -> str:
        """The answer."""
        ...


_trickling: set[asyncio.Task[None]] = set()
"""Each ends when its peer has gathered or is closed."""


async def connect_in_memory(caller: Offerer[Candidate], agent: Answerer[Candidate]) -> None:
    """Exchange offer and answer; await both peers' `connected` after it.

    Both sides trickle: no description waits for a STUN or TURN server. Without one, both end with
    `a=end-of-candidates`, and a call that cannot connect fails at once.

    Raises:
        ConnectError: A peer refused a description or has nothing to offer.
    """
    offer = await caller.create_offer(trickle=True)
    _hand_over(caller, agent)
    answer = await agent.accept_offer(offer, trickle=True)
    _hand_over(agent, caller)
    await caller.accept_answer(answer)


def _hand_over(source: Trickler[Candidate], sink: Trickler[Candidate]) -> None:
    async def hand_over() -> None:
        async for candidate in source.local_candidates():
            await sink.add_remote_candidate(candidate)

    task = asyncio.create_task(hand_over())
    _trickling.add(task)
    task.add_done_callback(_trickling.discard)
