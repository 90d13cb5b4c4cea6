"""A sender that begins its numbers anew has lost nothing, and figures go on over it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.captures import START_NS, ethernet, opus_payloads, pcap, rtp, udp4

from voicectl.replay.capture_stream import captured_material
from voicectl.replay.pipeline import Strategy, play
from voicectl.replay.report import figures_of
from voicectl.replay.rtp_search import search_frames
from voicectl.replay.sequence import Place, packets_expected, places_of
from voicectl.wire.pcap import read_pcap

OPUS = opus_payloads(100)


@pytest.mark.parametrize("strategy", [Strategy.EAGER, Strategy.BALANCED])
def test_sender_that_begins_anew_resets_no_figure_and_has_lost_nothing_by_it(
    strategy: Strategy,
) -> None:
    lost = {20, 21, 70}
    frames = [
        (
            START_NS + n * 20_000_000,
            ethernet(udp4(rtp(n if n < 50 else n + 30_000, payload, timestamp=n * 960))),
        )
        for n, payload in enumerate(OPUS)
        if n not in lost
    ]
    (stream,) = search_frames(read_pcap(pcap(frames)).frames).streams
    assert stream.restarts_ns == [1_000_000_000]
    material = captured_material(stream, "pcap")
    assert material.sent == 100
    assert "began its sequence numbers anew after 1.0 s" in material.notes[0]
    played = play(
        material.packets, strategy, payload_types=material.payload_types, frame_samples=960
    )
    assert played is not None
    figures = figures_of(played)
    # The first after the jump is taken as astray until the second confirms it.
    assert figures.packets_received == 96
    assert figures.packets_lost == 3


def test_numbers_wrap_step_back_and_begin_anew() -> None:
    numbers = [65_534, 65_535, 1, 0, 2, 40_000, 3, 20_000, 20_001, 20_003]
    assert places_of(numbers) == [
        Place(0, 0), Place(0, 1), Place(0, 3), Place(0, 2), Place(0, 4), None, Place(0, 5),
        Place(1, 0), Place(1, 1), Place(1, 3),
    ]  # fmt: skip
    assert packets_expected(places_of(numbers)) == 6 + 4


def test_packet_that_was_overtaken_by_the_first_one_was_sent_too() -> None:
    assert packets_expected(places_of([1, 0, 2, 3])) == 4


@given(st.lists(st.integers(0, 65_535)))
def test_any_numbers_have_a_place_or_none(numbers: list[int]) -> None:
    places = places_of(numbers)
    assert len(places) == len(numbers)
    taken = [place for place in places if place is not None]
    assert len(set(taken)) <= packets_expected(places) <= 65_536 * max(len(numbers), 1)
