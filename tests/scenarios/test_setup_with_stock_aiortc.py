"""A peer that is not ours: stock aiortc at the other end, calling and called."""

import asyncio
from fractions import Fraction

import numpy as np
import pytest
from aioice.ice import get_host_addresses
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame
from numpy.typing import NDArray
from support.calls import TIMEOUT_S, End, run

from voicectl._native import AudioReceived, Engine, EngineSettings
from voicectl.clock import SystemClock
from voicectl.rtc import PeerSettings

RATE_HZ = 48_000
FRAME_SAMPLES = 960

pytestmark = pytest.mark.skipif(
    not get_host_addresses(use_ipv4=True, use_ipv6=True),
    reason="stock aiortc leaves loopback out, and there is no other interface",
)


class ToneTrack(MediaStreamTrack):
    """A tone of 440 Hz in real time, stereo as aiortc wants it."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._samples = 0
        self._start_s: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._start_s = self._start_s or loop.time()
        await asyncio.sleep(self._start_s + self._samples / RATE_HZ - loop.time())
        t = (self._samples + np.arange(FRAME_SAMPLES)) / RATE_HZ
        mono = np.round(8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
        frame = AudioFrame.from_ndarray(np.repeat(mono, 2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts, self._samples = self._samples, self._samples + FRAME_SAMPLES
        return frame


class StockPeer:
    """Stock aiortc with a tone, that collects what it hears and is told."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.on("track", self._hear)
        self.connection.on("datachannel", self._listen)
        self.messages: asyncio.Queue[str] = asyncio.Queue()
        self.heard: asyncio.Queue[NDArray[np.int16]] = asyncio.Queue()
        self._hearing: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        self.channel = self.connection.createDataChannel("oai-events")
        self._listen(self.channel)
        self.connection.addTrack(ToneTrack())
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def accept_answer(self, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def answer(self, sdp: str) -> str:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        self.connection.addTrack(ToneTrack())
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return str(self.connection.localDescription.sdp)

    async def close(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
        await self.connection.close()

    def _hear(self, track: MediaStreamTrack) -> None:
        async def collect() -> None:
            while True:
                frame = await track.recv()
                self.heard.put_nowait(frame.to_ndarray()[0, ::2])

        self._hearing = asyncio.ensure_future(collect())

    def _listen(self, channel: object) -> None:
        channel.on("message", self.messages.put_nowait)
        channel.on("open", lambda: channel.send("hello from aiortc"))
        if channel.readyState == "open":
            channel.send("hello from aiortc")


def our_end() -> End:
    engine = Engine(
        EngineSettings(sink="eager", output_rate_hz=RATE_HZ),
        now_ns=SystemClock().now_ns(),
        seed=1,
    )
    return End(engine, PeerSettings())


def frequency_hz(pcm: NDArray[np.int16]) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum)) * RATE_HZ / len(pcm)


async def converse(ours: End, stock: StockPeer) -> None:
    """Each end hears the other's tone and gets its message."""
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    ours.peer.queue_audio(np.round(8000 * np.sin(2 * np.pi * 880 * t)).astype(np.int16), RATE_HZ)
    ours.peer.send_message("hello from voicectl")
    await ours.peer.connected(TIMEOUT_S)

    def heard(end: End) -> NDArray[np.int16]:
        blocks = [e.pcm for e in end.events if isinstance(e, AudioReceived)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    await ours.until(lambda end: len(heard(end)) >= RATE_HZ and end.messages)
    assert frequency_hz(heard(ours)[-RATE_HZ // 2 :]) == pytest.approx(440, abs=4)
    assert ours.messages == ["hello from aiortc"]
    assert await stock.messages.get() == "hello from voicectl"
    blocks = [await stock.heard.get() for _ in range(50)]
    assert frequency_hz(np.concatenate(blocks[-25:])) == pytest.approx(880, abs=4)


def test_stock_aiortc_calls_us() -> None:
    async def scenario() -> None:
        ours, stock = our_end(), StockPeer()
        async with ours.peer:
            await stock.accept_answer(await ours.peer.accept_offer(await stock.offer()))
            await converse(ours, stock)
            await stock.close()
            await ours.peer.wait_closed()

    run(scenario)


def test_we_call_stock_aiortc() -> None:
    async def scenario() -> None:
        ours, stock = our_end(), StockPeer()
        async with ours.peer:
            await ours.peer.accept_answer(await stock.answer(await ours.peer.create_offer()))
            await converse(ours, stock)
        await stock.close()

    run(scenario)


def test_largest_messages_that_both_advertise_arrive() -> None:
    """Within the window that we hold aiortc to, which does not look at it."""

    async def scenario() -> None:
        ours, stock = our_end(), StockPeer()
        async with ours.peer:
            await stock.accept_answer(await ours.peer.accept_offer(await stock.offer()))
            await ours.until(lambda end: end.messages)
            texts = [letter * 262_144 for letter in "abcd"]
            for text in texts:
                stock.channel.send(text)
            await ours.until(lambda end: end.messages[1:] == texts)
            assert all(ours.peer.send_message(text) for text in texts)
            assert [await stock.messages.get() for _ in texts] == texts
            assert ours.peer.transport_stats().dropped.malformed == 0
        await stock.close()

    run(scenario)
