"""How long a call over loopback takes to connect: voicectl's peers and stock aiortc, interleaved.

    python benches/setup_time.py [ROUNDS]

Both ends run in this process, so each figure holds the CPU of two ends. Times count from before
the caller's connection is made; `ICE + DTLS` also counts from the end of signaling.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from voicectl._native import BUILD_PROFILE, Engine, EngineSettings
from voicectl.rtc import Peer, PeerSettings
from voicectl.signaling.memory import connect_in_memory

Marks = dict[str, float]


async def connect_voicectl() -> Marks:
    """One call between two peers; milliseconds to each mark, the later end's."""
    start_ns = time.monotonic_ns()
    received, messaged = asyncio.Event(), asyncio.Event()
    settings = PeerSettings(host_addresses="loopback")
    engine = EngineSettings(sink="eager")
    caller = Peer(
        Engine(engine, now_ns=start_ns, seed=1), settings, on_events=lambda _: received.set()
    )
    agent = Peer(
        Engine(engine, now_ns=start_ns, seed=2), settings, on_message=lambda _: messaged.set()
    )
    async with caller, agent:
        caller.send_message("both ends are open when this arrives")
        await connect_in_memory(caller, agent)
        await asyncio.gather(caller.connected(10), agent.connected(10))
        await asyncio.gather(received.wait(), messaged.wait())
        ends = [caller.timings, agent.timings]

        def mark(name: str) -> float:
            return max((getattr(end, name) - start_ns) / 1e6 for end in ends)

        return {
            "signaling": mark("signaling_done_ns"),
            "ICE": mark("ice_connected_ns"),
            "DTLS": mark("dtls_connected_ns"),
            "ICE + DTLS": mark("dtls_connected_ns") - mark("signaling_done_ns"),
            "channel": mark("channel_open_ns"),
            "first audio": (caller.timings.first_packet_received_ns - start_ns) / 1e6,
        }


async def connect_stock() -> Marks:
    """The same with stock aiortc, which leaves loopback out: over the interfaces' addresses."""
    marks: Marks = {}
    start = time.monotonic()

    def mark(name: str) -> None:
        marks[name] = (time.monotonic() - start) * 1e3

    caller, agent = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    connected = [asyncio.Event(), asyncio.Event()]
    first_frame: list[Awaitable[object]] = []

    def watch(peer: RTCPeerConnection, done: asyncio.Event) -> None:
        @peer.on("iceconnectionstatechange")
        def ice() -> None:
            if peer.iceConnectionState == "completed":
                mark("ICE")

        @peer.on("connectionstatechange")
        def dtls() -> None:
            if peer.connectionState == "connected":
                mark("DTLS")
                done.set()

    watch(caller, connected[0])
    watch(agent, connected[1])
    caller.on("track", lambda track: first_frame.append(asyncio.ensure_future(track.recv())))
    opened = asyncio.Event()
    channel = caller.createDataChannel("oai-events")
    channel.on("open", lambda: (mark("channel"), opened.set()))
    caller.addTrack(AudioStreamTrack())
    agent.addTrack(AudioStreamTrack())
    await caller.setLocalDescription(await caller.createOffer())
    await agent.setRemoteDescription(caller.localDescription)
    await agent.setLocalDescription(await agent.createAnswer())
    await caller.setRemoteDescription(agent.localDescription)
    mark("signaling")
    await asyncio.gather(*(event.wait() for event in connected), opened.wait())
    await first_frame[0]
    mark("first audio")
    marks["ICE + DTLS"] = marks["DTLS"] - marks["signaling"]
    await caller.close()
    await agent.close()
    return marks


async def measure(rounds: int) -> None:
    """Connect each kind in turn and print the medians."""
    ends: dict[str, Callable[[], Awaitable[Marks]]] = {
        "voicectl": connect_voicectl,
        "aiortc": connect_stock,
    }
    runs: dict[str, list[Marks]] = {name: [] for name in ends}
    cpu_s = dict.fromkeys(ends, 0.0)
    for round_number in range(-1, rounds):  # the first round warms up
        for name, connect in ends.items():
            before = time.process_time()
            marks = await connect()
            if round_number >= 0:
                cpu_s[name] += time.process_time() - before
                runs[name].append(marks)
    names = list(runs["voicectl"][0])
    print(f"median of {rounds}, ms ({BUILD_PROFILE} build)")
    print(f"{'':10}" + "".join(f"{name:>13}" for name in names) + f"{'CPU':>8}")
    for end, marks in runs.items():
        medians = (statistics.median(mark[name] for mark in marks) for name in names)
        row = "".join(f"{median:13.1f}" for median in medians)
        print(f"{end:10}{row}{cpu_s[end] / rounds * 1e3:8.1f}")


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
