"""Fuzzes everything that reads bytes from a STUN or TURN server.

    python tests/fuzz/stun.py --seconds 600 [--seed N]

Mutates valid messages (bits, lengths, splices, repeats, cuts) and feeds them to the parser, to each
attribute decoder, to the stream splitter in pieces, and to a TURN client that awaits an answer.
Only WireError may come out. What breaks it is printed as hexadecimal with the seed, and the status
is 1.
"""

import argparse
import random
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.fake_turn import FakeTurn, Faults

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
from voicectl.wire.stun_attributes import TransportAddress
from voicectl.wire.turn_message import StreamSplitter, encode_channel_data, parse_channel_data

CLIENT = TransportAddress("198.51.100.7", 40_000)
PEER = TransportAddress("192.0.2.9", 9)
DECODERS: tuple[Callable[..., object], ...] = (
    decode.mapped_address,
    decode.relayed_addresses,
    decode.peer_address,
    decode.alternate_server,
    decode.other_address,
    decode.response_origin,
    decode.error_code,
    decode.address_error_code,
    decode.lifetime_s,
    lambda message: decode.text(message, AttributeType.SOFTWARE),
)


def corpus(rng: random.Random) -> list[bytes]:
    """Valid messages of every kind that a server sends."""
    found = [encode_channel_data(0x4000, rng.randbytes(40), padded=True)]
    for value in AttributeType:
        for size in (0, 4, 8, 20, 32):
            attribute = Attribute(value, rng.randbytes(size))
            for kind in MessageClass:
                method = rng.choice(list(Method))
                found.append(encode_message(method, kind, rng.randbytes(12), [attribute]))
    return found


def mutate(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """One to six changes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed)) if changed else 0
        how = rng.randrange(7)
        if how == 0 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif how == 1 and changed:
            changed[at] = rng.choice((0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xFF))
        elif how == 2 and len(changed) >= 4:
            struct.pack_into(
                "!H", changed, 2, rng.choice((0, 4, 0xFFFC, len(changed) - 20 & 0xFFFF))
            )
        elif how == 3:
            del changed[at : at + rng.randint(1, 8)]
        elif how == 4:
            changed[at:at] = rng.randbytes(rng.randint(1, 8))
        elif how == 5:
            other = rng.choice(others)
            changed[at:] = other[rng.randrange(len(other)) :]
        else:
            changed += changed[at : at + rng.randint(1, 64)]
    if rng.random() < 0.5 and len(changed) >= 20:
        del changed[20 + (len(changed) - 20) // 4 * 4 :]
        struct.pack_into("!H", changed, 2, len(changed) - 20 & 0xFFFF)
        changed[0] &= 0x3F
        changed[4:8] = b"\x21\x12\xa4\x42"
    return bytes(changed[:70_000])


def read(data: bytes) -> None:
    """The parsers; only WireError may leave them."""
    for parse in (parse_message, parse_channel_data):
        try:
            parsed = parse(data)
        except WireError:
            continue
        if parse is parse_message:
            for decoder in DECODERS:
                try:
                    decoder(parsed)
                except WireError:
                    continue


def stream(data: bytes, rng: random.Random) -> None:
    """The splitter, fed in pieces."""
    splitter = StreamSplitter()
    at = 0
    try:
        while at < len(data):
            size = rng.randint(1, 200)
            at_most = rng.choice((None, 1))
            for message in splitter.feed(data[at : at + size], at_most=at_most):
                read(message)
            at += size
    except WireError:
        return


def converse(data: bytes, rng: random.Random) -> None:
    """A client in the middle of something; nothing at all may leave it."""
    settings = ClientSettings(
        credentials=LongTermCredentials("user", "pass"), prefer_sha256=rng.random() < 0.5
    )
    client = TurnClient(settings, seed=b"seed")
    server = FakeTurn(faults=Faults(open_relay=rng.random() < 0.3), sha256=rng.random() < 0.5)
    client.bind(0)
    client.allocate(0)
    for step in range(rng.randint(1, 5)):
        while (request := client.poll_transmit()) is not None:
            for answer in server.handle(request, CLIENT):
                client.handle_datagram(answer, step)
                if len(data) >= 20:
                    # The same transaction, other content: past the first check and into the rest.
                    client.handle_datagram(data[:2] + data[2:8] + answer[8:20] + data[20:], step)
        client.create_permission([PEER], step)
        client.bind_channel(PEER, step)
        client.handle_datagram(data, step)
        client.handle_timeout(step * 250_000_000_000)
    while client.poll_event() is not None:
        pass


def main() -> None:
    """Fuzz until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    valid = corpus(rng)
    ends = time.monotonic() + options.seconds
    count = 0
    while time.monotonic() < ends:
        data = mutate(rng.choice(valid), valid, rng)
        count += 1
        try:
            read(data)
            stream(data, rng)
            converse(data, rng)
        except Exception:
            sys.stderr.write(f"seed {options.seed}, input {count}: {data.hex()}\n")
            raise
    sys.stdout.write(f"{count} inputs in {options.seconds:g} s without a finding\n")


if __name__ == "__main__":
    main()
