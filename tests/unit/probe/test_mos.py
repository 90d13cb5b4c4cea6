import pytest

from voicectl.probe.mos import mean_opinion_score


def test_perfect_path_scores_as_g107_says_for_its_defaults() -> None:
    # R 93.2 less 0.024 x 26.5 ms: MOS 4.39 (G.107 annex B gives 4.41 for R 93.2).
    assert mean_opinion_score(rtt_ms=0, jitter_ms=0, loss=0) == pytest.approx(4.39, abs=0.01)


def test_loss_jitter_and_delay_each_lower_the_score() -> None:
    perfect = mean_opinion_score(rtt_ms=0, jitter_ms=0, loss=0)
    assert mean_opinion_score(rtt_ms=600, jitter_ms=0, loss=0) < perfect - 0.4
    assert mean_opinion_score(rtt_ms=0, jitter_ms=150, loss=0) < perfect - 0.4
    assert mean_opinion_score(rtt_ms=0, jitter_ms=0, loss=0.05) < perfect - 0.4


def test_score_stays_on_its_scale() -> None:
    assert mean_opinion_score(rtt_ms=10_000, jitter_ms=1000, loss=1) == 1
