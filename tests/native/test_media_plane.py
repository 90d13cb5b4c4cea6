"""Native threads carry calls: what they take, what they hand back, what they drop."""

import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from voicectl._native import Engine, EngineSettings, MediaCall, SrtpSession
from voicectl.errors import UsageError

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)

from voicectl._native import MediaPlane

PROFILE = "SRTP_AEAD_AES_128_GCM"
ENGINE_KEYS, PEER_KEYS = bytes(range(28)), bytes(range(100, 128))
PEER_SSRC = 7
TIMEOUT_S = 10.0
BINDING_REQUEST = bytes.fromhex("000100002112a442") + bytes(12)


@pytest.fixture
def plane() -> Iterator[MediaPlane]:
    plane = MediaPlane(delivery_interval_ms=0)
    yield plane
    plane.close()


class Call:
    """An engine on the plane, and the socket of its peer."""

    def __init__(
        self, plane: MediaPlane, family: int = socket.AF_INET, interval_ms: int | None = None
    ) -> None:
        self.host = "127.0.0.1" if family == socket.AF_INET else "::1"
        self.plane = plane
        self.ours, self.theirs, self.strange = (self.bound(family) for _ in range(3))
        settings = EngineSettings(sink="eager")
        self.engine = Engine(settings, now_ns=time.monotonic_ns(), seed=1)
        self.engine.configure_receive({96: "opus"})
        self.engine.set_srtp_keys(PROFILE, ENGINE_KEYS, PEER_KEYS)
        self.srtp = SrtpSession(PROFILE, PEER_KEYS, ENGINE_KEYS)
        self.call: MediaCall = plane.add(
            self.engine, [self.ours.fileno()], delivery_interval_ms=interval_ms
        )

    def bound(self, family: int) -> socket.socket:
        bound = socket.socket(family, socket.SOCK_DGRAM)
        bound.bind((self.host, 0))
        bound.settimeout(TIMEOUT_S)
        return bound

    @property
    def peer(self) -> tuple[int, str, int]:
        return (0, self.host, self.theirs.getsockname()[1])

    def send(self, datagram: bytes, *, strange: bool = False) -> None:
        sender = self.strange if strange else self.theirs
        sender.sendto(datagram, self.ours.getsockname()[:2])

    def until_ready(self) -> None:
        readable, _, _ = select.select([self.plane.fileno()], [], [], TIMEOUT_S)
        assert readable
        assert self.call.id in self.plane.take_ready()

    def media(self, sequence_number: int) -> bytes:
        timestamp = (960 * sequence_number).to_bytes(4)
        header = bytes([0x80, 96, 0, sequence_number]) + timestamp + PEER_SSRC.to_bytes(4)
        return self.srtp.protect(header + bytes([0xF8, 0xFF, 0xFE]))

    def close(self) -> None:
        self.call.close()
        for each in (self.ours, self.theirs, self.strange):
            each.close()


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def call(request: pytest.FixtureRequest, plane: MediaPlane) -> Iterator[Call]:
    try:
        call = Call(plane, request.param)
    except OSError:
        pytest.skip("this machine has no IPv6")
    yield call
    call.close()


def test_media_of_the_peer_reaches_the_engine_and_its_events_are_told(call: Call) -> None:
    call.call.set_route([call.peer], call.peer)
    call.send(call.media(1))
    call.until_ready()
    assert call.engine.poll_events()
    assert call.engine.stats().inbound.packets_received == 1
    assert call.call.stats().first_packet_received_ns is not None


def test_audio_of_a_call_waits_as_long_as_the_call_wants_and_nothing_else_does(
    plane: MediaPlane,
) -> None:
    patient = Call(plane, interval_ms=60_000)
    patient.call.set_route([patient.peer], patient.peer)
    patient.send(patient.media(1))
    patient.until_ready()  # a stream has started
    assert patient.engine.poll_events()
    for sequence_number in range(2, 6):
        patient.send(patient.media(sequence_number))
    while patient.engine.stats().inbound.packets_received < 5:
        time.sleep(0.01)
    patient.send(b"\x16dtls")
    patient.until_ready()
    assert [item.data for item in patient.call.take_handed_back()] == [b"\x16dtls"]
    (audio,) = patient.engine.poll_events()
    assert len(audio.pcm) == 4 * 960
    patient.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_packets_go_from_call_to_call_on_one_thread_and_on_two(threads: int) -> None:
    plane = MediaPlane(threads=threads, delivery_interval_ms=0)
    left, right = Call(plane), Call(plane)
    for call, ssrc in ((left, 9), (right, 10)):
        call.call.set_route([call.peer], call.peer)
        call.engine.start_sending(ssrc=ssrc, payload_type=96, cname="c")
    left.engine.bridge_out("packets", now_ns=time.monotonic_ns())
    right.engine.bridge_in("packets", now_ns=time.monotonic_ns())
    left.call.bridge_to(right.engine, right.call)
    for sequence_number in range(1, 6):
        left.send(left.media(sequence_number))
    packets: list[bytes] = []
    while len(packets) < 5:
        packet = right.srtp.unprotect(right.theirs.recv(2048))
        if packet is not None and packet[1] & 0x7F == 96:
            packets.append(packet)
    assert {packet[8:12] for packet in packets} == {(10).to_bytes(4)}
    numbers = [int.from_bytes(packet[2:4]) for packet in packets]
    assert [number - numbers[0] for number in numbers] == [0, 1, 2, 3, 4]
    left.close()
    right.close()
    plane.close()


def test_calls_whose_audio_has_waited_half_its_time_share_a_waking() -> None:
    plane = MediaPlane(delivery_interval_ms=4_000)
    one, other = Call(plane), Call(plane, interval_ms=0)
    for call in (one, other):
        call.call.set_route([call.peer], call.peer)
        call.send(call.media(1))
        call.until_ready()  # a stream has started
        call.engine.poll_events()
    one.send(one.media(2))
    assert select.select([plane.fileno()], [], [], 2.1) == ([], [], [])
    other.send(other.media(2))
    readable, _, _ = select.select([plane.fileno()], [], [], TIMEOUT_S)
    assert readable
    assert set(plane.take_ready()) == {one.call.id, other.call.id}
    one.close()
    other.close()
    plane.close()


def test_media_that_comes_before_the_first_route_is_not_lost(call: Call) -> None:
    """A call's first packet was dropped when it came between the sockets and their route."""
    call.send(call.media(1))
    call.send(b"\x80" * 40)
    call.until_ready()
    assert call.engine.stats().inbound.packets_received == 1
    assert call.call.stats().unknown_source == 0


def test_the_engine_is_heard_at_its_own_times(call: Call) -> None:
    call.call.set_route([call.peer], call.peer)
    call.engine.start_sending(ssrc=9, payload_type=96, cname="c")
    call.call.look()
    packets = [call.srtp.unprotect(call.theirs.recv(2048)) for _ in range(5)]
    assert all(packet is not None for packet in packets)
    assert call.call.stats().first_packet_sent_ns is not None


def test_what_is_no_media_is_handed_back_with_its_source(call: Call) -> None:
    for datagram in (b"\x00\x01stun", b"\x16dtls", b"\xff", b""):
        call.send(datagram, strange=True)
        call.until_ready()
        (item,) = call.call.take_handed_back()
        assert (item.data, item.socket) == (datagram, 0)
        assert item.source == (call.host, call.strange.getsockname()[1])


def test_strangers_get_no_further_than_a_connectivity_check(call: Call) -> None:
    """A sender that is no candidate kept the event loop at work, one wake-up for each datagram."""
    call.call.set_route([call.peer], call.peer)
    for datagram in (call.media(1), b"\x16dtls", b"\x00not stun after all", b"\xff"):
        call.send(datagram, strange=True)
    call.send(BINDING_REQUEST, strange=True)  # arrives after them
    call.until_ready()
    assert [item.data for item in call.call.take_handed_back()] == [BINDING_REQUEST]
    assert call.call.stats().unknown_source == 4
    assert call.engine.stats().inbound is None


def test_checks_of_strangers_leave_room_for_those_of_the_peer(call: Call) -> None:
    call.call.set_route([call.peer], call.peer)
    for _ in range(250):
        call.send(BINDING_REQUEST, strange=True)
    call.send(BINDING_REQUEST + b"peer")
    handed_back = []
    while not handed_back or handed_back[-1] != BINDING_REQUEST + b"peer":
        call.until_ready()
        handed_back += [item.data for item in call.call.take_handed_back()]
    stats = call.call.stats()
    # A second may have begun meanwhile.
    assert 100 < len(handed_back) <= 201
    assert len(handed_back) - 1 + stats.overflowed == 250


def test_forged_and_repeated_media_of_the_peers_address_changes_nothing(call: Call) -> None:
    call.call.set_route([call.peer], call.peer)
    media = call.media(1)
    for datagram in (media[:-1] + b"\0", media, media, b"\x80" * 40, b"\x80"):
        call.send(datagram)
    call.send(b"\x16dtls")  # arrives after them
    while not [item for item in call.call.take_handed_back() if item.data == b"\x16dtls"]:
        call.until_ready()
    stats = call.engine.stats()
    assert stats.inbound.packets_received == 1
    assert (stats.drops.unauthenticated_packets, stats.drops.replayed_packets) == (3, 1)


def test_without_a_socket_to_send_on_datagrams_are_handed_back(call: Call) -> None:
    call.call.set_route([call.peer], None)
    call.engine.start_sending(ssrc=9, payload_type=96, cname="c")
    call.call.look()
    call.until_ready()
    first = call.call.take_handed_back()[0]
    assert (first.socket, first.source) == (None, None)
    assert call.srtp.unprotect(first.data) is not None


def test_the_last_packets_go_out_when_a_call_ends(call: Call) -> None:
    call.call.set_route([call.peer], call.peer)
    call.engine.start_sending(ssrc=9, payload_type=96, cname="c")
    call.engine.stop(time.monotonic_ns())
    call.call.close()
    packets = [call.srtp.unprotect(call.theirs.recv(2048))]
    while packets[-1][1] < 200:  # RTP
        packets.append(call.srtp.unprotect(call.theirs.recv(2048)))
    assert bytes([0x81, 203]) in packets[-1]


def test_handed_back_datagrams_that_nobody_takes_are_bounded(call: Call) -> None:
    for _ in range(300):
        call.send(b"\x00stun")
        call.until_ready()
    assert len(call.call.take_handed_back()) == 256
    assert call.call.stats().overflowed == 44


def test_a_descriptor_that_is_not_open_is_an_os_error(plane: MediaPlane) -> None:
    engine = Engine(EngineSettings(), now_ns=time.monotonic_ns(), seed=1)
    for fileno in (-1, 10**6):
        with pytest.raises(OSError, match=r".+"):
            plane.add(engine, [fileno])
    assert plane.call_count == 0


def test_a_host_that_is_no_address_is_a_usage_error(call: Call) -> None:
    with pytest.raises(UsageError, match="no IP address"):
        call.call.set_route([(0, "example.org", 9)], None)


def test_calls_outlive_their_plane_without_harm(plane: MediaPlane) -> None:
    call = Call(plane)
    plane.close()
    call.call.look()
    call.call.set_route([call.peer], call.peer)
    call.close()
    with pytest.raises(ValueError, match="closed"):
        plane.take_ready()


def test_plane_can_be_closed_in_a_forked_child() -> None:
    """The child waited for threads that it does not have."""
    program = (
        "import os\n"
        "from voicectl._native import MediaPlane\n"
        "plane = MediaPlane()\n"
        "if child := os.fork():\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "plane.close()\n"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=TIMEOUT_S)


def test_call_that_the_system_waits_for_no_more_sockets_of_was_deaf_for_30_s(
    plane: MediaPlane,
) -> None:
    """epoll refuses a regular file as it refuses what is beyond `fs.epoll.max_user_watches`."""
    engine = Engine(EngineSettings(sink="eager"), now_ns=time.monotonic_ns(), seed=1)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as good,
        open(sys.executable, "rb") as refused,
        pytest.raises(OSError, match="not permitted"),
    ):
        plane.add(engine, [good.fileno(), refused.fileno()])
    assert plane.call_count == 0
    call = Call(plane)
    call.send(BINDING_REQUEST)
    call.until_ready()
    call.close()
