"""The suite `calls`: what its callers measure, on endpoints of its own."""

import asyncio
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from support.bench_figures import QUIET

from voicectl.bench.calls import calls_suite
from voicectl.bench.calls.caller import Arrival, lateness_ms, voice
from voicectl.bench.calls.endpoint_process import python_endpoint, running
from voicectl.bench.calls.figures import FIGURES, of_admission, of_cost, of_packets
from voicectl.bench.calls.load import Run, hold
from voicectl.bench.calls.ramp import CALLERS_BUSY, Ramp, climb
from voicectl.bench.gate import check_gate
from voicectl.bench.report import Check, Verdict
from voicectl.errors import SetupError

MS = 1_000_000
FRAME_SAMPLES = 960
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


@pytest.fixture(scope="module")
def voice_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("voice") / "voice.s16"
    voice().tofile(path)
    return str(path)


def arrivals(late_ms: list[int], *, first_timestamp: int = 0, start_ms: int = 0) -> list[Arrival]:
    return [
        Arrival((start_ms + 20 * n + late) * MS, (first_timestamp + FRAME_SAMPLES * n) % (1 << 32))
        for n, late in enumerate(late_ms)
    ]


def test_lateness_is_that_beyond_the_most_punctual_packet() -> None:
    assert lateness_ms(arrivals([5, 3, 10, 3])).tolist() == [2, 0, 7, 0]
    assert lateness_ms([]).size == 0


def test_lateness_goes_through_a_wrap_of_the_timestamp() -> None:
    near_the_end = (1 << 32) - FRAME_SAMPLES
    late = lateness_ms(arrivals([1, 0, 4], first_timestamp=near_the_end))
    assert np.allclose(late, [1, 0, 4], atol=0.01)


def test_timestamps_that_stood_still_in_silence_make_nothing_late() -> None:
    first = arrivals([0, 1, 0])
    # Three seconds later the next talkspurt's timestamps go on where the last one's ended.
    second = arrivals([0, 2, 0], first_timestamp=3 * FRAME_SAMPLES, start_ms=3060)
    assert lateness_ms(first + second).tolist() == [0, 1, 0, 0, 2, 0]


def test_capacity_is_the_most_calls_that_were_not_late() -> None:
    levels = [(8, 2.0), (16, 9.0), (24, 60.0)]
    runs = tuple(
        Run(calls, 8.0, late, 50.0, 0, thread_load=0.1, due_packets_per_s=20.0)
        for calls, late in levels
    )
    assert Ramp(runs, "late").capacity == 16
    assert Ramp((), "a call did not connect").capacity == 0


def admission(stopped: str, *, thread_loads: list[float]) -> Check:
    """What the gate says of a climb in which none was refused."""
    levels = tuple(
        Run(8 * (n + 1), 10.0, 2.0, 25.0, 0, thread_load=load, due_packets_per_s=20.0)
        for n, load in enumerate(thread_loads)
    )
    [(spec, _)] = [each for each in FIGURES if each[0].name == "admission"]
    measurement = of_admission(Ramp(levels, stopped), 0.08)
    return check_gate(spec, measurement, 1.0, QUIET)


def run(packets_per_s: float, *, cpu_ms: float = 8.0, calls: int = 8, due: float = 50.0) -> Run:
    return Run(calls, cpu_ms, 2.0, packets_per_s, 0, thread_load=0.1, due_packets_per_s=due)


def test_a_stack_that_dropped_packets_kept_its_capacity() -> None:
    levels = (run(25.6, due=20.0), run(19.9, calls=16, due=20.0), run(14.0, calls=24, due=20.0))
    assert Ramp(levels, "24 calls were enough").capacity == 16


def test_a_stack_that_dropped_packets_kept_its_low_cost() -> None:
    whole = [run(50.0, cpu_ms=4.0), run(49.9, cpu_ms=4.2), run(50.1, cpu_ms=4.1)]
    dropping = [run(50.0, cpu_ms=5.0), run(30.0, cpu_ms=1.0), run(50.0, cpu_ms=5.0)]
    measurement = of_cost("pion", dropping, whole)
    assert measurement.ratios == ((5.0 / 4.0,), (5.0 / 4.1,))
    with pytest.raises(SetupError, match="2 of 3 rounds dropped packets"):
        of_cost("pion", [run(30.0), run(30.0), run(50.0)], whole)


def test_a_stack_that_dropped_packets_passed() -> None:
    [spec] = [spec for spec, _ in FIGURES if spec.name == "packets"]
    assert spec.limit is not None
    runs = {"voicectl": [run(50.0), run(40.0), run(26.0, due=20.0)], "pion": [run(50.2)]}
    measurement = of_packets(runs, None)
    assert measurement.value == 80.0
    assert [(rival.name, rival.value) for rival in measurement.rivals] == [("pion", 100.0)]
    assert check_gate(spec, measurement, spec.limit, QUIET).verdict is Verdict.FAIL
    busy = of_packets(runs, "the load average is 9.0 on 2 cores")
    assert check_gate(spec, busy, spec.limit, QUIET).verdict is Verdict.INCONCLUSIVE


def test_admission_could_be_removed_and_its_gate_never_failed() -> None:
    check = admission("24 calls were enough", thread_loads=[0.09, 0.18, 0.27])
    assert check.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("stopped", "thread_loads", "reason"),
    [
        (CALLERS_BUSY, [0.09, 0.18, 0.27], CALLERS_BUSY),
        # The calls of the last step may all have come before the load that they make.
        ("24 calls were enough", [0.03, 0.06, 0.09], "16 calls load a thread with 0.06"),
        ("24 calls were enough", [0.2], "load"),
    ],
)
def test_nothing_refused_is_no_failure_where_nothing_had_to_be(
    stopped: str, thread_loads: list[float], reason: str
) -> None:
    check = admission(stopped, thread_loads=thread_loads)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert reason in check.reason


@on_linux
@pytest.mark.parametrize(("stack", "work"), [("voicectl", "forward"), ("aiortc", "echo")])
def test_endpoint_sends_as_many_packets_as_its_caller(
    stack: str, work: str, voice_file: str
) -> None:
    run = asyncio.run(
        hold(python_endpoint(stack, work, voice_file), calls=1, seconds=1.0, due_packets_per_s=50.0)
    )
    assert run.packets_per_s == pytest.approx(50, abs=15)
    assert run.cpu_ms > 0
    assert run.resident_bytes > 10_000_000
    assert 0 < run.thread_load <= run.cpu_ms / 1000


@on_linux
def test_an_endpoint_that_had_threads_at_once_ran_on_all_cores(tmp_path: Path) -> None:
    cores, allowed = os.sched_getaffinity(0), tmp_path / "allowed"
    if len(cores) < 2:
        pytest.skip("one core only")
    answer = 'echo \'{"answer": ""}\''
    look = f"grep Cpus_allowed_list /proc/self/status > {allowed}; {answer}; exec cat"

    async def run() -> None:
        async with running(["sh", "-c", look]) as endpoint:
            await endpoint.answer("")

    asyncio.run(run())
    assert allowed.read_text().split()[1] == str(max(cores))
    assert os.sched_getaffinity(0) == cores


@on_linux
def test_ramp_ends_where_the_endpoint_refuses(voice_file: str) -> None:
    never = ("--max-thread-load", "0.000001")
    command = [*python_endpoint("voicectl", "agent", voice_file), *never]
    as_late_as_it_likes = float("inf")
    ramp = asyncio.run(
        climb(
            command,
            step=1,
            limit=4,
            seconds=0.5,
            due_packets_per_s=20.0,
            max_lateness_ms=as_late_as_it_likes,
        )
    )
    assert ramp.refused == "no capacity for another call"
    assert ramp.stopped == "refused"
    assert ramp.levels[-1].calls < 4
    assert ramp.levels[-1].packets_per_s > 0


def test_figures_have_ids_of_their_own() -> None:
    ids = [spec.id for spec in calls_suite().specs]
    assert len(set(ids)) == len(ids)
    assert {"calls.agent-vs-pion", "calls.capacity", "calls.memory-per-call"} <= set(ids)


def test_pion_sources_are_in_the_package() -> None:
    import voicectl.bench.calls

    sources = Path(voicectl.bench.calls.__file__).with_name("pion")
    assert {"main.go", "opus.go", "go.mod", "go.sum"} <= {path.name for path in sources.iterdir()}
