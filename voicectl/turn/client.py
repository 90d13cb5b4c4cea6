"""A STUN and TURN client on one 5-tuple (RFC 8489, 8656, 6062).

Does no I/O and reads no clock: feed it what arrives and the time, send what `poll_transmit`
returns, and call `handle_timeout` no later than `next_timeout`. Over a stream transport the
caller cuts the stream into messages (`wire.turn_message.StreamSplitter`).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from voicectl.errors import WireError
from voicectl.turn.allocation import Allocation
from voicectl.turn.credentials import Authenticator, Credentials
from voicectl.turn.events import (
    AllocationLost,
    Challenged,
    ConnectionAttempted,
    DataReceived,
    Event,
    MessageDiscarded,
    RequestTimedOut,
)
from voicectl.turn.relay import Relay
from voicectl.turn.requests import (
    AllocateOptions,
    channel_bind,
    data_indication,
    peers_attributes,
)
from voicectl.turn.responses import DEFAULT_LIFETIME_S, read_refusal, read_success
from voicectl.turn.transaction import (
    RetransmissionSettings,
    Transaction,
    TransactionIds,
    Transactions,
)
from voicectl.wire import stun_attributes as decode
from voicectl.wire.stun import (
    Attribute,
    AttributeType,
    Message,
    MessageClass,
    Method,
    encode_message,
    parse_message,
)
from voicectl.wire.stun_attributes import TransportAddress, uint32_attribute
from voicectl.wire.turn_message import (
    encode_channel_data,
    is_channel_data,
    parse_channel_data,
)

__all__ = ["ClientSettings", "TurnClient"]

_UNAUTHORIZED = 401
_STALE_NONCE = 438
_ALLOCATION_MISMATCH = 437
_MAXIMUM_NONCES = 3
"""438s in a row that are answered; after them two servers that disagree would keep us for ever."""
_MAXIMUM_EVENTS = 4096
_MAXIMUM_TRANSMITS = 1024


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What stays the same for the life of one client."""

    credentials: Credentials | None = None
    prefer_sha256: bool = False
    retransmission: RetransmissionSettings = field(default_factory=RetransmissionSettings)
    software: str | None = None


class TurnClient:
    """The client's half of one 5-tuple: transactions, allocation, permissions and channels.

    Holds at most 1024 messages to send and 4096 events; application data beyond that is dropped
    and counted in `dropped_data`.

    A data connection of a TCP allocation (RFC 6062) is a client of its own that shares the control
    connection's `authenticator`: coturn closes one whose ConnectionBind is not signed at once.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        seed: bytes,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._settings = settings
        self._reliable = settings.retransmission.reliable
        self._ids = TransactionIds(seed)
        self._transactions = Transactions(settings.retransmission)
        self._authenticator = authenticator or Authenticator(
            settings.credentials, prefer_sha256=settings.prefer_sha256
        )
        self._relay = Relay()
        self._transmits: deque[bytes] = deque()
        self._events: deque[Event] = deque()
        self.dropped_data = 0

    @property
    def allocation(self) -> Allocation | None:
        """The allocation that is held."""
        return self._relay.allocation

    @property
    def authenticator(self) -> Authenticator:
        """What the server challenged us with."""
        return self._authenticator

    # Requests

    def bind(self, now_ns: int, *attributes: Attribute) -> bytes:
        """Ask for the mapped address; returns the transaction id that the answer will name."""
        return self._request(Method.BINDING, now_ns, attributes)

    def allocate(self, now_ns: int, options: AllocateOptions | None = None) -> None:
        """Ask for a relayed address; credentials follow once the server asks for them."""
        self._request(Method.ALLOCATE, now_ns, (options or AllocateOptions()).attributes())

    def refresh(self, now_ns: int, lifetime_s: int = DEFAULT_LIFETIME_S) -> None:
        """Renew the allocation, or give it up with a lifetime of 0."""
        lifetime = uint32_attribute(AttributeType.LIFETIME, lifetime_s)
        self._request(Method.REFRESH, now_ns, [lifetime], keeps={"lifetime_s": lifetime_s})

    def create_permission(self, peers: Sequence[TransportAddress], now_ns: int) -> None:
        """Let these peers' IP addresses in, and keep letting them in."""
        transaction_id = self._ids.next()
        attributes = peers_attributes(peers, transaction_id)
        self._request(Method.CREATE_PERMISSION, now_ns, attributes, tuple(peers), transaction_id)

    def bind_channel(self, peer: TransportAddress, now_ns: int) -> bool:
        """Bind a channel and keep it bound; False when no number is left."""
        number = self._relay.channels.reserve(peer)
        if number is None:
            return False
        transaction_id = self._ids.next()
        attributes = channel_bind(number, peer, transaction_id)
        self._request(
            Method.CHANNEL_BIND, now_ns, attributes, (peer,), transaction_id, {"channel": number}
        )
        return True

    def connect(self, peer: TransportAddress, now_ns: int) -> None:
        """Have the server open a TCP connection to `peer` (RFC 6062 §4.3)."""
        transaction_id = self._ids.next()
        attributes = peers_attributes([peer], transaction_id)
        self._request(Method.CONNECT, now_ns, attributes, (peer,), transaction_id)

    def bind_connection(self, connection_id: int, now_ns: int) -> None:
        """Make this connection the data connection of `connection_id` (RFC 6062 §4.3)."""
        attribute = uint32_attribute(AttributeType.CONNECTION_ID, connection_id)
        keeps = {"connection_id": connection_id}
        self._request(Method.CONNECTION_BIND, now_ns, [attribute], keeps=keeps)

    def send(self, peer: TransportAddress, payload: bytes) -> bool:
        """Send to a peer: ChannelData if a channel is bound, else a Send indication.

        False when too much waits to be sent already.
        """
        if len(self._transmits) >= _MAXIMUM_TRANSMITS:
            self.dropped_data += 1
            return False
        number = self._relay.channels.number_of(peer)
        if number is not None:
            self._transmits.append(encode_channel_data(number, payload, padded=self._reliable))
            return True
        transaction_id = self._ids.next()
        attributes = data_indication(peer, payload, transaction_id)
        self._transmits.append(
            encode_message(Method.SEND, MessageClass.INDICATION, transaction_id, attributes)
        )
        return True

    # Inputs, outputs and timers

    def handle_datagram(self, data: bytes, now_ns: int) -> None:
        """Take one message from the server. Whatever it holds, nothing is raised."""
        try:
            if is_channel_data(data):
                self._handle_channel_data(data, now_ns)
            else:
                self._handle_message(parse_message(data), now_ns)
        except WireError as error:
            self._report(MessageDiscarded(f"malformed: {error.message}"))

    def handle_timeout(self, now_ns: int) -> None:
        """Send again what is due, give up what is over, and refresh what would expire."""
        again, over = self._transactions.take_due(now_ns)
        for transaction in again:
            self._transmits.append(transaction.raw)
        for transaction in over:
            self._report(RequestTimedOut(transaction.method, transaction.tries, transaction.peers))
        self._renew(now_ns)

    def next_timeout(self) -> int | None:
        """When `handle_timeout` wants to be called."""
        timers = (self._transactions.next_timeout(), self._relay.next_timeout())
        return min((each for each in timers if each is not None), default=None)

    def poll_transmit(self) -> bytes | None:
        """The next message to send."""
        return self._transmits.popleft() if self._transmits else None

    def poll_event(self) -> Event | None:
        """The next event."""
        return self._events.popleft() if self._events else None

    # Sending

    def _request(
        self,
        method: Method,
        now_ns: int,
        attributes: Sequence[Attribute] = (),
        peers: tuple[TransportAddress, ...] = (),
        transaction_id: bytes | None = None,
        keeps: dict[str, int] | None = None,
    ) -> bytes:
        transaction = Transaction(
            transaction_id or self._ids.next(), method, tuple(attributes), peers, keeps=keeps or {}
        )
        if method is not Method.BINDING and self._authenticator.can_sign:
            transaction.signed = True
        self._start(transaction, now_ns)
        return transaction.transaction_id

    def _start(self, transaction: Transaction, now_ns: int) -> None:
        attributes = list(transaction.attributes)
        if self._settings.software:
            value = self._settings.software.encode()
            attributes.append(Attribute(AttributeType.SOFTWARE, value))
        key = None
        if transaction.signed:
            attributes += self._authenticator.attributes()
            key = self._authenticator.key
        transaction.raw = encode_message(
            transaction.method,
            MessageClass.REQUEST,
            transaction.transaction_id,
            attributes,
            key=key,
            algorithm=self._authenticator.algorithm,
            with_fingerprint=True,
        )
        self._transactions.start(transaction, now_ns)
        self._transmits.append(transaction.raw)

    def _retry(self, transaction: Transaction, now_ns: int) -> None:
        """Ask again, signed, under a new transaction id (RFC 8489 §9.2.5)."""
        transaction_id = self._ids.next()
        attributes = transaction.attributes
        if transaction.peers:
            # XOR-PEER-ADDRESS of IPv6 is masked with the transaction id.
            rest = tuple(a for a in attributes if a.type != AttributeType.XOR_PEER_ADDRESS)
            attributes = rest + peers_attributes(transaction.peers, transaction_id)
        self._start(
            Transaction(
                transaction_id,
                transaction.method,
                attributes,
                transaction.peers,
                signed=True,
                challenges=transaction.challenges,
                nonces=transaction.nonces,
                keeps=transaction.keeps,
            ),
            now_ns,
        )

    def _renew(self, now_ns: int) -> None:
        if self._relay.has_expired(now_ns):
            self._lose_allocation(None)
        due = self._relay.take_due(now_ns)
        if due.allocation:
            self.refresh(now_ns)
        if due.permissions:
            self.create_permission(due.permissions, now_ns)
        for peer in due.channels:
            self.bind_channel(peer, now_ns)

    # Receiving

    def _handle_channel_data(self, data: bytes, now_ns: int) -> None:
        channel, payload = parse_channel_data(data)
        peer = self._relay.channels.peer_of(channel)
        if peer is None:
            self._report(MessageDiscarded(f"ChannelData on unbound channel 0x{channel:04x}"))
        else:
            self._report_data(DataReceived(peer, payload, channel, now_ns))

    def _handle_message(self, message: Message, now_ns: int) -> None:
        if message.message_class is MessageClass.INDICATION:
            self._handle_indication(message, now_ns)
            return
        transaction = self._transactions.find(message.transaction_id)
        if transaction is None or message.message_class is MessageClass.REQUEST:
            self._report(
                MessageDiscarded("unsolicited: no request of ours has this transaction id")
            )
        elif message.method != transaction.method:
            self._report(MessageDiscarded("answers with another method than was asked"))
        elif message.message_class is MessageClass.ERROR:
            self._handle_error(transaction, message, now_ns)
        elif transaction.signed and not self._is_authentic(message):
            # As if it never came (RFC 8489 §9.2.5): the real answer may still follow.
            self._report(MessageDiscarded("success response without a valid MESSAGE-INTEGRITY"))
        elif unknown := message.unknown_required:
            # RFC 8489 §6.3.3; browsers discard it too.
            types = ", ".join(f"0x{each:04x}" for each in unknown[:4])
            self._report(MessageDiscarded(f"success response that demands more of us: {types}"))
        else:
            self._handle_success(transaction, message, now_ns)

    def _handle_indication(self, message: Message, now_ns: int) -> None:
        peer = decode.peer_address(message)
        payload = message.get(AttributeType.DATA)
        connection_id = message.get(AttributeType.CONNECTION_ID)
        if peer is not None and peer.ip not in self._relay.permissions:
            self._report(MessageDiscarded(f"from {peer}, which has no permission"))
        elif message.method == Method.DATA and peer is not None and payload is not None:
            self._report_data(DataReceived(peer, payload, None, now_ns))
        elif message.method == Method.CONNECTION_ATTEMPT and peer and connection_id is not None:
            self._report_data(ConnectionAttempted(peer, decode.uint32(connection_id)))
        else:
            self._report(MessageDiscarded("indication that means nothing to a client"))

    def _handle_success(self, transaction: Transaction, message: Message, now_ns: int) -> None:
        event = read_success(transaction, message, now_ns)
        self._transactions.finish(transaction)
        self._relay.handle_success(event, now_ns)
        self._report(event)

    def _handle_error(self, transaction: Transaction, message: Message, now_ns: int) -> None:
        refused = read_refusal(transaction, message, now_ns)
        self._transactions.finish(transaction)
        if self._takes_challenge(transaction, message, refused.code):
            realm, software = refused.realm or "", refused.software
            self._report(
                Challenged(transaction.method, refused.code, realm, software, refused.rtt_ns)
            )
            self._retry(transaction, now_ns)
            return
        if transaction.method is Method.CREATE_PERMISSION:
            self._relay.permissions.drop(peer.ip for peer in transaction.peers)
        elif transaction.method is Method.CHANNEL_BIND:
            self._relay.channels.unbind(transaction.peers[0])
        elif transaction.method is Method.REFRESH and refused.code == _ALLOCATION_MISMATCH:
            self._lose_allocation(refused.code)
        self._report(refused)

    def _takes_challenge(self, transaction: Transaction, message: Message, code: int) -> bool:
        """Whether to ask again with credentials, or with a newer nonce."""
        if code == _UNAUTHORIZED and not transaction.signed:
            self._authenticator.handle_challenge(message)
            transaction.challenges += 1
            return self._authenticator.can_sign
        if code == _STALE_NONCE and transaction.signed and transaction.nonces < _MAXIMUM_NONCES:
            self._authenticator.handle_challenge(message)
            transaction.nonces += 1
            return True
        return False

    def _is_authentic(self, message: Message) -> bool:
        key = self._authenticator.key
        return key is not None and message.verify_integrity(key, self._authenticator.algorithm)

    def _lose_allocation(self, code: int | None) -> None:
        self._relay.forget()
        self._report(AllocationLost(code))

    def _report_data(self, event: DataReceived | ConnectionAttempted) -> None:
        if len(self._events) >= _MAXIMUM_EVENTS:
            self.dropped_data += 1
        else:
            self._events.append(event)

    def _report(self, event: Event) -> None:
        # What answers a request is bounded by the requests; what a peer can send at will is not.
        if isinstance(event, MessageDiscarded) and len(self._events) >= _MAXIMUM_EVENTS:
            self.dropped_data += 1
            return
        self._events.append(event)
