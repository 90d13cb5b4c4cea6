"""Real calls with keys of a telephone, and with a peer that has no Opus."""

from dataclasses import replace

import numpy as np
import pytest
from support.calls import LOOPBACK, End, connected, run
from support.signals import tone

from voicectl._native import AudioReceived, Engine, EngineSettings, TelephoneEventReceived
from voicectl.clock import SystemClock
from voicectl.rtc import peer as peer_module


def real_end(seed: int, *, media_thread: bool = True) -> End:
    settings = EngineSettings(sink="eager", output_rate_hz=48_000)
    engine = Engine(settings, now_ns=SystemClock().now_ns(), seed=seed)
    return End(engine, replace(LOOPBACK, media_thread=media_thread))


def digits(end: End) -> str:
    return "".join(e.digit or "?" for e in end.events if isinstance(e, TelephoneEventReceived))


@pytest.mark.parametrize("media_thread", [True, False], ids=["media thread", "event loop"])
def test_keys_pressed_at_one_end_are_told_at_the_other(media_thread: bool) -> None:
    async def scenario() -> None:
        caller, agent = (real_end(seed, media_thread=media_thread) for seed in (1, 2))
        async with connected(caller, agent):
            assert caller.peer.send_digits("12#", duration_ms=60) == 3
            assert agent.peer.send_digits("9*", duration_ms=60) == 2
            await agent.until(lambda end: len(digits(end)) == 3)
            await caller.until(lambda end: len(digits(end)) == 2)
        assert (digits(agent), digits(caller)) == ("12#", "9*")

    run(scenario)


def without_opus(sdp: str) -> str:
    """The offer of a telephone: what its author has not, it does not name."""
    lines = [line for line in sdp.splitlines() if ":96 " not in line]
    kept = [line.replace("SAVPF 96 0 8", "SAVPF 0 8") for line in lines]
    return "\r\n".join(kept) + "\r\n"


def test_peer_without_opus_is_heard_and_hears_by_g711(monkeypatch: pytest.MonkeyPatch) -> None:
    read = peer_module.read_remote
    monkeypatch.setattr(
        peer_module, "read_remote", lambda sdp, kind, **more: read(without_opus(sdp), kind, **more)
    )

    async def scenario() -> None:
        caller, agent = real_end(1), real_end(2)
        async with connected(caller, agent):
            for end in (caller, agent):
                end.peer.queue_audio(tone(997, 48_000, 24_000), 48_000)
                end.peer.finish_audio()
            for end in (caller, agent):
                await end.until(is_loud)
            assert caller.peer.send_digits("5") == 1
            await agent.until(lambda end: digits(end) == "5")
            outbound = caller.engine.stats().outbound
            assert outbound is not None
            # 160 bytes are 20 ms of G.711; the keys are shorter.
            assert 100 < outbound.bytes_sent / outbound.packets_sent <= 160
        assert caller.peer.remote_opus is None

    run(scenario)


def is_loud(end: End) -> bool:
    blocks = [event.pcm for event in end.events if isinstance(event, AudioReceived)]
    return sum(int(np.count_nonzero(np.abs(pcm) > 4000)) for pcm in blocks) > 8000
