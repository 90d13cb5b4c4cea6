"""What a simulated network does to packets, and the text that people write it in."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from voicectl._native import NetworkLink
from voicectl.errors import UsageError
from voicectl.units import NS_PER_MS, NS_PER_S

__all__ = ["Distribution", "Impairment", "format_spec", "parse_spec"]

_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_DURATION = re.compile(_NUMBER + r"(us|ms|s|min)")
_RATE = re.compile(_NUMBER + r"(bit|kbit|mbit)")
_PERCENT = re.compile(_NUMBER + "%")
_PPM = re.compile(r"([+-]?)" + _NUMBER + "ppm")
_RANGE = re.compile(r"(.+?)\.\.(.+)")
_UNITS_NS = {"us": 1000, "ms": NS_PER_MS, "s": NS_PER_S, "min": 60 * NS_PER_S}
_UNITS_BPS = {"bit": 1, "kbit": 1000, "mbit": 1_000_000}
_MIN_BPS = 1000
"""A second for a packet: slower, and a call would last for days."""
_MAX_BPS = 100_000_000_000
_MAX_DURATION_NS = 3600 * NS_PER_S


class Distribution(StrEnum):
    """How the delay of one packet differs from the next."""

    NORMAL = "normal"
    """`jitter` is the standard deviation."""
    UNIFORM = "uniform"
    """From the base delay up to `jitter` more."""
    EXPONENTIAL = "exponential"
    """Above the base delay; `jitter` is the mean."""


@dataclass(frozen=True)
class Impairment:
    """One direction of a simulated network. Its default changes nothing."""

    loss: float = 0.0
    """Share of the packets, 0 to 1."""
    burst: float = 1.0
    """Mean number of packets lost in a row (Gilbert's model); 1: each for itself."""
    delay_ns: int = 0
    jitter_ns: int = 0
    distribution: Distribution = Distribution.NORMAL
    reorder: bool = False
    """Whether jitter may change the order of packets; if not, they wait for those before them,
    which makes the mean delay longer than what is drawn."""
    duplicate: float = 0.0
    """Share of the packets that come twice."""
    rate_bps: int = 0
    """Of the narrowest link; 0: unlimited."""
    queue_ns: int = 0
    """How long its queue gets before it drops; 0: without bound."""
    spike_every_ns: int = 0
    """Mean time between the beginnings of spikes, at random; 0: none."""
    spike_ns: tuple[int, int] = (0, 0)
    """Shortest and longest time for which a spike blocks the way; what waited then comes at
    once."""
    hold_every_ns: int = 0
    """Time between handovers; 0: none."""
    hold_ns: int = 0
    """How long a handover blocks the way; what waited then comes 2 ms apart."""
    blackout_every_ns: int = 0
    blackout_ns: int = 0
    """As a handover, but what is sent meanwhile is lost."""
    flap_every_ns: int = 0
    """Time between changes of the route, there and back; 0: none."""
    flap_ns: int = 0
    """How much longer the other route takes."""
    drift_ppm: float = 0.0
    """How much faster the receiver's clock runs than the sender's, in millionths."""

    def link(self, *, seed: int) -> NetworkLink:
        """A fresh network of this kind."""
        return NetworkLink(seed=seed, **vars(self))


_NAMES = {
    "loss": "loss",
    "burst": "burst",
    "delay": "delay_ns",
    "jitter": "jitter_ns",
    "distribution": "distribution",
    "reorder": "reorder",
    "duplicate": "duplicate",
    "rate": "rate_bps",
    "queue": "queue_ns",
    "spike-every": "spike_every_ns",
    "spike": "spike_ns",
    "hold-every": "hold_every_ns",
    "hold": "hold_ns",
    "blackout-every": "blackout_every_ns",
    "blackout": "blackout_ns",
    "flap-every": "flap_every_ns",
    "flap": "flap_ns",
    "drift": "drift_ppm",
}
_PAIRS = ("spike", "hold", "blackout", "flap")
_NEEDS = {
    "burst": ("loss",),
    "distribution": ("jitter",),
    "reorder": ("jitter", "flap"),
    "queue": ("rate",),
}
"""What a part acts on: alone it would do nothing."""


def parse_spec(text: str) -> Impairment:
    """Read `loss=2%,burst=3,delay=40ms,jitter=15ms,rate=64kbit` and the like.

    Raises:
        UsageError: With the part that is wrong and what it should look like.
    """
    values: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name not in _NAMES:
            known = ", ".join(_NAMES)
            raise UsageError(
                f"`{part.strip()}` is no part of a network",
                hint=f"write it as loss=2%,burst=3,delay=40ms; there are {known}",
            )
        if _NAMES[name] in values:
            raise UsageError(f"`{name}` stands twice in `{text}`", hint="leave one of them out")
        values[_NAMES[name]] = _value(name, value.strip())
    for name, others in _NEEDS.items():
        if _NAMES[name] in values and not any(values.get(_NAMES[other]) for other in others):
            raise UsageError(
                f"`{name}` does nothing without `{'` or `'.join(others)}` in `{text}`",
                hint=f"add {others[0]}, or leave {name} out",
            )
    return _checked(replace(Impairment(), **values), text)


def format_spec(impairment: Impairment) -> str:
    """The text that `parse_spec` reads the same impairment from; `delay=0ms` for none at all."""
    default = Impairment()
    parts = []
    for name, attribute in _NAMES.items():
        value = getattr(impairment, attribute)
        if value != getattr(default, attribute):
            parts.append(f"{name}={_text(attribute, value)}")
    return ",".join(parts) or "delay=0ms"


def _value(name: str, text: str) -> object:
    match name:
        case "loss" | "duplicate":
            return _percent(name, text)
        case "burst":
            return _burst(text)
        case "distribution":
            return _distribution(text)
        case "reorder":
            if text not in ("yes", "no"):
                raise _wrong(name, text, "reorder=yes or reorder=no")
            return text == "yes"
        case "rate":
            found = _RATE.fullmatch(text)
            bps = float(found[1]) * _UNITS_BPS[found[2]] if found else 0.0
            if not _MIN_BPS <= bps <= _MAX_BPS:
                raise _wrong(name, text, "rate=64kbit, from 1kbit to 100000mbit")
            return round(bps)
        case "queue":
            if not (ns := _duration(name, text)):
                raise _wrong(name, text, "queue=200ms, more than 0")
            return ns
        case "drift":
            found = _PPM.fullmatch(text)
            if not found or float(found[2]) > 10_000:
                raise _wrong(name, text, "drift=50ppm, at most 10000")
            return float(found[1] + found[2])
        case "spike":
            found = _RANGE.fullmatch(text)
            first, last = (found[1], found[2]) if found else (text, text)
            return _duration(name, first), _duration(name, last)
        case _:
            return _duration(name, text)


def _percent(name: str, text: str) -> float:
    found = _PERCENT.fullmatch(text)
    if not found or float(found[1]) > 100:
        raise _wrong(name, text, f"{name}=2%")
    return float(found[1]) / 100


def _burst(text: str) -> float:
    if not re.fullmatch(_NUMBER, text) or not 1 <= float(text) <= 1000:
        raise _wrong("burst", text, "burst=3, packets in a row, from 1 to 1000")
    return float(text)


def _distribution(text: str) -> Distribution:
    try:
        return Distribution(text)
    except ValueError:
        names = ", ".join(Distribution)
        raise _wrong("distribution", text, f"distribution= one of {names}") from None


def _duration(name: str, text: str) -> int:
    found = _DURATION.fullmatch(text)
    if not found or float(found[1]) * _UNITS_NS[found[2]] > _MAX_DURATION_NS:
        raise _wrong(name, text, f"{name}=40ms, in us, ms, s or min, at most an hour")
    return round(float(found[1]) * _UNITS_NS[found[2]])


def _wrong(name: str, text: str, example: str) -> UsageError:
    return UsageError(f"`{name}={text}` cannot be read", hint=f"write it as {example}")


def _checked(impairment: Impairment, text: str) -> Impairment:
    for name in _PAIRS:
        every = getattr(impairment, _NAMES[f"{name}-every"])
        if bool(every) != (getattr(impairment, _NAMES[name]) not in (0, (0, 0))):
            raise UsageError(
                f"`{name}` and `{name}-every` need each other in `{text}`",
                hint=f"write {name}-every=10s,{name}=100ms",
            )
    for name, longest_ns in (
        ("spike", impairment.spike_ns[0]),
        ("hold", impairment.hold_ns),
        ("blackout", impairment.blackout_ns),
    ):
        if longest_ns and longest_ns >= getattr(impairment, _NAMES[f"{name}-every"]):
            raise UsageError(
                f"`{name}` never ends in `{text}`: the next one begins first",
                hint=f"write {name}-every=10s,{name}=100ms",
            )
    if impairment.spike_ns[0] > impairment.spike_ns[1]:
        raise UsageError(f"`spike` runs backwards in `{text}`", hint="write spike=30ms..150ms")
    # Gilbert's model cannot lose more than it has packets between the bursts. A burst of 1 is none.
    in_bursts = impairment.burst > 1 and impairment.loss < 1
    if in_bursts and impairment.loss * (impairment.burst + 1) > impairment.burst:
        raise UsageError(
            f"bursts of {impairment.burst:g} cannot make {impairment.loss:.0%} of loss",
            hint="raise burst",
        )
    return impairment


def _text(attribute: str, value: Any) -> str:  # noqa: ANN401 (any field of Impairment)
    if attribute == "spike_ns":
        return "..".join(_duration_text(end) for end in value)
    if attribute.endswith("_ns"):
        return _duration_text(value)
    if attribute in ("loss", "duplicate"):
        return f"{_plain(Decimal(repr(value)) * 100)}%"
    if attribute == "rate_bps":
        return f"{_plain(Decimal(value) / 1000)}kbit"
    if attribute == "drift_ppm":
        return f"{_plain(Decimal(repr(value)))}ppm"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.value if isinstance(value, Distribution) else _plain(Decimal(repr(value)))


def _plain(number: Decimal) -> str:
    """All its digits, and no exponent: `parse_spec` reads none."""
    return f"{number.normalize():f}"


def _duration_text(ns: int) -> str:
    if ns >= NS_PER_S and ns % NS_PER_S == 0:
        return f"{ns // NS_PER_S}s"
    return f"{_plain(Decimal(ns) / NS_PER_MS)}ms"
