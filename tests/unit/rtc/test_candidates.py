"""Whatever a peer trickles is tried, counted, or a WireError."""

import asyncio
import contextlib

import pytest
from aioice import Candidate
from aiortc.sdp import candidate_from_sdp
from hypothesis import given
from hypothesis import strategies as st
from support.calls import fake_end, run

from voicectl.errors import WireError
from voicectl.rtc import END_OF_CANDIDATES, IceCandidate
from voicectl.rtc.candidates import MAX_CANDIDATES, RemoteCandidates, RemoteTransport

END = IceCandidate(END_OF_CANDIDATES)


def attribute(host: str = "192.0.2.7", port: int = 5000, kind: str = "host") -> str:
    return f"candidate:1 1 udp 2130706431 {host} {port} typ {kind}"


class Agent:
    """What the ICE agent was given: addresses, and None for the end."""

    def __init__(self) -> None:
        self.given: list[str | None] = []
        self.names_resolve = asyncio.Event()
        self.error: Exception | None = None

    async def add(self, candidate: Candidate | None) -> None:
        if candidate is not None and candidate.host.endswith(".local"):
            self.given.append("resolving")
            await self.names_resolve.wait()
            if self.error is not None:
                raise self.error
        self.given.append(candidate and candidate.host)


def transport(*attributes: str, ended: bool = False) -> RemoteTransport:
    parsed = [candidate_from_sdp(each.removeprefix("candidate:")) for each in attributes]
    return RemoteTransport("0", "abcd", parsed, ended=ended)


async def described(
    *attributes: str, ended: bool = False, allow_loopback: bool = False
) -> tuple[RemoteCandidates, Agent]:
    gate, agent = RemoteCandidates(allow_loopback=allow_loopback), Agent()
    await gate.describe(transport(*attributes, ended=ended), agent.add)
    return gate, agent


Tried = tuple[list[str | None], int]


def tried(item: IceCandidate | str, *, allow_loopback: bool = False) -> Tried:
    """What the agent was given for one trickled candidate, and how many were refused."""

    async def take() -> Tried:
        gate, agent = await described(allow_loopback=allow_loopback)
        await gate.take(item if isinstance(item, IceCandidate) else IceCandidate(item))
        await asyncio.sleep(0)
        gate.close()
        return agent.given, gate.refused

    return asyncio.run(take())


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "224.0.0.1", "ff02::1"]
    + ["169.254.1.1", "fe80::1", "255.255.255.255", "::ffff:224.0.0.1", "example.org", "1.2.3"]
    + [f"{'x' * 64}.local", "a.b.local", ".local", "fe80::1%eth0"],
)
def test_an_address_that_no_peer_can_have_is_not_tried(host: str) -> None:
    assert tried(attribute(host)) == ([], 1)


@pytest.mark.parametrize("host", ["192.168.1.2", "2001:db8::1"])
def test_private_addresses_are_tried(host: str) -> None:
    assert tried(attribute(host)) == ([host], 0)


def test_loopback_is_tried_where_ours_is_gathered() -> None:
    assert tried(attribute("127.0.0.1"), allow_loopback=True) == (["127.0.0.1"], 0)


@pytest.mark.parametrize("port", [-1, 0, 65536, 10**30])
def test_a_port_that_does_not_exist_is_not_tried(port: int) -> None:
    assert tried(attribute(port=port)) == ([], 1)


def test_a_candidate_of_another_component_is_not_tried() -> None:
    """With RTCP's component at the address that checks came from, aioice failed an assertion."""
    assert tried(attribute().replace("candidate:1 1 udp", "candidate:1 2 udp")) == ([], 1)


@pytest.mark.parametrize(("one", "other"), [(" udp ", " tcp "), ("typ host", "typ prflx")])
def test_a_candidate_that_cannot_be_paired_is_not_tried(one: str, other: str) -> None:
    assert tried(attribute().replace(one, other)) == ([], 1)


@pytest.mark.parametrize(
    ("item", "is_tried"),
    [
        (IceCandidate(attribute(), "0", "abcd"), True),
        (IceCandidate(attribute() + " generation 0 ufrag abcd"), True),
        (IceCandidate(attribute(), "0", "wxyz"), False),
        (IceCandidate(attribute() + " generation 0 ufrag wxyz"), False),
        (IceCandidate(attribute(), "1", "abcd"), False),
    ],
)
def test_another_generations_or_transports_candidate_is_not_tried(
    item: IceCandidate, is_tried: bool
) -> None:
    assert tried(item) == (["192.0.2.7"] * is_tried, 1 - is_tried)


@pytest.mark.parametrize(
    ("end", "ends"),
    [
        (END, True),
        (IceCandidate(" \r\n", "0", "abcd"), True),
        (IceCandidate("", "1"), False),
        (IceCandidate("", "0", "wxyz"), False),
    ],
)
def test_only_our_transports_own_end_ends_it(end: IceCandidate, ends: bool) -> None:
    assert tried(end) == ([None] * ends, 0)


@pytest.mark.parametrize(
    "junk",
    ["candidate", "candidate:", "candidate:1 1 udp", attribute().replace("5000", "lots")]
    + ["host 192.0.2.7", attribute() + " x" * 999, attribute() + " rport x", "\0", "a=b=c"]
    + [attribute(port=5000).replace("2130706431", "9" * 5000)],
)
def test_a_candidate_that_does_not_parse_is_a_wire_error(junk: str) -> None:
    with pytest.raises(WireError):
        tried(junk)


def test_one_that_comes_after_the_end_is_counted() -> None:
    async def scenario() -> None:
        gate, agent = await described(attribute(), ended=True)
        await gate.take(IceCandidate(attribute("192.0.2.8")))
        await gate.take(END)
        assert (agent.given, gate.refused) == (["192.0.2.7", None], 1)

    run(scenario)


def test_a_peer_cannot_make_us_check_more_than_32_addresses() -> None:
    async def scenario() -> None:
        gate, agent = await described(*(attribute(f"192.0.2.{n}") for n in range(20)))
        for n in range(100, 150):
            await gate.take(IceCandidate(attribute(f"192.0.2.{n}")))
        assert (len(agent.given), gate.refused) == (MAX_CANDIDATES, 70 - MAX_CANDIDATES)

    run(scenario)


def test_what_comes_before_the_description_waits_for_it_in_a_bounded_room() -> None:
    async def scenario() -> None:
        gate, agent = RemoteCandidates(allow_loopback=False), Agent()
        await gate.take(IceCandidate(attribute("192.0.2.1"), "0", "abcd"))
        await gate.take(IceCandidate(attribute("192.0.2.2"), "0", "of another call"))
        for _ in range(MAX_CANDIDATES):
            await gate.take(IceCandidate(attribute("192.0.2.3")))
        assert gate.refused == 2
        await gate.take(END)  # no room for it either: it is not known then that none follows
        await gate.describe(transport(attribute()), agent.add)
        assert agent.given[:3] == ["192.0.2.7", "192.0.2.1", "192.0.2.3"]
        assert None not in agent.given

    run(scenario)


def test_an_early_end_ends_it_after_the_description() -> None:
    async def scenario() -> None:
        gate, agent = RemoteCandidates(allow_loopback=False), Agent()
        await gate.take(IceCandidate(attribute("192.0.2.1")))
        await gate.take(END)
        await gate.describe(transport(attribute()), agent.add)
        assert agent.given == ["192.0.2.7", "192.0.2.1", None]

    run(scenario)


def test_a_name_that_is_being_resolved_keeps_nothing_waiting() -> None:
    """An answer took a second longer for each name that nobody answered for."""

    async def scenario() -> None:
        gate, agent = await described(attribute("f00d.local"), attribute(), ended=True)
        await asyncio.sleep(0)
        assert agent.given == ["192.0.2.7", "resolving", None]
        agent.names_resolve.set()
        await asyncio.sleep(0)
        assert agent.given[-1] == "f00d.local"
        assert gate.refused == 0

    run(scenario)


def test_a_name_without_a_socket_to_resolve_it_is_counted() -> None:
    """It came out of `accept_offer` as an OSError."""

    async def scenario() -> None:
        gate, agent = await described(attribute("f00d.local"))
        agent.error = OSError("address already in use")
        agent.names_resolve.set()
        for _ in range(3):
            await asyncio.sleep(0)
        assert gate.refused == 1

    run(scenario)


def test_closing_ends_the_resolving_and_takes_no_more() -> None:
    async def scenario() -> None:
        gate, agent = await described(attribute("f00d.local"))
        await asyncio.sleep(0)
        gate.close()
        await gate.take(IceCandidate(attribute()))
        agent.names_resolve.set()
        await asyncio.sleep(0)
        assert (agent.given, gate.refused) == (["resolving"], 1)

    run(scenario)


WORDS = st.lists(
    st.text(max_size=12)
    | st.integers().map(str)
    | st.sampled_from(
        "candidate:1 1 udp tcp 2130706431 192.0.2.7 ::1 f.local 5000 typ host srflx relay "
        "raddr rport ufrag abcd generation 0".split(" ")
    ),
    max_size=14,
).map(" ".join)
JUNK = st.builds(
    IceCandidate,
    st.text() | WORDS | WORDS.map("candidate:{}".format),
    st.none() | st.sampled_from(["0", "1", ""]) | st.text(max_size=5),
    st.none() | st.text(max_size=5),
)


@given(st.lists(JUNK, max_size=5))
def test_any_candidate_is_tried_counted_or_refused(items: list[IceCandidate]) -> None:
    async def take() -> None:
        gate, _ = await described()
        for item in items:
            with contextlib.suppress(WireError):
                await gate.take(item)
        gate.close()

    asyncio.run(take())


def test_a_peer_takes_candidates_before_during_and_after_a_call() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        junk = [attribute(), attribute("224.0.0.1"), attribute("::1", kind="relay"), ""]
        async with caller.peer, agent.peer:
            offer = await caller.peer.create_offer()
            for each in junk[:3]:
                await caller.peer.add_remote_candidate(IceCandidate(each, "7"))
            answer = await agent.peer.accept_offer(offer)
            await caller.peer.accept_answer(answer)
            await asyncio.gather(caller.peer.connected(10), agent.peer.connected(10))
            for each in junk:
                await caller.peer.add_remote_candidate(IceCandidate(each, "0", "old"))
            with pytest.raises(WireError):
                await agent.peer.add_remote_candidate(IceCandidate("hello"))
            await agent.until(lambda end: end.events)
        for each in junk:
            await caller.peer.add_remote_candidate(IceCandidate(each))
        assert caller.peer.transport_stats().refused_candidates == 9
        assert agent.peer.transport_stats().refused_candidates == 0

    run(scenario)
