"""Audio that is queued at one end of a real call is what the other end hears."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.calls import LOOPBACK, End, connected, run

from voicectl._native import AudioReceived, Engine, EngineSettings
from voicectl.clock import SystemClock
from voicectl.rtc import CloseReason

RATE_HZ = 48_000
TONE_S = 1.5
SKIPPED_S = 0.3
"""Of the heard tone, while the encoder finds its mode."""
HEARD_S = 0.5
AMPLITUDE = 8000.0


def tone(frequency_hz: float) -> NDArray[np.int16]:
    t = np.arange(int(TONE_S * RATE_HZ)) / RATE_HZ
    return np.round(AMPLITUDE * np.sin(2 * np.pi * frequency_hz * t)).astype(np.int16)


def real_end(seed: int, *, media_thread: bool = True) -> End:
    settings = EngineSettings(sink="eager", output_rate_hz=RATE_HZ)
    engine = Engine(settings, now_ns=SystemClock().now_ns(), seed=seed)
    return End(engine, replace(LOOPBACK, media_thread=media_thread))


def heard(end: End) -> NDArray[np.int16]:
    blocks = [event.pcm for event in end.events if isinstance(event, AudioReceived)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


def tone_of(end: End) -> NDArray[np.float64] | None:
    """The settled part of the tone that was heard; None while there is too little of it."""
    pcm = heard(end)
    loud = np.flatnonzero(np.abs(pcm) > AMPLITUDE / 2)
    if not len(loud):
        return None
    start = loud[0] + int(SKIPPED_S * RATE_HZ)
    stop = start + int(HEARD_S * RATE_HZ)
    return pcm[start:stop].astype(np.float64) if len(pcm) >= stop else None


def snr_db(pcm: NDArray[np.float64], frequency_hz: float) -> float:
    """Against the sine of that frequency, of whatever amplitude and phase, that fits best."""
    phase = 2 * np.pi * frequency_hz * np.arange(len(pcm)) / RATE_HZ
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, pcm, rcond=None)[0]
    return float(10 * np.log10(np.sum(fit**2) / np.sum((pcm - fit) ** 2)))


async def exchange(caller: End, agent: End, caller_hz: float, agent_hz: float) -> None:
    """Let each end say a tone and check what the other hears."""
    caller.peer.queue_audio(tone(caller_hz), RATE_HZ)
    agent.peer.queue_audio(tone(agent_hz), RATE_HZ)
    async with connected(caller, agent):
        await agent.until(lambda end: tone_of(end) is not None)
        await caller.until(lambda end: tone_of(end) is not None)
    for end, frequency_hz in ((agent, caller_hz), (caller, agent_hz)):
        pcm = tone_of(end)
        assert pcm is not None
        spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
        assert np.argmax(spectrum) * RATE_HZ / len(pcm) == pytest.approx(frequency_hz, abs=2)
        assert snr_db(pcm, frequency_hz) >= 30


@pytest.mark.parametrize("media_thread", [True, False])
def test_a_tone_arrives_both_ways_with_30_db_of_snr(media_thread: bool) -> None:
    async def scenario() -> None:
        caller, agent = (real_end(seed, media_thread=media_thread) for seed in (1, 2))
        await exchange(caller, agent, 440, 1000)
        assert caller.peer.transport_stats().on_media_thread == media_thread

    run(scenario)


def test_three_calls_at_once_each_hear_their_own_tone() -> None:
    async def scenario() -> None:
        tones = [(300, 500), (700, 900), (1100, 1300)]
        await asyncio.gather(
            *(exchange(real_end(n), real_end(n + 10), *pair) for n, pair in enumerate(tones))
        )

    run(scenario)


@pytest.mark.parametrize("closer_is_caller", [True, False])
def test_hanging_up_ends_a_call_that_carries_audio(closer_is_caller: bool) -> None:
    async def scenario() -> None:
        caller, agent = real_end(1), real_end(2)
        closer, other = (caller, agent) if closer_is_caller else (agent, caller)
        async with connected(caller, agent):
            await other.until(lambda end: len(heard(end)) > 0)
            await closer.peer.close()
            await other.peer.wait_closed()
        assert other.peer.close_reason is CloseReason.REMOTE

    run(scenario)
