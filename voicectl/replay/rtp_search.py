"""Finds the RTP streams in what was captured, and counts what else is there."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from voicectl._native import parse_rtp_packet
from voicectl.errors import WireError
from voicectl.replay.rtp_paths import joined
from voicectl.replay.rtp_stream import JUDGED_PACKETS, ArrivedPacket, Codec, RtpStream
from voicectl.units import NS_PER_MS
from voicectl.wire.capture import Frame
from voicectl.wire.datagram import Flow, NotUdp, datagram_in
from voicectl.wire.multiplex import Protocol, named_by_port, protocol_of, relayed_payload
from voicectl.wire.rtpdump import RtpDump

__all__ = ["Found", "search_dump", "search_frames"]

_MIN_PACKETS = 4
_RTP_HEADER_BYTES = 12
_MIN_CONTINUITY = 0.8
_NEAR = 100
"""Sequence numbers further apart than this do not follow one another."""
_COPIED_WITHIN_NS = NS_PER_MS
"""A packet passes from one interface to the next in microseconds."""
_MIN_COPIED = 0.5
"""Of the packets, so that it is the capture that saw them twice, and not the receiver."""
_VIDEO_JUDGED_AT = (JUDGED_PACKETS, 10 * JUDGED_PACKETS)
"""Packets of a stream. The first of them are all that `RtpStream.codec` would look at later."""
_MAX_STREAMS = 4096
"""Every SSRC of a hostile capture could be its own."""


@dataclass
class Found:
    """The streams, longest first, and the packets that belong to none, counted by name."""

    streams: list[RtpStream] = field(default_factory=list)
    contents: Counter[str] = field(default_factory=Counter)
    packets: int = 0

    @property
    def has_dtls(self) -> bool:
        """Whether keys were agreed on, so that RTP is SRTP."""
        return bool(self.contents[Protocol.DTLS])


class _Search:
    def __init__(self) -> None:
        self._candidates: dict[tuple[Flow, int], RtpStream] = {}
        self._video: set[tuple[Flow, int]] = set()
        self._rtcp: dict[tuple[object, int], list[tuple[int, bytes]]] = {}
        self.found = Found()

    def take(self, at_ns: int, flow: Flow, payload: bytes, missing_bytes: int) -> None:
        protocol = protocol_of(payload, port=flow.lower_port)
        inner = relayed_payload(payload, protocol)
        if inner is not None:
            payload, protocol = inner, protocol_of(inner)
        if protocol is Protocol.RTP:
            if self._take_rtp(at_ns, flow, payload, missing_bytes):
                return
            protocol = named_by_port(flow.lower_port)
        elif protocol is Protocol.RTCP:
            ssrc = int.from_bytes(payload[4:8], "big")
            self._rtcp.setdefault((flow, ssrc), []).append((at_ns, payload))
        self.found.contents[protocol] += 1

    def _take_rtp(self, at_ns: int, flow: Flow, payload: bytes, missing_bytes: int) -> bool:
        try:
            # What the snapshot length cut off may hold the padding's count: it is not looked for.
            packet = parse_rtp_packet(_unpadded(payload) if missing_bytes else payload)
        except WireError:
            return False
        key = (flow, packet.ssrc)
        stream = self._candidates.get(key)
        if stream is None:
            if len(self._candidates) >= _MAX_STREAMS:
                return False
            stream = self._candidates[key] = RtpStream(str(flow), packet.ssrc)
        arrived = ArrivedPacket(at_ns, packet, payload, missing_bytes > 0)
        stream.packets.append(_without_payload(arrived) if key in self._video else arrived)
        if len(stream.packets) in _VIDEO_JUDGED_AT and key not in self._video:
            self._judge_video(key, stream)
        return True

    def _judge_video(self, key: tuple[Flow, int], stream: RtpStream) -> None:
        """Keep no payload of video: there is as much of it as the file is long."""
        if RtpStream(stream.name, stream.ssrc, stream.packets).codec is Codec.VIDEO:
            self._video.add(key)
            stream.packets[:] = map(_without_payload, stream.packets)

    def finish(self) -> Found:
        for key, stream in self._candidates.items():
            if _is_stream(stream):
                _leave_out_copies(stream)
                stream.packets.sort(key=lambda packet: packet.at_ns)
                stream.rtcp = _rtcp_once(self._rtcp.get(key, []), stream.copies > 0)
                self.found.streams.append(stream)
            else:
                flow, _ = key
                self.found.contents[named_by_port(flow.lower_port)] += len(stream.packets)
        self.found.streams = joined(self.found.streams)
        return self.found


def search_frames(frames: Iterable[Frame]) -> Found:
    """Look through the frames of a capture."""
    search = _Search()
    for frame in frames:
        search.found.packets += 1
        datagram = datagram_in(frame)
        if isinstance(datagram, NotUdp):
            search.found.contents[datagram.name] += 1
        else:
            search.take(frame.at_ns, datagram.flow, datagram.payload, datagram.missing_bytes)
    return search.finish()


def search_dump(dump: RtpDump) -> Found:
    """Look through an rtpdump, whose packets are all of one sender."""
    flow = Flow(dump.source, dump.port, bytes(len(dump.source)), 0)
    search = _Search()
    for packet in dump.packets:
        search.found.packets += 1
        search.take(packet.at_ns, flow, packet.data, packet.missing_bytes)
    return search.finish()


def _is_stream(stream: RtpStream) -> bool:
    """Whether the numbers of the packets follow one another, as those of no other protocol do."""
    # What comes twice in a row says nothing: a capture of all interfaces sees each packet twice.
    numbers = [number for number, _ in groupby(p.rtp.sequence_number for p in stream.packets)]
    if len(numbers) < _MIN_PACKETS:
        return False
    steps = [(b - a) % 65536 for a, b in zip(numbers, numbers[1:], strict=False)]
    near = sum(step <= _NEAR or step >= 65536 - _NEAR for step in steps)
    moving = sum(0 < step <= _NEAR for step in steps)
    return near >= _MIN_CONTINUITY * len(steps) and 2 * moving >= len(steps)


def _leave_out_copies(stream: RtpStream) -> None:
    """Take each packet once, if the capture saw most of them more than once.

    A single one that comes twice came twice: that is the network's doing, and is counted.
    """
    latest: dict[int, ArrivedPacket] = {}
    kept = []
    for packet in stream.packets:
        before = latest.get(packet.rtp.sequence_number)
        if (
            before is None
            or before.datagram != packet.datagram
            or abs(packet.at_ns - before.at_ns) > _COPIED_WITHIN_NS
        ):
            kept.append(packet)
            latest[packet.rtp.sequence_number] = packet
    copies = len(stream.packets) - len(kept)
    if copies > _MIN_COPIED * len(kept):
        stream.packets, stream.copies = kept, copies


def _rtcp_once(reports: list[tuple[int, bytes]], is_copied: bool) -> list[tuple[int, bytes]]:
    """Reports without the capture's copies: each holds its time, so no two are equal."""
    if not is_copied:
        return reports
    first_seen: dict[bytes, int] = {}
    for at_ns, report in reports:
        first_seen.setdefault(report, at_ns)
    return [(at_ns, report) for report, at_ns in first_seen.items()]


def _without_payload(packet: ArrivedPacket) -> ArrivedPacket:
    """The fixed header alone: no CSRC, no extension, no padding (RFC 3550 §5.1)."""
    header = b"\x80" + packet.datagram[1:_RTP_HEADER_BYTES]
    return packet._replace(rtp=parse_rtp_packet(header), datagram=header)


def _unpadded(payload: bytes) -> bytes:
    return bytes([payload[0] & ~0x20]) + payload[1:]
