"""The attributes of each STUN and TURN request, before it is signed."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from voicectl.wire.stun import Attribute, AttributeType
from voicectl.wire.stun_attributes import (
    TransportAddress,
    encode_xor_address,
    uint32_attribute,
)

__all__ = [
    "IPV4",
    "IPV6",
    "TCP",
    "UDP",
    "AllocateOptions",
    "change_request",
    "channel_bind",
    "data_indication",
    "peers_attributes",
]

UDP = 17
TCP = 6
IPV4 = 1
IPV6 = 2


@dataclass(frozen=True, slots=True)
class AllocateOptions:
    """What to ask an allocation to be.

    `family` None leaves REQUESTED-ADDRESS-FAMILY out, as browsers do: the server gives IPv4.
    `dual` asks for IPv4 and IPv6 at once by ADDITIONAL-ADDRESS-FAMILY (RFC 8656 §7.1).
    """

    transport: int = UDP
    family: int | None = None
    dual: bool = False
    lifetime_s: int | None = None
    dont_fragment: bool = False

    def attributes(self) -> list[Attribute]:
        """The request's own attributes."""
        attributes = [uint32_attribute(AttributeType.REQUESTED_TRANSPORT, self.transport << 24)]
        if self.lifetime_s is not None:
            attributes.append(uint32_attribute(AttributeType.LIFETIME, self.lifetime_s))
        if self.dual:
            attributes.append(uint32_attribute(AttributeType.ADDITIONAL_ADDRESS_FAMILY, IPV6 << 24))
        elif self.family is not None:
            attributes.append(
                uint32_attribute(AttributeType.REQUESTED_ADDRESS_FAMILY, self.family << 24)
            )
        if self.dont_fragment:
            attributes.append(Attribute(AttributeType.DONT_FRAGMENT, b""))
        return attributes


def change_request(*, ip: bool, port: bool) -> Attribute:
    """CHANGE-REQUEST (RFC 5780 §7.2): answer from your other address."""
    return uint32_attribute(AttributeType.CHANGE_REQUEST, (4 if ip else 0) | (2 if port else 0))


def peers_attributes(
    peers: Iterable[TransportAddress], transaction_id: bytes
) -> tuple[Attribute, ...]:
    """One XOR-PEER-ADDRESS a peer."""
    return tuple(
        Attribute(AttributeType.XOR_PEER_ADDRESS, encode_xor_address(peer, transaction_id))
        for peer in peers
    )


def channel_bind(
    number: int, peer: TransportAddress, transaction_id: bytes
) -> tuple[Attribute, ...]:
    """ChannelBind's attributes (RFC 8656 §12.1)."""
    value = struct.pack("!HH", number, 0)
    return (
        Attribute(AttributeType.CHANNEL_NUMBER, value),
        *peers_attributes([peer], transaction_id),
    )


def data_indication(
    peer: TransportAddress, payload: bytes, transaction_id: bytes
) -> tuple[Attribute, ...]:
    """A Send indication's attributes (RFC 8656 §11.1)."""
    return (
        *peers_attributes([peer], transaction_id),
        Attribute(AttributeType.DATA, payload),
    )
