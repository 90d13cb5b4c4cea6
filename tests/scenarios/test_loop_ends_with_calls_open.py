"""An event loop that ends takes its media thread along, whoever forgot to close the calls."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from support.calls import LOOPBACK, TIMEOUT_S, End

from voicectl._native import Engine, EngineSettings, StreamStarted
from voicectl.clock import SystemClock
from voicectl.rtc.media_thread import LoopPlane
from voicectl.signaling.memory import connect_in_memory

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)


def media_threads() -> int:
    names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    return sum(name.startswith("media-") for name in names)


async def two_open_calls() -> list[End]:
    ends = []
    for seed in (1, 2):
        settings = EngineSettings(sink="eager", output_rate_hz=16_000)
        ends.append(End(Engine(settings, now_ns=SystemClock().now_ns(), seed=seed), LOOPBACK))
    await connect_in_memory(ends[0].peer, ends[1].peer)
    await asyncio.gather(*(end.peer.connected(TIMEOUT_S) for end in ends))
    for end in ends:
        await end.until(lambda end: any(isinstance(e, StreamStarted) for e in end.events))
        assert end.peer.transport_stats().on_media_thread
    assert media_threads() == 1
    return ends


def packets_sent(ends: list[End]) -> list[int]:
    return [out.packets_sent for end in ends if (out := end.engine.stats().outbound) is not None]


def test_last_call_to_end_ends_the_thread_and_the_next_one_starts_it_anew() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            ends = await two_open_calls()
            assert "close" in vars(loop)
            for end in ends:
                await end.peer.close()
            assert media_threads() == 0
            assert LoopPlane.of_loop(loop) is None
            assert "close" not in vars(loop)

    asyncio.run(scenario())


def test_loop_is_not_closed_while_it_runs() -> None:
    async def scenario() -> None:
        ends = await two_open_calls()
        with pytest.raises(RuntimeError, match="running"):
            asyncio.get_running_loop().close()
        assert media_threads() == 1
        for end in ends:
            await end.peer.close()

    asyncio.run(scenario())


PROGRAM = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from scenarios.test_loop_ends_with_calls_open import media_threads, packets_sent, two_open_calls
loop = asyncio.new_event_loop()
"""
"""What is left of a loop and its calls complains when it is garbage: not in this process."""
BARE_LOOP = "ends = loop.run_until_complete(two_open_calls())"


def run_program(*lines: str) -> str:
    program = "\n".join([PROGRAM, *lines, "sys.stdout.flush()"])
    command = [sys.executable, "-P", "-c", program, str(Path(__file__).parents[1])]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=25, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "media_thread" not in finished.stderr  # aiortc's own tasks do complain
    return finished.stdout


def test_thread_went_on_for_30_s_after_the_loop_was_closed_with_calls_open() -> None:
    told = run_program(
        BARE_LOOP,
        "loop.close()",
        "before = packets_sent(ends)",
        "threading = __import__('threading'); threading.Event().wait(0.2)",
        "print(media_threads(), len(before), packets_sent(ends) == before, loop.is_closed())",
        # What is still asked of the calls raises nothing.
        "for end in ends: end.peer.transport_stats(); end.peer._carried.close()",
    )
    assert told == "0 2 True True\n"


def test_calls_that_asyncio_run_leaves_open_have_no_thread() -> None:
    told = run_program("ends = asyncio.run(two_open_calls())", "print(media_threads(), len(ends))")
    assert told == "0 2\n"


def test_process_that_forgot_its_calls_and_its_loop_ends_at_once() -> None:
    assert run_program(BARE_LOOP, "print(media_threads())") == "1\n"
