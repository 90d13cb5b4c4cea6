"""What a response means: from the request and its answer to the event that is reported."""

from voicectl.errors import WireError
from voicectl.turn.events import (
    AllocationCreated,
    AllocationRefreshed,
    AllocationReleased,
    BindingSucceeded,
    ChannelBound,
    ConnectionBound,
    ConnectionOpened,
    Event,
    PermissionCreated,
    RequestRefused,
)
from voicectl.turn.transaction import Transaction
from voicectl.wire import stun_attributes as decode
from voicectl.wire.stun import AttributeType, Message, Method

__all__ = ["DEFAULT_LIFETIME_S", "read_refusal", "read_success"]

DEFAULT_LIFETIME_S = 600


def read_success(transaction: Transaction, message: Message, now_ns: int) -> Event:
    """The event that a success response amounts to.

    Raises:
        WireError: what the answer has to hold is missing or malformed.
    """
    match transaction.method:
        case Method.BINDING:
            return _binding(transaction, message, now_ns)
        case Method.ALLOCATE:
            return _allocate(transaction, message, now_ns)
        case Method.REFRESH:
            if transaction.keeps["lifetime_s"] == 0:
                return AllocationReleased()
            return AllocationRefreshed(_lifetime_s(message))
        case Method.CREATE_PERMISSION:
            return PermissionCreated(tuple(peer.ip for peer in transaction.peers))
        case Method.CHANNEL_BIND:
            return ChannelBound(transaction.peers[0], transaction.keeps["channel"])
        case Method.CONNECT:
            return _connect(transaction, message)
        case Method.CONNECTION_BIND:
            return ConnectionBound(transaction.keeps["connection_id"])
        case _:
            raise WireError(f"no answer is expected to method 0x{transaction.method:03x}")


def read_refusal(transaction: Transaction, message: Message, now_ns: int) -> RequestRefused:
    """The event that an error response amounts to, if it is not retried.

    Raises:
        WireError: ERROR-CODE is missing or malformed.
    """
    error = decode.error_code(message)
    if error is None:
        raise WireError("error response without ERROR-CODE")
    return RequestRefused(
        method=transaction.method,
        code=error.code,
        reason=error.reason,
        signed=transaction.signed,
        nonces=transaction.nonces,
        peers=transaction.peers,
        alternate_server=decode.alternate_server(message),
        alternate_domain=decode.text(message, AttributeType.ALTERNATE_DOMAIN),
        realm=decode.text(message, AttributeType.REALM),
        software=decode.text(message, AttributeType.SOFTWARE),
        rtt_ns=transaction.rtt_ns(now_ns),
        tries=transaction.tries,
    )


def _binding(transaction: Transaction, message: Message, now_ns: int) -> BindingSucceeded:
    return BindingSucceeded(
        transaction.transaction_id,
        decode.mapped_address(message),
        decode.other_address(message),
        decode.response_origin(message),
        decode.text(message, AttributeType.SOFTWARE),
        transaction.rtt_ns(now_ns),
        transaction.tries,
    )


def _allocate(transaction: Transaction, message: Message, now_ns: int) -> AllocationCreated:
    relayed = tuple(decode.relayed_addresses(message))
    if not relayed:
        raise WireError("Allocate success without XOR-RELAYED-ADDRESS")
    bandwidth = message.get(AttributeType.BANDWIDTH)
    return AllocationCreated(
        relayed,
        decode.mapped_address(message),
        _lifetime_s(message),
        decode.text(message, AttributeType.SOFTWARE),
        None if bandwidth is None else decode.uint32(bandwidth),
        decode.address_error_code(message),
        transaction.signed,
        transaction.rtt_ns(now_ns),
        transaction.tries,
    )


def _connect(transaction: Transaction, message: Message) -> ConnectionOpened:
    value = message.get(AttributeType.CONNECTION_ID)
    if value is None:
        raise WireError("Connect success without CONNECTION-ID")
    return ConnectionOpened(transaction.peers[0], decode.uint32(value))


def _lifetime_s(message: Message) -> int:
    lifetime_s = decode.lifetime_s(message)
    return DEFAULT_LIFETIME_S if lifetime_s is None else lifetime_s
