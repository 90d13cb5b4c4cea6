"""Each touch of aiortc's and aioice's private parts does what it is there for."""
# ruff: noqa: SLF001 (the private parts are what is tested)

import ast
import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from aioice import stun
from aioice.ice import CandidatePair, StunProtocol
from aioice.turn import TurnClientMixin, TurnTransport
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtcconfiguration import RTCIceServer
from support.calls import LOOPBACK, connected, fake_end, run
from support.fake_engine import PacketReceived
from support.virtual_time import VirtualLoop

from voicectl.errors import SetupError
from voicectl.rtc import (
    HostAddresses,
    PeerSettings,
    _aioice_private,
    _aioice_turn_private,
    _aiortc_private,
    _requirements,
)
from voicectl.rtc._aioice_private import EngineConnection
from voicectl.rtc._aiortc_private import EnginePeerConnection
from voicectl.rtc.settings import to_configuration

INTERFACES = PeerSettings()
STUN_REQUEST = b"\x00\x01\x00\x08\x21\x12\xa4\x42" + b"transaction!"


def ice_agent(
    host_addresses: HostAddresses = "loopback", servers: Sequence[RTCIceServer] = ()
) -> EngineConnection:
    policy = _aioice_private.TransportPolicy.ALL
    return EngineConnection(host_addresses, policy, list(servers))


def peer_connection(settings: PeerSettings = LOOPBACK) -> EnginePeerConnection:
    return EnginePeerConnection(to_configuration(settings), None, settings.host_addresses)


async def introduce(controlling: EngineConnection, controlled: EngineConnection) -> None:
    """Give each ICE agent the other's description."""
    controlling.ice_controlling = True
    for local, remote in ((controlling, controlled), (controlled, controlling)):
        await local.gather_candidates()
        local.remote_username, local.remote_password = remote.local_username, remote.local_password
    for local, remote in ((controlling, controlled), (controlled, controlling)):
        for candidate in remote.local_candidates:
            await local.add_remote_candidate(candidate)
        await local.add_remote_candidate(None)


def raw_socket_to(agent: EngineConnection) -> socket.socket:
    """A socket that is no candidate, and the address of the agent's only candidate."""
    candidate = agent.local_candidates[0]
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind(("127.0.0.1", 0))
    stranger.connect((candidate.host, candidate.port))
    return stranger


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 (aioice has no event for it)
        await asyncio.sleep(0)


# What is installed


def test_the_installed_packages_have_every_name() -> None:
    _requirements.check_installed()


def test_every_private_name_that_is_touched_is_checked_at_import() -> None:
    listed = {
        name
        for table in (_requirements.CLASS_NAMES, _requirements.INSTANCE_NAMES)
        for names in table.values()
        for name in names.split()
    }
    files = [m.__file__ for m in (_aioice_private, _aioice_turn_private, _aiortc_private)]
    tree = ast.parse("\n".join(Path(file).read_text() for file in files))
    ours = {"_context", "_fingerprints", "_host_addresses", "_proven", "_triggered_by", "_driver"}
    ours |= {"_configuration", "_early_media", "_on_media", "_permission_tasks", "_asking"}
    ours |= {"_gathering_news", "_is_resting", "_late_start", "_questions", "_counters", "_sctp"}
    ours |= {"_has_ended", "_cname", "_sender"}
    ours |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    ours |= {n.name for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef)}
    touched = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    ours |= {"_add_reader", "_read_ready"}  # asyncio's, where detaching has found it to be so
    private = {name for name in touched if name.startswith("_") and not name.startswith("__")}
    assert private - ours - listed == set()


@pytest.mark.parametrize(
    ("table", "entry", "complaint"),
    [
        ("VERSIONS", {"aiortc": "1.17"}, "aiortc is 1.16.0, needed is 1.17"),
        ("VERSIONS", {"no-such": "1.0"}, "no-such 1.0 is not installed"),
        ("CLASS_NAMES", {"aiortc:RTCRtpSender": "sing"}, "aiortc.RTCRtpSender.sing is missing"),
        ("CLASS_NAMES", {"aiortc.gone:X": "y"}, "aiortc.gone.X.y is missing"),
        ("INSTANCE_NAMES", {"aiortc:RTCRtpSender": "_x"}, "aiortc.RTCRtpSender._x is missing"),
    ],
)
def test_another_release_is_refused_with_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, table: str, entry: dict[str, str], complaint: str
) -> None:
    monkeypatch.setattr(_requirements, table, entry)
    with pytest.raises(SetupError) as error:
        _requirements.check_installed()
    assert complaint in (error.value.detail or "")
    assert "pip install" in (error.value.hint or "")


def test_other_users_of_aiortc_keep_the_stock_behaviour() -> None:
    async def scenario() -> None:
        stock, ours = RTCPeerConnection(), peer_connection()
        transceiver = stock.addTransceiver("audio")
        ours.addTransceiver("audio")
        assert type(transceiver.sender) is RTCRtpSender
        assert type(transceiver.receiver) is RTCRtpReceiver
        assert len((await stock.createOffer()).sdp.split("rtpmap")) > 2
        await stock.close()
        await ours.close()

    run(scenario)


# Gathering


@pytest.mark.parametrize(
    ("host_addresses", "has_loopback"), [("loopback", True), ("all", True), ("interfaces", False)]
)
def test_loopback_is_gathered_when_asked(host_addresses: HostAddresses, has_loopback: bool) -> None:
    async def scenario() -> None:
        agent = ice_agent(host_addresses)
        await agent.gather_candidates()
        hosts = [candidate.host for candidate in agent.local_candidates]
        assert ("127.0.0.1" in hosts) == has_loopback
        if host_addresses == "loopback":
            assert hosts == ["127.0.0.1"]
        await agent.close()

    run(scenario)


def test_sockets_that_were_gathered_too_late_are_closed() -> None:
    async def scenario() -> None:
        agent = ice_agent()
        gathering = asyncio.ensure_future(agent.gather_candidates())
        await agent.close()
        await gathering
        assert all(protocol.transport.is_closing() for protocol in agent._protocols)

    run(scenario)


# Checks


def test_connecting_ends_when_the_check_list_is_done_not_at_the_next_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(_aioice_private, "CHECK_PACING_S", 1000)
        left, right = ice_agent(), ice_agent()
        await introduce(left, right)
        await asyncio.gather(left.connect(), right.connect())
        await asyncio.gather(left.close(), right.close())

    run(scenario)


def test_a_lost_first_check_is_repeated_when_the_peers_check_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(stun, "RETRY_RTO", 1000)
        left, right = ice_agent(), ice_agent()
        await introduce(left, right)
        protocol = left._protocols[0]
        send, lost = protocol.send_stun, []

        def lose_first_request(message: stun.Message, addr: tuple[str, int]) -> None:
            if message.message_class is stun.Class.REQUEST and not lost:
                lost.append(message)
            else:
                send(message, addr)

        protocol.send_stun = lose_first_request
        connecting = asyncio.ensure_future(left.connect())
        await until(lambda: lost)
        await asyncio.gather(connecting, right.connect())
        await asyncio.gather(left.close(), right.close())

    run(scenario)


def test_a_check_that_is_repeated_does_not_make_us_repeat_ours_again() -> None:
    async def scenario() -> None:
        agent = ice_agent()
        await agent.gather_candidates()
        agent.remote_username, agent.remote_password = "peer", "p" * 22
        protocol = agent._protocols[0]
        sent = []
        protocol.send_stun = lambda message, addr: sent.append(message)
        request = agent.build_request(pair_of(agent, protocol), nominate=False)
        agent._check_list[0].state = CandidatePair.State.IN_PROGRESS
        outstanding = asyncio.ensure_future(protocol.request(request, ("127.0.0.1", 9)))
        await until(lambda: sent)
        for transaction_id in (b"a" * 12, b"a" * 12, b"b" * 12):
            incoming = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id)
            incoming.attributes["PRIORITY"] = 1
            agent.check_incoming(incoming, ("127.0.0.1", 9), protocol)
        assert [message.transaction_id for message in sent] == [request.transaction_id] * 3
        outstanding.cancel()
        await agent.close()

    run(scenario)


def pair_of(agent: EngineConnection, protocol: StunProtocol) -> CandidatePair:
    remote = agent.local_candidates[0]
    remote.port, remote._network_host = 9, remote.host
    pair = CandidatePair(protocol, remote)
    agent._remote_candidates.append(remote)
    agent._check_list.append(pair)
    return pair


def test_a_peer_may_move_to_another_pair_after_nomination(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(_aioice_private, "LOOPBACK_ADDRESSES", ["127.0.0.1", "127.0.0.2"])
        left, right = ice_agent(), ice_agent()
        await introduce(left, right)
        await asyncio.gather(left.connect(), right.connect())
        first = left._nominated[1]
        other = next(p for p in left._protocols if p is not first.protocol)
        pair = CandidatePair(other, first.remote_candidate)
        request = left.build_request(pair, nominate=True)
        await other.request(request, pair.remote_addr, left.remote_password.encode())
        await until(lambda: right._nominated[1].remote_addr == pair.local_addr)
        await asyncio.gather(left.close(), right.close())

    run(scenario)


def test_no_pair_that_can_succeed_is_a_connection_error() -> None:
    async def scenario() -> None:
        agent = ice_agent()
        await agent.gather_candidates()
        agent.remote_username, agent.remote_password = "peer", "p" * 22
        await agent.add_remote_candidate(None)
        with pytest.raises(ConnectionError):
            await agent.connect()
        await agent.close()

    run(scenario)


# The gate before the sockets


@pytest.mark.parametrize(
    ("datagram", "counter"),
    [
        (b"", "malformed"),
        (b"\x80" + bytes(1500), "malformed"),
        (b"\x00", "malformed"),
        (b"\x00\x01\x00\x00" + bytes(16), "malformed"),
        (STUN_REQUEST + b"\x00\x06\x00\x01\xff\0\0\0", "malformed"),  # USERNAME: not UTF-8
        (STUN_REQUEST + b"\x00\x24\x00\x01\xff\0\0\0", "malformed"),  # PRIORITY: too short
        (STUN_REQUEST + b"\x80\x22\x00\x04soft", None),  # answered with 400
        (b"\x16\xfe\xff" + bytes(30), "unknown_source"),
        (b"\x80\x60" + bytes(30), "unknown_source"),
        (b"\xff" * 30, "unknown_source"),
    ],
)
def test_a_strangers_datagram_is_counted_and_goes_nowhere(
    datagram: bytes, counter: str | None
) -> None:
    async def scenario() -> None:
        agent = ice_agent()
        await agent.gather_candidates()
        with raw_socket_to(agent) as stranger:
            stranger.send(datagram)
            stranger.send(b"\xff")  # arrives after it
            await until(lambda: agent.counters.unknown_source > (counter == "unknown_source"))
        counts = vars(agent.counters) | {
            "unknown_source": agent.counters.unknown_source - 1,
        }
        assert {name for name, count in counts.items() if count} == ({counter} - {None})
        assert agent._queue.empty()
        await agent.close()

    run(scenario)


def test_media_of_the_peer_that_fails_its_tag_or_is_replayed_is_counted() -> None:
    async def scenario() -> None:
        caller, agent = fake_end(), fake_end()
        async with connected(caller, agent):
            await agent.until(lambda end: end.events)
            dtls = caller.peer._connection.dtls_transport
            packet = bytes([0x80, 96]) + bytes(10) + b"again"
            protected = caller.engine.srtp.protect(packet)
            tampered = protected[:-1] + bytes([protected[-1] ^ 1])
            for datagram in (tampered, protected, protected):
                dtls.connection.send_now(datagram)
            await agent.until(lambda end: PacketReceived("rtp", packet) in end.events)
            await until(lambda: agent.engine.refused == 2)
            assert agent.events.count(PacketReceived("rtp", packet)) == 1

    run(scenario)


def test_data_that_nobody_reads_is_bounded() -> None:
    async def scenario() -> None:
        left, right = ice_agent(), ice_agent()
        await introduce(left, right)
        await asyncio.gather(left.connect(), right.connect())
        excess = 10
        for _ in range(_aioice_private.MAX_QUEUED_DATAGRAMS + excess):
            assert left.send_now(b"\x16data")
            await asyncio.sleep(0)
        await until(lambda: right.counters.overflowed == excess)
        assert right._queue.qsize() == _aioice_private.MAX_QUEUED_DATAGRAMS
        await asyncio.gather(left.close(), right.close())

    run(scenario)


# Sending


def test_nothing_is_sent_before_a_pair_is_nominated() -> None:
    async def scenario() -> None:
        agent = ice_agent()
        await agent.gather_candidates()
        assert not agent.send_now(b"\x80")
        assert agent.nominated_pair is None
        await agent.close()

    run(scenario)


def test_a_relay_that_is_stuck_holds_a_bounded_number_of_packets() -> None:
    async def scenario() -> None:
        stuck = asyncio.Event()

        async def send_data(data: bytes, addr: tuple[str, int]) -> None:
            await stuck.wait()

        inner = SimpleNamespace(
            send_data=send_data, transport=SimpleNamespace(is_closing=lambda: False)
        )
        agent = ice_agent()
        await agent.gather_candidates()
        pair = pair_of(agent, SimpleNamespace(transport=TurnTransport(inner)))
        agent._nominated[1] = pair
        sent = [agent.send_now(b"\x80") for _ in range(100)]
        assert sent.count(True) == _aioice_private.MAX_QUEUED_RELAY_SENDS
        stuck.set()
        agent._nominated.clear()
        agent._check_list.clear()
        await agent.close()

    run(scenario)


def test_channels_are_bound_again_before_their_permissions_end() -> None:
    """One of them over 12 minutes, in virtual time; the server refuses one refresh in three."""
    loop = VirtualLoop()
    refreshed_s: list[float] = []

    class Client(TurnClientMixin):
        def __init__(self) -> None:
            super().__init__(("192.0.2.1", 3478), "user", "pass", 600, 500)
            self.transport = SimpleNamespace(is_closing=lambda: False)
            self.channel_to_peer = {0x4000: ("192.0.2.2", 9)}
            self.attempts = 0

        async def channel_bind(self, channel_number: int, addr: tuple[str, int]) -> None:
            assert (channel_number, addr) == (0x4000, ("192.0.2.2", 9))
            self.attempts += 1
            if self.attempts % 3 == 1:
                raise stun.TransactionTimeout
            refreshed_s.append(loop.time())

    async def scenario() -> None:
        keeping = _aioice_turn_private.keep_permissions(TurnTransport(Client()))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(keeping, 720)

    try:
        loop.run_until_complete(scenario())
    finally:
        loop.close()
    times = [0.0, *refreshed_s, 720.0]
    assert max(late - early for early, late in itertools.pairwise(times)) < 300


def test_packets_that_cannot_be_sent_are_counted() -> None:
    async def scenario() -> None:
        end = fake_end()
        await end.peer.create_offer()
        dtls = end.peer._connection.dtls_transport
        assert not dtls.send_now(bytes([0x80, 96]) + bytes(10))
        assert end.peer.transport_stats().dropped.unsent == 1
        await end.peer.close()

    run(scenario)


# What is negotiated


def test_one_voice_is_offered_and_other_media_are_inactive() -> None:
    async def scenario() -> None:
        connection = peer_connection()
        for kind in ("audio", "audio", "video"):
            connection.addTransceiver(kind)
        sdp = (await connection.createOffer()).sdp
        assert [line for line in sdp.splitlines() if "m=audio" in line] == [
            "m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8"
        ] * 2
        directions = [line for line in sdp.splitlines() if line[2:] in ("sendrecv", "inactive")]
        assert directions == ["a=sendrecv", "a=inactive", "a=inactive"]
        await connection.close()

    run(scenario)


def test_a_browsers_offer_of_audio_and_video_connects_with_video_inactive() -> None:
    async def scenario() -> None:
        browser = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        browser.createDataChannel("oai-events")  # the application section comes first
        browser.addTransceiver("audio")
        browser.addTransceiver("video")
        await browser.setLocalDescription(await browser.createOffer())
        end = fake_end(INTERFACES)
        answer = await end.peer.accept_offer(browser.localDescription.sdp)
        assert answer.count("a=sendrecv") == answer.count("a=inactive") == 1
        await end.peer.close()
        await browser.close()

    run(scenario)


def test_a_call_starts_no_thread() -> None:
    async def scenario() -> None:
        before = threading.active_count()
        caller, agent = fake_end(), fake_end()
        async with connected(caller, agent):
            await agent.until(lambda end: end.events)
            assert threading.active_count() == before

    run(scenario)


# The certificate


def test_the_connections_of_a_process_share_one_certificate_for_a_day() -> None:
    today = _aiortc_private._certificate_of(date(2026, 1, 1))
    assert _aiortc_private._certificate_of(date(2026, 1, 1)) is today
    assert _aiortc_private._certificate_of(date(2026, 1, 2)) is not today
    assert len({f.algorithm for f in today.getFingerprints()}) == 3

    async def scenario() -> None:
        one, other = fake_end(), fake_end()
        offers = [await end.peer.create_offer() for end in (one, other)]
        prints = [[x for x in o.splitlines() if x.startswith("a=fingerprint")] for o in offers]
        assert prints[0] == prints[1] != []
        await one.peer.close()
        await other.peer.close()

    run(scenario)
