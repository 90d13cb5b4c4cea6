"""A capture's stream as it is, or its timing filled with speech of voicectl's own."""

from bisect import bisect_left
from collections.abc import Callable

from voicectl.errors import MediaError, UsageError
from voicectl.replay.encoding import FRAME_LENGTHS_MS
from voicectl.replay.made_speech import Arrival, made_material, refuse_too_long
from voicectl.replay.material import SAMPLE_RATE_HZ, Material, OfferedPacket
from voicectl.replay.payload_formats import PayloadFormat
from voicectl.replay.rtp_search import Found
from voicectl.replay.rtp_stream import ArrivedPacket, Codec, RtpStream, extended_numbers
from voicectl.replay.sequence import packets_expected, signed
from voicectl.units import NS_PER_S

__all__ = ["captured_material", "choose_stream", "is_ssrc", "timing_material"]

_G711_CLOCK_RATE_HZ = 8000
_RTCP_PAYLOAD_TYPES = range(64, 96)
"""What RTP on a port shared with RTCP cannot have (RFC 5761 §4)."""
_STAND_IN_PAYLOAD_TYPES = range(96, 128)
_SHOWN_RESTARTS = 3
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
        audio = [stream for stream in found.streams if _is_wanted(stream, wanted)]
        if not audio:
            labels = ", ".join(stream.label for stream in found.streams[:8])
            raise UsageError(f"there is no stream `{wanted}`", hint=f"there are {labels}")
    usable = [stream for stream in audio if not needs_payload or stream.codec.is_decoded]
    if not usable:
        raise _not_usable(found, audio)
    return usable[0]


def captured_material(stream: RtpStream, form: str) -> Material:
    """The packets as they were captured, with the sender's RTCP among them."""
    start_ns = stream.packets[0].at_ns
    taken = _taken_types(stream)
    received_as = _received_as(stream, taken)
    kept = [packet for packet in stream.packets if packet.rtp.payload_type in taken]
    is_speech = {payload_type: form.is_speech for payload_type, form in stream.formats.items()}
    units = _samples_per_unit(stream, taken)
    packets = [
        OfferedPacket(
            packet.at_ns - start_ns,
            _relabelled(packet, received_as[packet.rtp.payload_type], number),
            packet.rtp.timestamp * units[packet.rtp.payload_type] % (1 << 32),
            is_speech[packet.rtp.payload_type],
            units[packet.rtp.payload_type],
        )
        for packet, number in zip(kept, _numbers_without(stream, kept), strict=True)
    ]
    packets += [OfferedPacket(at_ns - start_ns, data, None) for at_ns, data in stream.rtcp]
    packets = sorted((p for p in packets if p.at_ns >= 0), key=lambda packet: packet.at_ns)
    engine_types = dict.fromkeys(stream.opus_payload_types, "opus")
    engine_types |= {
        payload_type: name
        for payload_type in taken
        if (name := _engine_codec(stream, payload_type)) is not None
    }
    red = stream.red_payload_type
    return Material(
        format=form,
        packets=packets,
        payload_types={received_as.get(pt, pt): codec for pt, codec in engine_types.items()},
        frame_samples=_frame_samples(stream) or SAMPLE_RATE_HZ // 50,
        red_payload_type=None if red is None else received_as[red],
        reception=stream.figures(),
        sent=packets_expected(stream.places) - _left_out(stream, taken),
        description=_description(stream),
        notes=_stream_notes(stream, taken),
    )


def _engine_codec(stream: RtpStream, payload_type: int) -> str | None:
    """By the names of `Engine.configure_receive`; None: Opus within RED, or plain."""
    match stream.formats[payload_type]:
        case PayloadFormat.TELEPHONE_EVENT:
            is_slow = stream.clock_rates_hz[payload_type] == _G711_CLOCK_RATE_HZ
            return "telephone-event/8000" if is_slow else "telephone-event"
        case PayloadFormat.PCMU:
            return "pcmu"
        case PayloadFormat.PCMA:
            return "pcma"
        case _:
            return None


def _samples_per_unit(stream: RtpStream, taken: set[int]) -> dict[int, int]:
    """Samples at 48 kHz to a unit of each payload type's clock, as the engine counts them."""
    return {
        payload_type: SAMPLE_RATE_HZ // _G711_CLOCK_RATE_HZ
        if stream.formats[payload_type].is_g711
        else 1
        for payload_type in taken
    }


def _frame_samples(stream: RtpStream) -> int:
    return stream.frame_timestamps * SAMPLE_RATE_HZ // stream.clock_rate_hz


def timing_material(
    stream: RtpStream,
    form: str,
    *,
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Material:
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
    material = made_material(
        arrivals, sent, form, frame_ms=frame_ms, seed=seed, on_progress=on_progress
    )
    material.reception = stream.figures()
    taken = {packet.rtp.payload_type for packet in stream.media_packets}
    material.sent = packets_expected(stream.places) - _left_out(stream, taken)
    material.description = _description(stream)
    material.notes += _stream_notes(stream, taken)
    return material


def _places(stream: RtpStream) -> tuple[list[Arrival], list[bool]]:
    """Which frame each packet carries, and which frames were sent, lost ones included."""
    packets = stream.media_packets
    places: list[Arrival] = []
    number, frame = 0, 0
    previous = packets[0]
    numbers_of = _numbers_without(stream, packets)
    rates_hz = stream.clock_rates_hz
    for packet, offset in zip(packets, numbers_of, strict=True):
        numbers = offset - numbers_of[0] - number
        rate_hz = rates_hz[packet.rtp.payload_type]
        span = signed(packet.rtp.timestamp - previous.rtp.timestamp, 32)
        frames = round(span * stream.clock_rate_hz / (stream.frame_timestamps * rate_hz))
        if rate_hz != rates_hz[previous.rtp.payload_type]:
            frames = numbers  # timestamps of two clocks say nothing together
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


def _taken_types(stream: RtpStream) -> set[int]:
    """Payload types that the receiver knows: Opus, RED of it, G.711, and a telephone's keys."""
    return {
        payload_type
        for payload_type, form in stream.formats.items()
        if form.is_decodable or form is PayloadFormat.TELEPHONE_EVENT
    }


def _received_as(stream: RtpStream, taken: set[int]) -> dict[int, int]:
    """Under which payload type the receiver gets what came under each."""
    free = (pt for pt in _STAND_IN_PAYLOAD_TYPES if pt not in {*taken, *stream.opus_payload_types})
    red = stream.red_payload_type
    first_red = next(free) if red in _RTCP_PAYLOAD_TYPES else red
    received_as = {}
    for payload_type in sorted(taken):
        if stream.formats[payload_type] is PayloadFormat.RED and first_red is not None:
            received_as[payload_type] = first_red
        else:
            is_rtcp = payload_type in _RTCP_PAYLOAD_TYPES
            received_as[payload_type] = next(free) if is_rtcp else payload_type
    return received_as


def _numbers_without(stream: RtpStream, kept: list[ArrivedPacket]) -> list[int]:
    """Sequence numbers, wraps counted, as if what is left out had not been sent: not as losses."""
    extended = extended_numbers(stream.packets)
    if len(kept) == len(stream.packets):
        return extended
    chosen = {packet.rtp.payload_type for packet in kept}
    numbers = list(zip(stream.packets, extended, strict=True))
    left_out = sorted({n for packet, n in numbers if packet.rtp.payload_type not in chosen})
    return [
        number - bisect_left(left_out, number)
        for packet, number in numbers
        if packet.rtp.payload_type in chosen
    ]


def _left_out(stream: RtpStream, taken: set[int]) -> int:
    return sum(n for payload_type, n in stream.packets_by_type.items() if payload_type not in taken)


def _stream_notes(stream: RtpStream, taken: set[int]) -> list[str]:
    """What was taken for what, where that is not plain, and what is left out."""
    notes = []
    if stream.copies:
        notes.append(
            f"the capture saw the packets more than once: {_count(stream.copies, 'copy', 'copies')}"
            " left out"
        )
    if restarts := [f"{at_ns / NS_PER_S:.1f} s" for at_ns in stream.restarts_ns]:
        more = f" and {len(restarts) - _SHOWN_RESTARTS} times more"
        after = ", ".join(restarts[:_SHOWN_RESTARTS]) + more * (len(restarts) > _SHOWN_RESTARTS)
        notes.append(
            f"the sender began its sequence numbers anew after {after}: no loss, though `captured`"
            " counts the jump, as Wireshark does"
        )
    is_plain = len(taken) == 1 and PayloadFormat.RED not in map(stream.formats.get, taken)
    if stream.codec.is_decoded and not is_plain:
        listed = ", ".join(f"{pt} {stream.formats[pt]}" for pt in sorted(taken))
        notes.append(f"payload types of the stream: {listed}")
    for payload_type, count in sorted(stream.packets_by_type.items()):
        if payload_type not in taken:
            packets = _count(count, "packet")
            form = stream.formats[payload_type]
            notes.append(f"left out: {packets} of payload type {payload_type} ({form})")
    return notes


def _relabelled(packet: ArrivedPacket, payload_type: int, extended_number: int) -> bytes:
    number = extended_number & 0xFFFF
    if packet.rtp.payload_type == payload_type and packet.rtp.sequence_number == number:
        return packet.datagram
    flags = packet.datagram[1] & 0x80 | payload_type
    return b"".join(
        (packet.datagram[:1], bytes([flags]), number.to_bytes(2, "big"), packet.datagram[4:])
    )


def _description(stream: RtpStream) -> dict[str, str | int | float]:
    return {
        "flow": stream.name,
        "ssrc": stream.label,
        "payload_type": stream.payload_type,
        "codec": stream.codec_name,
        "clock_rate_hz": stream.clock_rate_hz,
    }


def _is_wanted(stream: RtpStream, wanted: str) -> bool:
    return wanted.lower() == stream.label or is_ssrc(wanted, stream.ssrc)


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
        message = f"holds RTP with {audio[0].codec_name}; only Opus and G.711 are decoded"
    elif audio[0].codec is Codec.CUT:
        message = "holds packets that were cut off by the capture's snapshot length"
    else:
        message = "holds encrypted RTP"
        if found.has_dtls:
            detail += f"\n{_count(found.contents['DTLS'], 'DTLS packet')} agreed on the keys."
        else:
            detail += "\nSRTP, or a codec that is neither Opus nor G.711: no DTLS was captured."
    return MediaError(
        message, detail=detail, hint="take only its timing, with speech of our own: add --headers"
    )


def _contents(found: Found) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.contents.most_common(6))


def _count(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"
