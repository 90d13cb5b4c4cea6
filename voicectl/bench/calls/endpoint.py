"""An endpoint that serves the calls of the suite: voicectl's peers, or stock aiortc's.

    python -m voicectl.bench.calls.endpoint voicectl|voicectl-loop|aiortc agent|echo|forward VOICE
        [--stall released|held] [--max-thread-load SHARE]

Each line of standard input is an offer, `{"offer": SDP}`; each line of standard output its answer,
`{"answer": SDP}`, or `{"refused": ERROR, "message": TEXT}`. The agent decodes what it hears at
16 kHz, looks for speech in it, and speaks the file VOICE (raw 16-bit PCM, mono, 48 kHz), which
lasts two seconds, in every five; the echo sends back what it
hears, decoded and encoded anew; forwarding sends it back undecoded.
"""

import argparse
import asyncio
import ctypes
import json
import sys
from collections.abc import Awaitable, Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack
from numpy.typing import NDArray

from voicectl._native import Engine, EngineSettings
from voicectl.clock import SystemClock
from voicectl.errors import ConnectError
from voicectl.rtc import Peer, PeerSettings

__all__ = ["CYCLE_S", "main"]

RATE_HZ = 48_000
CYCLE_S = 5.0
"""The agent speaks for two seconds of it."""
STALL_S, STALL_PERIOD_S = 0.08, 0.6
FRAME_SAMPLES = RATE_HZ // 50
CONNECT_TIMEOUT_S = 20.0

Pcm: TypeAlias = NDArray[np.int16]
Answer = Callable[[str], Awaitable[str]]
kept: list[object] = []
"""Calls, and tasks that belong to them."""


# voicectl


def voicectl_answer(work: str, voice: Pcm, settings: PeerSettings) -> Answer:
    """Answers offers with voicectl's peers."""
    settings_of = partial(EngineSettings, sink="eager", bitrate_bps=32_000, complexity=9)
    # No FEC: what an adaptive sender has while nothing is lost, here pinned like all the rest.
    settings_of = partial(settings_of, frame_ms=20, inband_fec=False, expected_loss_percent=0)
    engine_settings = {
        "agent": settings_of(output_rate_hz=16_000, vad="earshot", dtx=True),
        "echo": settings_of(output_rate_hz=RATE_HZ),
        "forward": settings_of(),
    }[work]

    async def answer(offer: str) -> str:
        engine = Engine(engine_settings, now_ns=SystemClock().now_ns(), seed=len(kept))
        peer = Peer(engine, settings)
        sdp = await peer.accept_offer(offer)
        working = speak(peer, voice) if work == "agent" else send_back(peer, work)
        kept.extend((peer, asyncio.create_task(working)))
        return sdp

    return answer


async def send_back(peer: Peer, work: str) -> None:
    """Send what is heard from now on."""
    await peer.connected(CONNECT_TIMEOUT_S)
    peer.bridge_to(peer, decoded=work == "echo")


async def speak(peer: Peer, voice: Pcm) -> None:
    """Say something every five seconds, until the call ends."""
    while peer.close_reason is None:
        peer.queue_audio(voice, RATE_HZ)
        peer.finish_audio()
        await asyncio.sleep(CYCLE_S)


# aiortc


def aiortc_answer(work: str, voice: Pcm) -> Answer:
    """Answers offers with stock aiortc."""

    async def answer(offer: str) -> str:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        kept.append(connection)

        @connection.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            if work == "agent":
                connection.addTrack(Speech(voice))
                kept.append(asyncio.ensure_future(listen(track)))
            else:
                connection.addTrack(track)

        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    return answer


class Speech(AudioStreamTrack):
    """The agent's voice; aiortc's tracks have no way to send nothing, so the rest is silence."""

    def __init__(self, voice: Pcm) -> None:
        super().__init__()
        self._voice = voice
        self._sent_samples = 0

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms."""
        await super().recv()  # at its time
        at = self._sent_samples % (int(CYCLE_S) * RATE_HZ)
        spoken = self._voice[at : at + FRAME_SAMPLES]
        pcm = spoken if len(spoken) == FRAME_SAMPLES else np.zeros(FRAME_SAMPLES, np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts = self._sent_samples
        self._sent_samples += FRAME_SAMPLES
        return frame


async def listen(track: MediaStreamTrack) -> None:
    """Take what comes at 16 kHz, and its energy."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    while True:
        heard = await track.recv()
        for frame in resampler.resample(heard if isinstance(heard, av.AudioFrame) else None):
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
    parser.add_argument("voice", type=Path)
    parser.add_argument("--stall", choices=["released", "held"])
    parser.add_argument("--max-thread-load", type=float, default=PeerSettings().max_thread_load)
    arguments = parser.parse_args()
    voice = np.fromfile(arguments.voice, np.int16)
    if arguments.stack == "aiortc":
        answer = aiortc_answer(arguments.work, voice)
    else:
        settings = PeerSettings(
            data_channel=None,
            audio_interval_ms=100 if arguments.work == "agent" else 10,
            media_thread=arguments.stack == "voicectl",
            max_thread_load=arguments.max_thread_load,
        )
        answer = voicectl_answer(arguments.work, voice, settings)
    if arguments.stall:
        kept.append(asyncio.create_task(stall(holding_gil=arguments.stall == "held")))
    await serve(answer)


if __name__ == "__main__":
    asyncio.run(main())
