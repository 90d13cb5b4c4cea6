"""Figures made of given numbers."""

import numpy as np

from voicectl.bench.estimate import Estimate, Groups, estimate_median
from voicectl.bench.report import (
    Calibration,
    FigureSpec,
    Measurement,
    RivalValue,
)

QUIET = Estimate(1.0, 0.995, 1.005, 60)
BUSY = Estimate(1.0, 0.85, 1.2, 60)
COST = FigureSpec("dsp", "decode-vs-other", "decode", "us", 0.5)
QUALITY = FigureSpec("dsp", "aliases", "  aliases", "dB", -75.0, "quality", tolerance=1.0)
SCORE = FigureSpec("dsp", "auc", "AUC", "", 0.9, "quality", higher_is_better=True, tolerance=0.01)


def cost(median: float, *, spread: float = 0.02, seed: int = 1) -> Measurement:
    """Five groups of six."""
    ratios = median * np.exp(np.random.default_rng(seed).normal(0, spread, (5, 6)))
    return cost_of(ratios.tolist())


def cost_of(groups: Groups) -> Measurement:
    ratios = tuple(tuple(group) for group in groups)
    estimate = estimate_median(ratios)
    return Measurement(20.0 * estimate.value, (RivalValue("other", 20.0),), ratios, estimate)


def quality(value: float) -> Measurement:
    return Measurement(value, (RivalValue("other", -43.0),))


def calibration(noise: Estimate = QUIET) -> Calibration:
    return Calibration(noise, "A Processor | 3 GHz", 2, 0.5, "release", {"voicectl": "0.1.0"})
