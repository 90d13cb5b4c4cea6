"""Whether somebody is speaking, told from a channel of the call as it comes, sans-IO."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicectl.session.call_audio import level_dbfs

__all__ = ["Hearing", "VoiceEnded", "VoiceStarted"]

_HOP_MS = 10
_FLOOR_HOPS = 100
_ABOVE_FLOOR_DB = 12.0
_QUIETEST_SPEECH_DBFS = -50.0
_EXPECTED_END_SILENCE_HOPS = 15
_ONSET_HOPS = 6
_ONSET_WINDOW_HOPS = 8


@dataclass(frozen=True)
class VoiceStarted:
    """Speech set in at this sample of the channel."""

    onset_samples: int


@dataclass(frozen=True)
class VoiceEnded:
    """Speech ended at this sample; told once the silence has lasted."""

    end_samples: int


class Hearing:
    """Finds the beginnings and ends of speech in one channel.

    It steers the call (when may the caller speak?). Latencies are measured afterwards, on the
    recording, by `voicectl.dialogue.latency`.

    Args:
        sample_rate_hz: Of the PCM that is handed in.
        end_silence_ms: Speech has ended when nothing was heard for so long; the pauses between an
            agent's sentences are shorter than the default.
    """

    def __init__(self, sample_rate_hz: int, *, end_silence_ms: int = 700) -> None:
        self._hop_samples = sample_rate_hz * _HOP_MS // 1000
        self._end_silence_hops = end_silence_ms // _HOP_MS
        self._rest = np.zeros(0, np.int16)
        self._hops_seen = 0
        self._levels: deque[float] = deque(maxlen=_FLOOR_HOPS)
        self._loud: deque[int] = deque(maxlen=_ONSET_HOPS)
        self._speaking = False
        self._end_expected = False

    @property
    def speaking(self) -> bool:
        """Whether speech has started and not yet ended."""
        return self._speaking

    def expect_end(self) -> None:
        """The far end says that its reply is over: a short silence is then the end."""
        self._end_expected = self._speaking

    def handle_audio(self, pcm: NDArray[np.int16]) -> list[VoiceStarted | VoiceEnded]:
        """Take the next samples of the channel, shape (samples,), any number."""
        samples = np.concatenate((self._rest, pcm))
        hops = len(samples) // self._hop_samples
        self._rest = samples[hops * self._hop_samples :]
        events: list[VoiceStarted | VoiceEnded] = []
        for hop in samples[: hops * self._hop_samples].reshape(hops, self._hop_samples):
            event = self._handle_hop(level_dbfs(hop))
            if event is not None:
                events.append(event)
        return events

    def _handle_hop(self, level_dbfs: float) -> VoiceStarted | VoiceEnded | None:
        self._levels.append(level_dbfs)
        threshold = max(_QUIETEST_SPEECH_DBFS, min(self._levels) + _ABOVE_FLOOR_DB)
        hop = self._hops_seen
        self._hops_seen += 1
        if level_dbfs >= threshold:
            self._loud.append(hop)
            sustained = len(self._loud) == _ONSET_HOPS and hop - self._loud[0] < _ONSET_WINDOW_HOPS
            if sustained and not self._speaking:
                self._speaking = True
                return VoiceStarted(self._loud[0] * self._hop_samples)
        elif self._speaking and hop - self._loud[-1] >= self._end_silence():
            self._speaking = self._end_expected = False
            return VoiceEnded((self._loud[-1] + 1) * self._hop_samples)
        return None

    def _end_silence(self) -> int:
        return _EXPECTED_END_SILENCE_HOPS if self._end_expected else self._end_silence_hops
