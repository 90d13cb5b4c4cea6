"""Consent to send ends 30 s after the peer's last valid answer (RFC 7675 §5.1), in virtual time."""
# ruff: noqa: SLF001 (an agent with a nominated pair is made from inside only)

import asyncio
import random
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace

import pytest
from aioice import TransportPolicy, stun
from support.virtual_time import VirtualLoop

from voicectl.rtc._aioice_private import EngineConnection


class Counterpart:
    """The socket of the nominated pair: its peer answers until it falls silent."""

    def __init__(self, loop: VirtualLoop, delay_s: float, is_silent: Callable[[int], bool]) -> None:
        self._loop = loop
        self._delay_s = delay_s
        self._is_silent = is_silent
        self.asked_s: list[float] = []
        self.answered_s = loop.time()

    async def request(self, *_: object, **__: object) -> None:
        self.asked_s.append(self._loop.time())
        if self._is_silent(len(self.asked_s)):
            await asyncio.sleep(stun.RETRY_RTO)
            raise stun.TransactionTimeout
        await asyncio.sleep(self._delay_s)
        self.answered_s = self._loop.time()


def consent_of(delay_s: float, is_silent: Callable[[int], bool]) -> tuple[float, Counterpart]:
    """How long after the last answer consent ended."""
    loop = VirtualLoop()

    async def scenario() -> tuple[float, Counterpart]:
        agent = EngineConnection("loopback", TransportPolicy.ALL, [])
        counterpart = Counterpart(loop, delay_s, is_silent)
        pair = SimpleNamespace(protocol=counterpart, remote_addr=("192.0.2.1", 9), component=1)
        agent._nominated[1] = pair
        agent.remote_username, agent.remote_password = "peer", "password of the peer"
        await agent.query_consent()
        assert agent.consent_expired
        return loop.time() - counterpart.answered_s, counterpart

    try:
        return loop.run_until_complete(scenario())
    finally:
        loop.close()


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("answers", [0, 1, 7])
def test_peer_that_was_gone_was_sent_audio_for_up_to_39_s(
    monkeypatch: pytest.MonkeyPatch, jitter: float, answers: int
) -> None:
    monkeypatch.setattr(random, "random", lambda: jitter)
    monkeypatch.setattr(random, "uniform", lambda low, high: low + (high - low) * jitter)
    lasted_s, _ = consent_of(0.1, lambda asked: asked > answers)
    assert lasted_s == pytest.approx(30.0, abs=1e-6)


def test_one_answer_of_four_keeps_a_call_up() -> None:
    last = 28
    lasted_s, counterpart = consent_of(0.1, lambda asked: asked > last or asked % 4 != 0)
    assert len(counterpart.asked_s) > last
    assert lasted_s == pytest.approx(30.0, abs=1e-6)


def test_checks_are_randomized_around_5_s() -> None:
    _, counterpart = consent_of(0.0, lambda asked: asked > 100)
    gaps = [b - a for a, b in pairwise(counterpart.asked_s[:100])]
    assert 3.999 < min(gaps) < 4.5 < 5.5 < max(gaps) < 6.001
