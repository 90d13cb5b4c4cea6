"""Speech is made where it is sent, and not without end."""

import tracemalloc

import numpy as np
import pytest

from voicectl.errors import UsageError
from voicectl.netem.trace import parse_trace
from voicectl.replay.made_speech import made_material, trace_material
from voicectl.replay.speech import spoken_lines, talk_in


def test_speech_costs_memory_only_where_it_is_sent() -> None:
    spoken_lines()
    sent = [True] * 40 + [False] * 90_000 + [True] * 40
    tracemalloc.start()
    pcm = talk_in(sent, 960)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pcm) == len(sent) * 960
    assert np.any(pcm[: 960 * 40])
    assert np.any(pcm[-960 * 40 :])
    # numpy's zeros are counted by tracemalloc, though the system gives no memory for them.
    assert peak < held + 20_000_000


def test_trace_with_a_pause_of_hours_is_replayed_soon() -> None:
    hour_ms = 3_600_000
    lines = [f"{n},{20 * n},{20 * n + 30}" for n in range(100)]
    lines += [f"{n},{20 * n},{20 * n + 30}" for n in range(180_000, 180_100)]
    material = trace_material(parse_trace("\n".join(lines)), "trace", seed=0)
    assert material.duration_ns < hour_ms / 50 * 1_000_000
    assert len(material.packets) == 200
    assert any("shortened to it: 1" in note for note in material.notes)


def test_hours_of_speech_are_refused_before_they_are_made() -> None:
    with pytest.raises(UsageError, match="7 hours are too long"):
        made_material([], [True] * (7 * 3600 * 50), "trace", frame_ms=20, seed=0)
