"""The suite `probe` without its lab: how outcomes become figures, and where it can't run."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from voicectl.bench.lab.network import Names
from voicectl.bench.lab.servers import Answer
from voicectl.bench.probe import probe_suite
from voicectl.bench.probe.campaign import Outcome, all_trials, some_trials
from voicectl.bench.probe.figures import FIGURES
from voicectl.bench.probe.lines import Line, binomial_chance
from voicectl.bench.probe.rivals import RivalAnswer
from voicectl.bench.report import Measurement

BY_NAME = {each.name: each for each in all_trials()}
DROPPED = "1 udp is dropped and was asked for"
HUNG = RivalAnswer("uclient", None, 8.0, "", None)
FOOLED = RivalAnswer("aioice", 0, 0.1, "relay", True)


def outcome(name: str, verdict: str, status: int, **record: Any) -> Outcome:
    also = record.pop("also", [])
    fields = {"verdict": {"id": verdict, "also": also}, "verdict_ms": 400.0, "total_ms": 9000.0}
    rivals = record.pop("rivals", ())
    load = record.pop("load", 0.1)
    return Outcome(BY_NAME[name], Answer(status, fields | record, ""), rivals, 1, load)


def measure(name: str, *outcomes: Outcome) -> Measurement:
    figure = next(measure for spec, measure in FIGURES if spec.name == name)
    return figure(outcomes)


def quality(rtt_ms: float, received: int = 500) -> dict[str, Any]:
    way = {"sent": 500, "received": received, "rtt_ms_min": rtt_ms}
    return {"to_relay": way, "from_relay": way}


def test_every_row_and_twenty_healthy_variants_are_in_the_campaign() -> None:
    rows = {int(name.split()[0]) for name in BY_NAME if name[0].isdigit()}
    assert rows == set(range(1, 30))
    assert sum(each.kind == "healthy" for each in BY_NAME.values()) >= 20
    assert {each.kind for each in some_trials(random.Random(1))} == {
        *("fault", "healthy", "nat", "rtt", "loss")
    }


def test_verdict_with_another_exit_status_is_wrong() -> None:
    good, bad = outcome(DROPPED, "udp-dropped", 1), outcome(DROPPED, "udp-dropped", 0)
    assert measure("faults-named", good, good, bad).value == pytest.approx(200 / 3)
    assert bad.found == "udp-dropped (exit 0)"


def test_healthy_variant_with_a_finding_beside_ok_is_wrong() -> None:
    found = outcome("well: open network", "ok", 0, also=[{"id": "lossy-path", "title": ""}])
    assert not found.right
    assert measure("healthy-unblamed", found).value == 0.0


def test_rival_that_hangs_or_is_fooled_has_not_told_whether_it_is_usable() -> None:
    found = outcome(DROPPED, "udp-dropped", 1, rivals=(HUNG, FOOLED))
    told = measure("usable-told", found)
    assert told.value == 100.0
    assert [(each.name, each.value) for each in told.rivals] == [("uclient", 0.0), ("aioice", 0.0)]


def test_slow_verdict_is_in_doubt_on_a_machine_with_too_much_to_do() -> None:
    name = "well: open network"
    busy = outcome(name, "ok", 0, verdict_ms=1700.0, load=1e6)
    assert str(measure("verdict", busy).doubt).startswith("the load was 1000000.0 on ")
    assert measure("verdict", outcome(name, "ok", 0, verdict_ms=1700.0)).doubt is None


def test_verdicts_that_take_their_time_when_asked_are_no_worst_case() -> None:
    slow = outcome("28 the server relays for anyone", "open-relay", 0, total_ms=20_000.0)
    assert measure("worst-case", slow, outcome(DROPPED, "udp-dropped", 1)).value == 9000.0


def test_errors_are_taken_against_what_the_line_was_set_to() -> None:
    rival = RivalAnswer("uclient", 0, 9.0, "", True, 84.0)
    line = outcome("line of 80 ms RTT", "ok", 0, quality=quality(80.5), rivals=(rival,))
    off = measure("rtt-error", line)
    assert off.value == pytest.approx(0.5)
    assert off.rivals[0].value == pytest.approx(4.0)
    lossy = outcome("line of 19.00% loss", "ok", 0, quality=quality(1.0, received=405))
    assert measure("loss-chance", lossy).value > 0.9
    wrong = outcome("line of 19.00% loss", "ok", 0, quality=quality(1.0, received=450))
    assert measure("loss-chance", wrong).value < 1e-9


def test_binomial_chance_is_two_sided_and_one_at_the_middle() -> None:
    line = Line(loss_percent=10)
    assert binomial_chance(1000, 190, line) > 0.9
    assert binomial_chance(1000, 120, line) < 1e-6
    assert binomial_chance(1000, 260, line) < 1e-6


def test_names_follow_from_the_seed() -> None:
    assert Names.draw(5) == Names.draw(5)
    assert Names.draw(5) != Names.draw(6)


def test_where_the_lab_cannot_be_the_command_says_so_with_status_3(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "voicectl", "bench", "probe", "--quick"],
        env={**os.environ, "PATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert "the lab" in done.stderr
    assert "hint:" in done.stderr or sys.platform != "linux"


def test_figures_of_the_suite_are_those_it_measures() -> None:
    assert [spec.name for spec in probe_suite(seed=1).specs] == [spec.name for spec, _ in FIGURES]
