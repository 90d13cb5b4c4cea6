"""Descriptions between a peer and aiortc, whose parser takes few, and whose answers lack sections.

To aiortc goes no line that it need not have, so none that it could stumble over: the voice, the
data channels and media that it knows, with the transport's attributes in each section. To the peer
goes its answer with a section for each of the offer's (RFC 3264 §6), under its payload types.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from aiortc.codecs import CODECS as STOCK_CODECS
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.sdp import MediaDescription, SessionDescription, parameters_from_sdp

from voicectl.errors import WireError
from voicectl.rtc.offered_sections import Kind, Section, Sections
from voicectl.rtc.voice_formats import CODECS, PAYLOAD_TYPES, VoiceFormats, read_formats

__all__ = ["SDP_FAILURES", "Taken", "complete_answer", "take_sections", "with_payload_types"]

SDP_FAILURES = (ValueError, AssertionError, KeyError, IndexError, AttributeError, TypeError)
"""What aiortc raises when a description does not parse or does not fit."""

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_STATIC = {0: "PCMU/8000", 3: "GSM/8000", 8: "PCMA/8000", 9: "G722/8000", 18: "G729/8000"}
"""Payload types that need no `a=rtpmap` (RFC 3551 §6): those that telephones use."""
_RTPMAP = re.compile(r"(\d{1,3}) +([^\s/]+/\d{1,9}(?:/\d{1,3})?)\s*", re.ASCII)
_OF_FORMAT = re.compile(r"(\d{1,3}|\*) +(\S.*)", re.ASCII)
_EXTMAP = re.compile(r"(\d{1,5}(?:/\w+)?) +(\S+)(?:\s.*)?", re.ASCII)
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)
_SCTP_PORT = 5000


@dataclass(frozen=True)
class Taken:
    """What goes to aiortc of a description.

    Args:
        kind: What the description is.
        sdp: As aiortc takes it.
        voice: The voice's section, parsed.
        sections: What the peer's description has.
        taken: The sections that are in `sdp`, in its order.
    """

    kind: Kind
    sdp: str
    voice: MediaDescription
    sections: Sections
    taken: tuple[Section, ...]

    @property
    def has_data(self) -> bool:
        """Whether the peer has data channels for us."""
        return self.sections.data in self.taken


def take_sections(sections: Sections, kind: Kind, *, offered_data: str | None = None) -> Taken:
    """Write what aiortc may see of a description.

    Args:
        sections: The description.
        kind: What it is.
        offered_data: Of an answer, the identifier of the data section of our offer, if there is
            one: aiortc wants to see it also where the peer has rejected it.

    Raises:
        WireError: It does not parse.
    """
    wanted = [sections.voice]
    if (data := sections.data) is not None and (kind == "offer" or offered_data is not None):
        wanted.append(data)
    if kind == "offer":
        wanted += [each for each in sections.other_media if _is_known(each, sections)]
    taken = tuple(each for each in sections.all if any(each is one for one in wanted))
    described = [(_mid(each, sections), each) for each in taken]
    if offered_data is not None and data not in taken:
        described.append((offered_data, _channels()))
    mids = [mid for mid, _ in described]
    sdp = "\r\n".join(
        [
            "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0",
            *(["a=ice-lite"] if sections.session.has("ice-lite") else []),
            f"a=group:BUNDLE {' '.join(mids)}",
            *(line for mid, each in described for line in _lines(mid, each, sections)),
            "",
        ]
    )
    voice = _parse(sdp, kind).media[mids.index(_mid(sections.voice, sections))]
    return Taken(kind, sdp, voice, sections, taken)


def complete_answer(sdp: str, taken: Taken) -> str:
    """An answer of aiortc's with a section for each of the offer's."""
    session, *ours = _split(sdp)
    granted = [each.mid for each in taken.taken]
    bundle = [mid for mid in taken.sections.bundle if mid in granted]
    group = f"a=group:BUNDLE {' '.join(bundle)}\r\n" if bundle else ""
    written = [re.sub(r"a=group:BUNDLE.*\r\n", lambda _: group, session, count=1)]
    answers = iter(ours)
    for offered in taken.sections.all:
        is_taken = any(offered is one for one in taken.taken)
        written.append(_answered(next(answers), offered) if is_taken else _refused(offered))
    return "".join(written)


def with_payload_types(sdp: str, offered: VoiceFormats) -> str:
    """An answer of aiortc's under the offer's payload types: it keeps those below 96 for itself."""
    session, *sections = _split(sdp)
    for index, section in enumerate(sections):
        if section.startswith("m=audio "):
            ours = _voice_formats(section)
            numbers = {
                ours[name]: number for name, number in offered.codecs.items() if name in ours
            }
            sections[index] = _renumbered(section, numbers)
            break
    return session + "".join(sections)


def _split(sdp: str) -> list[str]:
    """The session's part and the sections."""
    return re.split(r"^(?=m=)", sdp, flags=re.MULTILINE)


def _voice_formats(section: str) -> dict[str, int]:
    parsed = SessionDescription.parse(section).media[0]
    return read_formats(parsed).codecs


def _renumbered(section: str, numbers: dict[int, int]) -> str:
    def renumber(found: re.Match[str]) -> str:
        return found[1] + str(numbers.get(int(found[2]), int(found[2])))

    media, line_end, attributes = section.partition("\r\n")
    head, formats = media.split(" ")[:3], media.split(" ")[3:]
    renumbered = [str(numbers.get(int(each), int(each))) for each in formats]
    of_format = re.compile(r"^(a=(?:rtpmap|fmtp|rtcp-fb):)(\d+)", re.MULTILINE)
    return " ".join([*head, *renumbered]) + line_end + of_format.sub(renumber, attributes)


def _answered(section: str, offered: Section) -> str:
    if not offered.mid:
        section = re.sub(r"^a=mid:.*\r\n", "", section, flags=re.MULTILINE)
    media, rest = section.split("\r\n", 1)
    kind, port, _, formats = media.split(" ", 3)
    # Exactly that of the offer (RFC 9429 §5.3.1).
    return f"{kind} {port} {offered.protocol} {formats}\r\n{rest}"


def _refused(offered: Section) -> str:
    lines = [
        f"m={offered.kind} 0 {offered.protocol} {' '.join(offered.formats)}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        *([f"a=mid:{offered.mid}"] if offered.mid else []),
    ]
    return "\r\n".join(lines) + "\r\n"


def _is_known(section: Section, sections: Sections) -> bool:
    """Whether aiortc knows how to answer it: it raises for what it does not."""
    lines = _lines(section.mid, section, sections)
    try:
        media = SessionDescription.parse("\r\n".join(lines)).media[0]
        if section.kind == "audio":
            return bool(read_formats(media).codecs)
        return bool(find_common_codecs(STOCK_CODECS[section.kind], media.rtp.codecs))
    except (*SDP_FAILURES, StopIteration):
        return False


def _parse(sdp: str, kind: Kind) -> SessionDescription:
    try:
        return SessionDescription.parse(sdp)
    except (*SDP_FAILURES, StopIteration) as error:
        raise WireError(f"the {kind} is not valid SDP", detail=repr(error)) from error


def _mid(section: Section, sections: Sections) -> str:
    """One that aiortc wants: where there is none, that of our own offer."""
    return section.mid or str(sections.all.index(section))


def _channels() -> Section:
    return Section("application", 9, "UDP/DTLS/SCTP", ("webrtc-datachannel",), ())


def _lines(mid: str, section: Section, sections: Sections) -> Iterable[str]:
    if section.kind == "application":
        yield from _channel_lines(section)
    else:
        yield from _media_lines(section, sections)
    yield f"a=mid:{mid}"
    for name in ("ice-ufrag", "ice-pwd", "setup"):
        yield f"a={name}:{sections.of_transport(name)[-1]}"
    for fingerprint in sections.of_transport("fingerprint"):
        if len(fingerprint.split()) == 2:
            yield f"a=fingerprint:{fingerprint}"


def _channel_lines(section: Section) -> Iterable[str]:
    is_legacy = section.protocol == "DTLS/SCTP" and _NUMBER.fullmatch(section.formats[0])
    if is_legacy:
        yield f"m=application 9 DTLS/SCTP {section.formats[0]}"
    else:
        yield "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
        port = section.value("sctp-port").strip()
        is_port = _NUMBER.fullmatch(port) and 0 < int(port) < 65536
        yield f"a=sctp-port:{port if is_port else _SCTP_PORT}"
    size = section.value("max-message-size").strip()
    if _NUMBER.fullmatch(size):
        yield f"a=max-message-size:{size}"


def _media_lines(section: Section, sections: Sections) -> Iterable[str]:
    maps = _maps(section)
    yield f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, maps)) or '0'}"
    yield f"a={_direction(section) or _direction(sections.session) or DIRECTIONS[0]}"
    for name in ("rtcp-mux", "rtcp-rsize"):
        if section.has(name):
            yield f"a={name}"
    for value in section.values("extmap"):
        if found := _EXTMAP.fullmatch(value):
            yield f"a=extmap:{found[1]} {found[2]}"
    for number, codec in maps.items():
        yield f"a=rtpmap:{number} {codec}"
    for name in ("fmtp", "rtcp-fb"):
        for value in section.values(name):
            found = _OF_FORMAT.fullmatch(value)
            if found and _is_of_known(name, found, maps):
                yield f"a={name}:{found[1]} {found[2]}"


def _maps(section: Section) -> dict[int, str]:
    """Codecs by payload type, best first, each that we know but once."""
    described: dict[int, str] = {}
    for value in section.values("rtpmap"):
        if found := _RTPMAP.fullmatch(value):
            described.setdefault(int(found[1]), found[2])
    numbers = [int(each) for each in section.formats if _NUMBER.fullmatch(each)]
    maps: dict[int, str] = {}
    for number in numbers:
        codec = described.get(number) or (section.kind == "audio" and _STATIC.get(number))
        if number in PAYLOAD_TYPES and codec and _voice_name(codec) not in _voices(maps):
            maps[number] = codec
    return maps


def _voices(maps: dict[int, str]) -> set[str]:
    return {name for name in map(_voice_name, maps.values()) if name}


def _voice_name(codec: str) -> str:
    name, rate = codec.lower().split("/")[:2]
    return name if CODECS.get(name) == int(rate) else ""


def _is_of_known(name: str, found: re.Match[str], maps: dict[int, str]) -> bool:
    if name == "rtcp-fb":
        return found[1] == "*" or int(found[1]) in maps
    if found[1] == "*" or int(found[1]) not in maps:
        return False
    try:
        parameters_from_sdp(found[2])
    except ValueError:
        return bool(_voice_name(maps[int(found[1])]))  # that of a voice is an error to be told
    return True


def _direction(section: Section) -> str:
    return next((name for name, _ in section.attributes if name in DIRECTIONS), "")
