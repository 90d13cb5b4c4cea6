"""Whatever a peer or a stranger sends, it is an error of ours or a counter, nothing else."""
# ruff: noqa: SLF001 (datagrams are put where the socket would put them)

import asyncio
import contextlib

from aioice.stun import Class, Message, Method
from hypothesis import given, settings
from hypothesis import strategies as st
from support.calls import LOOPBACK, fake_end, run

from voicectl.errors import ConnectError
from voicectl.rtc._aioice_private import EngineConnection, TransportPolicy
from voicectl.rtc.description import read_remote


def _real_offer() -> str:
    async def offer() -> str:
        end = fake_end(LOOPBACK)
        async with end.peer:
            return await end.peer.create_offer()

    return asyncio.run(offer())


OFFER = _real_offer()
LINES = OFFER.splitlines()
JUNK = st.one_of(st.text(max_size=40), st.integers().map(str), st.sampled_from(["", " ", ":", "/"]))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConnectError):
        read_remote(text, "offer")


def mutate(lines: list[str], mutations: list[tuple[int, int, str]]) -> str:
    """Replace words (what stands between `:`, `=` and blanks) by junk."""
    lines = list(lines)
    for index, word, junk in mutations:
        words = lines[index].replace(":", " : ").replace("=", " = ").split(" ")
        words[word % len(words)] = junk
        lines[index] = " ".join(words).replace(" : ", ":").replace(" = ", "=")
    return "\r\n".join(lines)


MUTATED_OFFERS = st.lists(
    st.tuples(st.integers(0, len(LINES) - 1), st.integers(0, 12), JUNK), max_size=4
).map(lambda mutations: mutate(LINES, mutations))


@settings(max_examples=200, deadline=None)
@given(MUTATED_OFFERS)
def test_a_mutated_offer_is_answered_or_refused(offer: str) -> None:
    async def answer() -> None:
        end = fake_end(LOOPBACK)
        async with end.peer:
            with contextlib.suppress(ConnectError):
                await end.peer.accept_offer(offer)

    run(answer)


def _stun_request() -> bytes:
    message = Message(Method.BINDING, Class.REQUEST)
    message.attributes["USERNAME"] = "abcd:efgh"
    message.attributes["PRIORITY"] = 1
    message.add_message_integrity(b"key")
    return bytes(message)


STUN = _stun_request()
DATAGRAMS = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=64).map(lambda tail: STUN[:8] + tail),
    st.tuples(st.integers(0, len(STUN) - 1), st.integers(0, 255)).map(
        lambda change: STUN[: change[0]] + bytes([change[1]]) + STUN[change[0] + 1 :]
    ),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(DATAGRAMS, max_size=20))
def test_any_datagram_of_a_stranger_leaves_the_connection_as_it_was(datagrams: list[bytes]) -> None:
    async def receive() -> None:
        connection = EngineConnection("loopback", TransportPolicy.ALL, [])
        await connection.gather_candidates()
        protocol = connection._protocols[0]
        for datagram in datagrams:
            protocol.datagram_received(datagram, ("127.0.0.1", 9))
        assert connection._queue.empty()
        assert not connection._check_list
        assert not connection._early_checks
        await connection.close()

    asyncio.run(receive())
