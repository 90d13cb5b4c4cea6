"""A pause of a day, or a clock that was set, costs no day of made-up silence."""

import pytest
from support.captures import opus_payloads, rtp

from voicectl import _native
from voicectl.errors import MediaError
from voicectl.replay.captured_call import play_again
from voicectl.replay.gaps import shorten_gaps
from voicectl.replay.material import OfferedPacket
from voicectl.replay.pipeline import Strategy, play
from voicectl.units import NS_PER_S

HOUR_NS = 3600 * NS_PER_S
OPUS = opus_payloads(60)


def call(*, gap_ns: int, timestamps: int, after: int = 30) -> list[OfferedPacket]:
    """A second and a bit of audio with a gap after half of it."""
    packets = []
    for n, payload in enumerate(OPUS):
        timestamp = (n * 960 + (timestamps if n >= after else 0)) % (1 << 32)
        at_ns = n * 20_000_000 + (gap_ns if n >= after else 0)
        packets.append(OfferedPacket(at_ns, rtp(n, payload, timestamp=timestamp), timestamp))
    return packets


@pytest.mark.parametrize("strategy", [Strategy.BALANCED, Strategy.EAGER])
@pytest.mark.parametrize("timestamps", [0, 24 * 3600 * 48_000])
@pytest.mark.parametrize("after", [1, 30, 59])
def test_day_between_two_packets_is_replayed_as_a_minute(
    strategy: Strategy, timestamps: int, after: int
) -> None:
    shortened = shorten_gaps(call(gap_ns=24 * HOUR_NS, timestamps=timestamps, after=after))
    assert shortened.notes() == ["a pause of more than 60 s shortened, by 23:59:00 h"]
    packets = shortened.packets
    assert packets[after].at_ns - packets[after - 1].at_ns == 60 * NS_PER_S
    # Where the timestamps went on during the gap they still do, for the minute that is left.
    step = ((packets[after].timestamp or 0) - (packets[after - 1].timestamp or 0)) % (1 << 32)
    assert step == pytest.approx(60 * 48_000 if timestamps else 960, abs=960)
    played = play(packets, strategy, payload_types={111: "opus"}, frame_samples=960)
    assert played is not None
    assert played.stats.packets_received == 60
    assert len(played.heard()) < 65 * 48_000


def test_pauses_of_less_than_a_minute_stay_as_they_are() -> None:
    packets = call(gap_ns=59 * NS_PER_S, timestamps=0)
    shortened = shorten_gaps(packets)
    assert (shortened.packets, shortened.notes()) == (packets, [])


def test_timestamp_that_jumped_elsewhere_is_left_as_it_is() -> None:
    packets = call(gap_ns=HOUR_NS, timestamps=1 << 30)
    shortened = shorten_gaps(packets).packets
    assert [packet.data for packet in shortened] == [packet.data for packet in packets]


def test_packets_that_are_hours_apart_each_cost_minutes_in_all() -> None:
    packets = [OfferedPacket(n * HOUR_NS, rtp(n, b""), n * 960) for n in range(300)]
    shortened = shorten_gaps(packets)
    assert shortened.gaps == 299
    assert shortened.packets[-1].at_ns == (10 * 60 + 289) * NS_PER_S
    assert shortened.left_out_ns == packets[-1].at_ns - shortened.packets[-1].at_ns


def test_what_lasts_for_hours_even_so_is_refused() -> None:
    packets = [OfferedPacket(n * 59 * NS_PER_S, rtp(n, b""), n * 960) for n in range(400)]
    with pytest.raises(MediaError, match="more than 6 h"):
        shorten_gaps(packets)


def test_capture_of_our_own_whose_times_span_more_than_a_day_is_refused() -> None:
    settings = _native.EngineSettings(sink="eager")
    engine = _native.Engine(settings, now_ns=0, seed=0, capture_limit_bytes=1 << 20)
    engine.configure_receive({111: "opus"})
    for packet in call(gap_ns=25 * HOUR_NS, timestamps=0, after=59):
        engine.handle_rtp(packet.data, packet.at_ns)
        engine.poll_events()
    with pytest.raises(MediaError, match="more than a day"):
        play_again(engine.end_capture())
