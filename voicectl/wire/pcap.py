"""Classic pcap files, as `tcpdump -w` writes them (draft-ietf-opsawg-pcap)."""

import struct

from voicectl.errors import MediaError
from voicectl.units import NS_PER_S
from voicectl.wire.capture import Capture, Damage, Frames

__all__ = ["is_pcap", "read_pcap"]

_FILE_HEADER_BYTES = 24
_MAX_FRAME_BYTES = 256 * 1024
"""libpcap's own limit: a longer record is a length that was overwritten."""
# By the file's first four bytes: byte order, nanoseconds in a unit of the fraction, and the bytes
# that follow the lengths in a record (Alexey Kuznetsov's variant keeps an interface there).
_MAGICS: dict[bytes, tuple[str, int, int]] = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 0),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 0),
    b"\xa1\xb2\x3c\x4d": (">", 1, 0),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 0),
    b"\xa1\xb2\xcd\x34": (">", 1000, 8),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 8),
}


def is_pcap(data: bytes) -> bool:
    """Whether the file begins as a classic pcap file does."""
    return data[:4] in _MAGICS


def read_pcap(data: bytes) -> Capture:
    """Read a whole file, of either byte order and either resolution of time.

    A file that breaks off or is overwritten gives the frames before that place.

    Raises:
        MediaError: It does not begin as a pcap file.
    """
    if not is_pcap(data) or len(data) < _FILE_HEADER_BYTES:
        raise MediaError("not a pcap file", hint="capture with `tcpdump -w call.pcap udp`")
    order, unit_ns, extra_bytes = _MAGICS[data[:4]]
    # The upper bits tell whether frames end in a checksum; those bytes lie behind the datagram.
    link_type = int(struct.unpack_from(order + "I", data, 20)[0]) & 0xFFFF
    record = struct.Struct(order + "IIII")
    header_bytes = record.size + extra_bytes
    capture = Capture(Frames(data))
    offset = _FILE_HEADER_BYTES
    while offset < len(data):
        if offset + header_bytes > len(data):
            capture.damage.append(Damage(offset, "the file ends within a record's header"))
            break
        seconds, fraction, length, _ = record.unpack_from(data, offset)
        start = offset + header_bytes
        if length > _MAX_FRAME_BYTES:
            what = f"a record claims {length} bytes; the {len(data) - offset} from here are unread"
            capture.damage.append(Damage(offset, what))
            break
        if start + length > len(data):
            what = f"the file ends {len(data) - start} bytes into a packet of {length}"
            capture.damage.append(Damage(offset, what))
            break
        at_ns = seconds * NS_PER_S + fraction * unit_ns
        capture.frames.add(at_ns, link_type, start, start + length)
        offset = start + length
    return capture
