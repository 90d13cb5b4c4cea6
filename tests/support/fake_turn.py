"""A TURN server in memory: bytes in, bytes out, and every fault a server can have as a switch.

It shares the wire codec with the product (which the RFC 5769 vectors check), and nothing else.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from support.oauth_tokens import unseal_token

from voicectl.errors import WireError
from voicectl.wire.stun import (
    Attribute,
    AttributeType,
    IntegrityAlgorithm,
    Message,
    MessageClass,
    Method,
    encode_message,
    parse_message,
)
from voicectl.wire.stun_attributes import (
    TransportAddress,
    decode_xor_address,
    encode_address,
    encode_xor_address,
    uint32_attribute,
)
from voicectl.wire.turn_message import encode_channel_data, is_channel_data, parse_channel_data

__all__ = ["FakeAllocation", "FakeTurn", "Faults"]

REALM = b"example.org"
RFC8489_NONCE = b"obMatJos2wAAA" + b"0123456789"
"""The nonce cookie with both feature bits set: password algorithms and user anonymity."""


@dataclass
class Faults:
    """What the server does wrong; all off is a server that is well."""

    refuse: dict[Method, int] = field(default_factory=dict)
    """Methods that fail with this code once the credentials are right."""
    refuse_unsigned: dict[Method, int] = field(default_factory=dict)
    silent: set[Method] = field(default_factory=set)
    always_stale: bool = False
    stale_once: bool = False
    open_relay: bool = False
    redirect: TransportAddress | None = None
    mapped: TransportAddress | None = None
    relayed: Callable[[TransportAddress], TransportAddress] | None = None
    no_integrity: bool = False
    denied: set[str] = field(default_factory=set)
    garbage: bytes | None = None
    forge_first: bool = False
    """Before the real answer comes a forged one: same transaction id, no valid HMAC."""
    maximum_allocations: int | None = None
    maximum_code: int = 486
    secure_stun: bool = False


@dataclass
class FakeAllocation:
    relayed: TransportAddress
    transaction_id: bytes
    permissions: set[str] = field(default_factory=set)
    granted: dict[str, float] = field(default_factory=dict)
    """When each permission was created or refreshed last."""
    channels: dict[int, TransportAddress] = field(default_factory=dict)
    lifetime_s: int = 600


@dataclass
class FakeTurn:
    """Answers messages; `allocate_relay` and `relay` are how allocations reach a real socket."""

    users: dict[str, str] = field(default_factory=lambda: {"user": "pass"})
    faults: Faults = field(default_factory=Faults)
    other_address: TransportAddress | None = None
    sha256: bool = False
    token_key: bytes | None = None
    """What OAuth tokens are sealed with, if the server takes any (RFC 7635)."""
    token_audience: str = ""
    lifetime_s: int = 600
    permission_lifetime_s: float = 300
    clock: Callable[[], float] = lambda: 0.0
    """Of permissions, in seconds; it stands still unless a test lets it go."""
    allocate_relay: Callable[[TransportAddress, int], TransportAddress] = lambda source, family: (
        TransportAddress("192.0.2.15", 50_000)
    )
    release_relay: Callable[[TransportAddress], None] = lambda source: None
    relay: Callable[[TransportAddress, TransportAddress, bytes], None] = (
        lambda source, peer, payload: None
    )
    allocations: dict[TransportAddress, FakeAllocation] = field(default_factory=dict)
    requests: list[Message] = field(default_factory=list)
    sent_to_peers: list[tuple[TransportAddress, bytes]] = field(default_factory=list)
    nonce_count: int = 0

    def handle(self, data: bytes, source: TransportAddress) -> list[bytes]:
        """The answers to one message from a client."""
        if is_channel_data(data):
            return self._channel_data(data, source)
        try:
            message = parse_message(data)
        except WireError:
            return []
        if self.faults.garbage is not None:
            return [self.faults.garbage]
        if message.message_class is MessageClass.INDICATION:
            self._indication(message, source)
            return []
        self.requests.append(message)
        if message.method in self.faults.silent:
            return []
        answer = self._answer(message, source)
        if self.faults.forge_first:
            forged = encode_message(
                message.method,
                MessageClass.SUCCESS,
                message.transaction_id,
                [Attribute(AttributeType.XOR_RELAYED_ADDRESS, b"\x00\x01" + bytes(6))],
                key=b"not the key",
            )
            return [forged, answer] if message.has_integrity else [answer]
        return [answer]

    def data_from_peer(
        self, source: TransportAddress, peer: TransportAddress, payload: bytes
    ) -> bytes | None:
        """What the client at `source` is sent when a peer's datagram reaches its relay."""
        allocation = self.allocations.get(source)
        if allocation is None or not self._permits(allocation, peer):
            return None
        for number, bound in allocation.channels.items():
            if bound == peer:
                return encode_channel_data(number, payload, padded=True)
        transaction_id = hashlib.md5(payload).digest()[:12]
        return encode_message(
            Method.DATA,
            MessageClass.INDICATION,
            transaction_id,
            [
                Attribute(AttributeType.XOR_PEER_ADDRESS, encode_xor_address(peer, transaction_id)),
                Attribute(AttributeType.DATA, payload),
            ],
        )

    def _answer(self, message: Message, source: TransportAddress) -> bytes:
        method = Method(message.method)
        if method in self.faults.refuse_unsigned:
            return self._error(message, self.faults.refuse_unsigned[method])
        if method is Method.BINDING and not self.faults.secure_stun:
            if method in self.faults.refuse:
                return self._error(message, self.faults.refuse[method])
            return self._success(message, self._binding_attributes(message, source), None)
        if self.faults.open_relay:
            return self._perform(message, source, None)
        key = self._key_of(message)
        if key is None:
            return self._challenge(message, 401)
        if self.faults.always_stale or self.faults.stale_once:
            self.faults.stale_once = False
            return self._challenge(message, 438)
        if self.faults.redirect is not None and method is Method.ALLOCATE:
            return self._error(
                message,
                300,
                Attribute(AttributeType.ALTERNATE_SERVER, encode_address(self.faults.redirect)),
                key=key,
            )
        if method in self.faults.refuse:
            return self._error(message, self.faults.refuse[method], key=key)
        return self._perform(message, source, key)

    def _perform(self, message: Message, source: TransportAddress, key: bytes | None) -> bytes:
        method = Method(message.method)
        if method is Method.BINDING:
            return self._success(message, self._binding_attributes(message, source), key)
        if method is Method.ALLOCATE:
            return self._allocate(message, source, key)
        allocation = self.allocations.get(source)
        if allocation is None:
            return self._error(message, 437, key=key)
        if method is Method.REFRESH:
            return self._refresh(message, source, allocation, key)
        peers = [
            decode_xor_address(value, message.transaction_id)
            for value in message.get_all(AttributeType.XOR_PEER_ADDRESS)
        ]
        if any(peer.ip in self.faults.denied for peer in peers):
            return self._error(message, 403, key=key)
        if any(peer.family != allocation.relayed.family for peer in peers):
            return self._error(message, 443, key=key)
        allocation.permissions |= {peer.ip for peer in peers}
        allocation.granted |= {peer.ip: self.clock() for peer in peers}
        number = message.get(AttributeType.CHANNEL_NUMBER)
        if method is Method.CHANNEL_BIND and number is not None:
            allocation.channels[int.from_bytes(number[:2], "big")] = peers[0]
        return self._success(message, [], key)

    def _allocate(self, message: Message, source: TransportAddress, key: bytes | None) -> bytes:
        held = self.allocations.get(source)
        if held is not None and held.transaction_id != message.transaction_id:
            return self._error(message, 437, key=key)
        limit = self.faults.maximum_allocations
        if held is None and limit is not None and len(self.allocations) >= limit:
            return self._error(message, self.faults.maximum_code, key=key)
        family = message.get(AttributeType.REQUESTED_ADDRESS_FAMILY)
        wanted = 6 if family is not None and family[0] == 2 else 4
        if wanted == 6:
            return self._error(message, 440, key=key)
        relayed = held.relayed if held else self.allocate_relay(source, wanted)
        self.allocations[source] = held or FakeAllocation(
            relayed, message.transaction_id, lifetime_s=self.lifetime_s
        )
        shown = self.faults.relayed(relayed) if self.faults.relayed else relayed
        transaction_id = message.transaction_id
        return self._success(
            message,
            [
                Attribute(
                    AttributeType.XOR_RELAYED_ADDRESS, encode_xor_address(shown, transaction_id)
                ),
                *self._binding_attributes(message, source),
                uint32_attribute(AttributeType.LIFETIME, self.lifetime_s),
            ],
            key,
        )

    def _refresh(
        self,
        message: Message,
        source: TransportAddress,
        allocation: FakeAllocation,
        key: bytes | None,
    ) -> bytes:
        lifetime = message.get(AttributeType.LIFETIME)
        if lifetime == bytes(4):
            del self.allocations[source]
            self.release_relay(source)
            granted = 0
        else:
            granted = allocation.lifetime_s
        return self._success(message, [uint32_attribute(AttributeType.LIFETIME, granted)], key)

    def _binding_attributes(self, message: Message, source: TransportAddress) -> list[Attribute]:
        mapped = self.faults.mapped or source
        attributes = [
            Attribute(
                AttributeType.XOR_MAPPED_ADDRESS,
                encode_xor_address(mapped, message.transaction_id),
            )
        ]
        if self.other_address is not None:
            attributes.append(
                Attribute(AttributeType.OTHER_ADDRESS, encode_address(self.other_address))
            )
        return attributes

    def _channel_data(self, data: bytes, source: TransportAddress) -> list[bytes]:
        allocation = self.allocations.get(source)
        if allocation is not None:
            channel, payload = parse_channel_data(data)
            peer = allocation.channels.get(channel)
            if peer is not None and self._permits(allocation, peer):
                self.sent_to_peers.append((peer, payload))
                self.relay(source, peer, payload)
        return []

    def _indication(self, message: Message, source: TransportAddress) -> None:
        allocation = self.allocations.get(source)
        value = message.get(AttributeType.XOR_PEER_ADDRESS)
        payload = message.get(AttributeType.DATA)
        if allocation is None or value is None or payload is None:
            return
        peer = decode_xor_address(value, message.transaction_id)
        if self._permits(allocation, peer):
            self.sent_to_peers.append((peer, payload))
            self.relay(source, peer, payload)

    def _permits(self, allocation: FakeAllocation, peer: TransportAddress) -> bool:
        """A channel alone does not (RFC 8656 §12.7)."""
        granted = allocation.granted.get(peer.ip)
        alive = granted is None or self.clock() - granted < self.permission_lifetime_s
        return peer.ip in allocation.permissions and alive

    def _key_of(self, message: Message) -> bytes | None:
        """The key that signs for the user the message names, if the message is signed with it."""
        if not message.has_integrity:
            return None
        token = message.get(AttributeType.ACCESS_TOKEN)
        if token is not None and self.token_key is not None:
            mac_key = unseal_token(self.token_key, token, self.token_audience)
            good = mac_key and message.verify_integrity(mac_key, IntegrityAlgorithm.SHA1)
            return mac_key if good else None
        for username, password in self.users.items():
            name = username.encode()
            if self.sha256 and message.get(AttributeType.PASSWORD_ALGORITHM) is not None:
                key = hashlib.sha256(b":".join((name, REALM, password.encode()))).digest()
                named = message.get(AttributeType.USERHASH)
                if named == hashlib.sha256(name + b":" + REALM).digest() and (
                    message.verify_integrity(key, IntegrityAlgorithm.SHA256)
                ):
                    return key
            key = hashlib.md5(b":".join((name, REALM, password.encode()))).digest()
            if message.get(AttributeType.USERNAME) == name and message.verify_integrity(
                key, IntegrityAlgorithm.SHA1
            ):
                return key
        return None

    def _challenge(self, message: Message, code: int) -> bytes:
        self.nonce_count += 1
        nonce = RFC8489_NONCE if self.sha256 else b"nonce"
        attributes = [
            Attribute(AttributeType.REALM, REALM),
            Attribute(AttributeType.NONCE, nonce + str(self.nonce_count).encode()),
        ]
        if self.token_key is not None:
            audience = self.token_audience.encode()
            attributes.append(Attribute(AttributeType.THIRD_PARTY_AUTHORIZATION, audience))
        if self.sha256:
            offered = struct.pack("!HHHH", 2, 0, 1, 0)
            attributes.append(Attribute(AttributeType.PASSWORD_ALGORITHMS, offered))
        return self._error(message, code, *attributes)

    def _success(self, message: Message, attributes: list[Attribute], key: bytes | None) -> bytes:
        sha256 = message.get(AttributeType.MESSAGE_INTEGRITY_SHA256) is not None
        return encode_message(
            message.method,
            MessageClass.SUCCESS,
            message.transaction_id,
            attributes,
            key=None if self.faults.no_integrity else key,
            algorithm=IntegrityAlgorithm.SHA256 if sha256 else IntegrityAlgorithm.SHA1,
            with_fingerprint=True,
        )

    def _error(
        self, message: Message, code: int, *attributes: Attribute, key: bytes | None = None
    ) -> bytes:
        value = struct.pack("!HBB", 0, code // 100, code % 100)
        return encode_message(
            message.method,
            MessageClass.ERROR,
            message.transaction_id,
            [Attribute(AttributeType.ERROR_CODE, value), *attributes],
            key=key,
        )
