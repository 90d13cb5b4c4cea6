"""Losses that no receiver can know of are told where it is known what was sent."""

from support.captures import rtp

from voicectl.netem.spec import parse_spec
from voicectl.netem.trace import parse_trace
from voicectl.replay.made_speech import trace_material
from voicectl.replay.material import Delivery, Material, OfferedPacket, across, delivery


def material(numbers: list[int], **fields: int) -> Material:
    packets = [
        OfferedPacket(n * 20_000_000, rtp(number, b"\x0b"), number * 960)
        for n, number in enumerate(numbers)
    ]
    return Material("audio", packets, {111: "opus"}, 960, **fields)


def test_losses_before_the_first_packet_and_after_the_last_of_a_trace_are_missing() -> None:
    trace = parse_trace("seq,send_ms,arrival_ms\n0,0,\n1,20,\n2,40,55\n3,60,77\n4,80,95\n5,100,\n")
    made = trace_material(trace, "trace", seed=0)
    assert delivery(made, made.packets) == Delivery(6, 3, 40.0, 20.0)


def test_blackouts_of_the_network_are_losses_also_at_the_ends() -> None:
    sent = material(list(range(250)), sent=250)
    arrived = across(sent.packets, parse_spec("blackout=500ms,blackout-every=1s").link(seed=1))
    told = delivery(sent, arrived)
    assert told is not None
    assert told.packets_lost == 250 - len(arrived) > 50
    numbers = [int.from_bytes(packet.data[2:4], "big") for packet in arrived]
    assert told.missing_start_ms == 20.0 * numbers[0]
    assert told.missing_end_ms == 20.0 * (249 - numbers[-1])


def test_packets_that_come_twice_make_up_for_no_loss() -> None:
    sent = material(list(range(100)), sent=100)
    arrived = [packet for n, packet in enumerate(sent.packets) if n != 7 for _ in range(1 + n % 2)]
    assert delivery(sent, arrived) == Delivery(100, 1, 0.0, 0.0)


def test_numbers_that_wrap_are_not_taken_for_one_another() -> None:
    sent = material([n % 65_536 for n in range(70_000)], sent=70_000)
    sent.packets = [packet._replace(timestamp=n * 960) for n, packet in enumerate(sent.packets)]
    assert delivery(sent, sent.packets[1:]) == Delivery(70_000, 1, 20.0, 0.0)
