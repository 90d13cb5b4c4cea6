"""A peer's data channel packets never stop the event loop, and never end a call by a traceback."""
# ruff: noqa: SLF001 (packets are put where DTLS would put them)

import asyncio
import struct

import pytest
from aiortc import rtcsctptransport as sctp
from google_crc32c import value as crc32c
from hypothesis import given, settings
from hypothesis import strategies as st
from support.calls import connected, fake_end, run

from voicectl.rtc.sctp_gate import is_sound


def packet(*chunks: bytes, tag: int = 7) -> bytes:
    """A packet whose checksum is right."""
    head = struct.pack("!HHL", 5000, 5000, tag)
    body = b"".join(each + bytes(-len(each) % 4) for each in chunks)
    return head + struct.pack("<L", crc32c(head + bytes(4) + body)) + body


def chunk(kind: int, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("!BBH", kind, 3, 4 + len(value) if length is None else length) + value


def parameter(length: int) -> bytes:
    return struct.pack("!HH", 1, length)


def sack(*gaps: tuple[int, int]) -> bytes:
    ends = b"".join(struct.pack("!HH", *gap) for gap in gaps)
    return chunk(3, struct.pack("!LLHH", 1, 65536, len(gaps), 0) + ends)


def data(protocol: int, message: bytes, tsn: int = 0, stream: int = 0) -> bytes:
    return chunk(0, struct.pack("!LHHL", tsn, stream, 0, protocol) + message)


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(1, bytes(16) + parameter(0))],  # aiortc never came back from these three
        [chunk(4, parameter(0))],
        [chunk(130, parameter(3))],
        [sack(*[(1, 65535)] * 250)],  # it counted to 16 million
        [sack((5, 4))],
        [chunk(3, struct.pack("!LLHH", 1, 1, 2, 0))],
        [chunk(1, bytes(16)), chunk(10, b"cookie")],
        [chunk(1, bytes(15))],
        [chunk(0, bytes(11))],
        [chunk(7, b"")],
        [chunk(192, bytes(6))],
        [chunk(0, b"", 3)],
        [chunk(0, b"", 5)],
        [],
    ],
)
def test_packet_that_cannot_be_parsed_in_bounded_time_is_refused(chunks: list[bytes]) -> None:
    assert not is_sound(packet(*chunks))


def test_what_aiortc_itself_writes_is_sound() -> None:
    init = sctp.InitChunk()
    init.params = [(sctp.SCTP_STATE_COOKIE, b"x" * 24), (sctp.SCTP_SUPPORTED_CHUNK_EXT, b"\x82")]
    acknowledgement = sctp.SackChunk()
    acknowledgement.gaps, acknowledgement.duplicates = [(2, 2), (4, 9), (10, 10)], [3]
    forward = sctp.ForwardTsnChunk()
    forward.streams = [(1, 2)]
    beat = sctp.HeartbeatChunk()
    beat.params = [(1, b"time")]
    message = sctp.DataChunk()
    message.user_data = b"hello"
    plain = [sctp.CookieAckChunk(), sctp.ShutdownChunk(), sctp.AbortChunk(), sctp.CookieEchoChunk()]
    for each in (init, acknowledgement, forward, beat, message, *plain):
        assert is_sound(sctp.serialize_packet(5000, 5000, 7, each)), each


@settings(deadline=1000)
@given(
    st.lists(
        st.builds(
            chunk,
            st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 130, 192]),
            st.lists(st.sampled_from([0, 1, 4, 8, 16, 255]), max_size=40).map(bytes),
        ),
        max_size=4,
    )
)
def test_sound_packets_are_parsed_in_the_end(chunks: list[bytes]) -> None:
    if is_sound(packet(*chunks)):
        sctp.parse_packet(packet(*chunks))


def test_a_peers_broken_messages_are_counted_and_the_call_goes_on() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        caller.peer.send_message("first")
        async with connected(caller, agent):
            await agent.until(lambda end: end.messages)
            dtls = agent.peer._connection.dtls_transport
            association = agent.peer._connection.sctp
            tag, tsn = association._local_verification_tag, association._last_received_tsn
            stream = next(iter(association._data_channels))
            opening = struct.pack("!BBHLHH", 3, 0, 0, 0, 1, 0) + b"x"
            broken = [
                packet(chunk(4, parameter(0)), tag=tag),
                packet(data(51, b"\xff not UTF-8", tsn + 1, stream), tag=tag),
                packet(data(50, opening, tsn + 2, stream), tag=tag),  # open once more
                packet(data(50, b"\x02", tsn + 3, 999), tag=tag),  # acknowledges no channel
            ]
            for each in broken:
                await dtls._data_receiver._handle_data(each)
            assert dtls.connection.counters.malformed == len(broken)
            heard = len(agent.events)
            await agent.until(lambda end: len(end.events) > heard + 5)
            assert agent.peer.send_message("still here")
            await caller.until(lambda end: end.messages == ["still here"])

    run(scenario)


def test_what_a_listener_to_messages_raises_does_not_end_the_call() -> None:
    async def scenario() -> None:
        unseen: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unseen.append(str(context["exception"])))
        caller, agent = fake_end(), fake_end()

        def fail(text: str) -> None:
            raise KeyError(text)

        agent.peer._messages._on_message = fail
        caller.peer.send_message("boom")
        async with connected(caller, agent):
            while not unseen:
                await asyncio.sleep(0.001)
            heard = len(agent.events)
            await agent.until(lambda end: len(end.events) > heard + 5)
        assert unseen == ["'boom'"]

    run(scenario)
