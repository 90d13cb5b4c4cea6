"""How long a call over loopback takes to connect: two of voicectl's peers, or two of aiortc's.

Both ends run in this process, so each figure holds the work of two.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from voicectl._native import Engine, EngineSettings
from voicectl.clock import SystemClock
from voicectl.rtc import Peer, PeerSettings
from voicectl.signaling.memory import connect_in_memory

__all__ = ["Connected", "connect_stock", "connect_voicectl"]

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Connected:
    """One call."""

    ice_dtls_ms: float
    """From the end of signaling until both ends are connected."""
    first_audio_ms: float
    """From before the caller's connection is made until it has audio."""


async def connect_voicectl() -> Connected:
    """A call between two peers."""
    start_ns = SystemClock().now_ns()
    heard = asyncio.Event()
    settings = PeerSettings(host_addresses="loopback")
    engine = EngineSettings(sink="eager")
    caller = Peer(
        Engine(engine, now_ns=start_ns, seed=1), settings, on_events=lambda _: heard.set()
    )
    agent = Peer(Engine(engine, now_ns=start_ns, seed=2), settings)
    async with caller, agent:
        await connect_in_memory(caller, agent)
        await asyncio.gather(caller.connected(TIMEOUT_S), agent.connected(TIMEOUT_S))
        async with asyncio.timeout(TIMEOUT_S):
            await heard.wait()
        first_audio_ns = SystemClock().now_ns()
        ends = [caller.timings, agent.timings]
        signaled_ns = max(end.signaling_done_ns or 0 for end in ends)
        connected_ns = max(end.dtls_connected_ns or 0 for end in ends)
        return Connected((connected_ns - signaled_ns) / 1e6, (first_audio_ns - start_ns) / 1e6)


async def connect_stock() -> Connected:
    """A call of stock aiortc, which leaves loopback out: over the interfaces' addresses."""
    clock = SystemClock()
    start_ns = clock.now_ns()
    caller, agent = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    first_frame: list[Awaitable[object]] = []
    caller.on("track", lambda track: first_frame.append(asyncio.ensure_future(track.recv())))
    connected = [_connected(peer) for peer in (caller, agent)]
    caller.addTrack(AudioStreamTrack())
    agent.addTrack(AudioStreamTrack())
    await caller.setLocalDescription(await caller.createOffer())
    await agent.setRemoteDescription(caller.localDescription)
    await agent.setLocalDescription(await agent.createAnswer())
    await caller.setRemoteDescription(agent.localDescription)
    signaled_ns = clock.now_ns()
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(*(event.wait() for event in connected))
        connected_ns = clock.now_ns()
        await first_frame[0]
    first_audio_ns = clock.now_ns()
    await caller.close()
    await agent.close()
    return Connected((connected_ns - signaled_ns) / 1e6, (first_audio_ns - start_ns) / 1e6)


def _connected(peer: RTCPeerConnection) -> asyncio.Event:
    done = asyncio.Event()

    @peer.on("connectionstatechange")
    def changed() -> None:
        if peer.connectionState == "connected":
            done.set()

    return done
