"""An endpoint that serves the calls of benches/calls.py: voicectl's peers, or stock aiortc's.

    python benches/calls_target.py voicectl|voicectl-loop|aiortc agent|echo [--stall released|held]

Each line of standard input is an offer, `{"offer": SDP}`; each line of standard output its answer,
`{"answer": SDP}`. The agent decodes what it hears at 16 kHz, looks for speech in it, and speaks
two seconds of every five; the echo sends back what it hears, decoded and encoded anew.
"""

import argparse
import asyncio
import ctypes
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack
from numpy.typing import NDArray

from voicectl._native import AudioReceived, Engine, EngineEvent, EngineSettings
from voicectl.clock import SystemClock
from voicectl.rtc import Peer, PeerSettings

RATE_HZ = 48_000
CYCLE_S, SPOKEN_S = 5, 2
STALL_S, STALL_PERIOD_S = 0.08, 0.6

Answer = Callable[[str], Awaitable[str]]
kept: list[object] = []
"""Calls, and tasks that belong to them."""


def voice() -> NDArray[np.int16]:
    """A gliding buzz, as long as the agent speaks at a time."""
    t = np.arange(SPOKEN_S * RATE_HZ) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / RATE_HZ
    buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 25))
    return np.round(4000 * buzz).astype(np.int16)


VOICE = voice()


# voicectl


def voicectl_answer(work: str, *, media_thread: bool) -> Answer:
    """Answers offers with voicectl's peers."""
    settings = PeerSettings(data_channel=None, media_thread=media_thread)
    agent = EngineSettings(sink="eager", output_rate_hz=16_000, vad="earshot", dtx=True)
    echo = EngineSettings(sink="eager", output_rate_hz=RATE_HZ)

    async def answer(offer: str) -> str:
        engine_settings = agent if work == "agent" else echo
        engine = Engine(engine_settings, now_ns=SystemClock().now_ns(), seed=len(kept))
        peer = Peer(
            engine,
            replace(settings),
            on_events=(lambda events: None) if work == "agent" else lambda e: send_back(peer, e),
        )
        kept.append(peer)
        if work == "agent":
            kept.append(asyncio.create_task(speak(peer)))
        return await peer.accept_offer(offer)

    return answer


def send_back(peer: Peer, events: list[EngineEvent]) -> None:
    """Queue what was heard."""
    for event in events:
        if isinstance(event, AudioReceived):
            peer.queue_audio(event.pcm, RATE_HZ)


async def speak(peer: Peer) -> None:
    """Say something every five seconds, until the call ends."""
    while peer.close_reason is None:
        peer.queue_audio(VOICE, RATE_HZ)
        peer.finish_audio()
        await asyncio.sleep(CYCLE_S)


# aiortc


def aiortc_answer(work: str) -> Answer:
    """Answers offers with stock aiortc."""

    async def answer(offer: str) -> str:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        kept.append(connection)

        @connection.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            if work == "agent":
                connection.addTrack(Speech())
                kept.append(asyncio.ensure_future(listen(track)))
            else:
                connection.addTrack(track)

        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    return answer


class Speech(AudioStreamTrack):
    """The agent's voice; aiortc's tracks have no way to send nothing, so the rest is silence."""

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms."""
        frame = await super().recv()
        at = frame.pts * RATE_HZ // frame.sample_rate % (CYCLE_S * RATE_HZ)
        spoken = VOICE[at : at + RATE_HZ // 50]
        pcm = spoken if len(spoken) == RATE_HZ // 50 else np.zeros(RATE_HZ // 50, np.int16)
        spoken_frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        spoken_frame.sample_rate, spoken_frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        spoken_frame.pts = frame.pts * RATE_HZ // frame.sample_rate
        return spoken_frame


async def listen(track: MediaStreamTrack) -> None:
    """Take what comes at 16 kHz, and its energy."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    while True:
        for frame in resampler.resample(await track.recv()):
            np.square(frame.to_ndarray().astype(np.int32)).sum()


# Both


async def stall(*, holding_gil: bool) -> None:
    """Block the event loop 80 ms in every 0.6 s."""
    usleep = ctypes.PyDLL(None).usleep  # a PyDLL's functions keep the GIL
    while True:
        await asyncio.sleep(STALL_PERIOD_S - STALL_S)
        if holding_gil:
            usleep(int(STALL_S * 1e6))
        else:
            time.sleep(STALL_S)  # noqa: ASYNC251 (it is meant to block)


async def main() -> None:
    """Answer offers until the end of standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stack", choices=["voicectl", "voicectl-loop", "aiortc"])
    parser.add_argument("work", choices=["agent", "echo"])
    parser.add_argument("--stall", choices=["released", "held"])
    arguments = parser.parse_args()
    if arguments.stack == "aiortc":
        answer = aiortc_answer(arguments.work)
    else:
        on_thread = arguments.stack == "voicectl"
        answer = voicectl_answer(arguments.work, media_thread=on_thread)
    if arguments.stall:
        kept.append(asyncio.create_task(stall(holding_gil=arguments.stall == "held")))
    while line := await asyncio.to_thread(sys.stdin.readline):
        sdp = await answer(json.loads(line)["offer"])
        print(json.dumps({"answer": sdp}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
