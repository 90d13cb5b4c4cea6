"""A process that answers offers, and what it costs."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from voicectl.errors import AdmissionError, ConnectError

__all__ = ["EndpointProcess", "endpoints_core", "python_endpoint", "running"]

MAX_LINE_BYTES = 1 << 20


def python_endpoint(*arguments: str) -> list[str]:
    """The command of voicectl's own endpoint, or stock aiortc's: see `endpoint`."""
    return [sys.executable, "-P", "-m", "voicectl.bench.calls.endpoint", *arguments]


class EndpointProcess:
    """Takes `{"offer": SDP}` a line on its standard input, gives `{"answer": SDP}` a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def answer(self, offer: str) -> str:
        """Its answer to an offer.

        Raises:
            AdmissionError: It has no capacity for another call.
            ConnectError: It has ended, or refused for another reason.
        """
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise ConnectError("the endpoint has no pipes")
        process.stdin.write(json.dumps({"offer": offer}).encode() + b"\n")
        reply = await process.stdout.readline()
        if not reply:
            raise ConnectError("the endpoint has ended")
        fields = json.loads(reply)
        if "answer" in fields:
            return str(fields["answer"])
        refusal = AdmissionError if fields.get("refused") == "AdmissionError" else ConnectError
        raise refusal(str(fields.get("message", "the endpoint refused")))

    def cpu_ns(self) -> dict[str, int]:
        """CPU time of each of its threads so far, by the scheduler's own count."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return {task.name: int((task / "schedstat").read_text().split()[0]) for task in tasks}

    def resident_bytes(self) -> int:
        """Memory that it occupies now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def endpoints_core() -> Iterator[None]:
    """What this thread starts meanwhile has a core of its own, where there are two.

    It has it from its first instruction on: Go's runtime asks once how many it may use.
    """
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@asynccontextmanager
async def running(command: Sequence[str]) -> AsyncIterator[EndpointProcess]:
    """An endpoint's process on a core of its own, where there are two."""
    pipe = asyncio.subprocess.PIPE
    cores = os.sched_getaffinity(0)
    with endpoints_core():
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
            limit=MAX_LINE_BYTES,
        )
    os.sched_setaffinity(0, cores - {max(cores)} or cores)
    try:
        yield EndpointProcess(process)
    finally:
        os.sched_setaffinity(0, cores)
        # One that has ended by itself has said so on its pipes.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
