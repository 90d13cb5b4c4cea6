from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicectl.errors import WireError
from voicectl.turn.client import ClientSettings, TurnClient
from voicectl.turn.credentials import LongTermCredentials
from voicectl.wire import stun_attributes as decode
from voicectl.wire.stun import (
    Attribute,
    AttributeType,
    MessageClass,
    Method,
    encode_message,
    parse_message,
)
from voicectl.wire.turn_message import StreamSplitter, encode_channel_data, parse_channel_data

attributes = st.lists(
    st.builds(
        Attribute,
        st.one_of(st.sampled_from(sorted(AttributeType)), st.integers(0, 0xFFFF)),
        st.binary(max_size=40),
    ),
    max_size=6,
)
messages = st.builds(
    encode_message,
    st.integers(0, 0xFFF),
    st.sampled_from(MessageClass),
    st.binary(min_size=12, max_size=12),
    attributes,
    key=st.none() | st.binary(min_size=1, max_size=20),
    with_fingerprint=st.booleans(),
)
addresses = st.builds(
    lambda ip, port: decode.TransportAddress(str(ip), port),
    st.ip_addresses(),
    st.integers(0, 0xFFFF),
)
DECODERS = (
    decode.mapped_address,
    decode.relayed_addresses,
    decode.peer_address,
    decode.alternate_server,
    decode.other_address,
    decode.response_origin,
    decode.error_code,
    decode.address_error_code,
    decode.lifetime_s,
    lambda message: decode.text(message, AttributeType.REALM),
)
_PROTECTING = {
    AttributeType.MESSAGE_INTEGRITY,
    AttributeType.MESSAGE_INTEGRITY_SHA256,
    AttributeType.FINGERPRINT,
}


@given(
    st.integers(0, 0xFFF),
    st.sampled_from(MessageClass),
    st.binary(min_size=12, max_size=12),
    attributes,
)
def test_parsing_undoes_encoding(
    method: int,
    message_class: MessageClass,
    transaction_id: bytes,
    given_attributes: list[Attribute],
) -> None:
    plain = [each for each in given_attributes if each.type not in _PROTECTING]
    data = encode_message(method, message_class, transaction_id, plain)
    message = parse_message(data)
    assert (message.method, message.message_class) == (method, message_class)
    assert message.transaction_id == transaction_id
    assert list(message.attributes) == plain


@given(addresses, st.binary(min_size=12, max_size=12))
def test_addresses_survive_both_encodings(
    address: decode.TransportAddress, transaction_id: bytes
) -> None:
    xored = decode.encode_xor_address(address, transaction_id)
    assert decode.decode_xor_address(xored, transaction_id) == address
    assert decode.decode_address(decode.encode_address(address)) == address


@given(st.one_of(st.binary(max_size=200), messages))
def test_parser_knows_only_messages_and_wire_errors(data: bytes) -> None:
    try:
        message = parse_message(data)
    except WireError:
        return
    for read in DECODERS:
        try:
            read(message)
        except WireError:
            continue


@given(messages, st.data())
def test_one_flipped_bit_never_escapes_as_another_exception(
    data: bytes, draw: st.DataObject
) -> None:
    position = draw.draw(st.integers(0, len(data) * 8 - 1))
    flipped = bytearray(data)
    flipped[position // 8] ^= 1 << position % 8
    try:
        parse_message(bytes(flipped))
    except WireError:
        return


@given(st.integers(0x4000, 0x4FFF), st.binary(max_size=100), st.booleans())
def test_channel_data_survives(channel: int, payload: bytes, padded: bool) -> None:
    encoded = encode_channel_data(channel, payload, padded=padded)
    assert parse_channel_data(encoded) == (channel, payload)


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_splitter_is_a_function_of_the_stream_and_not_of_its_pieces(pieces: list[bytes]) -> None:
    def run(parts: list[bytes]) -> tuple[list[bytes], bool]:
        splitter = StreamSplitter()
        found = []
        try:
            for part in parts:
                found += splitter.feed(part)
        except WireError:
            return found, True
        return found, False

    whole, broken = run([b"".join(pieces)])
    pieced, broken_in_pieces = run(pieces)
    assert broken == broken_in_pieces
    # What came before the break may have been handed over already when it came in pieces.
    assert pieced[: len(whole)] == whole


# Requests of ours, answers to them with any content, and any bytes at all.
steps_taken = st.lists(
    st.one_of(
        st.tuples(st.just("bytes"), st.binary(max_size=120)),
        st.tuples(st.just("request"), st.sampled_from(["bind", "allocate", "permit", "channel"])),
        st.tuples(
            st.just("answer"),
            st.tuples(st.integers(0, 5), st.sampled_from(MessageClass), attributes),
        ),
        st.tuples(st.just("wait"), st.integers(0, 400_000_000_000)),
    ),
    max_size=25,
)


def ask(client: TurnClient, request: str, now_ns: int) -> None:
    peer = decode.TransportAddress("192.0.2.9", 9)
    if request == "bind":
        client.bind(now_ns)
    elif request == "allocate":
        client.allocate(now_ns)
    elif request == "permit":
        client.create_permission([peer], now_ns)
    else:
        client.bind_channel(peer, now_ns)


@given(steps_taken)
def test_client_raises_nothing_whatever_the_server_sends(steps: list[tuple[str, Any]]) -> None:
    settings = ClientSettings(credentials=LongTermCredentials("user", "pass"))
    client = TurnClient(settings, seed=b"seed")
    sent = []
    now_ns = 0
    for kind, value in steps:
        if kind == "bytes":
            client.handle_datagram(value, now_ns)
        elif kind == "wait":
            now_ns += value
            client.handle_timeout(now_ns)
        elif kind == "request":
            ask(client, value, now_ns)
        elif sent:
            index, message_class, content = value
            request = sent[-1 - index % len(sent)]
            data = encode_message(request.method, message_class, request.transaction_id, content)
            client.handle_datagram(data, now_ns)
        while (data := client.poll_transmit()) is not None:
            sent.append(parse_message(data))
        while client.poll_event() is not None:
            pass
        due_ns = client.next_timeout()
        assert due_ns is None or due_ns >= 0
    assert all(each.method in set(Method) for each in sent)
