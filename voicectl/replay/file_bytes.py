"""The bytes of a file, unpacked where it is gzipped."""

import zlib
from dataclasses import dataclass, field
from pathlib import Path

from voicectl.errors import MediaError, UsageError
from voicectl.paths import unreadable
from voicectl.wire.capture import Damage

__all__ = ["FileBytes", "check_readable", "read_file"]

_MAX_BYTES = 1 << 30
_GZIP_MAGIC = b"\x1f\x8b"
_STEP_BYTES = 1 << 20


@dataclass(frozen=True)
class FileBytes:
    """A file as it was read."""

    path: Path
    data: bytes
    """Unpacked."""
    damage: list[Damage] = field(default_factory=list)
    """Of its compression: what lies behind it is not in `data`."""


def check_readable(path: Path) -> None:
    """Fail before the work where `read_file` would after some of it.

    Raises:
        UsageError: It is missing or unreadable.
    """
    if (trouble := unreadable(path)) is not None:
        raise UsageError(f"{path} {trouble}", hint="give a recording, a capture or a trace")


def read_file(path: Path) -> FileBytes:
    """All bytes of a file; of a gzipped one as many as can be unpacked.

    Raises:
        UsageError: It is missing, unreadable or too large.
        MediaError: Nothing of it can be unpacked.
    """
    check_readable(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} is larger than 1 GiB", hint="cut it with `editcap`")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return _unpacked(path, data) if data.startswith(_GZIP_MAGIC) else FileBytes(path, data)


def _unpacked(path: Path, packed: bytes) -> FileBytes:
    """Of all its members: what `cat a.gz b.gz` makes is one file too (RFC 1952 §2.2)."""
    data = bytearray()
    damage: list[Damage] = []
    offset = 0
    while packed.startswith(_GZIP_MAGIC, offset) and not damage:
        offset = _unpack_member(path, packed, offset, data, damage)
    if offset < len(packed) and not damage and any(packed[offset:]):
        damage.append(Damage(offset, f"{len(packed) - offset} bytes behind the compressed data"))
    if damage and not data:
        raise MediaError(
            f"{path} is damaged within its compression", detail=f"Damaged {damage[0]}."
        )
    return FileBytes(path, bytes(data), damage)


def _unpack_member(
    path: Path, packed: bytes, offset: int, data: bytearray, damage: list[Damage]
) -> int:
    """Append what one member holds; the offset behind it."""
    unpacker = zlib.decompressobj(wbits=31)
    while not unpacker.eof:
        piece = packed[offset : offset + _STEP_BYTES]
        if not piece:
            damage.append(Damage(offset, "the compressed data breaks off"))
            return offset
        try:
            data += unpacker.decompress(piece, _MAX_BYTES + 1 - len(data))
        except zlib.error as error:
            damage.append(Damage(offset, f"the compressed data is damaged ({error})"))
            return offset
        if len(data) > _MAX_BYTES:
            raise UsageError(f"{path} is larger than 1 GiB unpacked", hint="cut it with `editcap`")
        offset += len(piece) - len(unpacker.unused_data)
    return offset
