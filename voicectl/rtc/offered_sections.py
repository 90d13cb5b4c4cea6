"""What a peer's description has, section by section, and which of it we take part in.

A section takes part in the call, or it is refused and answered with port 0 (RFC 3264 §6): the first
audio section in use is the voice, and what shares its transport (BUNDLE, RFC 9143) may be the data
channels or media that stays inactive. Attributes of the transport are those of the section that
stands for the bundle: the others need have none, and rejected ones have nothing at all (RFC 9429
§5.3.1).
"""

import re
from dataclasses import dataclass
from typing import Literal

from voicectl.errors import ConnectError, WireError

__all__ = ["Kind", "Section", "Sections", "read_sections"]

Kind = Literal["offer", "answer"]

MAX_SECTIONS = 32
_MEDIA = re.compile(r"m=([^\s/]+) (\d{1,5})(?:/\d+)? (\S+)((?: +\S+)+) *", re.ASCII)
_CHANNELS = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP")
_SETUPS = ("active", "passive", "actpass")


@dataclass(frozen=True)
class Section:
    """One `m=` line and its attributes; for the session, no `m=` line and its own.

    Args:
        kind: `audio`, `video`, `application` or any other.
        port: 0: rejected, or bundle-only.
        protocol: As it stands there.
        formats: What the `m=` line ends with.
        attributes: Names and values, in order.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """Those of all attributes of this name."""
        return [value for known, value in self.attributes if known == name]

    def value(self, name: str) -> str:
        """That of the last one; empty when there is none."""
        return next(iter(reversed(self.values(name))), "")

    def has(self, name: str) -> bool:
        """Whether there is such an attribute."""
        return any(known == name for known, _ in self.attributes)

    @property
    def mid(self) -> str:
        """Its identifier (RFC 5888 §4); empty when it has none."""
        return self.value("mid").strip()


@dataclass(frozen=True)
class Sections:
    """A description.

    Args:
        session: What is said of all sections.
        all: The sections, in order.
        voice: The one that is the call's audio.
        bundle: Identifiers of the sections that share the voice's transport; empty: none does.
        tagged: The one whose transport that is.
    """

    session: Section
    all: tuple[Section, ...]
    voice: Section
    bundle: tuple[str, ...]
    tagged: Section

    @property
    def data(self) -> Section | None:
        """The one with data channels, if they come by the voice's transport."""
        return next((each for each in self.all if self._has_channels(each)), None)

    @property
    def other_media(self) -> list[Section]:
        """Audio and video beside the voice, on its transport."""
        kinds = ("audio", "video")
        return [
            each
            for each in self.all
            if each is not self.voice and each.kind in kinds and self._is_bundled(each)
        ]

    def _has_channels(self, section: Section) -> bool:
        is_kind = section.kind == "application" and section.protocol in _CHANNELS
        return is_kind and self._is_bundled(section)

    def _is_bundled(self, section: Section) -> bool:
        return section.mid in self.bundle and (section.port != 0 or section.has("bundle-only"))

    def of_transport(self, name: str) -> list[str]:
        """An attribute of the transport: that of its section, or of the session."""
        return self.tagged.values(name) or self.session.values(name)


def read_sections(sdp: str, kind: Kind) -> Sections:
    """Read a description.

    Raises:
        WireError: It does not parse, or lacks what every WebRTC description has.
        ConnectError: It is sound, but has no audio.
    """
    session, sections = _split(sdp, kind)
    groups = [value.split() for value in session.values("group")]
    bundles = [group[1:] for group in groups if group[:1] == ["BUNDLE"]]
    _check_identifiers(sections, bundles, kind)
    bundled = {mid for bundle in bundles for mid in bundle}
    used = [each for each in sections if _is_used(each, bundled, kind)]
    voice = next((each for each in used if each.kind == "audio"), None)
    if voice is None:
        raise ConnectError(f"the {kind} has no audio section")
    bundle = next((bundle for bundle in bundles if voice.mid in bundle), [])
    by_mid = {each.mid: each for each in used}
    tagged = next((by_mid[mid] for mid in bundle if mid in by_mid), voice)
    read = Sections(session, tuple(sections), voice, tuple(bundle), tagged)
    _check_transport(read, kind)
    return read


def _split(sdp: str, kind: Kind) -> tuple[Section, list[Section]]:
    groups: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            groups.append([])
        groups[-1].append(line)
    if not 2 <= len(groups) <= MAX_SECTIONS + 1:
        raise WireError(
            f"the {kind} has {len(groups) - 1} media sections, expected 1 to {MAX_SECTIONS}"
        )
    session = Section("", 0, "", (), _attributes(groups[0]))
    return session, [_section(lines, kind) for lines in groups[1:]]


def _section(lines: list[str], kind: Kind) -> Section:
    found = _MEDIA.fullmatch(lines[0])
    if found is None:
        raise WireError(f"the {kind} is not valid SDP", detail=lines[0][:80])
    return Section(
        found[1], int(found[2]), found[3], tuple(found[4].split()), _attributes(lines[1:])
    )


def _attributes(lines: list[str]) -> tuple[tuple[str, str], ...]:
    parts = (line[2:].partition(":") for line in lines if line.startswith("a="))
    return tuple((name, value) for name, _, value in parts)


def _is_used(section: Section, bundled: set[str], kind: Kind) -> bool:
    """In an offer, port 0 is also for who has no transport but the bundle's (RFC 9143 §6)."""
    is_bundle_only = kind == "offer" and section.has("bundle-only") and section.mid in bundled
    return section.port != 0 or is_bundle_only


def _check_identifiers(sections: list[Section], bundles: list[list[str]], kind: Kind) -> None:
    """A group names sections, each of which there is once (RFC 5888 §9.2)."""
    mids = [each.mid for each in sections]
    bundled = [mid for bundle in bundles for mid in bundle]
    if any(mids.count(mid) != 1 for mid in bundled) or len(set(bundled)) < len(bundled):
        raise WireError(
            f"the {kind} has missing, repeated or unknown section identifiers",
            detail=f"a=mid: {mids}, a=group:BUNDLE {bundled}",
        )


def _check_transport(read: Sections, kind: Kind) -> None:
    if not all(any(read.of_transport(name)) for name in ("ice-ufrag", "ice-pwd")):
        raise WireError(f"the {kind} has no ICE credentials")
    setups = read.of_transport("setup")
    if not read.of_transport("fingerprint") or not setups or setups[-1] not in _SETUPS:
        raise WireError(f"the {kind} has no DTLS fingerprint or setup attribute")
