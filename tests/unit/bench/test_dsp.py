"""The suite `dsp`: its instruments on signals with known answers, and every bench once."""

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicectl.bench.dsp import DSP
from voicectl.bench.dsp.hearing import noisy_scenes, rank_auc
from voicectl.bench.dsp.speech import speech
from voicectl.bench.dsp.tones import delay_ms, tone_to_noise_db, worst_alias_db
from voicectl.bench.report import FigureSpec
from voicectl.bench.suite import Bench, Stopwatch
from voicectl.clock import ThreadCpuClock
from voicectl.errors import SetupError


def every_third(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    return pcm[::3]


def by_spectrum(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """48 kHz to 16 kHz by the whole signal's Fourier transform."""
    spectrum = np.fft.rfft(pcm)[: len(pcm) // 6 + 1]
    return np.rint(np.fft.irfft(spectrum, len(pcm) // 3) / 3).astype(np.int16)


def three_times_each(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    return np.repeat(pcm, 3)


def test_a_missing_filter_lets_whole_tones_alias_and_a_perfect_one_none() -> None:
    assert worst_alias_db(every_third, 48_000, 16_000) == pytest.approx(0.0, abs=0.1)
    assert worst_alias_db(by_spectrum, 48_000, 16_000) < -80


def test_held_samples_are_images_of_the_tones() -> None:
    # The image of 0.45 of the rate, at 0.55 of it, is only 2 dB weaker under a hold.
    assert worst_alias_db(three_times_each, 16_000, 48_000) == pytest.approx(0.0, abs=2.0)


def test_the_noise_of_rounding_to_16_bits_is_told() -> None:
    # A tone 6.2 dB below full scale over noise of 1/12 of a step's square, had the tone no period.
    assert tone_to_noise_db(lambda pcm: pcm, 48_000, 48_000) == pytest.approx(92.0, abs=2.0)


def test_delay_counts_what_a_stream_holds_back_and_what_its_filter_takes() -> None:
    def late(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        return np.concatenate([np.zeros(96, np.int16), pcm])[:-336]

    # 2 ms by the filter; and of 96 + n samples the last 336 never came: 5 ms held back.
    assert delay_ms(late, 48_000, 48_000) == pytest.approx(2.0 + 5.0)


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
)
def test_auc_is_the_share_of_pairs_in_order(speech_scores: list[int], others: list[int]) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in speech_scores for b in others]
    auc = rank_auc(np.array(speech_scores, float), np.array(others, float))
    assert auc == pytest.approx(sum(pairs) / len(pairs))


def test_scenes_are_the_same_every_time_and_hold_speech_and_pauses() -> None:
    assert np.array_equal(speech(16_000), speech.__wrapped__(16_000))
    for scene in noisy_scenes():
        assert 0.4 < scene.is_speech.mean() < 0.9
        assert (scene.asked & ~scene.is_speech).sum() > 200


@pytest.mark.parametrize("bench", DSP.benches, ids=lambda bench: bench.spec.name)
def test_every_bench_measures_its_figure(bench: Bench) -> None:
    try:
        measurement = bench.measure(Stopwatch(ThreadCpuClock(), blocks=2))
    except SetupError as error:
        pytest.skip(error.message)
    assert np.isfinite(measurement.value)
    if bench.spec.kind == "cost":
        assert [len(group) for group in measurement.ratios] == [2]
        assert len(measurement.rivals) == 1


def test_figures_have_names_of_their_own_that_toml_takes_bare() -> None:
    names = [spec.name for spec in DSP.specs]
    assert len(set(names)) == len(names)
    table = "\n".join(f"{name} = 1" for name in names)
    assert list(tomllib.loads(table)) == names


def test_the_suite_names_itself_in_every_figure() -> None:
    specs: list[FigureSpec] = DSP.specs
    assert {spec.suite for spec in specs} == {DSP.name}
