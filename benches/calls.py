"""What a call costs and how late its audio comes: voicectl, stock aiortc and Pion, interleaved.

    python benches/calls.py [--calls 8] [--seconds 8] [--rounds 3] [--rows ROW,...] [--json]

Each target serves calls in a process of its own; this process is the caller of all of them, and
sends and receives packets that were encoded beforehand. Costs are CPU-ms of the target's process
for a second of one call, from the scheduler's own nanoseconds; lateness is how much later than
the earliest a packet arrived, by its RTP timestamp, and holds this machine's noise.

Pion is built with cgo on the libopus of this repository's release build, if Go is there.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from calls_target import RATE_HZ, voice

from voicectl._native import BUILD_PROFILE, OPUS_VERSION, EngineEvent, OpusEncoder, SrtpSession
from voicectl.clock import SystemClock
from voicectl.rtc import Peer, PeerSettings

HERE = Path(__file__).parent
ROOT = HERE.parent
FRAME_NS = 20_000_000
FRAME_SAMPLES = RATE_HZ // 50
SETTLE_S = 1.5
CONNECT_TIMEOUT_S = 20.0


def encoded_voice() -> list[bytes]:
    """The caller's two seconds of voice, over and over."""
    encoder = OpusEncoder()
    frames = voice().reshape(-1, FRAME_SAMPLES)
    return [encoder.encode(frame) for frame in frames]


class CallerEngine:
    """What `Peer` needs of an engine, without a codec: sends `payloads`, notes arrivals."""

    def __init__(self, payloads: Sequence[bytes], now_ns: int, seed: int) -> None:
        self._payloads = payloads
        self._next_ns = now_ns + seed * 1_000_000 % FRAME_NS
        self._srtp: SrtpSession | None = None
        self._sending: tuple[int, int] | None = None
        self._sequence_number = 0
        self._datagrams: list[bytes] = []
        self.arrivals: list[tuple[int, int]] = []
        """Arrival time and RTP timestamp of each packet."""

    def set_srtp_keys(self, profile: str, local_key_salt: bytes, remote_key_salt: bytes) -> None:
        self._srtp = SrtpSession(profile, local_key_salt, remote_key_salt)

    def configure_receive(self, payload_types: dict[int, str]) -> None: ...

    def start_sending(self, *, ssrc: int, payload_type: int, cname: str) -> None:
        self._sending = (ssrc, payload_type)

    def stop(self, now_ns: int) -> None:
        self._sending = None

    def next_timeout(self) -> int:
        return self._next_ns

    def poll_events(self) -> list[EngineEvent]:
        return []

    def poll_datagrams(self) -> list[bytes]:
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def handle_datagram(self, datagram: bytes, now_ns: int) -> bool:
        if not 192 <= datagram[1] <= 223:
            # The header is in the clear.
            self.arrivals.append((now_ns, int.from_bytes(datagram[4:8])))
        return True

    def handle_timeout(self, now_ns: int) -> None:
        while self._next_ns <= now_ns:
            self._next_ns += FRAME_NS
            if self._sending and self._srtp:
                self._datagrams.append(self._srtp.protect(self._frame(*self._sending)))

    def _frame(self, ssrc: int, payload_type: int) -> bytes:
        n = self._sequence_number
        self._sequence_number += 1
        header = struct.pack("!BBHII", 0x80, payload_type, n & 0xFFFF, n * FRAME_SAMPLES, ssrc)
        return header + self._payloads[n % len(self._payloads)]


def lateness_ms(arrivals: Sequence[tuple[int, int]]) -> list[float]:
    """How much later each packet of a call came than the most punctual one, by its timestamp."""
    if not arrivals:
        return []
    at_ns, timestamps = (np.array(column, dtype=np.int64) for column in zip(*arrivals, strict=True))
    media_ns = (timestamps - timestamps[0]) * 1_000_000_000 // RATE_HZ
    transit_ns = at_ns - media_ns
    return list((transit_ns - transit_ns.min()) / 1e6)


class Target:
    """A process that answers offers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def answer(self, offer: str) -> str:
        """Its answer to an offer."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the target has no pipes")
        process.stdin.write(json.dumps({"offer": offer}).encode() + b"\n")
        answer: str = json.loads(await process.stdout.readline())["answer"]
        return answer

    def cpu_ns(self) -> int:
        """CPU time of its threads so far, those that have ended left out."""
        total = 0
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total


@asynccontextmanager
async def running(command: Sequence[str]) -> AsyncIterator[Target]:
    """A target's process, for as long as it is measured."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, limit=1 << 20
    )
    try:
        yield Target(process)
    finally:
        process.kill()
        await process.wait()


@dataclass
class Run:
    """One target under load."""

    cpu_ms: float
    """For a second of one call."""
    p99_ms: float | None
    """Lateness; None where the target sends nothing for a while: not every stack's timestamps
    go on then."""
    packets_per_s: float
    """That a call received."""


async def load(
    command: Sequence[str], calls: int, seconds: float, payloads: list[bytes], *, steady: bool
) -> Run:
    """Hold `calls` calls with a fresh target and measure it for `seconds`."""
    async with running(command) as target, AsyncExitStack() as stack:
        engines = [CallerEngine(payloads, SystemClock().now_ns(), n) for n in range(calls)]
        for engine in engines:
            peer = Peer(engine, PeerSettings(data_channel=None))  # type: ignore[arg-type]
            await stack.enter_async_context(peer)
            await peer.accept_answer(await target.answer(await peer.create_offer()))
            await peer.connected(CONNECT_TIMEOUT_S)
        await asyncio.sleep(SETTLE_S)
        for engine in engines:
            engine.arrivals.clear()
        cpu_ns, began_ns = target.cpu_ns(), SystemClock().now_ns()
        await asyncio.sleep(seconds)
        held_s = (SystemClock().now_ns() - began_ns) / 1e9
        cpu_ns = target.cpu_ns() - cpu_ns
        late = [ms for engine in engines for ms in lateness_ms(engine.arrivals)]
        return Run(
            cpu_ms=cpu_ns / 1e6 / held_s / calls,
            p99_ms=float(np.percentile(late, 99)) if late and steady else None,
            packets_per_s=len(late) / held_s / calls,
        )


@dataclass
class Row:
    """One line of the answer: medians of the interleaved runs."""

    row: str
    target: str
    cpu_ms: float
    p99_ms: float | None
    packets_per_s: float
    ratio: float | None
    """The target's CPU over voicectl's, the median of the rounds'."""
    runs: list[Run] = field(default_factory=list)


def python_target(*arguments: str) -> list[str]:
    return [sys.executable, str(HERE / "calls_target.py"), *arguments]


def build_pion(directory: Path) -> Path | None:
    """Pion's endpoint, on the newest libopus that this repository's release build has."""
    built = sorted(
        ROOT.glob("target/release/build/opusic-sys-*/out/lib/libopus.a"),
        key=lambda path: path.stat().st_mtime,
    )
    if shutil.which("go") is None or not built:
        return None
    opus = built[-1].parent.parent
    flags = {
        "CGO_ENABLED": "1",
        "CGO_CFLAGS": f"-I{opus}/include",
        "CGO_LDFLAGS": f"{built[-1]} -lm",
    }
    program = directory / "pion"
    build = ["go", "build", "-o", str(program), "."]
    done = subprocess.run(build, cwd=HERE / "pion", env=os.environ | flags, check=False)
    return program if done.returncode == 0 else None


def rows_of(pion: Path | None) -> dict[str, dict[str, list[str]]]:
    """Each row's targets; voicectl comes first."""
    rivals = {"pion": [str(pion)]} if pion else {}
    rows: dict[str, dict[str, list[str]]] = {}
    for work in ("agent", "echo"):
        rows[work] = {
            stack: python_target(stack, work) for stack in ("voicectl", "voicectl-loop", "aiortc")
        } | {name: [*command, work] for name, command in rivals.items()}
    for stall in ("released", "held"):
        rows[f"stalled, GIL {stall}"] = {
            stack: python_target(stack, "echo", "--stall", stall)
            for stack in ("voicectl", "voicectl-loop", "aiortc")
        }
    return rows


async def measure(
    row: str, targets: dict[str, list[str]], arguments: argparse.Namespace, payloads: list[bytes]
) -> list[Row]:
    """All targets of a row in turns, each round from the other end."""
    runs: dict[str, list[Run]] = {name: [] for name in targets}
    for n in range(arguments.rounds):
        names = list(targets) if n % 2 == 0 else list(reversed(targets))
        for name in names:
            run = await load(
                targets[name],
                arguments.calls,
                arguments.seconds,
                payloads,
                steady=row != "agent",
            )
            runs[name].append(run)
    ours = runs["voicectl"]
    return [
        Row(
            row=row,
            target=name,
            cpu_ms=statistics.median(run.cpu_ms for run in taken),
            p99_ms=median_of([run.p99_ms for run in taken if run.p99_ms is not None]),
            packets_per_s=statistics.median(run.packets_per_s for run in taken),
            ratio=statistics.median(
                theirs.cpu_ms / our.cpu_ms for theirs, our in zip(taken, ours, strict=True)
            ),
            runs=taken,
        )
        for name, taken in runs.items()
    ]


def lateness(p99_ms: float | None) -> str:
    return "" if p99_ms is None else f"p99 {p99_ms:6.1f} ms"


def median_of(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(values) if values else None


async def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU and lateness of calls, beside the rivals'")
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", help="agent,echo,stalled (default: all)")
    parser.add_argument("--pion", type=Path, help="a Pion endpoint that is already built")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if BUILD_PROFILE != "release":
        print("a debug build says nothing: build with --release", file=sys.stderr)
        return 1
    payloads = encoded_voice()
    wanted = arguments.rows.split(",") if arguments.rows else [""]
    print(f"{OPUS_VERSION}; load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
    results: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        pion = arguments.pion or build_pion(Path(directory))
        for row, targets in rows_of(pion).items():
            if any(row.startswith(prefix) for prefix in wanted):
                results += await measure(row, targets, arguments, payloads)
    if arguments.json:
        print(json.dumps([asdict(result) for result in results]))
        return 0
    for result in results:
        print(
            f"{result.row:20s} {result.target:14s} {result.cpu_ms:7.2f} CPU-ms per call-second "
            f"({result.ratio:5.2f} of voicectl's)  {lateness(result.p99_ms):15s} "
            f"{result.packets_per_s:5.1f} packets/s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
