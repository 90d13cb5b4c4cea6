"""Scores follow what was heard, not when: a buffer's time-scaling is no loss of quality."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.netem.spec import parse_spec
from voicectl.replay.encoding import PAYLOAD_TYPE, clean_speech, encode
from voicectl.replay.material import CleanSpeech, OfferedPacket, across
from voicectl.replay.pipeline import Strategy, play
from voicectl.replay.quality import QualityMeter
from voicectl.replay.speech import LINES, spoken_lines

pytest.importorskip("pystoi", reason="the extra `scores` is not installed")


@pytest.fixture(scope="module")
def call() -> tuple[list[OfferedPacket], CleanSpeech]:
    pcm = spoken_lines()[: 10 * 48_000]
    packets = encode(pcm, seed=1)
    first = next(packet for packet in packets if packet.timestamp is not None)
    return packets, clean_speech(pcm, first, lines=LINES)


@dataclass(frozen=True)
class Replica:
    """Something heard as it was said."""

    first_timestamp: int
    pcm: NDArray[np.int16]

    def in_media_time(self) -> NDArray[np.int16]:
        return self.pcm


def stoi(call: tuple[list[OfferedPacket], CleanSpeech], network: str, strategy: Strategy) -> float:
    packets, clean = call
    arrived = across(packets, parse_spec(network).link(seed=1))
    played = play(arrived, strategy, payload_types={PAYLOAD_TYPE: "opus"}, frame_samples=960)
    assert played is not None
    quality = QualityMeter(clean).score(played)
    assert quality.stoi is not None
    assert quality.words is not None
    assert quality.words > 10
    return quality.stoi


def test_jitter_that_a_buffer_takes_out_costs_next_to_nothing(
    call: tuple[list[OfferedPacket], CleanSpeech],
) -> None:
    calm = stoi(call, "delay=20ms", Strategy.EAGER)
    jittery = stoi(call, "delay=30ms,jitter=9ms,distribution=exponential", Strategy.BALANCED)
    assert calm > 0.97
    assert jittery > calm - 0.02


def test_heavy_loss_costs_intelligibility(call: tuple[list[OfferedPacket], CleanSpeech]) -> None:
    assert stoi(call, "delay=20ms,loss=40%,burst=10", Strategy.EAGER) < 0.8


def test_long_speech_is_scored_by_a_sample_that_is_spread_over_it(
    call: tuple[list[OfferedPacket], CleanSpeech],
) -> None:
    _, clean = call
    long = CleanSpeech(np.tile(clean.pcm, 6), clean.timestamp, clean.lines)
    shares: list[float] = []
    meter = QualityMeter(long, at_most_s=10, on_progress=shares.append)
    assert meter.is_sample
    # The first half is silent: of a sample spread over the whole, some is in it, and some not.
    silenced = long.pcm.copy()
    silenced[: len(silenced) // 2] = 0
    quality = meter.score(Replica(clean.timestamp, silenced))
    assert quality.words is not None
    assert quality.words_lost is not None
    assert 5 < quality.words < 80
    assert quality.words / 5 < quality.words_lost < quality.words
    assert len(set(shares)) > 8
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_short_speech_is_scored_whole(call: tuple[list[OfferedPacket], CleanSpeech]) -> None:
    _, clean = call
    assert not QualityMeter(clean, at_most_s=10, words=False).is_sample
    assert QualityMeter(clean, at_most_s=9, words=False).is_sample


def word(clean: CleanSpeech, length_s: float) -> NDArray[np.int16]:
    """A third of a second of speech, and silence."""
    pcm = np.zeros(round(length_s * 48_000), np.int16)
    [start] = np.flatnonzero(np.abs(clean.pcm) > 2000)[:1]
    pcm[4800 : 4800 + 16_000] = clean.pcm[start : start + 16_000]
    return pcm


def test_call_of_one_word_that_came_over_perfectly_has_no_stoi_rather_than_none_of_it(
    call: tuple[list[OfferedPacket], CleanSpeech],
) -> None:
    _, clean = call
    single = CleanSpeech(word(clean, 1.5), clean.timestamp)
    meter = QualityMeter(single, words=False)
    assert meter.score(Replica(clean.timestamp, single.pcm)).stoi is None
    assert meter.too_little_speech


def test_segment_with_one_word_does_not_halve_the_stoi_of_a_perfect_call(
    call: tuple[list[OfferedPacket], CleanSpeech],
) -> None:
    _, clean = call
    mixed = np.concatenate((clean.pcm[: 8 * 48_000], word(clean, 7.8)))
    meter = QualityMeter(CleanSpeech(mixed, clean.timestamp), words=False)
    stoi = meter.score(Replica(clean.timestamp, mixed)).stoi
    assert stoi is not None
    assert stoi > 0.99
    assert not meter.too_little_speech
