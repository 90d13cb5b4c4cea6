"""RTP is found among everything else that a capture holds, and its payload is recognized."""

import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from support.captures import START_NS, ethernet, opus_payloads, pcap, pcapng, rtp, udp4

from voicectl.errors import MediaError, UsageError
from voicectl.replay.capture_stream import captured_material, choose_stream, timing_material
from voicectl.replay.rtp_search import Found, search_frames
from voicectl.replay.rtp_stream import Codec
from voicectl.wire.pcap import read_pcap
from voicectl.wire.pcapng import read_pcapng

OPUS = opus_payloads(60)
STUN = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
DTLS = b"\x16\xfe\xfd" + bytes(20)


def search(*payloads: bytes, spacing_ms: int = 20, port: int = 6004) -> Found:
    frames = [
        (START_NS + n * spacing_ms * 1_000_000, ethernet(udp4(payload, destination_port=port)))
        for n, payload in enumerate(payloads)
    ]
    return search_frames(read_pcap(pcap(frames)).frames)


def random_bytes(length: int, seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(length)


def encrypted(count: int) -> list[bytes]:
    return [rtp(n, random_bytes(len(OPUS[n]) + 10, n)) for n in range(count)]


def test_opus_is_found_among_stun_and_dtls() -> None:
    found = search(STUN, DTLS, *(rtp(n, payload) for n, payload in enumerate(OPUS)), STUN)
    (stream,) = found.streams
    assert stream.codec is Codec.OPUS
    assert stream.clock_rate_hz == 48_000
    assert stream.frame_timestamps == 960
    assert found.contents == {"STUN": 2, "DTLS": 1}


def test_rtp_in_turn_channel_data_is_found() -> None:
    packets = [rtp(n, payload) for n, payload in enumerate(OPUS)]
    found = search(*(struct.pack(">HH", 0x4000, len(p)) + p for p in packets))
    assert found.streams[0].codec is Codec.OPUS


def test_opus_with_dtx_is_opus() -> None:
    speaking = [n for n in range(60) if n % 20 < 8]
    found = search(
        *(
            rtp(index, OPUS[n], timestamp=n * 960, marker=n % 20 == 0)
            for index, n in enumerate(speaking)
        )
    )
    assert found.streams[0].codec is Codec.OPUS


def test_capture_of_all_interfaces_that_sees_each_packet_twice_is_a_stream_without_copies() -> None:
    frames = [
        (START_NS + n * 20_000_000 + late_ns, ethernet(udp4(rtp(n, payload))))
        for n, payload in enumerate(OPUS)
        for late_ns in (0, 80_000)
    ]
    (stream,) = search_frames(read_pcap(pcap(frames)).frames).streams
    assert (stream.figures().packets, stream.figures().lost, stream.copies) == (60, 0, 60)
    material = captured_material(stream, "pcap")
    assert material.sent == len(material.packets) == 60
    assert material.notes == ["the capture saw the packets more than once: 60 copies left out"]


def test_packet_that_the_network_doubled_is_a_duplicate_and_no_copy() -> None:
    frames = [
        (START_NS + n * 20_000_000 + late_ns, ethernet(udp4(rtp(n, payload))))
        for n, payload in enumerate(OPUS)
        for late_ns in ((0, 80_000) if n % 10 == 0 else (0,))
    ]
    (stream,) = search_frames(read_pcap(pcap(frames)).frames).streams
    assert (stream.figures().packets, stream.figures().duplicates, stream.copies) == (66, 6, 0)


def over_paths(*packets: tuple[int, int, bytes]) -> Found:
    """Packets by their place in time, the port they come from, and what they are."""
    frames = [
        (START_NS + n * 20_000_000, ethernet(udp4(data, source_port=port)))
        for n, port, data in packets
    ]
    return search_frames(read_pcap(pcap(frames)).frames)


def test_stream_that_changes_to_another_path_in_mid_call_is_one_stream() -> None:
    # Back to the first one at the end, 5 packets lost on the way, and one overtaken.
    places = [n for n in range(60) if n not in range(30, 35)]
    places[28:30] = [29, 28]
    packets = [
        (index, 7777 if 28 < n < 45 else 5004, rtp(n, OPUS[n])) for index, n in enumerate(places)
    ]
    (stream,) = over_paths(*packets).streams
    assert (stream.figures().packets, stream.figures().lost) == (55, 5)
    assert stream.name.count("10.0.0.1") == 2
    assert captured_material(stream, "pcap").sent == 60


def test_two_streams_of_one_ssrc_have_labels_that_tell_them_apart() -> None:
    packets = [(n, 5004, rtp(n, payload)) for n, payload in enumerate(OPUS)]
    packets += [(n, 7777, rtp(n + 20_000, OPUS[n])) for n in range(40)]
    found = over_paths(*sorted(packets))
    assert [stream.label for stream in found.streams] == ["0x1234abcd", "0x1234abcd/2"]
    for wanted, length in (("0x1234abcd", 60), ("0x1234ABCD/2", 40), ("305441741", 60)):
        stream = choose_stream(found, wanted, needs_payload=True)
        assert len(stream.packets) == length


def test_same_packets_on_two_paths_are_two_streams() -> None:
    packets = [(n, port, rtp(n, p)) for n, p in enumerate(OPUS) for port in (5004, 7777)]
    assert [len(stream.packets) for stream in over_paths(*packets).streams] == [60, 60]


def test_srtp_is_recognized_by_its_payload() -> None:
    found = search(*encrypted(60))
    assert found.streams[0].codec is Codec.ENCRYPTED
    assert found.streams[0].clock_rate_hz == 48_000


@pytest.mark.parametrize("jump", [1 << 30, 3 << 30])
def test_timestamp_that_jumps_once_hides_no_clock_rate(jump: int) -> None:
    packets = [
        rtp(n, random_bytes(90, n), timestamp=n * 960 + (jump if n >= 75 else 0))
        for n in range(150)
    ]
    stream = search(*packets).streams[0]
    assert stream.clock_rate_hz == 48_000
    assert len(timing_material(stream, "pcap", seed=0).packets) == 150


@pytest.mark.parametrize(("rate_hz", "burst"), [(8_000, 1), (16_000, 5), (48_000, 10)])
def test_clock_rate_is_found_of_packets_that_come_in_bursts(rate_hz: int, burst: int) -> None:
    frames = [
        (
            START_NS + (n // burst * burst * 20_000 + n % burst * 100) * 1000,
            ethernet(udp4(rtp(n, random_bytes(90, n), timestamp=n * rate_hz // 50))),
        )
        for n in range(300)
    ]
    (stream,) = search_frames(read_pcap(pcap(frames)).frames).streams
    assert stream.clock_rate_hz == rate_hz


def test_pause_of_an_hour_in_the_sending_hides_no_clock_rate() -> None:
    frames = [
        (
            START_NS + n * 20_000_000 + (3_600_000_000_000 if n >= 200 else 0),
            ethernet(udp4(rtp(n, random_bytes(90, n)))),
        )
        for n in range(300)
    ]
    (stream,) = search_frames(read_pcap(pcap(frames)).frames).streams
    assert stream.clock_rate_hz == 48_000


def test_static_payload_types_are_named() -> None:
    found = search(*(rtp(n, bytes(160), payload_type=0, timestamp=n * 160) for n in range(20)))
    assert found.streams[0].codec_name == "PCMU"
    assert found.streams[0].clock_rate_hz == 8000


def test_video_is_not_audio() -> None:
    packets = [rtp(n, random_bytes(900, n), timestamp=n // 4 * 3000) for n in range(40)]
    found = search(*packets)
    assert found.streams[0].codec is Codec.VIDEO
    with pytest.raises(MediaError, match="video only"):
        choose_stream(found, None, needs_payload=False)


def test_noise_that_looks_like_rtp_is_no_stream() -> None:
    noise = [bytes([0x80, n]) + random_bytes(30, n) for n in range(100)]
    constant = [b"\x80\x6f\x12\x34" + bytes(4) + b"\0\0\0\1" + bytes([n]) for n in range(50)]
    found = search(*noise, *constant)
    assert found.streams == []
    assert found.contents == {"other UDP": 150}


def test_two_streams_are_told_apart_by_their_ssrc_and_the_longer_goes_first() -> None:
    packets = []
    for n, payload in enumerate(OPUS):
        packets.append(rtp(n, payload, ssrc=1))
        if n % 2:
            packets.append(rtp(n // 2, OPUS[n // 2], ssrc=2))
    found = search(*packets, spacing_ms=10)
    assert [stream.ssrc for stream in found.streams] == [1, 2]
    assert choose_stream(found, None, needs_payload=True).ssrc == 1
    assert choose_stream(found, "0x00000002", needs_payload=True).ssrc == 2
    with pytest.raises(UsageError) as raised:
        choose_stream(found, "0x3", needs_payload=True)
    assert "0x00000001" in (raised.value.hint or "")


def test_decodable_stream_is_preferred_to_a_longer_encrypted_one() -> None:
    opus = [rtp(n, payload, ssrc=5) for n, payload in enumerate(OPUS[:20])]
    found = search(*encrypted(60), *opus)
    assert choose_stream(found, None, needs_payload=True).ssrc == 5


def test_wrap_of_sequence_number_and_timestamp_loses_nothing() -> None:
    found = search(
        *(rtp(65_500 + n, p, timestamp=2**32 - 20_000 + n * 960) for n, p in enumerate(OPUS))
    )
    figures = found.streams[0].figures()
    assert (figures.packets, figures.lost, figures.reordered) == (60, 0, 0)
    assert figures.jitter_ms == pytest.approx(0, abs=0.001)
    assert found.streams[0].codec is Codec.OPUS


def test_losses_duplicates_and_reordering_are_counted() -> None:
    order = [0, 1, 2, 4, 3, 5, 5, 8, 9, 10]
    figures = search(*(rtp(n, OPUS[n]) for n in order)).streams[0].figures()
    assert figures.packets == 10
    # 6 and 7 never came; 5 came twice, which RFC 3550 sets against a loss.
    assert figures.lost == 1
    assert (figures.duplicates, figures.reordered) == (1, 1)


@pytest.mark.parametrize("port", [53, 443])
@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "ChannelData"])
def test_rtp_on_the_ports_of_dns_and_quic_is_found(port: int, relayed: bool) -> None:
    packets = [rtp(n, payload) for n, payload in enumerate(OPUS)]
    if relayed:
        packets = [struct.pack(">HH", 0x4001, len(packet)) + packet for packet in packets]
    quic = [b"\xc3" + bytes(1200), b"\x43" + bytes(40)]
    dns = [random_bytes(30, n) for n in range(20)]
    found = search(*packets, *quic, *dns, port=port)
    (stream,) = found.streams
    assert (len(stream.packets), stream.codec) == (len(OPUS), Codec.OPUS)
    assert found.contents.most_common(1)[0][0] == {53: "DNS", 443: "QUIC"}[port]


@pytest.mark.parametrize("write", [pcap, pcapng])
def test_packets_of_a_large_capture_are_in_memory_once(
    write: Callable[[list[tuple[int, bytes]]], bytes],
) -> None:
    video = [rtp(n, bytes(1188), timestamp=n // 4 * 3000, payload_type=96) for n in range(2000)]
    data = write([(START_NS + n * 5_000_000, ethernet(udp4(p))) for n, p in enumerate(video)])
    read = read_pcap if write is pcap else read_pcapng
    tracemalloc.start()
    found = search_frames(read(data).frames)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.streams[0].packets) == len(video)
    assert held < peak < 1.6 * len(data)


def test_capture_without_rtp_says_what_it_holds() -> None:
    with pytest.raises(MediaError) as raised:
        choose_stream(search(*[STUN] * 38, *[DTLS] * 3), None, needs_payload=True)
    assert "holds no RTP" in raised.value.message
    assert "41 packets: 38 STUN, 3 DTLS" in (raised.value.detail or "")


def test_encrypted_capture_offers_its_timing() -> None:
    with pytest.raises(MediaError) as raised:
        choose_stream(search(DTLS, *encrypted(60)), None, needs_payload=True)
    assert "encrypted" in raised.value.message
    assert "1 DTLS packet " in (raised.value.detail or "")
    assert "--headers" in (raised.value.hint or "")


def test_payload_type_kept_for_rtcp_is_replaced() -> None:
    found = search(*(rtp(n, p, payload_type=72) for n, p in enumerate(OPUS)))
    material = captured_material(found.streams[0], "pcap")
    assert material.payload_types == {96: "opus"}
    assert {packet.data[1] & 0x7F for packet in material.packets} == {96}


def test_timing_of_a_stream_with_other_frames_than_can_be_made_is_refused() -> None:
    packets = [rtp(n, bytes(30), payload_type=4, timestamp=n * 240) for n in range(20)]
    with pytest.raises(MediaError, match="30 ms long"):
        timing_material(search(*packets, spacing_ms=30).streams[0], "pcap", seed=0)


def test_timing_keeps_losses_pauses_and_marks() -> None:
    # 8 kHz: frames of 160; 3 is lost, 5 to 7 were not sent, and the timestamp jumps before 12.
    places = [(0, 0), (1, 1), (2, 2), (4, 4), (5, 8), (6, 9), (7, 10), (8, 11), (9, 500_000)]
    packets = [
        rtp(number, random_bytes(160, number), payload_type=8, timestamp=frame * 160)
        for number, frame in places
    ]
    material = timing_material(search(*packets).streams[0], "pcap", seed=0)
    frames = [
        ((packet.timestamp or 0) - (material.packets[0].timestamp or 0)) // 960
        for packet in material.packets
    ]
    assert frames == [0, 1, 2, 4, 8, 9, 10, 11, 12]
    numbers = [int.from_bytes(packet.data[2:4], "big") for packet in material.packets]
    assert [number - numbers[0] for number in numbers] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [packet.at_ns for packet in material.packets] == [n * 20_000_000 for n in range(9)]
