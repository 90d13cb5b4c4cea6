"""What two descriptions agree on about the voice: its codec, and the keys of a telephone.

- Opus is preferred, G.711 (PCMU, PCMA: RFC 3551 §4.5.14) is for peers that have no Opus.
- Keys are `telephone-event` (RFC 4733 §7.1.1) at the codec's clock rate: 48 kHz beside Opus, 8 kHz
  beside G.711 (§2.1: one clock for all of a stream).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from aiortc.sdp import MediaDescription

__all__ = [
    "CODECS",
    "PAYLOAD_TYPES",
    "NegotiatedFormats",
    "VoiceFormats",
    "answer_keys",
    "describe_keys",
    "negotiate_formats",
    "offer_keys",
    "read_formats",
]

CODECS = {"opus": 48000, "pcmu": 8000, "pcma": 8000}
"""The engine's, best first, with the clock rates of their timestamps."""
_KEY_NAMES = {48000: "telephone-event", 8000: "telephone-event/8000"}
"""By clock rate, as the engine has them."""
_USUAL_KEYS = {48000: 110, 8000: 126}
"""Chromium's payload types."""
PAYLOAD_TYPES = frozenset([*range(64), *range(96, 128)])
"""Without RTCP's, on a shared port (RFC 5761 §4)."""
_DYNAMIC_PAYLOAD_TYPES = range(96, 128)


@dataclass(frozen=True)
class VoiceFormats:
    """What the author of a description takes.

    Args:
        codecs: Payload types by codec.
        keys: Payload types of telephone-event by clock rate.
    """

    codecs: dict[str, int] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class NegotiatedFormats:
    """What both take.

    Args:
        receive: The engine's codecs by our payload types.
        codec: What we send.
        payload_type: Of what we send.
        telephone_event: Payload type of the keys that we send, if the peer takes any.
    """

    receive: dict[int, str]
    codec: str
    payload_type: int
    telephone_event: int | None


def read_formats(audio: MediaDescription) -> VoiceFormats:
    """What an audio section says, of what is known here and named by its `m=` line."""
    formats = VoiceFormats()
    for codec in audio.rtp.codecs:
        name, number = codec.name.lower(), codec.payloadType
        if number is None or number not in PAYLOAD_TYPES or number not in audio.fmt:
            continue
        if CODECS.get(name) == codec.clockRate:
            formats.codecs.setdefault(name, number)
        elif name == "telephone-event" and codec.clockRate in _KEY_NAMES:
            formats.keys.setdefault(codec.clockRate, number)
    return formats


def offer_keys(codecs: Iterable[str], used: Iterable[int]) -> dict[int, int]:
    """Payload types of telephone-event for these codecs, by clock rate, that are not in use."""
    taken = set(used)
    keys: dict[int, int] = {}
    for rate in {CODECS[codec]: None for codec in codecs}:
        usual = _USUAL_KEYS[rate]
        free = (number for number in _DYNAMIC_PAYLOAD_TYPES if number not in taken)
        keys[rate] = usual if usual not in taken else next(free)
        taken.add(keys[rate])
    return keys


def answer_keys(ours: VoiceFormats, offered: VoiceFormats) -> dict[int, int]:
    """What we grant of an offer: keys at the clock rates of the codecs we answer with."""
    rates = {CODECS[codec] for codec in ours.codecs}
    return {rate: number for rate, number in offered.keys.items() if rate in rates}


def describe_keys(sdp: str, keys: dict[int, int]) -> str:
    """Add telephone-event to the first section with a voice of a description of our own."""
    sections: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    voices = (section for section in sections[1:] if _has_voice(section))
    if keys and (voice := next(voices, None)) is not None:
        voice[0] += "".join(f" {number}" for number in keys.values())
        for rate, number in keys.items():
            voice += [f"a=rtpmap:{number} telephone-event/{rate}", f"a=fmtp:{number} 0-15"]
    return "\r\n".join(line for section in sections for line in section) + "\r\n"


def negotiate_formats(ours: VoiceFormats, theirs: VoiceFormats) -> NegotiatedFormats | None:
    """What both descriptions have; None: no codec."""
    codec = next((name for name in CODECS if name in ours.codecs and name in theirs.codecs), None)
    if codec is None:
        return None
    receive = {number: name for name, number in ours.codecs.items() if name in theirs.codecs}
    receive |= {number: _KEY_NAMES[rate] for rate, number in ours.keys.items()}
    has_keys = CODECS[codec] in ours.keys
    keys = theirs.keys.get(CODECS[codec]) if has_keys else None
    return NegotiatedFormats(receive, codec, theirs.codecs[codec], keys)


def _has_voice(section: list[str]) -> bool:
    names = tuple(f" {name}/{rate}" for name, rate in CODECS.items())
    has_codec = any(
        line.startswith("a=rtpmap:") and any(name in line.lower() for name in names)
        for line in section
    )
    return section[0].startswith("m=audio ") and has_codec
