"""The network that `--network` names: a profile, a trace file, or a text."""

from dataclasses import dataclass
from pathlib import Path

from voicectl._native import NetworkLink
from voicectl.netem.profiles import PROFILES, Profile, find_profile
from voicectl.netem.spec import Impairment, format_spec, parse_spec
from voicectl.netem.tc import netem_lines
from voicectl.netem.trace import Trace
from voicectl.paths import is_regular_file
from voicectl.replay.files import read_trace

__all__ = ["Network", "find_network"]


@dataclass(frozen=True)
class Network:
    """What lies between the sender, or the capture, and the replayed receiver."""

    name: str
    impairment: Impairment | None = None
    trace: Trace | None = None
    path: Path | None = None
    """Of the trace's file."""
    profile: Profile | None = None
    """Where the numbers are from, if they have a name."""

    def link(self, seed: int) -> NetworkLink:
        """A fresh one: each run begins with the first packet."""
        if self.trace is not None:
            return self.trace.link()
        return (self.impairment or Impairment()).link(seed=seed)

    def fields(self) -> dict[str, str]:
        """As it stands in the JSON."""
        fields = {"name": self.name}
        if self.impairment is not None:
            fields["spec"] = format_spec(self.impairment)
        if self.path is not None:
            fields["file"] = str(self.path)
        if self.profile is not None:
            fields |= {
                "summary": self.profile.summary,
                "cite": self.profile.cite,
                "source": self.profile.source,
                "licence": self.profile.licence,
            }
        return fields

    def netem(self, seed: int) -> list[str]:
        """The `tc netem` line and what it leaves out."""
        if self.impairment is None:
            return [f"# {self.name}: netem does not play traces"]
        return netem_lines(self.impairment, seed=seed)


def find_network(text: str) -> Network:
    """What is meant by the value of `--network`.

    Raises:
        UsageError: It is no profile, no trace and no text of the form `loss=2%,delay=40ms`.
    """
    if text.lower() not in PROFILES and is_regular_file(Path(text)):
        return Network(Path(text).stem, trace=read_trace(Path(text)), path=Path(text))
    if "=" in text:
        return Network(text, impairment=parse_spec(text))
    profile = find_profile(text)
    return Network(profile.name, impairment=profile.impairment, profile=profile)
