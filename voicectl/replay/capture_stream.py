"""A capture's stream as it is, or its timing filled with speech of voicectl's own."""

from voicectl.errors import MediaError, UsageError
from voicectl.replay.encoding import FRAME_LENGTHS_MS
from voicectl.replay.made_speech import Arrival, made_material, refuse_too_long
from voicectl.replay.material import Material, OfferedPacket
from voicectl.replay.rtp_search import Found
from voicectl.replay.rtp_stream import ArrivedPacket, Codec, RtpStream

__all__ = ["captured_material", "choose_stream", "is_ssrc", "timing_material"]

_RTCP_PAYLOAD_TYPES = range(64, 96)
"""What RTP on a port shared with RTCP cannot have (RFC 5761 §4)."""
_STAND_IN_PAYLOAD_TYPE = 111
_MAX_PAUSE_FRAMES = 3000
"""A longer one between two packets is a timestamp that jumped."""


def choose_stream(found: Found, wanted: str | None, *, needs_payload: bool) -> RtpStream:
    """The stream asked for, else the longest one that can be replayed.

    Raises:
        UsageError: There is no such stream.
        MediaError: There is no RTP, or none that can be decoded.
    """
    if not found.streams:
        raise _no_rtp(found)
    audio = [stream for stream in found.streams if stream.codec is not Codec.VIDEO]
    if wanted is not None:
        audio = [stream for stream in found.streams if is_ssrc(wanted, stream.ssrc)]
        if not audio:
            labels = ", ".join(stream.label for stream in found.streams[:8])
            raise UsageError(f"there is no stream `{wanted}`", hint=f"there are {labels}")
    usable = [stream for stream in audio if not needs_payload or stream.codec is Codec.OPUS]
    if not usable:
        raise _not_usable(found, audio)
    return usable[0]


def captured_material(stream: RtpStream, form: str) -> Material:
    """The packets as they were captured, with the sender's RTCP among them."""
    start_ns = stream.packets[0].at_ns
    payload_type = stream.payload_type
    stand_in = _STAND_IN_PAYLOAD_TYPE if payload_type in _RTCP_PAYLOAD_TYPES else payload_type
    packets = [
        OfferedPacket(
            packet.at_ns - start_ns,
            _with_payload_type(packet, payload_type, stand_in),
            packet.rtp.timestamp,
        )
        for packet in stream.media_packets
    ]
    packets += [OfferedPacket(at_ns - start_ns, data, None) for at_ns, data in stream.rtcp]
    packets = sorted((p for p in packets if p.at_ns >= 0), key=lambda packet: packet.at_ns)
    figures = stream.figures()
    return Material(
        format=form,
        packets=packets,
        payload_type=stand_in,
        frame_samples=stream.frame_timestamps or 960,
        reception=figures,
        sent=figures.packets + figures.lost,
        description=_description(stream),
    )


def timing_material(stream: RtpStream, form: str, *, seed: int) -> Material:
    """Speech of our own in packets that come when the capture's came.

    Raises:
        MediaError: Packets of this length cannot be made.
    """
    frame_ms = round(stream.frame_timestamps * 1000 / stream.clock_rate_hz)
    if frame_ms not in FRAME_LENGTHS_MS:
        lengths = ", ".join(map(str, FRAME_LENGTHS_MS))
        raise MediaError(
            f"holds packets {frame_ms} ms long, which cannot be filled with speech",
            hint=f"packets of {lengths} ms can; --stream takes another stream",
        )
    arrivals, sent = _places(stream)
    material = made_material(arrivals, sent, form, frame_ms=frame_ms, seed=seed)
    material.reception = stream.figures()
    material.sent = material.reception.packets + material.reception.lost
    material.description = _description(stream)
    return material


def _places(stream: RtpStream) -> tuple[list[Arrival], list[bool]]:
    """Which frame each packet carries, and which frames were sent, lost ones included."""
    packets = stream.media_packets
    places: list[Arrival] = []
    number, frame = 0, 0
    previous = packets[0]
    for packet in packets:
        numbers = _signed(packet.rtp.sequence_number - previous.rtp.sequence_number, 16)
        span = _signed(packet.rtp.timestamp - previous.rtp.timestamp, 32)
        frames = round(span / stream.frame_timestamps)
        if abs(frames) > _MAX_PAUSE_FRAMES or (frames > 0) != (numbers > 0):
            frames = numbers
        number, frame = number + numbers, frame + frames
        places.append(Arrival(packet.at_ns, frame, number, packet.rtp.marker))
        previous = packet
    # A packet that overtook the first one was sent before it.
    first = min(place.frame for place in places)
    places = [place._replace(frame=place.frame - first) for place in places]
    frame_ms = round(stream.frame_timestamps * 1000 / stream.clock_rate_hz)
    refuse_too_long(max(place.frame for place in places), frame_ms)
    return places, _sent_frames(places)


def _sent_frames(places: list[Arrival]) -> list[bool]:
    sent = [False] * (max(place.frame for place in places) + 1)
    in_order = sorted(places, key=lambda place: place.sequence_number)
    sent[in_order[0].frame] = True
    for before, after in zip(in_order, in_order[1:], strict=False):
        lost = min(after.sequence_number - before.sequence_number - 1, _MAX_PAUSE_FRAMES)
        for frame in range(max(after.frame - max(lost, 0), 0), after.frame + 1):
            sent[frame] = True
    return sent


def _with_payload_type(packet: ArrivedPacket, before: int, after: int) -> bytes:
    if before == after:
        return packet.datagram
    flags = packet.datagram[1] & 0x80 | after
    return packet.datagram[:1] + bytes([flags]) + packet.datagram[2:]


def _description(stream: RtpStream) -> dict[str, str | int | float]:
    return {
        "flow": stream.name,
        "ssrc": stream.label,
        "payload_type": stream.payload_type,
        "codec": stream.codec_name,
        "clock_rate_hz": stream.clock_rate_hz,
    }


def is_ssrc(text: str, ssrc: int) -> bool:
    """Whether the user means this one: decimal or 0x…."""
    try:
        return int(text, 0) == ssrc
    except ValueError:
        return False


def _no_rtp(found: Found) -> MediaError:
    if not found.packets:
        return MediaError("holds no packets", hint="capture again, while the call goes on")
    detail = f"It has {_count(found.packets, 'packet')}: {_contents(found)}."
    if found.has_dtls:
        detail += " The media went another way, or was not captured."
    return MediaError(
        "holds no RTP",
        detail=detail,
        hint="capture all UDP where the media passes: `tcpdump -i any -w call.pcap udp`",
    )


def _not_usable(found: Found, audio: list[RtpStream]) -> MediaError:
    listed = [
        f"{stream.label}  {_count(len(stream.packets), 'packet')}, payload type "
        f"{stream.payload_type}, {stream.codec_name}  {stream.name}"
        for stream in audio[:8] or found.streams[:8]
    ]
    detail = "\n".join(listed)
    if not audio:
        return MediaError("holds video only", detail=detail, hint="capture a call with audio")
    if audio[0].codec is Codec.OTHER:
        message = f"holds RTP with {audio[0].codec_name}; only Opus is decoded"
    elif audio[0].codec is Codec.CUT:
        message = "holds packets that were cut off by the capture's snapshot length"
    else:
        message = "holds encrypted RTP"
        if found.has_dtls:
            detail += f"\n{_count(found.contents['DTLS'], 'DTLS packet')} agreed on the keys."
        else:
            detail += "\nSRTP, or a codec that is not Opus: no DTLS was captured."
    return MediaError(
        message, detail=detail, hint="take only its timing, with speech of our own: add --headers"
    )


def _contents(found: Found) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.contents.most_common(6))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _signed(difference: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
