"""One run of the suite: what several figures share is measured once."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from voicectl.bench.calls.caller import SPOKEN_S, voice
from voicectl.bench.calls.connecting import Connected, connect_stock, connect_voicectl
from voicectl.bench.calls.endpoint import CYCLE_S
from voicectl.bench.calls.endpoint_process import python_endpoint
from voicectl.bench.calls.load import Run, hold
from voicectl.bench.calls.pion_endpoint import PionEndpoint, build_pion
from voicectl.bench.calls.ramp import MAX_LATENESS_MS, Ramp, climb
from voicectl.errors import SetupError

__all__ = ["CallsSession", "Effort"]

_T = TypeVar("_T")
Step = Callable[[str], None]
WORKS = {
    "agent": ("voicectl", "aiortc", "pion"),
    "echo": ("voicectl", "aiortc", "pion"),
    "forward": ("voicectl", "pion"),
}
STALLS = ("released", "held")
DUE_PACKETS_PER_S = {"agent": 50 * SPOKEN_S / CYCLE_S, "echo": 50.0, "forward": 50.0}
"""An agent has to send what it speaks, and may send more."""
_CALLS_TOO_MANY = 16
"""Beyond a ramp's: an endpoint that refuses none has then long been loaded above its limit."""
ENCODERS = (
    "encoders: voicectl's and Pion's 48 kHz mono, 20 ms, 32 kbit/s, complexity 9, without FEC"
    " (nothing is lost on loopback); aiortc's as it comes"
)
AGENTS = (
    "agents: all decode what comes; voicectl looks for speech in it and tells blocks of 100 ms,"
    " Pion and aiortc take its energy; aiortc encodes silence too"
)


@dataclass(frozen=True)
class Effort:
    """How long a run takes."""

    calls: int
    seconds: float
    """That echoes and forwarding are measured for."""
    agent_seconds: float
    """Agents: whole cycles of speech and silence."""
    rounds: int
    """Of a row, all its targets in turns."""
    connections: int
    most_calls: int
    """Where a ramp ends."""
    climbs_rivals: bool
    measures_ungated: bool
    """Whether an echo is held beside aiortc's too, which no gate asks for."""
    admission_load: float
    """Of the media thread, above which the admission's endpoint refuses."""

    @classmethod
    def quick(cls) -> "Effort":
        """Some four minutes."""
        return cls(
            4,
            2.0,
            CYCLE_S,
            4,
            8,
            24,
            climbs_rivals=False,
            measures_ungated=False,
            admission_load=0.15,
        )

    @classmethod
    def thorough(cls) -> "Effort":
        """Some fifteen minutes."""
        return cls(
            8,
            2 * CYCLE_S,
            2 * CYCLE_S,
            5,
            20,
            160,
            climbs_rivals=True,
            measures_ungated=True,
            admission_load=0.85,
        )


class CallsSession:
    """Measures when a figure first asks.

    Args:
        effort: How much.
    """

    def __init__(self, effort: Effort) -> None:
        self._effort = effort
        self._known: dict[str, Any] = {}

    @cached_property
    def _directory(self) -> Path:
        """For what endpoints need; kept until the end of the process."""
        directory = tempfile.mkdtemp(prefix="voicectl-calls-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return Path(directory)

    @cached_property
    def _voice(self) -> Path:
        """What agents say, for their processes to read."""
        path = self._directory / "voice.s16"
        voice().tofile(path)
        return path

    @cached_property
    def _pion(self) -> PionEndpoint | SetupError:
        try:
            return build_pion(self._directory)
        except SetupError as error:
            return error

    def rounds(self, work: str, step: Step) -> dict[str, list[Run]]:
        """The runs of each stack at this work, in turns; each round from the other end."""

        def measure() -> dict[str, list[Run]]:
            stacks = [stack for stack in self._stacks(work) if self._has(stack)]
            runs: dict[str, list[Run]] = {stack: [] for stack in stacks}
            for n in range(self._effort.rounds):
                for stack in stacks if n % 2 == 0 else reversed(stacks):
                    step(f"{work}: {stack}, round {n + 1} of {self._effort.rounds}")
                    runs[stack].append(self._hold(self._command(stack, work), work))
            return runs

        return self._once(work, measure)

    def stalled(self, how: str, step: Step) -> dict[str, Run]:
        """The echo of each stack while its event loop is blocked 80 ms at a time.

        Pion has no loop to be blocked: how late it is, is what this machine does.
        """

        def measure() -> dict[str, Run]:
            runs = {}
            for stack in ("voicectl", "aiortc"):
                step(f"event loop blocked, GIL {how}: {stack}")
                runs[stack] = self._hold([*self._command(stack, "echo"), "--stall", how], "echo")
            if self._has("pion"):
                runs["pion, not blocked"] = self._hold(self._command("pion", "echo"), "echo")
            return runs

        return self._once(f"stalled {how}", measure)

    def runs(self, step: Step) -> dict[str, list[Run]]:
        """Of each stack, those of all works, and of ours while its loop was blocked."""
        runs: dict[str, list[Run]] = {}
        for work in WORKS:
            for stack, rounds in self.rounds(work, step).items():
                runs.setdefault(stack, []).extend(rounds)
        runs["voicectl"].extend(self.stalled(how, step)["voicectl"] for how in STALLS)
        return runs

    def connections(self, step: Step) -> dict[str, list[Connected]]:
        """Calls connected over loopback, ours and stock aiortc's in turns."""

        async def connect() -> dict[str, list[Connected]]:
            ends = {"voicectl": connect_voicectl, "aiortc": connect_stock}
            connected: dict[str, list[Connected]] = {name: [] for name in ends}
            for n in range(-1, self._effort.connections):  # the first one warms up
                for name, end in ends.items():
                    one = await end()
                    if n >= 0:
                        connected[name].append(one)
            return connected

        step("connections over loopback")
        return self._once("connections", lambda: _run(connect()))

    def ramp(self, stack: str, step: Step) -> Ramp:
        """More and more agents of a stack.

        Raises:
            SetupError: There is no such endpoint here, or no time for a rival's.
        """
        if stack != "voicectl" and not self._effort.climbs_rivals:
            raise SetupError("left out by --quick")
        never = ("--max-thread-load", "1000") if stack == "voicectl" else ()
        command = [*self._command(stack, "agent"), *never]
        most_calls = self._effort.most_calls
        return self._once(f"ramp {stack}", lambda: self._climb(stack, command, step, most_calls))

    @property
    def admission_load(self) -> float:
        """Of the media thread, above which `admission` has its calls refused."""
        return self._effort.admission_load

    def admission(self, step: Step) -> Ramp:
        """Our agents until one is refused."""
        limit = ("--max-thread-load", str(self.admission_load))
        command = [*self._command("voicectl", "agent"), *limit]
        most_calls = self._effort.most_calls + _CALLS_TOO_MANY
        return self._once(
            "admission", lambda: self._climb("admission", command, step, most_calls, inf)
        )

    def notes(self) -> tuple[str, ...]:
        """What the figures were measured with."""
        if not self._known:
            return ()
        pion = self._pion
        effort = self._effort
        rival = (
            f"Pion on {pion.opus}, GOMAXPROCS {pion.gomaxprocs}"
            if isinstance(pion, PionEndpoint)
            else pion.message
        )
        climbs = (
            f"{name.removeprefix('ramp ')} up to {known.levels[-1].calls} calls: {known.stopped}"
            for name, known in self._known.items()
            if isinstance(known, Ramp) and known.levels
        )
        held = (
            f"calls: {effort.calls} calls for {effort.seconds:g} s"
            f" (agents {effort.agent_seconds:g} s), {effort.rounds} rounds"
        )
        return ("; ".join([held, rival, *climbs]), ENCODERS, AGENTS)

    def require(self, stack: str) -> None:
        """Raise SetupError where there is no such endpoint."""
        self._command(stack, "echo")

    def _climb(
        self,
        name: str,
        command: Sequence[str],
        step: Step,
        most_calls: int,
        max_lateness_ms: float = MAX_LATENESS_MS,
    ) -> Ramp:
        slow = name == "aiortc"
        return _run(
            climb(
                command,
                step=2 if slow else 8,
                limit=most_calls,
                seconds=CYCLE_S,
                due_packets_per_s=DUE_PACKETS_PER_S["agent"],
                max_lateness_ms=max_lateness_ms,
                on_level=lambda calls: step(f"{name}: {calls} calls"),
            )
        )

    def _hold(self, command: Sequence[str], work: str) -> Run:
        effort = self._effort
        seconds = effort.agent_seconds if work == "agent" else effort.seconds
        return _run(hold(command, effort.calls, seconds, DUE_PACKETS_PER_S[work]))

    def _stacks(self, work: str) -> tuple[str, ...]:
        """Those whose time there is."""
        if work == "echo" and not self._effort.measures_ungated:
            return ("voicectl", "pion")
        return WORKS[work]

    def _has(self, stack: str) -> bool:
        return stack != "pion" or isinstance(self._pion, PionEndpoint)

    def _command(self, stack: str, work: str) -> list[str]:
        if stack != "pion":
            return python_endpoint(stack, work, str(self._voice))
        pion = self._pion
        if isinstance(pion, SetupError):
            raise pion
        return [str(pion.program), work, str(self._voice)]

    def _once(self, name: str, measure: Callable[[], _T]) -> _T:
        if name not in self._known:
            self._known[name] = measure()
        known: _T = self._known[name]
        return known


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)
