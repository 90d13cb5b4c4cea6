"""From a captured frame to the UDP datagram in it: Ethernet and friends, IPv4, IPv6, UDP."""

import ipaddress
import struct
from enum import IntEnum
from typing import NamedTuple

from voicectl.wire.capture import Frame

__all__ = ["Datagram", "Flow", "LinkType", "NotUdp", "datagram_in"]

_ETHERTYPE_IPV4, _ETHERTYPE_IPV6, _ETHERTYPE_ARP = 0x0800, 0x86DD, 0x0806
_VLAN_TAGS = frozenset({0x8100, 0x88A8, 0x9100})
_MAX_VLAN_TAGS = 4
_ADDRESS_FAMILY_INET = 2
_ADDRESS_FAMILIES_INET6 = frozenset({10, 24, 28, 30})
"""Linux, NetBSD, FreeBSD and Darwin number it each in their own way."""
_UDP, _FRAGMENT_HEADER = 17, 44
_PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP"}
# Hop-by-hop options, routing and destination options (RFC 8200 §4) tell their length alike.
_IPV6_EXTENSIONS = frozenset({0, 43, 60})
_MAX_IPV6_EXTENSIONS = 8


class LinkType(IntEnum):
    """LINKTYPE_ numbers (tcpdump.org/linktypes.html) that are read."""

    NULL = 0
    ETHERNET = 1
    RAW_BSD = 12
    RAW = 101
    LOOP = 108
    LINUX_SLL = 113
    IPV4 = 228
    IPV6 = 229
    LINUX_SLL2 = 276


class Flow(NamedTuple):
    """One direction between two sockets."""

    source: bytes
    source_port: int
    destination: bytes
    destination_port: int

    @property
    def lower_port(self) -> int:
        """The one that may be well known."""
        return min(self.source_port, self.destination_port)

    def __str__(self) -> str:
        return (
            f"{_endpoint(self.source, self.source_port)} → "
            f"{_endpoint(self.destination, self.destination_port)}"
        )


class Datagram(NamedTuple):
    """A UDP datagram."""

    flow: Flow
    payload: bytes
    missing_bytes: int
    """Of the payload's end that the snapshot length cut off."""


class NotUdp(NamedTuple):
    """Why there is no UDP datagram in a frame, as a name to count by."""

    name: str


class _NotUdpError(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


def datagram_in(frame: Frame) -> Datagram | NotUdp:
    """Take a frame apart."""
    try:
        ethertype, packet = _network_layer(frame)
        if ethertype == _ETHERTYPE_IPV4:
            return _ipv4(packet)
        if ethertype == _ETHERTYPE_IPV6:
            return _ipv6(packet)
        name = "ARP" if ethertype == _ETHERTYPE_ARP else f"ethertype 0x{ethertype:04x}"
        return NotUdp(name)
    except _NotUdpError as reason:
        return NotUdp(reason.name)
    except (struct.error, IndexError):
        return NotUdp("cut short before the UDP payload")


def _network_layer(frame: Frame) -> tuple[int, bytes]:
    """The ethertype and what it is the type of."""
    data = frame.data
    match frame.link_type:
        case LinkType.ETHERNET:
            return _ethernet(data)
        case LinkType.RAW | LinkType.RAW_BSD | LinkType.IPV4 | LinkType.IPV6:
            return _ETHERTYPE_IPV6 if data[0] >> 4 == 6 else _ETHERTYPE_IPV4, data
        case LinkType.NULL | LinkType.LOOP:
            return _family(data), data[4:]
        case LinkType.LINUX_SLL:
            return _ethertype(data, 14), data[16:]
        case LinkType.LINUX_SLL2:
            return _ethertype(data, 0), data[20:]
        case other:
            raise _NotUdpError(f"link type {other}")


def _ethernet(data: bytes) -> tuple[int, bytes]:
    offset = 12
    ethertype = _ethertype(data, offset)
    for _ in range(_MAX_VLAN_TAGS):
        if ethertype not in _VLAN_TAGS:
            break
        offset += 4
        ethertype = _ethertype(data, offset)
    return ethertype, data[offset + 2 :]


def _family(data: bytes) -> int:
    """Of LINKTYPE_NULL in the order of the machine that captured, of LINKTYPE_LOOP in network's."""
    family = min(struct.unpack_from("<I", data)[0], struct.unpack_from(">I", data)[0])
    if family == _ADDRESS_FAMILY_INET:
        return _ETHERTYPE_IPV4
    if family in _ADDRESS_FAMILIES_INET6:
        return _ETHERTYPE_IPV6
    raise _NotUdpError(f"address family {family}")


def _ethertype(data: bytes, offset: int) -> int:
    return int(struct.unpack_from(">H", data, offset)[0])


def _ipv4(packet: bytes) -> Datagram:
    header_bytes = (packet[0] & 0x0F) * 4
    total_bytes, _, fragment, _, protocol = struct.unpack_from(">HHHBB", packet, 2)
    if packet[0] >> 4 != 4 or header_bytes < 20:
        raise _NotUdpError("malformed IPv4")
    if fragment & 0x3FFF:
        raise _NotUdpError("IPv4 fragment")
    if protocol != _UDP:
        raise _NotUdpError(_PROTOCOLS.get(protocol, f"IP protocol {protocol}"))
    # Ethernet pads short frames: what lies behind the packet is not of it. 0 is a segment that
    # the network card was to cut up.
    end = total_bytes or len(packet)
    return _udp(packet[12:16], packet[16:20], packet[header_bytes:end])


def _ipv6(packet: bytes) -> Datagram:
    payload_bytes, header = struct.unpack_from(">HB", packet, 4)
    if packet[0] >> 4 != 6:
        raise _NotUdpError("malformed IPv6")
    offset = 40
    for _ in range(_MAX_IPV6_EXTENSIONS):
        if header not in _IPV6_EXTENSIONS:
            break
        header, words = struct.unpack_from("BB", packet, offset)
        offset += (words + 1) * 8
    if header == _FRAGMENT_HEADER:
        raise _NotUdpError("IPv6 fragment")
    if header != _UDP:
        raise _NotUdpError(_PROTOCOLS.get(header, f"IP protocol {header}"))
    end = 40 + payload_bytes if payload_bytes else len(packet)
    return _udp(packet[8:24], packet[24:40], packet[offset:end])


def _udp(source: bytes, destination: bytes, packet: bytes) -> Datagram:
    source_port, destination_port, length, _ = struct.unpack_from(">HHHH", packet)
    if 0 < length < 8:
        raise _NotUdpError("malformed UDP")
    length = length or len(packet)
    payload = packet[8:length]
    flow = Flow(source, source_port, destination, destination_port)
    return Datagram(flow, payload, max(length - len(packet), 0))


def _endpoint(address: bytes, port: int) -> str:
    host = str(ipaddress.ip_address(address))
    return f"[{host}]:{port}" if len(address) == 16 else f"{host}:{port}"
