"""From evidence to one verdict: the cause, what rules out its neighbours, and what to change.

`RULES` is the whole of it: the first rule that holds names the verdict, the other ones that hold
are said beside it. Rules on what the server answered come before rules on what did not arrive.
"""

from dataclasses import dataclass

from voicectl.probe.catalogue import CATALOGUE
from voicectl.probe.evidence import Evidence
from voicectl.probe.facts import Facts
from voicectl.probe.notes import Note, collect_notes
from voicectl.probe.rules import RULES, Finding
from voicectl.probe.wording import fill

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one target."""

    id: str
    usable: bool
    title: str
    cause: str
    excludes: tuple[str, ...]
    network_fix: str
    server_fix: str
    cannot_tell: str | None
    also: tuple[tuple[str, str], ...]
    """Ids and titles of the other findings."""
    notes: tuple[Note, ...]


def judge(evidence: Evidence) -> Verdict:
    """The verdict on everything that was seen."""
    facts = Facts(evidence)
    found = [finding for rule in RULES if (finding := rule(facts)) is not None]
    first, *others = found
    entry = CATALOGUE[first.id]
    words = fill(facts, first)
    also = {each.id: fill(facts, each).of(CATALOGUE[each.id].title) for each in others}
    for implied in (first.id, "ok", "host-silent", *_IMPLIED.get(first.id, ())):
        also.pop(implied, None)
    return Verdict(
        id=first.id,
        usable=facts.usable,
        title=words.of(entry.title),
        cause=first.cause or words.of(entry.meaning),
        excludes=first.excludes,
        network_fix=words.of(entry.network_fix),
        server_fix=words.of(entry.server_fix),
        cannot_tell=first.cannot_tell or entry.cannot_tell,
        also=tuple(also.items()) if first.id not in _FINAL else (),
        notes=tuple(collect_notes(facts)),
    )


_IMPLIED = {
    "bandwidth-capped": ("lossy-path",),
    "proxy-only": ("udp-dropped", "udp-rejected"),
    "stun-filtered": ("udp-dropped",),
    "tcp-443-only": ("udp-dropped", "udp-rejected"),
}
"""What a verdict says already, in other words."""
_FINAL = frozenset({"dns-not-found", "dns-no-address", "dns-timeout", "dns-failure", "host-silent"})
"""Nothing else can be said once one of these holds."""

__all__ += ["Finding", "Note"]
