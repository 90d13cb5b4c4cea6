"""Packets go through the real pipeline in virtual time and come out the same every time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voicectl.netem.spec import parse_spec
from voicectl.replay.encoding import PAYLOAD_TYPE, clean_speech, encode
from voicectl.replay.material import CleanSpeech, OfferedPacket, across
from voicectl.replay.pipeline import Played, Strategy, play

RATE = 48_000


def melody(seconds: float) -> NDArray[np.int16]:
    """A tone that glides, so that each moment of it is like no other."""
    t = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * (200 * t + 400 / seconds * t**2 / 2)
    return (8000 * np.sin(phase) * np.minimum(1, 20 * t)).astype(np.int16)


@pytest.fixture(scope="module")
def speech() -> NDArray[np.int16]:
    return melody(6.0)


@pytest.fixture(scope="module")
def packets(speech: NDArray[np.int16]) -> list[OfferedPacket]:
    return encode(speech, seed=7)


def run(packets: list[OfferedPacket], network: str, strategy: Strategy, *, seed: int = 1) -> Played:
    arrived = across(packets, parse_spec(network).link(seed=seed))
    played = play(arrived, strategy, payload_types={PAYLOAD_TYPE: "opus"}, frame_samples=960)
    assert played is not None
    return played


def shift_of(played: Played, clean: CleanSpeech) -> int:
    """How far the audio in media time lies from where the clean speech says, in samples."""
    begin = (clean.timestamp - played.first_timestamp) % (1 << 32)
    heard = played.in_media_time()[begin + RATE : begin + 2 * RATE].astype(float)
    said = clean.pcm[RATE : 2 * RATE].astype(float)
    spectrum = np.fft.rfft(heard, 1 << 17) * np.conj(np.fft.rfft(said, 1 << 17))
    correlation = np.fft.irfft(spectrum)
    shift = int(np.argmax(correlation))
    return shift - (1 << 17) if shift > 1 << 16 else shift


@pytest.mark.parametrize("strategy", Strategy)
def test_everything_that_was_said_comes_out_where_it_was_said(
    packets: list[OfferedPacket], speech: NDArray[np.int16], strategy: Strategy
) -> None:
    played = run(packets, "delay=30ms,jitter=10ms,loss=2%", strategy)
    first = next(packet for packet in packets if packet.timestamp is not None)
    assert abs(shift_of(played, clean_speech(speech, first))) <= 24
    assert len(played.in_media_time()) == pytest.approx(len(speech), abs=1000)
    assert played.first_timestamp == first.timestamp


def test_packets_that_overtake_one_another_at_the_start_do_not_shift_the_speech(
    packets: list[OfferedPacket], speech: NDArray[np.int16]
) -> None:
    first = next(packet for packet in packets if packet.timestamp is not None)
    for seed in range(6):
        for strategy in (Strategy.BALANCED, Strategy.EAGER):
            played = run(packets, "delay=90ms,jitter=30ms,reorder=yes", strategy, seed=seed)
            assert abs(shift_of(played, clean_speech(speech, first))) <= 24


@pytest.mark.parametrize("strategy", Strategy)
def test_equal_packets_give_equal_audio_and_figures(
    packets: list[OfferedPacket], strategy: Strategy
) -> None:
    network = "delay=30ms,jitter=25ms,reorder=yes,loss=5%,burst=2"
    one, two = run(packets, network, strategy), run(packets, network, strategy)
    assert one.heard().tobytes() == two.heard().tobytes()
    assert one.windows == two.windows
    assert one.concealed_ranges() == two.concealed_ranges()


def test_encoding_with_an_equal_seed_gives_equal_packets(speech: NDArray[np.int16]) -> None:
    assert encode(speech[:RATE], seed=3) == encode(speech[:RATE], seed=3)
    assert encode(speech[:RATE], seed=3) != encode(speech[:RATE], seed=4)


def test_silence_after_the_last_packet_is_not_concealment(packets: list[OfferedPacket]) -> None:
    for strategy in Strategy:
        for network in ("delay=20ms", "delay=20ms,jitter=2ms", "delay=30ms,jitter=9ms"):
            played = run(packets, network, strategy)
            tail = [block for block in played.blocks[-3:] if block.concealed == [(0, 480)]]
            assert tail == [], (strategy, network)
            assert played.stats.concealed_samples <= 1440, (strategy, network)
            assert len(played.heard()) / RATE == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("strategy", Strategy)
def test_single_packet_is_heard_without_seconds_of_concealment_after_it(
    packets: list[OfferedPacket], strategy: Strategy
) -> None:
    first = next(packet for packet in packets if packet.timestamp is not None)
    played = play([first], strategy, payload_types={PAYLOAD_TYPE: "opus"}, frame_samples=960)
    assert played is not None
    assert played.stats.concealed_samples == 0
    assert len(played.heard()) < RATE / 10  # waiting for its turn included


def test_what_comes_all_at_once_is_played_to_its_end(packets: list[OfferedPacket]) -> None:
    at_once = [packet._replace(at_ns=0) for packet in packets if packet.timestamp is not None]
    # 10 s: an ear gets through in some 3 s, by speeding up.
    again = [
        packet._replace(
            data=packet.data[:2]
            + (int.from_bytes(packet.data[2:4], "big") + 300 & 0xFFFF).to_bytes(2, "big")
            + ((packet.timestamp or 0) + 300 * 960 & 0xFFFFFFFF).to_bytes(4, "big")
            + packet.data[8:],
            timestamp=(packet.timestamp or 0) + 300 * 960 & 0xFFFFFFFF,
        )
        for packet in at_once[:200]
    ]
    at_once += again
    for strategy in Strategy:
        types = {PAYLOAD_TYPE: "opus"}
        played = play(at_once, strategy, payload_types=types, frame_samples=960)
        assert played is not None
        stats = played.stats
        accelerated = stats.removed_samples_for_acceleration
        assert stats.total_samples_received + accelerated == pytest.approx(500 * 960, abs=1920)


def test_timestamp_that_jumped_in_mid_call_is_not_waited_for_at_the_end(
    packets: list[OfferedPacket],
) -> None:
    jumped = [
        packet._replace(
            data=packet.data[:4]
            + ((packet.timestamp or 0) + (1 << 30) & 0xFFFFFFFF).to_bytes(4, "big")
            + packet.data[8:],
            timestamp=(packet.timestamp or 0) + (1 << 30) & 0xFFFFFFFF,
        )
        for packet in packets[151:]
        if packet.timestamp is not None
    ]
    played = run(packets[:151] + jumped, "delay=0ms", Strategy.BALANCED)
    assert len(played.heard()) / RATE == pytest.approx(6.0, abs=0.1)
    assert played.stats.concealed_samples <= 1440


def test_pause_of_minutes_is_played_through_in_virtual_time(packets: list[OfferedPacket]) -> None:
    late = 300_000_000_000
    half = len(packets) // 2
    split = [
        packet._replace(
            at_ns=packet.at_ns + late,
            data=packet.data[:4]
            + ((packet.timestamp or 0) + 300 * RATE & 0xFFFFFFFF).to_bytes(4, "big")
            + packet.data[8:],
            timestamp=(packet.timestamp or 0) + 300 * RATE & 0xFFFFFFFF,
        )
        if index >= half and packet.timestamp is not None
        else packet
        for index, packet in enumerate(packets)
        if packet.timestamp is not None
    ]
    played = play(split, Strategy.BALANCED, payload_types={PAYLOAD_TYPE: "opus"}, frame_samples=960)
    assert played is not None
    assert played.drops.skipped_ticks == 0
    assert len(played.heard()) / RATE == pytest.approx(306, abs=1)


def test_windows_add_up_to_the_whole(packets: list[OfferedPacket]) -> None:
    played = run(packets, "delay=30ms,jitter=25ms,loss=5%,burst=2", Strategy.BALANCED)
    stats = played.stats
    assert sum(w.emitted_samples for w in played.windows) == stats.jitter_buffer_emitted_count
    assert sum(w.concealed_samples for w in played.windows) == stats.concealed_samples
    total = sum(w.delay_ms for w in played.windows)
    assert total == pytest.approx(stats.jitter_buffer_delay_ms)


def test_concealed_ranges_cover_what_was_concealed(packets: list[OfferedPacket]) -> None:
    played = run(packets, "delay=30ms,loss=10%,burst=4", Strategy.EAGER)
    covered = sum(end - begin for begin, end in played.concealed_ranges())
    assert covered == played.stats.concealed_samples > 0


def test_no_packets_play_nothing(packets: list[OfferedPacket]) -> None:
    assert play([], Strategy.EAGER, payload_types={111: "opus"}, frame_samples=960) is None
    assert play(packets, Strategy.EAGER, payload_types={96: "opus"}, frame_samples=960) is None
