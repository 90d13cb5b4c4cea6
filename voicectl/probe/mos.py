"""An estimate of how voice would sound: the E-model, shortened.

R = 93.2 - Id - Ie,eff (ITU-T G.107 with its default values), where
Id = 0.024 d + 0.11 (d - 177.3) for d above 177.3 ms (Cole and Rosenbluth, "Voice over IP
performance monitoring", ACM CCR 31(2), 2001, a fit to G.107), and
Ie,eff = Ie + (95 - Ie) Ppl / (Ppl + Bpl) with Ie 0 and Bpl 25.1, which ITU-T G.113 appendix I gives
for G.711 with packet loss concealment: it has no figures for Opus.
"""

__all__ = ["mean_opinion_score"]

_R0 = 93.2
_BPL = 25.1
_FRAME_MS = 20.0
_LOOKAHEAD_MS = 6.5
"""Opus at its usual setting (RFC 6716 §2)."""


def mean_opinion_score(*, rtt_ms: float, jitter_ms: float, loss: float) -> float:
    """MOS, 1 to 4.5, for a call over this path with a jitter buffer of twice the jitter.

    `loss` is a share, 0 to 1, taken as random.
    """
    delay_ms = rtt_ms / 2 + 2 * jitter_ms + _FRAME_MS + _LOOKAHEAD_MS
    impairment_delay = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - 177.3)
    percent = loss * 100
    impairment_loss = 95 * percent / (percent + _BPL)
    rating = min(100.0, max(0.0, _R0 - impairment_delay - impairment_loss))
    score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    return max(1.0, min(4.5, score))
