"""Named networks, each with where its numbers come from."""

from dataclasses import dataclass
from types import MappingProxyType

from voicectl.errors import UsageError
from voicectl.netem.spec import Impairment, parse_spec

__all__ = ["PROFILES", "Profile", "find_profile"]

_OWN = "voicectl"
_OWN_LICENCE = "MIT"
_G1050 = "ITU-T Rec. G.1050 (11/2007), tables of the core network, regional delay"
_G1050_LICENCE = "numbers of a published standard"


@dataclass(frozen=True)
class Profile:
    """A network with a name."""

    name: str
    summary: str
    spec: str
    cite: str
    """Where the numbers, or their shape, are from."""
    source: str
    """Who put them together."""
    licence: str

    @property
    def impairment(self) -> Impairment:
        """What it does to packets."""
        return parse_spec(self.spec)


def _own(name: str, summary: str, spec: str, cite: str) -> Profile:
    return Profile(name, summary, spec, cite, _OWN, _OWN_LICENCE)


def _g1050(severity: str, *parts: str) -> Profile:
    """The core network alone: LAN and access, which add loss of a few per mille, are left out."""
    return Profile(
        f"g1050-{severity.lower()}",
        f"after G.1050 (2007) severity {severity}, core network only; not a conformance test",
        ",".join(parts),
        _G1050,
        _OWN,
        _G1050_LICENCE,
    )


_TRACES = "the synthetic trace of the same name in voicectl/bench/playout/traces"

_ALL = (
    _own("clean", "a wired path with nothing wrong", "delay=20ms,jitter=2ms", _TRACES),
    _own("loss2", "2 % of loss, each packet for itself", "loss=2%,delay=30ms,jitter=5ms", _TRACES),
    _own(
        "ge5",
        "5 % of loss in bursts of 3 packets",
        "loss=5%,burst=3,delay=30ms,jitter=5ms",
        f"{_TRACES}; Gilbert, Bell Syst. Tech. J. 39 (1960)",
    ),
    _own(
        "gauss20",
        "80 ms with a standard deviation of 20 ms, reordered",
        "delay=80ms,jitter=20ms,reorder=yes",
        _TRACES,
    ),
    _own(
        "wifi-spikes",
        "a channel that is blocked for 30 to 150 ms every 2 s or so",
        "delay=5ms,jitter=2ms,distribution=exponential,spike-every=2s,spike=30ms..150ms",
        _TRACES,
    ),
    _own(
        "lte",
        "mobile: scheduling delay, and a cut of 70 to 370 ms at handovers",
        "delay=30ms,jitter=10ms,distribution=exponential,spike-every=15s,spike=70ms..370ms",
        f"{_TRACES}, without its slow swell",
    ),
    _own(
        "handover",
        "nothing for 1 s every 20 s, then all that waited",
        "delay=30ms,jitter=5ms,hold-every=20s,hold=1s",
        _TRACES,
    ),
    _own(
        "step150",
        "a route that becomes 150 ms longer every 30 s, and shorter again",
        "delay=30ms,jitter=3ms,flap-every=30s,flap=150ms",
        _TRACES,
    ),
    _own(
        "bufferbloat",
        "48 kbit/s with a queue of 400 ms",
        "delay=30ms,jitter=3ms,rate=48kbit,queue=400ms",
        "Gettys and Nichols, ACM Queue 9(11), 2011, for the effect; numbers of our own",
    ),
    _g1050("A", "delay=4ms,jitter=5ms", "distribution=uniform"),
    _g1050(
        "B",
        "loss=0.01%,delay=8ms,jitter=10ms,distribution=uniform",
        "flap-every=60min,flap=2ms,blackout-every=60min,blackout=64ms",
    ),
    _g1050(
        "C",
        "loss=0.02%,delay=16ms,jitter=16ms,distribution=uniform",
        "flap-every=30min,flap=4ms,blackout-every=30min,blackout=128ms",
    ),
    _g1050(
        "D",
        "loss=0.04%,delay=32ms,jitter=40ms,distribution=uniform",
        "flap-every=15min,flap=8ms,blackout-every=15min,blackout=256ms",
    ),
    _g1050(
        "E",
        "loss=0.1%,delay=64ms,jitter=70ms,distribution=uniform",
        "flap-every=8min,flap=16ms,blackout-every=8min,blackout=400ms",
    ),
    _g1050(
        "F",
        "loss=0.2%,delay=128ms,jitter=100ms,distribution=uniform",
        "flap-every=4min,flap=32ms,blackout-every=4min,blackout=800ms",
    ),
    _g1050(
        "G",
        "loss=0.5%,delay=256ms,jitter=150ms,distribution=uniform",
        "flap-every=2min,flap=64ms,blackout-every=2min,blackout=1600ms",
    ),
    _g1050(
        "H",
        "loss=1%,delay=512ms,jitter=500ms,distribution=uniform,reorder=yes",
        "flap-every=1min,flap=128ms,blackout-every=1min,blackout=3000ms",
    ),
)

PROFILES = MappingProxyType({profile.name: profile for profile in _ALL})
"""By name, in the order in which they are shown."""


def find_profile(name: str) -> Profile:
    """The profile of this name.

    Raises:
        UsageError: There is none.
    """
    profile = PROFILES.get(name.lower())
    if profile is None:
        raise UsageError(
            f"there is no network `{name}`",
            hint=f"profiles are {', '.join(PROFILES)}; or give a trace file, or loss=2%,delay=40ms",
        )
    return profile
