"""A real call is captured, whoever drives its engine, and replays to the bit."""

from dataclasses import replace
from typing import Any

import pytest
from support.calls import LOOPBACK, End, connected, run
from support.signals import voiced

from voicectl import _native
from voicectl.clock import SystemClock


def heard(events: list[Any]) -> bytes:
    return b"".join(e.pcm.tobytes() for e in events if isinstance(e, _native.AudioReceived))


@pytest.mark.parametrize("media_thread", [True, False], ids=["media thread", "event loop"])
def test_captured_call_is_replayed_to_the_bit(media_thread: bool) -> None:
    settings = replace(LOOPBACK, media_thread=media_thread)
    capture: list[bytes] = []

    async def scenario() -> None:
        clock = SystemClock()
        engine = _native.Engine(
            _native.EngineSettings(),
            now_ns=clock.now_ns(),
            seed=1,
            capture_limit_bytes=8 << 20,
        )
        far = _native.Engine(_native.EngineSettings(), now_ns=clock.now_ns(), seed=2)
        caller, agent = End(engine, settings), End(far, settings)
        async with connected(caller, agent):
            agent.peer.queue_audio(voiced(24_000, 24_000), 24_000)
            agent.peer.finish_audio()
            await caller.until(lambda end: len(heard(end.events)) > 48_000 * 2)
            capture.append(engine.end_capture())
            polled = list(caller.events)
            on_thread = caller.peer.transport_stats().on_media_thread
        replay = _native.CaptureReplay(capture[0])
        again: list[Any] = []
        while (batch := replay.run_until(1 << 62)) is not None:
            again += batch
        assert heard(again) == heard(polled)
        assert [repr(event) for event in again] == [repr(event) for event in polled]
        assert (replay.same_events, replay.same_packets) == (True, True)
        assert on_thread is media_thread or not hasattr(_native, "MediaPlane")

    run(scenario)
