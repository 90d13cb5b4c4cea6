from typing import TypeVar

import pytest
from support.fake_turn import FakeTurn, Faults

from voicectl.turn.client import ClientSettings, TurnClient
from voicectl.turn.credentials import LongTermCredentials
from voicectl.turn.events import (
    AllocationCreated,
    AllocationLost,
    AllocationRefreshed,
    AllocationReleased,
    BindingSucceeded,
    Challenged,
    ChannelBound,
    ConnectionAttempted,
    ConnectionBound,
    ConnectionOpened,
    DataReceived,
    Event,
    MessageDiscarded,
    PermissionCreated,
    RequestRefused,
    RequestTimedOut,
)
from voicectl.turn.requests import IPV6, AllocateOptions
from voicectl.turn.transaction import RetransmissionSettings
from voicectl.wire.stun import (
    Attribute,
    AttributeType,
    IntegrityAlgorithm,
    MessageClass,
    Method,
    encode_message,
    parse_message,
)
from voicectl.wire.stun_attributes import (
    TransportAddress,
    encode_xor_address,
    uint32_attribute,
)

CLIENT = TransportAddress("198.51.100.7", 40000)
PEER = TransportAddress("203.0.113.20", 3480)
S = 1_000_000_000
MS = 1_000_000
RIGHT = LongTermCredentials("user", "pass")
T = TypeVar("T")


class Pair:
    """A client and a fake server with nothing between them, on a clock of their own."""

    def __init__(
        self,
        server: FakeTurn | None = None,
        credentials: LongTermCredentials | None = RIGHT,
        *,
        prefer_sha256: bool = False,
        reliable: bool = False,
    ) -> None:
        self.server = server or FakeTurn()
        settings = ClientSettings(
            credentials, prefer_sha256, RetransmissionSettings(reliable=reliable)
        )
        self.client = TurnClient(settings, seed=b"seed")
        self.now_ns = 0

    def exchange(self) -> list[Event]:
        """Carry messages until neither side has any; returns the client's events."""
        while (data := self.client.poll_transmit()) is not None:
            for answer in self.server.handle(data, CLIENT):
                self.client.handle_datagram(answer, self.now_ns)
        return self.events()

    def events(self) -> list[Event]:
        found = []
        while (event := self.client.poll_event()) is not None:
            found.append(event)
        return found

    def run_until(self, end_ns: int) -> list[Event]:
        """Serve every timer up to `end_ns`."""
        found = []
        while (due := self.client.next_timeout()) is not None and due <= end_ns:
            self.now_ns = max(self.now_ns, due)
            self.client.handle_timeout(self.now_ns)
            found += self.exchange()
        self.now_ns = end_ns
        return found

    def allocated(self) -> "Pair":
        self.client.allocate(self.now_ns)
        assert isinstance(self.exchange()[-1], AllocationCreated)
        return self


def of(kind: type[T], events: list[Event]) -> list[T]:
    return [each for each in events if isinstance(each, kind)]


def test_binding_gives_the_mapped_address_and_round_trip() -> None:
    pair = Pair()
    pair.client.bind(0)
    request = pair.client.poll_transmit()
    (answer,) = pair.server.handle(request, CLIENT)
    pair.client.handle_datagram(answer, 12 * MS)
    (event,) = pair.events()
    assert isinstance(event, BindingSucceeded)
    assert (event.mapped, event.rtt_ns, event.tries) == (CLIENT, 12 * MS, 1)


def test_request_is_sent_again_at_doubling_intervals_until_given_up() -> None:
    pair = Pair(FakeTurn(faults=Faults(silent={Method.BINDING})))
    pair.client.bind(0)
    sent_at = [0]
    pair.exchange()
    events = []
    while (due := pair.client.next_timeout()) is not None:
        pair.now_ns = due
        pair.client.handle_timeout(due)
        if pair.client.poll_transmit() is not None:
            sent_at.append(due // MS)
        events += pair.events()
    assert sent_at == [0, 200, 600, 1400, 3000]
    assert events == [RequestTimedOut(Method.BINDING, 5, ())]
    assert pair.now_ns == 6_200 * MS


def test_round_trip_is_unknown_once_a_request_was_sent_twice() -> None:
    pair = Pair()
    pair.client.bind(0)
    first = pair.client.poll_transmit()
    pair.client.handle_timeout(200 * MS)
    assert pair.client.poll_transmit() == first
    pair.client.handle_datagram(pair.server.handle(first, CLIENT)[0], 210 * MS)
    (event,) = pair.events()
    assert (event.rtt_ns, event.tries) == (None, 2)


def test_reliable_transport_sends_once() -> None:
    pair = Pair(FakeTurn(faults=Faults(silent={Method.BINDING})), reliable=True)
    pair.client.bind(0)
    pair.exchange()
    assert pair.run_until(10 * S) == [RequestTimedOut(Method.BINDING, 1, ())]
    assert len(pair.server.requests) == 1


def test_allocation_is_made_after_one_challenge() -> None:
    pair = Pair()
    pair.client.allocate(0)
    challenged, created = pair.exchange()
    assert isinstance(challenged, Challenged)
    assert challenged.realm == "example.org"
    assert created.relayed == (TransportAddress("192.0.2.15", 50_000),)
    assert created.mapped == CLIENT
    assert created.authenticated
    assert pair.client.allocation is not None


def test_sha256_and_userhash_are_used_when_offered_and_wanted() -> None:
    pair = Pair(FakeTurn(sha256=True), prefer_sha256=True)
    pair.client.allocate(0)
    assert isinstance(pair.exchange()[-1], AllocationCreated)
    signed = pair.server.requests[-1]
    assert signed.get(AttributeType.USERNAME) is None
    assert len(signed.get(AttributeType.USERHASH)) == 32
    assert signed.get(AttributeType.MESSAGE_INTEGRITY) is None
    assert signed.get(AttributeType.PASSWORD_ALGORITHM) == b"\x00\x02\x00\x00"


def test_sha256_is_not_used_unless_wanted() -> None:
    pair = Pair(FakeTurn(sha256=True))
    pair.allocated()
    assert pair.server.requests[-1].get(AttributeType.MESSAGE_INTEGRITY) is not None


def test_wrong_password_is_refused_after_one_signed_try() -> None:
    pair = Pair(credentials=LongTermCredentials("user", "wrong"))
    pair.client.allocate(0)
    refused = pair.exchange()[-1]
    assert isinstance(refused, RequestRefused)
    assert (refused.code, refused.signed) == (401, True)
    assert len(pair.server.requests) == 2


def test_missing_credentials_are_told_from_wrong_ones() -> None:
    pair = Pair(credentials=None)
    pair.client.allocate(0)
    (refused,) = pair.exchange()
    assert (refused.code, refused.signed, refused.realm) == (401, False, "example.org")


def test_open_relay_is_an_allocation_without_authentication() -> None:
    pair = Pair(FakeTurn(faults=Faults(open_relay=True)))
    pair.client.allocate(0)
    (created,) = pair.exchange()
    assert not created.authenticated


def test_stale_nonce_is_answered_with_the_newer_one() -> None:
    pair = Pair(FakeTurn(faults=Faults(stale_once=True)))
    pair.client.allocate(0)
    events = pair.exchange()
    assert [each.code for each in of(Challenged, events)] == [401, 438]
    assert isinstance(events[-1], AllocationCreated)


def test_nonces_that_are_always_stale_are_given_up_after_three() -> None:
    pair = Pair(FakeTurn(faults=Faults(always_stale=True)))
    pair.client.allocate(0)
    refused = pair.exchange()[-1]
    assert (refused.code, refused.nonces) == (438, 3)


@pytest.mark.parametrize("code", [400, 403, 437, 441, 442, 446, 486, 500, 508])
def test_every_other_error_is_reported_with_its_code(code: int) -> None:
    pair = Pair(FakeTurn(faults=Faults(refuse={Method.ALLOCATE: code})))
    pair.client.allocate(0)
    assert pair.exchange()[-1].code == code


def test_redirect_carries_the_alternate_server() -> None:
    alternate = TransportAddress("203.0.113.11", 3479)
    pair = Pair(FakeTurn(faults=Faults(redirect=alternate)))
    pair.client.allocate(0)
    refused = pair.exchange()[-1]
    assert (refused.code, refused.alternate_server) == (300, alternate)


def test_ipv6_relay_that_the_server_lacks_is_440() -> None:
    pair = Pair()
    pair.client.allocate(0, AllocateOptions(family=IPV6))
    assert pair.exchange()[-1].code == 440


def test_permission_for_a_peer_of_the_other_family_is_443() -> None:
    pair = Pair().allocated()
    pair.client.create_permission([TransportAddress("2001:db8::1", 9)], 0)
    assert pair.exchange()[-1].code == 443


def test_denied_peer_is_reported_with_its_address() -> None:
    pair = Pair(FakeTurn(faults=Faults(denied={PEER.ip}))).allocated()
    pair.client.create_permission([PEER], 0)
    refused = pair.exchange()[-1]
    assert (refused.method, refused.code, refused.peers) == (Method.CREATE_PERMISSION, 403, (PEER,))


def test_data_travels_as_indications_until_a_channel_is_bound() -> None:
    pair = Pair().allocated()
    pair.client.create_permission([PEER], 0)
    assert pair.exchange() == [PermissionCreated((PEER.ip,))]
    pair.client.send(PEER, b"one")
    pair.client.handle_datagram(pair.server.data_from_peer(CLIENT, PEER, b"in"), 5)
    assert pair.exchange() == [DataReceived(PEER, b"in", None, 5)]
    pair.client.bind_channel(PEER, 0)
    assert pair.exchange() == [ChannelBound(PEER, 0x4000)]
    pair.client.send(PEER, b"two")
    pair.client.handle_datagram(pair.server.data_from_peer(CLIENT, PEER, b"on channel"), 6)
    assert pair.exchange() == [DataReceived(PEER, b"on channel", 0x4000, 6)]
    assert pair.server.sent_to_peers == [(PEER, b"one"), (PEER, b"two")]


def test_data_from_a_peer_without_permission_is_discarded() -> None:
    pair = Pair().allocated()
    pair.server.allocations[CLIENT].permissions.add(PEER.ip)
    pair.client.handle_datagram(pair.server.data_from_peer(CLIENT, PEER, b"in"), 0)
    (event,) = pair.exchange()
    assert isinstance(event, MessageDiscarded)


def test_allocation_permission_and_channel_outlive_their_lifetimes() -> None:
    pair = Pair().allocated()
    pair.client.create_permission([PEER], 0)
    pair.client.bind_channel(PEER, 0)
    pair.exchange()
    before = len(pair.server.requests)
    events = pair.run_until(3600 * S)
    renewed = [Method(each.method) for each in pair.server.requests[before:]]
    assert renewed.count(Method.REFRESH) == 6
    # A permission lives 300 s and is renewed each 240 s; a channel 600 s and each 540 s.
    assert renewed.count(Method.CREATE_PERMISSION) >= 8
    assert renewed.count(Method.CHANNEL_BIND) == 6
    assert len(of(AllocationRefreshed, events)) == 6
    assert not of(RequestRefused, events)
    assert pair.client.allocation is not None


def test_allocation_is_lost_when_no_refresh_is_answered() -> None:
    pair = Pair().allocated()
    pair.server.faults.silent.add(Method.REFRESH)
    events = pair.run_until(700 * S)
    assert of(AllocationLost, events) == [AllocationLost(None)]
    assert pair.client.allocation is None


def test_allocation_is_lost_when_the_server_has_forgotten_it() -> None:
    pair = Pair().allocated()
    pair.server.allocations.clear()
    pair.client.refresh(0)
    assert pair.exchange()[0] == AllocationLost(437)


def test_released_allocation_is_gone_on_both_sides() -> None:
    pair = Pair().allocated()
    pair.client.refresh(0, lifetime_s=0)
    assert pair.exchange() == [AllocationReleased()]
    assert pair.server.allocations == {}
    assert pair.client.next_timeout() is None


def test_forged_success_is_discarded_and_the_real_one_taken() -> None:
    pair = Pair(FakeTurn(faults=Faults(forge_first=True)))
    pair.client.allocate(0)
    events = pair.exchange()
    assert "MESSAGE-INTEGRITY" in of(MessageDiscarded, events)[0].reason
    assert of(AllocationCreated, events)[0].relayed[0].ip == "192.0.2.15"


def test_success_without_integrity_leaves_the_request_unanswered() -> None:
    pair = Pair(FakeTurn(faults=Faults(no_integrity=True)))
    pair.client.allocate(0)
    pair.exchange()
    assert of(RequestTimedOut, pair.run_until(10 * S)) == [RequestTimedOut(Method.ALLOCATE, 5, ())]


def test_success_with_an_attribute_that_must_be_understood_is_discarded() -> None:
    pair = Pair()
    pair.client.bind(0)
    answer_of(pair, Attribute(0x7777, b""))
    (event,) = pair.events()
    assert isinstance(event, MessageDiscarded)
    assert "0x7777" in event.reason
    pair.client.bind(0)
    answer_of(pair, Attribute(0xF777, b""))
    assert of(BindingSucceeded, pair.events())


def test_late_answer_changes_nothing() -> None:
    pair = Pair()
    pair.client.bind(0)
    request = pair.client.poll_transmit()
    pair.run_until(10 * S)
    pair.client.handle_datagram(pair.server.handle(request, CLIENT)[0], 11 * S)
    (event,) = pair.events()
    assert isinstance(event, MessageDiscarded)
    assert "unsolicited" in event.reason


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x40\x00\x00\x09x", bytes(100), b"\xff" * 65535])
def test_garbage_is_discarded(data: bytes) -> None:
    pair = Pair()
    pair.client.handle_datagram(data, 0)
    (event,) = pair.events()
    assert isinstance(event, MessageDiscarded)


def test_requests_end_with_a_fingerprint() -> None:
    pair = Pair()
    pair.client.bind(0)
    message = parse_message(pair.client.poll_transmit())
    assert message.attributes[-1].type == AttributeType.FINGERPRINT


def test_data_beyond_the_send_queue_is_refused_and_counted() -> None:
    pair = Pair().allocated()
    accepted = [pair.client.send(PEER, b"x") for _ in range(1030)]
    assert accepted.count(True) == 1024
    assert pair.client.dropped_data == 6


def answer_of(
    pair: Pair, *attributes: Attribute, kind: MessageClass = MessageClass.SUCCESS
) -> None:
    """Answer the newest request by hand, as the fake server does not know RFC 6062."""
    request = parse_message(pair.client.poll_transmit() or b"")
    key = pair.client.authenticator.key
    data = encode_message(
        request.method, MessageClass.SUCCESS, request.transaction_id, attributes, key=key
    )
    pair.client.handle_datagram(data, pair.now_ns)


def test_tcp_connection_to_a_peer_is_opened_and_bound() -> None:
    pair = Pair(reliable=True).allocated()
    pair.client.connect(PEER, 0)
    answer_of(pair, uint32_attribute(AttributeType.CONNECTION_ID, 7))
    assert pair.events() == [ConnectionOpened(PEER, 7)]
    pair.client.bind_connection(7, 0)
    answer_of(pair)
    assert pair.events() == [ConnectionBound(7)]


@pytest.mark.parametrize("permitted", [True, False])
def test_connection_attempt_of_a_peer_with_permission_is_reported(permitted: bool) -> None:
    pair = Pair(reliable=True).allocated()
    if permitted:
        pair.client.create_permission([PEER], 0)
        pair.exchange()
    transaction_id = bytes(12)
    attributes = [
        uint32_attribute(AttributeType.CONNECTION_ID, 9),
        Attribute(AttributeType.XOR_PEER_ADDRESS, encode_xor_address(PEER, transaction_id)),
    ]
    data = encode_message(
        Method.CONNECTION_ATTEMPT, MessageClass.INDICATION, transaction_id, attributes
    )
    pair.client.handle_datagram(data, 0)
    (event,) = pair.events()
    if permitted:
        assert event == ConnectionAttempted(PEER, 9)
    else:
        assert isinstance(event, MessageDiscarded)


def test_data_connection_signs_its_first_request_with_the_control_connections_challenge() -> None:
    control = Pair(reliable=True).allocated().client
    settings = ClientSettings(RIGHT, retransmission=RetransmissionSettings(reliable=True))
    data = TurnClient(settings, seed=b"data", authenticator=control.authenticator)
    data.bind_connection(7, 0)
    request = parse_message(data.poll_transmit() or b"")
    assert control.authenticator.key is not None
    assert request.verify_integrity(control.authenticator.key, IntegrityAlgorithm.SHA1)


def test_dual_allocation_reports_both_addresses_or_the_refused_one() -> None:
    pair = Pair(FakeTurn(faults=Faults(open_relay=True)))
    pair.client.allocate(0, AllocateOptions(dual=True))
    request = parse_message(pair.client.poll_transmit() or b"")
    assert request.get(AttributeType.ADDITIONAL_ADDRESS_FAMILY) == b"\x02\x00\x00\x00"
    assert request.get(AttributeType.REQUESTED_ADDRESS_FAMILY) is None
    four, six = TransportAddress("192.0.2.15", 1), TransportAddress("2001:db8::15", 2)
    data = encode_message(
        Method.ALLOCATE,
        MessageClass.SUCCESS,
        request.transaction_id,
        [
            Attribute(
                AttributeType.XOR_RELAYED_ADDRESS, encode_xor_address(each, request.transaction_id)
            )
            for each in (four, six)
        ],
    )
    pair.client.handle_datagram(data, 0)
    (created,) = of(AllocationCreated, pair.events())
    assert created.relayed == (four, six)
    assert created.refused_family is None


def test_dual_allocation_reports_the_half_that_was_refused() -> None:
    pair = Pair()
    pair.client.allocate(0, AllocateOptions(dual=True))
    relayed = encode_xor_address(TransportAddress("192.0.2.15", 1), bytes(12))
    answer_of(
        pair,
        Attribute(AttributeType.XOR_RELAYED_ADDRESS, relayed),
        Attribute(AttributeType.ADDRESS_ERROR_CODE, b"\x02\x00\x04\x28"),
    )
    (created,) = of(AllocationCreated, pair.events())
    assert created.refused_family == (440, "")


def test_allocation_of_one_second_is_refreshed_without_a_storm() -> None:
    pair = Pair(FakeTurn(lifetime_s=1)).allocated()
    before = len(pair.server.requests)
    pair.run_until(10 * S)
    assert pair.client.allocation is None or len(pair.server.requests) - before <= 20
