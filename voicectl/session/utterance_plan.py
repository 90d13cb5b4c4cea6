"""When each of the caller's utterances starts, sans-IO."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from voicectl.errors import UsageError
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = [
    "AfterReply",
    "AtTime",
    "IntoReply",
    "Start",
    "UtterancePlan",
    "parse_start",
]

_START = re.compile(r"(?P<reply>reply\+)?(?P<value>\d+(?:\.\d+)?)(?P<unit>ms|s)", flags=re.ASCII)


@dataclass(frozen=True)
class AfterReply:
    """Once the reply to the utterance before has ended; the first one when the call is up."""


@dataclass(frozen=True)
class IntoReply:
    """So long after the reply to the utterance before was first heard."""

    offset_ns: int


@dataclass(frozen=True)
class AtTime:
    """So long after the call was connected."""

    offset_ns: int


Start = AfterReply | IntoReply | AtTime


def parse_start(text: str) -> tuple[str, Start]:
    """Split `FILE[@reply+600ms|@12s]` into the file's name and its start.

    A name may hold an `@` of its own: only a suffix that is a start is taken off.

    Raises:
        UsageError: what follows the last `@` looks like a start and is none.
    """
    name, at, suffix = text.rpartition("@")
    if not at:
        return text, AfterReply()
    match = _START.fullmatch(suffix)
    if match is None:
        if suffix.startswith("reply") or suffix[:1].isdigit():
            raise UsageError(
                f"--input {text}: @{suffix} is no start",
                hint="write @reply+600ms (into the agent's reply) or @12s (time of the call)",
            )
        return text, AfterReply()
    offset_ns = round(float(match["value"]) * (NS_PER_MS if match["unit"] == "ms" else NS_PER_S))
    return name, IntoReply(offset_ns) if match["reply"] else AtTime(offset_ns)


class UtterancePlan:
    """Says which utterance is to be spoken next and when.

    Tell it what was heard (`handle_reply_started`, `handle_reply_ended`) and what was said
    (`handle_utterance_ended`), ask `poll_due`, and call again no later than `next_timeout`.

    Args:
        starts: One a planned utterance, in the order in which they are spoken.
        now_ns: When the call was connected.
        reply_timeout_ns: An utterance that got no reply for so long after its end counts as
            unanswered, and the plan goes on.
        pause_ns: Left between the end of a reply and the next utterance.
    """

    def __init__(
        self,
        starts: Sequence[Start],
        *,
        now_ns: int,
        reply_timeout_ns: int = 10 * NS_PER_S,
        pause_ns: int = 300 * NS_PER_MS,
    ) -> None:
        self._starts = list(starts)
        self._connected_ns = now_ns
        self._reply_timeout_ns = reply_timeout_ns
        self._pause_ns = pause_ns
        self._next = 0
        self._speaking = False
        # The floor is free from here on; None while an utterance waits for its reply to end.
        self._free_since_ns: int | None = now_ns
        self._utterance_ended_ns: int | None = None
        self._reply_started_ns: int | None = None
        self._replying = False
        self._spoken_over = False
        self._answered_early = False
        self.unanswered: list[int] = []
        """Indices of the utterances that no reply came to."""

    def handle_utterance_ended(self, now_ns: int) -> None:
        """The last sample of the utterance has been sent."""
        self._speaking = False
        if self._answered_early:
            self._free_since_ns = now_ns
        else:
            self._utterance_ended_ns = now_ns

    def handle_reply_started(self, onset_ns: int) -> None:
        """The agent is heard since `onset_ns`."""
        self._replying = True
        self._free_since_ns = None
        self._reply_started_ns = onset_ns

    def handle_reply_ended(self, now_ns: int) -> None:
        """The agent has fallen silent."""
        self._replying = False
        if self._spoken_over:
            # It was the reply to the utterance before the one that spoke over it.
            self._spoken_over = False
            return
        if self._speaking:
            # Answered and over before the last of the utterance was sent.
            self._answered_early = True
            return
        self._free_since_ns = now_ns
        self._utterance_ended_ns = None

    def poll_due(self, now_ns: int) -> int | None:
        """The index of the utterance to speak now; call until None."""
        self._give_up_on_reply(now_ns)
        due_ns = self._due_ns()
        if due_ns is None or due_ns > now_ns or self._speaking:
            return None
        index = self._next
        self._next += 1
        self._speaking = True
        self._spoken_over = self._replying
        self._answered_early = False
        self._free_since_ns = self._utterance_ended_ns = self._reply_started_ns = None
        return index

    def next_timeout(self) -> int | None:
        """When `poll_due` may have something, if nothing is heard before."""
        times = [self._due_ns() if not self._speaking else None, self._reply_deadline_ns()]
        return min((time for time in times if time is not None), default=None)

    @property
    def finished(self) -> bool:
        """Everything was spoken and the last reply has ended or will not come."""
        return self._next == len(self._starts) and self._free_since_ns is not None

    def _due_ns(self) -> int | None:
        if self._next == len(self._starts):
            return None
        match self._starts[self._next]:
            case AtTime(offset_ns):
                return self._connected_ns + offset_ns
            case IntoReply(offset_ns) if self._reply_started_ns is not None:
                return self._reply_started_ns + offset_ns
            case _:
                free_ns = self._free_since_ns
                return None if free_ns is None else free_ns + (self._pause_ns if self._next else 0)

    def _reply_deadline_ns(self) -> int | None:
        if self._utterance_ended_ns is None or self._replying:
            return None
        return self._utterance_ended_ns + self._reply_timeout_ns

    def _give_up_on_reply(self, now_ns: int) -> None:
        deadline_ns = self._reply_deadline_ns()
        if deadline_ns is not None and now_ns >= deadline_ns:
            self.unanswered.append(self._next - 1)
            self._utterance_ended_ns = None
            self._free_since_ns = now_ns
