"""More and more calls on one endpoint, until they are heard in each other or one is refused."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from voicectl.bench.calls.endpoint_process import running
from voicectl.bench.calls.load import HeldCalls, Run
from voicectl.clock import ProcessCpuClock, SystemClock
from voicectl.errors import AdmissionError, ConnectError

__all__ = ["CALLERS_BUSY", "ENOUGH", "MAX_LATENESS_MS", "Ramp", "climb"]

MAX_LATENESS_MS = 20.0
"""A frame's length: what comes later than the next one is due is heard."""
MAX_CALLERS_LOAD = 0.85
"""Above it the callers' own lateness is measured."""
CALLERS_BUSY = "the callers had no more time"
ENOUGH = "calls were enough"


@dataclass(frozen=True)
class Ramp:
    """What each number of calls came to."""

    levels: tuple[Run, ...]
    stopped: str
    """Why there was no more."""
    refused: str | None = None
    """The error that a call too many met."""

    @property
    def punctual(self) -> list[Run]:
        """Those in which packets were neither late nor missing."""
        return [run for run in self.levels if run.p99_ms <= MAX_LATENESS_MS and run.is_whole]

    @property
    def capacity(self) -> int:
        """The largest number of calls that were served as they have to be."""
        return max((run.calls for run in self.punctual), default=0)


async def climb(
    command: Sequence[str],
    *,
    step: int,
    limit: int,
    seconds: float,
    due_packets_per_s: float,
    max_lateness_ms: float = MAX_LATENESS_MS,
    on_level: Callable[[int], None] = lambda calls: None,
) -> Ramp:
    """Hold `step` calls, twice, three times as many … until `limit`, lateness or a refusal."""
    levels: list[Run] = []
    async with running(command) as endpoint, HeldCalls(endpoint, due_packets_per_s) as held:
        while len(held) < limit:
            on_level(len(held) + step)
            try:
                for _ in range(step):
                    await held.call()
            except AdmissionError as refusal:
                # The calls that there are go on beside others that try.
                for _ in range(step):
                    with suppress(ConnectError):
                        await held.call()
                levels.append(await held.measure(seconds))
                return Ramp(tuple(levels), "refused", refusal.message)
            except ConnectError as error:
                return Ramp(tuple(levels), f"a call did not connect: {error.message}")
            cpu_ns, began_ns = ProcessCpuClock().now_ns(), SystemClock().now_ns()
            levels.append(await held.measure(seconds))
            cpu_ns = ProcessCpuClock().now_ns() - cpu_ns
            if levels[-1].p99_ms > max_lateness_ms:
                return Ramp(tuple(levels), "late")
            if not levels[-1].is_whole:
                return Ramp(tuple(levels), "packets were dropped")
            if cpu_ns / (SystemClock().now_ns() - began_ns) > MAX_CALLERS_LOAD:
                return Ramp(tuple(levels), CALLERS_BUSY)
    return Ramp(tuple(levels), f"{limit} {ENOUGH}")
