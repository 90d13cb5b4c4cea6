"""pcapng files, as Wireshark and `dumpcap` write them (draft-ietf-opsawg-pcapng)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from voicectl.errors import MediaError
from voicectl.units import NS_PER_S
from voicectl.wire.capture import Capture, Damage, Frames

__all__ = ["is_pcapng", "read_pcapng"]

_MAGIC = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_SHORTEST_BLOCK_BYTES = 12
_BODY_OFFSET_BYTES = 8
_LONGEST_BLOCK_BYTES = 16 * 1024 * 1024
_MAX_INTERFACES = 65_536
_MAX_RESOLUTION_EXPONENT = 20
"""Finer than 10^-20 s, or 2^-63, is a mistake; it would cost a number of thousands of digits."""


class _BlockType(IntEnum):
    SECTION = 0x0A0D0D0A
    INTERFACE = 1
    PACKET = 2
    """Obsolete, but still read by everyone."""
    SIMPLE_PACKET = 3
    ENHANCED_PACKET = 6


class _Option(IntEnum):
    END = 0
    IF_TSRESOL = 9
    IF_TSOFFSET = 14


@dataclass(frozen=True)
class _Interface:
    link_type: int
    snapshot_length: int
    units_per_second: int = 1_000_000
    offset_s: int = 0

    def time_ns(self, high: int, low: int) -> int:
        return ((high << 32) | low) * NS_PER_S // self.units_per_second + self.offset_s * NS_PER_S


@dataclass
class _Section:
    """What holds from one Section Header Block to the next."""

    order: str
    interfaces: list[_Interface] = field(default_factory=list)

    def unpack(self, layout: str, data: bytes, offset: int = 0) -> tuple[int, ...]:
        return struct.unpack_from(self.order + layout, data, offset)


def is_pcapng(data: bytes) -> bool:
    """Whether the file begins as a pcapng file does."""
    return data[:4] == _MAGIC and data[8:12] in _BYTE_ORDERS


def read_pcapng(data: bytes) -> Capture:
    """Read a whole file: all its sections and interfaces, whatever their byte order.

    A block that cannot be read is named and passed over; where even its length is lost, the
    frames before that place are given.

    Raises:
        MediaError: It does not begin as a pcapng file.
    """
    if not is_pcapng(data):
        raise MediaError("not a pcapng file", hint="save the capture again from Wireshark")
    return _Reader(data).read()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._section = _Section(_BYTE_ORDERS[data[8:12]])
        self._capture = Capture(Frames(data))
        self._untimed_frames = 0

    def read(self) -> Capture:
        for offset, block_type, body in self._blocks():
            try:
                self._take(block_type, body, offset + _BODY_OFFSET_BYTES)
            except (struct.error, IndexError):
                self._damaged(offset, f"a block of type {block_type} does not hold what it must")
        if self._untimed_frames:
            what = f"{self._untimed_frames} packets have no time of their own (simple blocks)"
            self._damaged(0, what)
        return self._capture

    def _blocks(self) -> Iterator[tuple[int, int, bytes]]:
        """Each block's offset, type and body, until the file ends or no longer makes sense."""
        data, offset = self._data, 0
        while offset < len(data):
            if offset + _SHORTEST_BLOCK_BYTES > len(data):
                self._damaged(offset, "the file ends within a block's header")
                return
            if data[offset : offset + 4] == _MAGIC and not self._begin_section(offset):
                return
            block_type, length = self._section.unpack("II", data, offset)
            if not _SHORTEST_BLOCK_BYTES <= length <= _LONGEST_BLOCK_BYTES or length % 4:
                rest = len(data) - offset
                self._damaged(offset, f"a block claims {length} bytes; the {rest} left are unread")
                return
            if offset + length > len(data):
                self._damaged(
                    offset, f"the file ends {len(data) - offset} bytes into a block of {length}"
                )
                return
            (trailer,) = self._section.unpack("I", data, offset + length - 4)
            if trailer != length:
                self._damaged(
                    offset, f"a block's two lengths, {length} and {trailer}, are not equal"
                )
            yield offset, block_type, data[offset + _BODY_OFFSET_BYTES : offset + length - 4]
            offset += length

    def _begin_section(self, offset: int) -> bool:
        order = _BYTE_ORDERS.get(self._data[offset + 8 : offset + 12])
        if order is None:
            self._damaged(offset, "a section has no byte order; the rest is unread")
            return False
        self._section = _Section(order)
        return True

    def _take(self, block_type: int, body: bytes, begin: int) -> None:
        """`begin` is where the body lies in the file."""
        end = begin + len(body)
        match block_type:
            case _BlockType.INTERFACE:
                if len(self._section.interfaces) < _MAX_INTERFACES:
                    self._section.interfaces.append(_interface(self._section, body))
            case _BlockType.ENHANCED_PACKET:
                number, high, low, length, _ = self._section.unpack("IIIII", body)
                at_ns = self._section.interfaces[number].time_ns(high, low)
                self._add(at_ns, number, begin + 20, min(begin + 20 + length, end))
            case _BlockType.PACKET:
                number, _, high, low, length, _ = self._section.unpack("HHIIII", body)
                at_ns = self._section.interfaces[number].time_ns(high, low)
                self._add(at_ns, number, begin + 20, min(begin + 20 + length, end))
            case _BlockType.SIMPLE_PACKET:
                (length,) = self._section.unpack("I", body)
                interface = self._section.interfaces[0]
                captured = min(length, interface.snapshot_length or length)
                at_ns = self._capture.frames[-1].at_ns if self._capture.frames else 0
                self._untimed_frames += 1
                self._add(at_ns, 0, begin + 4, min(begin + 4 + captured, end))

    def _add(self, at_ns: int, interface: int, begin: int, end: int) -> None:
        link_type = self._section.interfaces[interface].link_type
        self._capture.frames.add(at_ns, link_type, min(begin, end), end)

    def _damaged(self, offset: int, what: str) -> None:
        self._capture.damage.append(Damage(offset, what))


def _interface(section: _Section, body: bytes) -> _Interface:
    link_type, _, snapshot_length = section.unpack("HHI", body)
    units_per_second, offset_s = 1_000_000, 0
    for code, value in _options(section, body[8:]):
        if code == _Option.IF_TSRESOL and len(value) == 1:
            exponent = value[0] & 0x7F
            base = 2 if value[0] & 0x80 else 10
            limit = 63 if base == 2 else _MAX_RESOLUTION_EXPONENT
            units_per_second = base ** min(exponent, limit)
        elif code == _Option.IF_TSOFFSET and len(value) == 8:
            (offset_s,) = section.unpack("q", value)
    return _Interface(link_type, snapshot_length, units_per_second, offset_s)


def _options(section: _Section, data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        code, length = section.unpack("HH", data, offset)
        if code == _Option.END:
            return
        yield code, data[offset + 4 : offset + 4 + length]
        offset += 4 + (length + 3) // 4 * 4
