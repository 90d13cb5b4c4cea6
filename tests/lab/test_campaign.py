"""`voicectl bench probe` in small: a case, its rivals, and the same network from the same seed."""

import random
import shutil

import pytest

from voicectl.bench.lab.network import missing
from voicectl.bench.probe.campaign import all_trials, run_trials

REASON = missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def test_rivals_are_asked_what_the_probe_was_asked() -> None:
    trials = [each for each in all_trials() if each.name == "19 the peer is denied"]
    told: list[str] = []
    (outcome,) = run_trials(trials, random.Random(1), with_rivals=True, on_trial=told.append)
    assert outcome.right, outcome.answer.record
    assert told == ["1/1 19 the peer is denied"]
    rivals = {each.name: each for each in outcome.rivals}
    # aioice has its allocation and never learns that the peer is refused.
    assert rivals["aioice"].usable is True
    if shutil.which("turnutils_uclient"):
        assert rivals["uclient"].usable is False


def test_nat_and_line_are_put_in_words_that_can_be_compared() -> None:
    names = ("eim NAT, with RFC 5780", "line of 10 ms RTT")
    trials = [each for each in all_trials() if each.name in names]
    outcomes = run_trials(trials, random.Random(2), with_rivals=False)
    assert all(each.right for each in outcomes), [each.found for each in outcomes]
    assert all(each.rivals == () for each in outcomes)
