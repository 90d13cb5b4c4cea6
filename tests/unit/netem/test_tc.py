"""`tc netem` takes numbers as they are: whole, and without exponents."""

import re

import pytest

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
