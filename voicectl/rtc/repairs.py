"""What two descriptions agree on about repairing loss (SDP, RFC 8866).

- NACK: `a=rtcp-fb:<Opus> nack` (RFC 4585 §4.2).
- RTX: `a=rtpmap:<n> rtx/48000/2`, `a=fmtp:<n> apt=<Opus>`, an `a=ssrc-group:FID` (RFC 4588 §8).
- RED: `a=rtpmap:<n> red/48000/2`, `a=fmtp:<n> <Opus>/<Opus>`, as Chromium has it (RFC 2198 §5).
- DRED: our own `x-voicectl-dred=1` among the parameters of Opus, until the extension has a number;
  who does not know a parameter ignores it (RFC 7587 §6.1).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from aiortc.sdp import MediaDescription

from voicectl._native import Repairs

__all__ = [
    "DRED_PARAMETER",
    "DescribedRepairs",
    "RepairSettings",
    "answer_repairs",
    "describe_repairs",
    "negotiate",
    "offer_repairs",
    "read_repairs",
]

DRED_PARAMETER = "x-voicectl-dred"

_RED_PAYLOAD_TYPE = 63  # Chromium's own
_DYNAMIC_PAYLOAD_TYPES: tuple[int, ...] = (*range(96, 128), *range(35, 64))
"""RFC 3551 §6, without what RFC 5761 §4 takes for RTCP."""


@dataclass(frozen=True)
class RepairSettings:
    """Which repairs a peer is offered, and granted when it offers them.

    What is agreed on may be used; how much of it is used follows the network
    (`Engine.set_redundancy`).

    Args:
        nack: Ask for lost packets and send them again.
        rtx: Do so in a stream of its own.
        red: Send and take earlier frames beside later ones.
        prefer_red: Name RED before Opus: browsers then send it, for twice the bitrate.
        dred: Send and take what a vocoder needs to say the past again; only voicectl does.
    """

    nack: bool = True
    rtx: bool = True
    red: bool = True
    prefer_red: bool = False
    dred: bool = True


@dataclass(frozen=True)
class DescribedRepairs:
    """What one description says.

    Args:
        opus: Payload type of Opus.
        nack: Lost packets may be asked for.
        red: Payload type of RED.
        rtx: Payload type of what is sent again.
        dred: DRED is understood.
    """

    opus: int
    nack: bool = False
    red: int | None = None
    rtx: int | None = None
    dred: bool = False


def read_repairs(audio: MediaDescription, opus: int) -> DescribedRepairs:
    """What an audio section says of the Opus with this payload type."""
    codecs = audio.rtp.codecs
    own = next(codec for codec in codecs if codec.payloadType == opus)
    red = rtx = None
    for codec in codecs:
        if codec.clockRate != 48000 or codec.payloadType is None:
            continue
        name = codec.name.lower()
        if name == "red" and _carries(codec.parameters, opus):
            red = red or codec.payloadType
        elif name == "rtx" and codec.parameters.get("apt") == opus:
            rtx = rtx or codec.payloadType
    return DescribedRepairs(
        opus=opus,
        nack=any(fb.type == "nack" and not fb.parameter for fb in own.rtcpFeedback),
        red=_usable(red),
        rtx=_usable(rtx),
        dred=own.parameters.get(DRED_PARAMETER) == "1",
    )


def offer_repairs(settings: RepairSettings, opus: int, used: Iterable[int]) -> DescribedRepairs:
    """What we offer, under payload types that are not in use."""
    taken = {opus, *used}
    red = _RED_PAYLOAD_TYPE if _RED_PAYLOAD_TYPE not in taken else _free_payload_type(taken)
    rtx = _free_payload_type(taken | {red})
    return DescribedRepairs(
        opus=opus,
        nack=settings.nack,
        red=red if settings.red else None,
        rtx=rtx if settings.nack and settings.rtx else None,
        dred=settings.dred,
    )


def answer_repairs(settings: RepairSettings, offered: DescribedRepairs) -> DescribedRepairs:
    """What we grant of an offer."""
    nack = settings.nack and offered.nack
    return DescribedRepairs(
        opus=offered.opus,
        nack=nack,
        red=offered.red if settings.red else None,
        rtx=offered.rtx if nack and settings.rtx else None,
        dred=settings.dred and offered.dred,
    )


def negotiate(ours: DescribedRepairs, theirs: DescribedRepairs, *, rtx_ssrc: int) -> Repairs:
    """What both descriptions have."""
    nack = ours.nack and theirs.nack
    has_red = ours.red is not None and theirs.red is not None
    has_rtx = nack and ours.rtx is not None and theirs.rtx is not None
    return Repairs(
        nack=nack,
        dred=ours.dred and theirs.dred,
        receive_red=ours.red if has_red else None,
        receive_rtx=ours.rtx if has_rtx else None,
        send_red=theirs.red if has_red else None,
        send_rtx=theirs.rtx if has_rtx else None,
        rtx_ssrc=rtx_ssrc if has_rtx else 0,
    )


def describe_repairs(
    section: list[str], repairs: DescribedRepairs, *, prefer_red: bool, rtx_ssrc: int
) -> list[str]:
    """Add the repairs to the lines of an audio section, from `m=` on.

    DRED is not among them: it stands with the parameters of Opus.
    """
    more: list[str] = []
    first, last = "", ""
    if repairs.nack:
        more.append(f"a=rtcp-fb:{repairs.opus} nack")
    if repairs.red is not None:
        more.append(f"a=rtpmap:{repairs.red} red/48000/2")
        more.append(f"a=fmtp:{repairs.red} {repairs.opus}/{repairs.opus}")
        first, last = (f" {repairs.red}", "") if prefer_red else ("", f" {repairs.red}")
    if repairs.rtx is not None:
        more.append(f"a=rtpmap:{repairs.rtx} rtx/48000/2")
        more.append(f"a=fmtp:{repairs.rtx} apt={repairs.opus}")
        more += _rtx_source(section, rtx_ssrc)
        last += f" {repairs.rtx}"
    media, port, protocol, formats = section[0].split(" ", 3)
    heading = f"{media} {port} {protocol}{first} {formats}{last}"
    return [heading, *section[1:], *more]


def _rtx_source(section: list[str], rtx_ssrc: int) -> list[str]:
    """Ties the stream of what is sent again to ours (RFC 5576 §4.2)."""
    for line in section:
        ssrc, _, attribute = line.removeprefix("a=ssrc:").partition(" ")
        if line.startswith("a=ssrc:") and attribute.startswith("cname:"):
            return [f"a=ssrc-group:FID {ssrc} {rtx_ssrc}", f"a=ssrc:{rtx_ssrc} {attribute}"]
    return []


def _carries(parameters: dict[str, int | str | None], opus: int) -> bool:
    """Whether RED repeats this codec (`111/111`), or does not say what it repeats."""
    text = next(iter(parameters), "")
    return text.split("/")[0] in (str(opus), "")


def _free_payload_type(taken: set[int]) -> int:
    return next(number for number in _DYNAMIC_PAYLOAD_TYPES if number not in taken)


def _usable(payload_type: int | None) -> int | None:
    """None for one that RTP on a port shared with RTCP cannot have (RFC 5761 §4)."""
    return payload_type if payload_type in _DYNAMIC_PAYLOAD_TYPES else None
