"""`tc netem` takes numbers as they are: whole, and without exponents."""

import os
import re
import shutil
import subprocess

import pytest

from voicectl.netem.profiles import PROFILES
from voicectl.netem.spec import parse_spec
from voicectl.netem.tc import netem_lines


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # With six digits these were 1.23457e+06kbit, 1e+06kbit and 1234.57ms.
        ("rate=1234567kbit", "rate 1234567kbit"),
        ("rate=1000000kbit", "rate 1000000kbit"),
        ("delay=1234.567ms", "delay 1234.567ms"),
        ("delay=40ms,jitter=0.0625ms,distribution=normal", "delay 40ms 0.0625ms distribution"),
        ("loss=12.345678%", "loss random 12.345678%"),
        ("loss=0.00001%", "loss random 0.00001%"),
        ("loss=29%", "loss random 29%"),
        ("loss=10%,duplicate=1.2345678%", "duplicate 1.234568%"),
    ],
)
def test_numbers_of_more_than_six_digits_were_cut_off(spec: str, expected: str) -> None:
    line = netem_lines(parse_spec(spec), seed=0)[0]
    assert expected in line
    assert not re.search(r"[0-9]e[+-]", line)


@pytest.mark.skipif(shutil.which("tc") is None, reason="no tc: apt install iproute2")
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    "spec",
    [
        *(profile.spec for profile in PROFILES.values()),
        "rate=100000mbit,queue=60min",
        "delay=60min,jitter=60min",
    ],
)
def test_common_iproute2_refused_the_line_for_its_seed_and_its_limit(spec: str) -> None:
    words = netem_lines(parse_spec(spec), seed=7, interface="lo")[0].split()
    finished = subprocess.run(
        ["unshare", "--net", *words], capture_output=True, text=True, timeout=10, check=False
    )
    # A kernel without netem refuses what tc has read: with 2, where a mistake in the line is 1.
    assert finished.returncode in (0, 2), finished.stderr
    assert "What is" not in finished.stderr


def test_seed_is_told_for_those_whose_tc_takes_it() -> None:
    line, *notes = netem_lines(parse_spec("loss=5%"), seed=7)
    assert "seed" not in line
    assert any("`seed 7`" in note and "6.6" in note for note in notes)


def test_exponential_jitter_had_another_mean_on_netem() -> None:
    # netem's pareto table has its mean near 0, as normal has: the delay is where it is to lie.
    link = parse_spec("delay=5ms,jitter=2ms,distribution=exponential,reorder=yes").link(seed=1)
    sent = [n * 20_000_000 for n in range(20_000)]
    mean_ms = sum(link.arrivals(at, 100)[0] - at for at in sent) / len(sent) / 1e6
    line = netem_lines(parse_spec("delay=5ms,jitter=2ms,distribution=exponential"), seed=0)[0]
    [told] = re.findall(r"delay ([\d.]+)ms 2ms distribution pareto", line)
    assert float(told) == pytest.approx(mean_ms, rel=0.02)


def test_what_keeping_the_order_does_to_the_delay_was_not_said() -> None:
    notes = " ".join(netem_lines(parse_spec("delay=80ms,jitter=20ms"), seed=0))
    assert "longer" in notes
    assert "less" in notes
    reordered = " ".join(netem_lines(parse_spec("delay=80ms,jitter=20ms,reorder=yes"), seed=0))
    assert "longer" not in reordered
