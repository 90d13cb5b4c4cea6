"""Captures made by the byte: RTP in UDP in IP in files."""

import struct
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Literal

import numpy as np
import soundfile

from voicectl import _native

__all__ = ["ethernet", "g711_payloads", "opus_payloads", "pcap", "pcapng", "rtp", "rtpdump", "udp4"]

START_NS = 1_700_000_000_000_000_000


def rtp(
    number: int,
    payload: bytes,
    *,
    timestamp: int | None = None,
    ssrc: int = 0x1234ABCD,
    payload_type: int = 111,
    marker: bool = False,
) -> bytes:
    timestamp = number * 960 if timestamp is None else timestamp
    return (
        struct.pack(
            ">BBHII",
            0x80,
            payload_type | marker << 7,
            number & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
        )
        + payload
    )


def opus_payloads(count: int, *, seed: int = 1) -> list[bytes]:
    """20 ms frames of a chord whose loudness comes and goes."""
    encoder = _native.OpusEncoder()
    t = np.arange(count * 960) / 48000
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, 3)
    chord = sum(np.sin(2 * np.pi * f * t + p) for f, p in zip((150, 300, 620), phase, strict=True))
    pcm = (2500 * chord * (1 + np.sin(2 * np.pi * 3 * t))).astype(np.int16)
    return [encoder.encode(pcm[i * 960 : (i + 1) * 960]) for i in range(count)]


def g711_payloads(count: int, *, law: Literal["ULAW", "ALAW"] = "ULAW") -> list[bytes]:
    """20 ms frames of a tone of 440 Hz."""
    pcm = (8000 * np.sin(2 * np.pi * 440 * np.arange(count * 160) / 8000)).astype(np.int16)
    raw = BytesIO()
    soundfile.write(raw, pcm, 8000, format="RAW", subtype=law)
    return [raw.getvalue()[n * 160 : (n + 1) * 160] for n in range(count)]


def udp4(payload: bytes, *, source_port: int = 5004, destination_port: int = 6004) -> bytes:
    udp = struct.pack(">HHHH", source_port, destination_port, 8 + len(payload), 0) + payload
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2"
    )
    return header + udp


def ethernet(packet: bytes, *, ethertype: int = 0x0800, vlan: Sequence[int] = ()) -> bytes:
    tags = b"".join(struct.pack(">HH", 0x8100, tag) for tag in vlan)
    return bytes(12) + tags + struct.pack(">H", ethertype) + packet


def pcap(
    frames: Iterable[tuple[int, bytes]],
    *,
    link_type: int = 1,
    order: str = "<",
    nanoseconds: bool = False,
) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    unit = 1 if nanoseconds else 1000
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)]
    for at_ns, data in frames:
        seconds, rest = divmod(at_ns, 10**9)
        parts.append(struct.pack(order + "IIII", seconds, rest // unit, len(data), len(data)))
        parts.append(data)
    return b"".join(parts)


def pcapng(
    frames: Iterable[tuple[int, bytes]],
    *,
    link_type: int = 1,
    order: str = "<",
    options: bytes = b"",
    units_per_second: int = 10**6,
    simple: bool = False,
) -> bytes:
    def block(block_type: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = len(body) + 12
        return (
            struct.pack(order + "II", block_type, length) + body + struct.pack(order + "I", length)
        )

    section = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    parts = [block(0x0A0D0D0A, section)]
    parts.append(block(1, struct.pack(order + "HHI", link_type, 0, 262144) + options))
    for at_ns, data in frames:
        units = at_ns * units_per_second // 10**9
        head = struct.pack(
            order + "IIIII", 0, units >> 32, units & 0xFFFFFFFF, len(data), len(data)
        )
        if simple:
            parts.append(block(3, struct.pack(order + "I", len(data)) + data))
        else:
            parts.append(block(6, head + data))
    return b"".join(parts)


def rtpdump(packets: Iterable[tuple[int, bytes]], *, start_ns: int = START_NS) -> bytes:
    seconds, rest = divmod(start_ns, 10**9)
    parts = [
        b"#!rtpplay1.0 10.0.0.1/5004\n",
        struct.pack(">IIIHH", seconds, rest // 1000, 0, 5004, 0),
    ]
    for offset_ms, packet in packets:
        parts.append(struct.pack(">HHI", len(packet) + 8, len(packet), offset_ms) + packet)
    return b"".join(parts)
