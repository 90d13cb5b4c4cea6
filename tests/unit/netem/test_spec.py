"""Networks are written as text, and what cannot be meant is refused with what can."""

import re

import pytest

from voicectl.errors import UsageError
from voicectl.netem.profiles import PROFILES, find_profile
from voicectl.netem.spec import Distribution, Impairment, format_spec, parse_spec
from voicectl.netem.tc import netem_lines


def test_every_part_of_a_text_is_read() -> None:
    assert parse_spec(
        "loss=2.5%,burst=3,delay=40ms,jitter=15ms,distribution=uniform,reorder=yes,duplicate=1%,"
        "rate=64kbit,queue=200ms,spike-every=2s,spike=30ms..150ms,hold-every=20s,hold=1s,"
        "blackout-every=1min,blackout=500us,flap-every=30s,flap=150ms,drift=-50ppm"
    ) == Impairment(
        loss=0.025,
        burst=3,
        delay_ns=40_000_000,
        jitter_ns=15_000_000,
        distribution=Distribution.UNIFORM,
        reorder=True,
        duplicate=0.01,
        rate_bps=64_000,
        queue_ns=200_000_000,
        spike_every_ns=2_000_000_000,
        spike_ns=(30_000_000, 150_000_000),
        hold_every_ns=20_000_000_000,
        hold_ns=1_000_000_000,
        blackout_every_ns=60_000_000_000,
        blackout_ns=500_000,
        flap_every_ns=30_000_000_000,
        flap_ns=150_000_000,
        drift_ppm=-50,
    )


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_profile_says_where_it_is_from_and_can_be_written_out(profile: object) -> None:
    profile = find_profile(profile.name.upper())
    assert profile.cite
    assert profile.source
    assert profile.licence
    assert profile.summary
    assert parse_spec(format_spec(profile.impairment)) == profile.impairment
    if profile.name.startswith("g1050"):
        assert "not a conformance test" in profile.summary


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("los=2%", "los=2%"),
        ("loss", "loss"),
        ("loss=2", "loss=2%"),
        ("loss=101%", "loss=101%"),
        ("loss=1%,loss=2%", "twice"),
        ("burst=0.5", "burst"),
        ("delay=40", "in us, ms, s or min"),
        ("delay=2e3ms", "delay=2e3ms"),
        ("delay=61min", "at most an hour"),
        ("rate=64k", "rate=64kbit"),
        ("reorder=maybe", "reorder=yes"),
        ("distribution=poisson", "normal, uniform, exponential"),
        ("spike=30ms", "need each other"),
        ("hold-every=2s", "need each other"),
        ("spike-every=1s,spike=150ms..30ms", "backwards"),
        ("loss=90%,burst=3", "raise burst"),
        ("drift=5%", "drift=50ppm"),
        ("rate=0kbit", "from 1kbit"),
        ("rate=0.1bit", "from 1kbit"),
        ("rate=1bit", "from 1kbit"),
        ("rate=99999999999999mbit", "to 100000mbit"),
        ("rate=" + "9" * 400 + "bit", "to 100000mbit"),
        ("rate=64kbit,queue=0ms", "more than 0"),
        ("queue=200ms", "`queue` does nothing without `rate`"),
        ("burst=3", "`burst` does nothing without `loss`"),
        ("loss=0%,burst=3", "`burst` does nothing without `loss`"),
        ("distribution=uniform", "nothing without `jitter`"),
        ("reorder=yes", "nothing without `jitter` or `flap`"),
        ("blackout=5s,blackout-every=1s", "`blackout` never ends"),
        ("blackout=1s,blackout-every=1s", "`blackout` never ends"),
        ("hold=2s,hold-every=1s", "`hold` never ends"),
        ("spike=2s..3s,spike-every=1s", "`spike` never ends"),
    ],
)
def test_mistake_is_named_with_the_right_form(text: str, named: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_spec(text)
    assert named in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        "loss=0.00001%",
        "loss=12.3456789%",
        "delay=1ms,drift=1234.567ppm",
        "drift=-0.00001ppm",
        "loss=30%,burst=1.0000001",
        "rate=1234.567kbit",
        "rate=100000mbit",
        "delay=0.001ms,jitter=1234.567891ms",
        "delay=59.9999min",
    ],
)
def test_network_can_be_written_out_to_the_last_digit(text: str) -> None:
    written = format_spec(parse_spec(text))
    assert parse_spec(written) == parse_spec(text)
    assert not re.search(r"\de", written)


@pytest.mark.parametrize("text", ["loss=60%", "loss=99.9%", "loss=60%,burst=1"])
def test_independent_loss_above_half_was_refused_for_bursts_that_nobody_asked_for(
    text: str,
) -> None:
    link = parse_spec(text).link(seed=1)
    share = sum(not link.arrivals(n * 20_000_000, 100) for n in range(20_000)) / 20_000
    assert share == pytest.approx(parse_spec(text).loss, abs=0.01)


def test_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        find_profile("5g")
    assert "wifi-spikes" in (raised.value.hint or "")


def test_netem_line_has_what_netem_can_do() -> None:
    line, *notes = netem_lines(
        parse_spec("loss=5%,burst=3,delay=40ms,jitter=15ms,duplicate=1%,rate=64kbit,queue=300ms"),
        seed=7,
    )
    assert line == (
        "tc qdisc add dev eth0 root netem delay 40ms 15ms distribution normal "
        "loss gemodel 1.754386% 33.333333% duplicate 1% rate 64kbit limit 20"
    )
    assert all(note.startswith("# ") for note in notes)


def test_netem_line_says_what_netem_lacks() -> None:
    lines = netem_lines(find_profile("wifi-spikes").impairment, seed=0)
    assert any("no spikes: left out" in line for line in lines)


def test_uniform_jitter_lies_on_both_sides_of_netems_delay() -> None:
    line = netem_lines(parse_spec("delay=10ms,jitter=20ms,distribution=uniform"), seed=0)[0]
    assert line.endswith("delay 20ms 10ms")
