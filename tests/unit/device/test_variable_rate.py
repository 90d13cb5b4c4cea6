"""The resampler that takes clock drift out."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.device.variable_rate import DELAY_SAMPLES, VariableRateResampler


def sine(hz: float, first: int, count: int) -> NDArray[np.int16]:
    at = np.arange(first, first + count) / 48000
    return np.rint(16000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def resampled(hz: float, ratio: float, seconds: float) -> NDArray[np.float64]:
    resampler = VariableRateResampler()
    blocks, taken = [], 0
    for _ in range(int(seconds * 100)):
        needed = resampler.needed_samples(480, ratio)
        blocks.append(resampler.process(sine(hz, taken, needed), 480, ratio))
        taken += needed
    return np.concatenate(blocks).astype(np.float64)


def test_ratio_of_one_changes_no_sample() -> None:
    resampler = VariableRateResampler()
    noise = np.random.default_rng(3).integers(-32768, 32768, 4800).astype(np.int16)
    out = np.concatenate(
        [resampler.process(noise[at : at + 480], 480, 1.0) for at in range(0, 4800, 480)]
    )
    assert np.array_equal(out[DELAY_SAMPLES:], noise[:-DELAY_SAMPLES])
    assert not out[:DELAY_SAMPLES].any()


@pytest.mark.parametrize("ratio", [1.0002, 0.9998, 1.001])
@pytest.mark.parametrize(("hz", "least_snr_db"), [(440, 85), (4000, 80), (12000, 70)])
def test_tone_keeps_its_shape(ratio: float, hz: float, least_snr_db: float) -> None:
    out = resampled(hz, ratio, 2)[4800:]
    phase = np.arange(len(out)) * 2 * np.pi * hz * ratio / 48000
    basis = np.column_stack((np.sin(phase), np.cos(phase)))
    fitted = basis @ np.linalg.lstsq(basis, out, rcond=None)[0]
    snr_db = 10 * np.log10(fitted.var() / (out - fitted).var())
    assert snr_db > least_snr_db


def test_constant_stays_constant_at_every_phase() -> None:
    resampler = VariableRateResampler()
    for _ in range(200):
        needed = resampler.needed_samples(480, 1.0007)
        out = resampler.process(np.full(needed, 12345, np.int16), 480, 1.0007)
    assert (out == 12345).all()


def test_full_scale_does_not_wrap_around() -> None:
    resampler = VariableRateResampler()
    square = np.where(np.arange(4800) // 24 % 2, 32767, -32768).astype(np.int16)
    out = resampler.process(square[: resampler.needed_samples(4700, 1.0003)], 4700, 1.0003)
    # A wrapped sample would have the other sign than those around it.
    runs = np.diff(np.flatnonzero(np.diff(np.sign(out[100:]))))
    assert runs.min() >= 22


def test_needed_samples_add_up_to_the_ratio() -> None:
    resampler = VariableRateResampler()
    taken = 0
    for _ in range(1000):
        needed = resampler.needed_samples(480, 1.0002)
        resampler.process(np.zeros(needed, np.int16), 480, 1.0002)
        taken += needed
    assert taken == pytest.approx(480_000 * 1.0002, abs=1)
