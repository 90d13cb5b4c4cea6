"""An endpoint that serves the calls of the suite: voicectl's peers, or stock aiortc's.

    python -m voicectl.bench.calls.endpoint voicectl|voicectl-loop|aiortc agent|echo|forward
        [--stall released|held] [--max-thread-load SHARE]

Each line of standard input is an offer, `{"offer": SDP}`; each line of standard output its answer,
`{"answer": SDP}`, or `{"refused": ERROR, "message": TEXT}`. The agent decodes what it hears at
16 kHz, looks for speech in it, and speaks two seconds of every five; the echo sends back what it
hears, decoded and encoded anew; forwarding sends it back undecoded.
"""

import argparse
import asyncio
import ctypes
import json
import sys
from collections.abc import Awaitable, Callable
from fractions import Fraction

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack

from voicectl._native import AudioReceived, Engine, EngineEvent, EngineSettings
from voicectl.bench.calls.caller import RATE_HZ, voice
from voicectl.clock import SystemClock
from voicectl.errors import ConnectError
from voicectl.rtc import Peer, PeerSettings

__all__ = ["main"]

CYCLE_S = 5
STALL_S, STALL_PERIOD_S = 0.08, 0.6
CUSHION = np.zeros(RATE_HZ // 25, np.int16)
"""40 ms: echoed audio waits so long, so that what comes late makes no hole."""

Answer = Callable[[str], Awaitable[str]]
kept: list[object] = []
"""Calls, and tasks that belong to them."""

VOICE = voice()


# voicectl


def voicectl_answer(work: str, settings: PeerSettings) -> Answer:
    """Answers offers with voicectl's peers."""
    engine_settings = {
        "agent": EngineSettings(sink="eager", output_rate_hz=16_000, vad="earshot", dtx=True),
        "echo": EngineSettings(sink="eager", output_rate_hz=RATE_HZ),
        "forward": EngineSettings(sink="eager", forward=True),
    }[work]

    async def answer(offer: str) -> str:
        engine = Engine(engine_settings, now_ns=SystemClock().now_ns(), seed=len(kept))
        peer = Peer(
            engine,
            settings,
            on_events=(lambda events: send_back(peer, events)) if work == "echo" else None,
        )
        sdp = await peer.accept_offer(offer)
        kept.append(peer)
        if work == "echo":
            peer.queue_audio(CUSHION, RATE_HZ)
        if work == "agent":
            kept.append(asyncio.create_task(speak(peer)))
        return sdp

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
    # A PyDLL's functions keep the GIL.
    usleep = (ctypes.PyDLL if holding_gil else ctypes.CDLL)(None).usleep
    while True:
        await asyncio.sleep(STALL_PERIOD_S - STALL_S)
        usleep(int(STALL_S * 1e6))


async def serve(answer: Answer) -> None:
    """Answer offers until the end of standard input."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            reply = {"answer": await answer(json.loads(line)["offer"])}
        except ConnectError as error:
            reply = {"refused": type(error).__name__, "message": error.message}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


async def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stack", choices=["voicectl", "voicectl-loop", "aiortc"])
    parser.add_argument("work", choices=["agent", "echo", "forward"])
    parser.add_argument("--stall", choices=["released", "held"])
    parser.add_argument("--max-thread-load", type=float, default=PeerSettings().max_thread_load)
    arguments = parser.parse_args()
    if arguments.stack == "aiortc":
        answer = aiortc_answer(arguments.work)
    else:
        settings = PeerSettings(
            data_channel=None,
            media_thread=arguments.stack == "voicectl",
            max_thread_load=arguments.max_thread_load,
        )
        answer = voicectl_answer(arguments.work, settings)
    if arguments.stall:
        kept.append(asyncio.create_task(stall(holding_gil=arguments.stall == "held")))
    await serve(answer)


if __name__ == "__main__":
    asyncio.run(main())
