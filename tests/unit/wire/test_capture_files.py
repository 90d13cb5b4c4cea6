"""Captures are read whatever their byte order, resolution and link layer; damage is named."""

import struct

import pytest
from support.captures import START_NS, ethernet, pcap, pcapng, rtpdump, udp4

from voicectl.errors import MediaError
from voicectl.wire.datagram import Datagram, LinkType, NotUdp, datagram_in
from voicectl.wire.pcap import read_pcap
from voicectl.wire.pcapng import read_pcapng
from voicectl.wire.rtpdump import read_rtpdump

FRAMES = [(START_NS + 1_234_567_000, b"first"), (START_NS + 1_234_568_000, b"second")]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_is_read_in_both_byte_orders_and_resolutions(order: str, nanoseconds: bool) -> None:
    capture = read_pcap(pcap(FRAMES, order=order, nanoseconds=nanoseconds))
    assert [(frame.at_ns, frame.data) for frame in capture.frames] == FRAMES
    assert capture.damage == []


def test_pcap_keeps_nanoseconds() -> None:
    capture = read_pcap(pcap([(START_NS + 1, b"x")], nanoseconds=True))
    assert capture.frames[0].at_ns == START_NS + 1


def test_pcap_that_breaks_off_gives_the_packets_before_and_names_the_place() -> None:
    whole = pcap(FRAMES)
    capture = read_pcap(whole[:-3])
    assert [frame.data for frame in capture.frames] == [b"first"]
    assert str(capture.damage[0]) == "at byte 45: the file ends 3 bytes into a packet of 6"


def test_pcap_with_an_overwritten_length_stops_there() -> None:
    data = bytearray(pcap(FRAMES))
    struct.pack_into("<I", data, 45 + 8, 0xDEADBEEF)
    capture = read_pcap(bytes(data))
    assert len(capture.frames) == 1
    assert "claims 3735928559 bytes" in capture.damage[0].what


def test_bytes_that_are_no_capture_are_refused() -> None:
    for read in (read_pcap, read_pcapng, read_rtpdump):
        with pytest.raises(MediaError):
            read(b"not a capture at all, nor anything near one")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("option", "units_per_second"),
    [(b"", 10**6), (bytes([9]), 10**9), (bytes([0x80 | 30]), 2**30)],
    ids=["default", "nanoseconds", "binary"],
)
def test_pcapng_times_follow_the_interface(
    order: str, option: bytes, units_per_second: int
) -> None:
    options = b""
    if option:
        options = struct.pack(order + "HH", 9, 1) + option + bytes(3) + bytes(4)
    data = pcapng(FRAMES, order=order, options=options, units_per_second=units_per_second)
    capture = read_pcapng(data)
    assert [frame.data for frame in capture.frames] == [data for _, data in FRAMES]
    for frame, (at_ns, _) in zip(capture.frames, FRAMES, strict=True):
        assert abs(frame.at_ns - at_ns) <= 1 + 10**9 // units_per_second
    assert capture.damage == []


def test_pcapng_sections_of_different_byte_order_follow_one_another() -> None:
    capture = read_pcapng(pcapng(FRAMES[:1], order="<") + pcapng(FRAMES[1:], order=">"))
    assert [(frame.at_ns, frame.data) for frame in capture.frames] == FRAMES


def test_pcapng_simple_packets_have_no_time_and_it_says_so() -> None:
    capture = read_pcapng(pcapng(FRAMES, simple=True))
    assert [frame.data for frame in capture.frames] == [b"first", b"second"]
    assert "2 packets have no time" in capture.damage[0].what


def test_pcapng_that_breaks_off_gives_the_packets_before() -> None:
    capture = read_pcapng(pcapng(FRAMES)[:-5])
    assert [frame.data for frame in capture.frames] == [b"first"]
    assert "the file ends" in capture.damage[0].what


def test_pcapng_packet_of_an_unknown_interface_is_named_and_passed_over() -> None:
    data = bytearray(pcapng(FRAMES))
    first = data.index(struct.pack("<I", 6), 28)
    struct.pack_into("<I", data, first + 8, 7)
    capture = read_pcapng(bytes(data))
    assert [frame.data for frame in capture.frames] == [b"second"]
    assert capture.damage[0].offset == first


def test_rtpdump_gives_packets_with_their_times() -> None:
    dump = read_rtpdump(rtpdump([(0, b"\x80one"), (20, b"\x80two")]))
    assert [packet.at_ns - START_NS for packet in dump.packets] == [0, 20_000_000]
    assert [packet.data for packet in dump.packets] == [b"\x80one", b"\x80two"]
    assert dump.port == 5004


def test_rtpdump_that_breaks_off_gives_the_packets_before() -> None:
    dump = read_rtpdump(rtpdump([(0, b"\x80one"), (20, b"\x80two")])[:-1])
    assert len(dump.packets) == 1
    assert "into a record of 12" in dump.damage[0].what


IP = udp4(b"payload")


@pytest.mark.parametrize(
    ("link_type", "data"),
    [
        (LinkType.ETHERNET, ethernet(IP)),
        (LinkType.ETHERNET, ethernet(IP, vlan=[1, 2])),
        (LinkType.ETHERNET, ethernet(IP) + bytes(18)),
        (LinkType.RAW, IP),
        (LinkType.RAW_BSD, IP),
        (LinkType.IPV4, IP),
        (LinkType.NULL, struct.pack("<I", 2) + IP),
        (LinkType.NULL, struct.pack(">I", 2) + IP),
        (LinkType.LOOP, struct.pack(">I", 2) + IP),
        (LinkType.LINUX_SLL, bytes(14) + b"\x08\x00" + IP),
        (LinkType.LINUX_SLL2, b"\x08\x00" + bytes(18) + IP),
    ],
)
def test_udp_is_found_below_every_link_layer(link_type: LinkType, data: bytes) -> None:
    (frame,) = read_pcap(pcap([(START_NS, data)], link_type=link_type)).frames
    datagram = datagram_in(frame)
    assert isinstance(datagram, Datagram)
    assert datagram.payload == b"payload"
    assert str(datagram.flow) == "10.0.0.1:5004 → 10.0.0.2:6004"


def _ipv6(payload: bytes, *, extension: bytes = b"", header: int = 17) -> bytes:
    udp = struct.pack(">HHHH", 1, 2, 8 + len(payload), 0) + payload
    body = extension + udp
    addresses = bytes(15) + b"\x01" + bytes(15) + b"\x02"
    return b"\x60\0\0\0" + struct.pack(">HBB", len(body), header, 64) + addresses + body


def test_udp_is_found_in_ipv6_behind_extension_headers() -> None:
    hop_by_hop = bytes([17, 0]) + bytes(6)
    for packet in (_ipv6(b"six"), _ipv6(b"six", extension=hop_by_hop, header=0)):
        (frame,) = read_pcap(pcap([(START_NS, packet)], link_type=LinkType.RAW)).frames
        datagram = datagram_in(frame)
        assert isinstance(datagram, Datagram)
        assert datagram.payload == b"six"
        assert str(datagram.flow) == "[::1]:1 → [::2]:2"


def _with(packet: bytes, offset: int, value: bytes) -> bytes:
    return packet[:offset] + value + packet[offset + len(value) :]


@pytest.mark.parametrize(
    ("link_type", "data", "name"),
    [
        (LinkType.ETHERNET, ethernet(bytes(28), ethertype=0x0806), "ARP"),
        (LinkType.RAW, _with(IP, 9, b"\x06"), "TCP"),
        (LinkType.RAW, _with(IP, 6, b"\x20\x00"), "IPv4 fragment"),
        (LinkType.RAW, _with(IP, 6, b"\x00\x10"), "IPv4 fragment"),
        (LinkType.RAW, _ipv6(b"", extension=bytes(8), header=44), "IPv6 fragment"),
        (LinkType.RAW, IP[:24], "cut short before the UDP payload"),
        (147, IP, "link type 147"),
    ],
)
def test_what_is_no_udp_is_named(link_type: int, data: bytes, name: str) -> None:
    (frame,) = read_pcap(pcap([(START_NS, data)], link_type=link_type)).frames
    assert datagram_in(frame) == NotUdp(name)


def test_payload_cut_off_by_the_snapshot_length_says_how_much_is_missing() -> None:
    (frame,) = read_pcap(pcap([(START_NS, ethernet(IP)[:-3])])).frames
    datagram = datagram_in(frame)
    assert isinstance(datagram, Datagram)
    assert (datagram.payload, datagram.missing_bytes) == (b"payl", 3)
