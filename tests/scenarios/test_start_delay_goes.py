"""The jitter buffer begins deep, knowing nothing of the network, and gives that delay back.

Frames of one tick never did: there were no two periods of a voice to compare on the tape.
"""

import pytest
from support.engine_pair import EnginePair, Link
from support.signals import voiced

from voicectl import _native
from voicectl.units import NS_PER_MS


@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_on_a_steady_network_a_voice_soon_waits_little_for_its_tick(frame_ms: int) -> None:
    settings = _native.EngineSettings(frame_ms=frame_ms)
    pair = EnginePair(settings, settings, to_caller=Link(delay_ns=NS_PER_MS))
    pcm = voiced(6 * 48_000, 48_000)
    queued = 0
    for second in range(6):
        queued += pair.agent.engine.queue_audio(pcm[queued : 48_000 * (second + 2)], 48_000)
        if second == 5:
            before = pair.caller.inbound()
        pair.run_ms(1000)
    after = pair.caller.inbound()
    waited_ms = after.jitter_buffer_delay_ms - before.jitter_buffer_delay_ms
    emitted = after.jitter_buffer_emitted_count - before.jitter_buffer_emitted_count
    assert waited_ms / emitted <= 20
    assert after.concealed_samples == 0
