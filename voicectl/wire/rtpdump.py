"""rtpdump files (`#!rtpplay1.0`), as rtptools, libWebRTC and Pion write them.

A line of text, a header of 16 bytes, then a record a packet: its length with this header, the
length of the RTP packet (0: the packet is RTCP), the milliseconds since the start, and the bytes,
of which fewer may have been kept than there were (rtptools, rtpdump(1)). All in network order.
"""

import ipaddress
import re
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from voicectl.errors import MediaError
from voicectl.units import NS_PER_MS, NS_PER_S
from voicectl.wire.capture import Damage

__all__ = ["DumpedPacket", "RtpDump", "is_rtpdump", "read_rtpdump"]

_FIRST_LINE = re.compile(rb"#!rtpplay1\.0 ([0-9A-Fa-f.:]{1,45})/(\d{1,5})\n")
_FILE_HEADER = struct.Struct(">IIIHH")
_RECORD = struct.Struct(">HHI")


class DumpedPacket(NamedTuple):
    """An RTP or RTCP packet."""

    at_ns: int
    """Since the Unix epoch, as far as the file knows it."""
    data: bytes
    is_rtcp: bool
    missing_bytes: int
    """Of the packet's end that were not kept."""


@dataclass
class RtpDump:
    """What an rtpdump file holds."""

    source: bytes
    """The sender's address, 4 or 16 bytes."""
    port: int
    packets: list[DumpedPacket] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)


def is_rtpdump(data: bytes) -> bool:
    """Whether the file begins as an rtpdump file does."""
    return data.startswith(b"#!rtpplay1.0 ")


def read_rtpdump(data: bytes) -> RtpDump:
    """Read a whole file; one that breaks off gives the packets before that place.

    Raises:
        MediaError: Its header is not one.
    """
    line = _FIRST_LINE.match(data)
    if line is None or len(data) < line.end() + _FILE_HEADER.size:
        raise MediaError(
            "not an rtpdump file: its header is incomplete",
            hint="write it anew with `rtpdump -F dump -o call.rtpdump /PORT`",
        )
    try:
        source = ipaddress.ip_address(line[1].decode("ascii")).packed
    except ValueError:
        source = bytes(4)
    seconds, microseconds, *_ = _FILE_HEADER.unpack_from(data, line.end())
    dump = RtpDump(source, int(line[2]) & 0xFFFF)
    _read_records(
        data, line.end() + _FILE_HEADER.size, seconds * NS_PER_S + microseconds * 1000, dump
    )
    return dump


def _read_records(data: bytes, offset: int, start_ns: int, dump: RtpDump) -> None:
    while offset < len(data):
        if offset + _RECORD.size > len(data):
            dump.damage.append(Damage(offset, "the file ends within a record's header"))
            return
        length, packet_bytes, offset_ms = _RECORD.unpack_from(data, offset)
        if length < _RECORD.size:
            what = f"a record claims {length} bytes; the {len(data) - offset} from here are unread"
            dump.damage.append(Damage(offset, what))
            return
        if offset + length > len(data):
            what = f"the file ends {len(data) - offset} bytes into a record of {length}"
            dump.damage.append(Damage(offset, what))
            return
        packet = data[offset + _RECORD.size : offset + length]
        missing = max(packet_bytes - len(packet), 0)
        at_ns = start_ns + offset_ms * NS_PER_MS
        dump.packets.append(DumpedPacket(at_ns, packet, packet_bytes == 0, missing))
        offset += length
