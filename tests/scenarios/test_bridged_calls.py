"""What one call receives is what another one sends, whoever carries the two."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.calls import LOOPBACK, End, connected, run

from voicectl._native import AudioReceived, Engine, EngineSettings
from voicectl.clock import SystemClock
from voicectl.errors import ConnectError, UsageError

RATE_HZ = 48_000
AMPLITUDE = 8000.0
THREADS = [(True, True), (False, False), (True, False), (False, True)]


def end_of(seed: int, *, media_thread: bool = True, tap_sent: bool = False) -> End:
    settings = EngineSettings(sink="eager", output_rate_hz=RATE_HZ, tap_sent=tap_sent)
    engine = Engine(settings, now_ns=SystemClock().now_ns(), seed=seed)
    return End(engine, replace(LOOPBACK, media_thread=media_thread))


def tone(frequency_hz: float) -> NDArray[np.int16]:
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    return np.round(AMPLITUDE * np.sin(2 * np.pi * frequency_hz * t)).astype(np.int16)


def audio_of(end: End) -> NDArray[np.int16]:
    blocks = [event.pcm for event in end.events if isinstance(event, AudioReceived)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


def hears(end: End, frequency_hz: float) -> bool:
    """Whether the last fifth of a second is a tone of that frequency."""
    pcm = audio_of(end)[-RATE_HZ // 5 :].astype(np.float64)
    if len(pcm) < RATE_HZ // 5 or np.abs(pcm).max() < AMPLITUDE / 2:
        return False
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return bool(abs(np.argmax(spectrum) * RATE_HZ / len(pcm) - frequency_hz) < 10)


class Gateway:
    """Two callers, each with a call of its own to a gateway's legs."""

    def __init__(self, left_on_thread: bool = True, right_on_thread: bool = True) -> None:
        self.alice, self.bob = end_of(1), end_of(2)
        self.left = end_of(3, media_thread=left_on_thread)
        self.right = end_of(4, media_thread=right_on_thread)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(connected(self.alice, self.left))
            await stack.enter_async_context(connected(self.bob, self.right))
            yield


@pytest.mark.parametrize(("left_on_thread", "right_on_thread"), THREADS)
@pytest.mark.parametrize("decoded", [True, False], ids=["decoded", "undecoded"])
def test_callers_of_bridged_calls_hear_each_other(
    left_on_thread: bool, right_on_thread: bool, decoded: bool
) -> None:
    async def scenario() -> None:
        gateway = Gateway(left_on_thread, right_on_thread)
        async with gateway.connected():
            gateway.left.peer.bridge_to(gateway.right.peer, decoded=decoded)
            gateway.right.peer.bridge_to(gateway.left.peer, decoded=decoded)
            told = len(audio_of(gateway.left))
            gateway.alice.peer.queue_audio(tone(440), RATE_HZ)
            gateway.bob.peer.queue_audio(tone(1000), RATE_HZ)
            await gateway.bob.until(lambda end: hears(end, 440))
            await gateway.alice.until(lambda end: hears(end, 1000))
            # What had been told to be told before the bridge came with what followed at once.
            assert len(audio_of(gateway.left)) - told < RATE_HZ // 10

    run(scenario)


@pytest.mark.parametrize("media_thread", [True, False])
def test_call_that_is_bridged_to_itself_is_an_echo(media_thread: bool) -> None:
    async def scenario() -> None:
        caller, echo = end_of(1), end_of(2, media_thread=media_thread)
        async with connected(caller, echo):
            echo.peer.bridge_to(echo.peer)
            caller.peer.queue_audio(tone(440), RATE_HZ)
            await caller.until(lambda end: hears(end, 440))

    run(scenario)


def test_call_is_told_its_audio_again_after_a_bridge() -> None:
    async def scenario() -> None:
        gateway = Gateway()
        async with gateway.connected():
            gateway.left.peer.bridge_to(gateway.right.peer, decoded=False)
            gateway.alice.peer.queue_audio(tone(440), RATE_HZ)
            await gateway.bob.until(lambda end: hears(end, 440))
            gateway.left.peer.bridge_to(None)
            gateway.right.peer.queue_audio(tone(1000), RATE_HZ)
            await gateway.left.until(lambda end: hears(end, 440))
            await gateway.bob.until(lambda end: hears(end, 1000))

    run(scenario)


def test_bridge_ends_with_the_call_that_hands_on() -> None:
    async def scenario() -> None:
        gateway = Gateway()
        async with gateway.connected():
            gateway.left.peer.bridge_to(gateway.right.peer, decoded=False)
            await gateway.left.peer.close()
            gateway.right.peer.queue_audio(tone(1000), RATE_HZ)
            await gateway.bob.until(lambda end: hears(end, 1000))

    run(scenario)


def test_later_bridge_takes_the_place_of_the_one_before() -> None:
    async def scenario() -> None:
        gateway = Gateway()
        async with gateway.connected():
            gateway.left.peer.bridge_to(gateway.right.peer)
            gateway.right.peer.bridge_to(gateway.right.peer)
            gateway.alice.peer.queue_audio(tone(440), RATE_HZ)
            gateway.bob.peer.queue_audio(tone(1000), RATE_HZ)
            await gateway.bob.until(lambda end: hears(end, 1000))
            await gateway.left.until(lambda end: hears(end, 440))

    run(scenario)


def test_bridge_that_cannot_be_is_a_typed_error_and_changes_nothing() -> None:
    async def scenario() -> None:
        caller, tapped = end_of(1), end_of(2, tap_sent=True)
        with pytest.raises(ConnectError):
            caller.peer.bridge_to(caller.peer)
        async with connected(caller, tapped):
            with pytest.raises(UsageError, match="sent tap"):
                caller.peer.bridge_to(tapped.peer, decoded=False)
            tapped.peer.queue_audio(tone(440), RATE_HZ)
            await caller.until(lambda end: hears(end, 440))
        with pytest.raises(ConnectError):
            caller.peer.bridge_to(None)
        await asyncio.sleep(0)

    run(scenario)
