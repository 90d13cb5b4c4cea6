"""The resampler across the border. What it does to a spectrum is tested in Rust."""

import numpy as np
import pytest
from support.signals import snr_db, tone

from voicectl._native import Resampler
from voicectl.errors import MediaError


def test_chunks_of_any_size_give_the_samples_of_the_whole() -> None:
    pcm = tone(1000, 48_000, 9600)
    whole = Resampler(48_000, 16_000).process(pcm)
    assert whole.dtype == np.int16
    assert whole.shape == (3200,)
    cut = Resampler(48_000, 16_000)
    pieces = [cut.process(piece) for piece in np.split(pcm, [1, 480, 481, 2000, 2000, 9000])]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_output_lags_by_the_stated_delay() -> None:
    resampler = Resampler(16_000, 48_000)
    assert resampler.delay_ns == 2_000_000
    assert Resampler(16_000, 48_000, quality="high").delay_ns == 3_000_000
    converted = resampler.process(tone(440, 16_000, 3200))
    delay = 96
    np.testing.assert_allclose(converted[delay + 500 :], tone(440, 48_000, 9504)[500:], atol=3)


def test_flush_gives_what_the_delay_holds_back() -> None:
    resampler = Resampler(16_000, 48_000)
    pcm = tone(440, 16_000, 1600)
    first = np.concatenate([resampler.process(pcm), resampler.flush()])
    assert first.shape == (4800 + 96,)
    second = np.concatenate([resampler.process(pcm), resampler.flush()])
    np.testing.assert_array_equal(first, second)


def test_a_converted_recording_stays_in_its_place() -> None:
    converted = Resampler(22_050, 48_000).convert(tone(440, 22_050, 22_050))
    assert converted.shape == (48_000,)
    # A tone of 440 Hz that is half a sample off has 31 dB.
    assert snr_db(tone(440, 48_000, 48_000)[500:-500], converted[500:-500]) > 30


def test_caller_owned_array_is_written_and_its_beginning_comes_back() -> None:
    pcm = tone(1000, 48_000, 960)
    resampler = Resampler(48_000, 16_000)
    out = np.full(resampler.max_output_samples(960), 77, np.int16)
    converted = resampler.process(pcm, out=out)
    assert np.shares_memory(converted, out)
    np.testing.assert_array_equal(converted, Resampler(48_000, 16_000).process(pcm))


def test_an_array_that_is_too_short_is_refused_before_the_stream_moves_on() -> None:
    pcm = tone(1000, 48_000, 960)
    refused, untouched = Resampler(48_000, 16_000), Resampler(48_000, 16_000)
    with pytest.raises(ValueError, match="out takes 100 samples"):
        refused.process(pcm, out=np.zeros(100, np.int16))
    np.testing.assert_array_equal(refused.process(pcm), untouched.process(pcm))


def test_output_over_the_input_is_refused() -> None:
    pcm = tone(1000, 48_000, 960)
    with pytest.raises(ValueError, match="in use"):
        Resampler(48_000, 16_000).process(pcm, out=pcm)


@pytest.mark.parametrize("rates", [(44_000, 48_000), (48_000, 0)])
def test_an_unsupported_rate_is_a_media_error(rates: tuple[int, int]) -> None:
    with pytest.raises(MediaError, match="no resampling from or to"):
        Resampler(*rates)


def test_an_unknown_quality_is_refused() -> None:
    with pytest.raises(ValueError, match="neither standard nor high"):
        Resampler(48_000, 16_000, quality="best")  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize(
    ("pcm", "error"),
    [
        (np.zeros(960, np.float32), TypeError),
        (np.zeros((2, 480), np.int16), TypeError),
        (np.zeros(960, np.int16)[::-1], ValueError),
    ],
)
def test_pcm_that_is_no_contiguous_int16_array_is_refused(
    pcm: np.ndarray[tuple[int, ...], np.dtype[np.int16]], error: type[Exception]
) -> None:
    with pytest.raises(error, match="PCM must be"):
        Resampler(48_000, 16_000).process(pcm)
