"""A peer makes us keep and work through no more of SCTP than a signaling channel needs."""
# ruff: noqa: SLF001 (packets are put where DTLS would put them)

import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG, SCTP_DATA_LAST_FRAG, DataChunk
from aiortc.rtcsctptransport import serialize_packet as serialize
from support.calls import End, connected, fake_end, run

from voicectl.rtc.sctp_limits import MAX_KEPT_BYTES, WINDOW_BYTES, Kept, Verdict, judge

LARGEST = 262_144
"""Of our a=max-message-size."""
WHOLE = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG
NOTHING = Kept(1, 1, 0, 0, 0, frozenset())


def data(
    tsn: int, content: bytes, flags: int = 0, stream: int = 1, protocol: int = 51
) -> DataChunk:
    chunk = DataChunk()
    chunk.flags, chunk.tsn, chunk.stream_id, chunk.protocol = flags, tsn % 2**32, stream, protocol
    chunk.user_data = content
    return chunk


def opening(tsn: int, stream: int) -> DataChunk:
    """A DATA_CHANNEL_OPEN (RFC 8832 §5.1)."""
    return data(tsn, struct.pack("!BBHLHHc", 3, 0, 0, 0, 1, 0, b"x"), WHOLE, stream, 50)


def packet(chunks: Iterable[DataChunk], tag: int = 0) -> bytes:
    packets = [serialize(5000, 5000, tag, chunk) for chunk in chunks]
    return packets[0] + b"".join(each[12:] for each in packets[1:])


class HostilePeer:
    """What a peer sends on its association after a sound beginning."""

    def __init__(self, agent: End) -> None:
        self.association: Any = agent.peer._connection.sctp
        self.receiver: Any = agent.peer._connection.dtls_transport._data_receiver
        self.counters = agent.peer._connection.dtls_transport.connection.counters
        self.first_tsn = self.association._last_received_tsn + 1

    @property
    def kept_bytes(self) -> int:
        streams = self.association._inbound_streams.values()
        return sum(len(chunk.user_data) for stream in streams for chunk in stream.reassembly)

    async def send(self, chunk: DataChunk) -> None:
        tag = self.association._local_verification_tag
        await self.receiver._handle_data(serialize(5000, 5000, tag, chunk))


@asynccontextmanager
async def call_with_messages() -> AsyncIterator[tuple[End, End]]:
    caller, agent = fake_end(), fake_end()
    caller.peer.send_message("first")
    async with connected(caller, agent):
        await agent.until(lambda end: end.messages)
        yield caller, agent


async def still_hears(agent: End) -> None:
    heard = len(agent.events)
    await agent.until(lambda end: len(end.events) > heard + 5)


def test_message_whose_end_never_comes_is_not_kept_for_ever() -> None:
    """All of it was kept, and looked through anew with each packet of it."""

    async def scenario() -> None:
        async with call_with_messages() as (_, agent):
            hostile, most = HostilePeer(agent), 0
            for number in range(2 * MAX_KEPT_BYTES // 1000):
                flags = 0 if number else SCTP_DATA_FIRST_FRAG
                await hostile.send(data(hostile.first_tsn + number, bytes(1000), flags))
                most = max(most, hostile.kept_bytes)
            assert most <= MAX_KEPT_BYTES
            assert hostile.kept_bytes == 0
            assert hostile.counters.malformed > 0
            assert not agent.peer.send_message("the channel has ended")
            await still_hears(agent)

    run(scenario)


def test_channel_after_channel_is_not_opened() -> None:
    """Three thousand were kept, each with a reset that waited."""

    async def scenario() -> None:
        async with call_with_messages() as (_, agent):
            hostile, most = HostilePeer(agent), 0
            for number in range(100):
                await hostile.send(opening(hostile.first_tsn + number, 3 + 2 * number))
                most = max(most, len(hostile.association._data_channels))
            assert most <= 16
            assert len(hostile.association._inbound_streams) == 0
            assert len(hostile.association._reconfig_queue) <= 16
            await still_hears(agent)

    run(scenario)


def test_chunks_beyond_the_window_wait_for_the_one_that_is_missing() -> None:
    """A full window must not refuse the chunk that empties it."""

    async def scenario() -> None:
        async with call_with_messages() as (_, agent):
            hostile = HostilePeer(agent)
            stream, place = next(iter(hostile.association._inbound_streams.items()))
            turn = place.sequence_number
            for number in range(1, 700):  # far more than the window holds
                chunk = data(hostile.first_tsn + number, b"%1000d" % number, WHOLE, stream)
                chunk.stream_seq = turn + number
                await hostile.send(chunk)
            assert 0 < hostile.kept_bytes <= WINDOW_BYTES
            missing = data(hostile.first_tsn, b"0", WHOLE, stream)
            missing.stream_seq = turn
            await hostile.send(missing)
            assert hostile.kept_bytes == 0
            await agent.until(lambda end: len(end.messages) > 400)
            assert [int(text) for text in agent.messages[1:]] == list(
                range(len(agent.messages) - 1)
            )

    run(scenario)


def test_largest_message_that_we_advertise_arrives() -> None:
    async def scenario() -> None:
        async with call_with_messages() as (caller, agent):
            for sender, taker in ((caller, agent), (agent, caller)):
                texts = [letter * LARGEST for letter in "abc"]
                assert all(sender.peer.send_message(text) for text in texts)
                await taker.until(lambda end, texts=texts: end.messages[-3:] == texts)
            assert agent.peer.transport_stats().dropped.malformed == 0

    run(scenario)


@pytest.mark.parametrize(
    ("chunks", "kept", "verdict"),
    [
        ([data(1, b"x", WHOLE)], NOTHING, Verdict.TAKE),
        ([data(1, b"x", WHOLE)], replace(NOTHING, next_tsn=None), Verdict.DROP),
        ([data(600, b"x", WHOLE)], NOTHING, Verdict.DROP),  # far ahead
        ([data(0, b"x", WHOLE)], replace(NOTHING, byte_count=MAX_KEPT_BYTES), Verdict.TAKE),
        ([data(3, b"x")], replace(NOTHING, byte_count=WINDOW_BYTES), Verdict.DROP),
        ([data(1, b"x")], replace(NOTHING, byte_count=WINDOW_BYTES), Verdict.TAKE),
        ([data(1, b"x")], replace(NOTHING, byte_count=MAX_KEPT_BYTES), Verdict.END),
        ([data(1, b"x")], replace(NOTHING, chunk_count=1024), Verdict.END),
        ([data(3, b"x")], replace(NOTHING, ahead_count=512), Verdict.DROP),
        ([data(n, b"x") for n in range(1, 90)], NOTHING, Verdict.DROP),
        ([opening(1, 40)], replace(NOTHING, streams=frozenset(range(16))), Verdict.END),
        ([opening(1, 4)], replace(NOTHING, streams=frozenset(range(16))), Verdict.TAKE),
    ],
)
def test_what_a_packet_asks_for_is_weighed(
    chunks: list[DataChunk], kept: Kept, verdict: Verdict
) -> None:
    assert judge(packet(chunks), kept) is verdict


def chunk(kind: int, value: bytes) -> bytes:
    return bytes(12) + struct.pack("!BBH", kind, 0, 4 + len(value)) + value


def test_forward_over_more_streams_than_there_may_be_is_dropped() -> None:
    """Each of them was made, and looked through."""
    streams = b"".join(struct.pack("!HH", stream, 0) for stream in range(17))
    assert judge(chunk(192, struct.pack("!L", 9) + streams), NOTHING) is Verdict.DROP
    assert judge(chunk(192, struct.pack("!L", 9) + streams[:8]), NOTHING) is Verdict.TAKE


@pytest.mark.parametrize(("end", "verdict"), [(3, Verdict.TAKE), (4, Verdict.DROP)])
def test_acknowledgement_of_what_was_never_sent_is_dropped(end: int, verdict: Verdict) -> None:
    sack = struct.pack("!LLHHHH", 1, 65536, 1, 0, 2, end)
    assert judge(chunk(3, sack), replace(NOTHING, next_own_tsn=5)) is verdict
