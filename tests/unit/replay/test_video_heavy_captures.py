"""Of video beside a call only the headers are kept: it is most of the file."""

import os

from support.captures import START_NS, ethernet, opus_payloads, pcap, rtp, udp4

from voicectl.replay.capture_stream import captured_material, choose_stream, timing_material
from voicectl.replay.rtp_search import Found, search_frames
from voicectl.replay.rtp_stream import Codec
from voicectl.wire.pcap import read_pcap

VIDEO_PACKETS = 6000
AUDIO_PACKETS = 3000


def call_with_video() -> Found:
    opus = opus_payloads(100)
    frames = [
        (START_NS + n * 20_000_000, ethernet(udp4(rtp(n, opus[n % 100]))))
        for n in range(AUDIO_PACKETS)
    ]
    noise = os.urandom(1000)
    frames += [
        (
            START_NS + n * 10_000_000,
            ethernet(udp4(rtp(n, noise, ssrc=7, payload_type=96, timestamp=n // 5 * 4500))),
        )
        for n in range(VIDEO_PACKETS)
        if n % 100
    ]
    return search_frames(read_pcap(pcap(sorted(frames))).frames)


def test_payload_of_video_was_kept_in_memory() -> None:
    video, audio = call_with_video().streams
    assert (video.codec, audio.codec) == (Codec.VIDEO, Codec.OPUS)
    assert sum(len(packet.datagram) for packet in video.packets) == 12 * len(video.packets)
    assert all(not packet.rtp.payload for packet in video.packets)
    assert sum(len(packet.datagram) for packet in audio.packets) > 30 * AUDIO_PACKETS


def test_what_headers_tell_of_video_is_told_as_before() -> None:
    found = call_with_video()
    video = found.streams[0]
    figures = video.figures()
    assert (figures.packets, figures.lost, figures.reordered) == (5940, 59, 0)
    assert video.clock_rate_hz == 90_000
    assert choose_stream(found, None, needs_payload=True).ssrc == 0x1234ABCD
    assert choose_stream(found, "7", needs_payload=False) is video


def test_audio_beside_video_is_whole() -> None:
    audio = choose_stream(call_with_video(), None, needs_payload=True)
    material = captured_material(audio, "pcap")
    assert (len(material.packets), material.sent) == (AUDIO_PACKETS, AUDIO_PACKETS)
    assert len(timing_material(audio, "pcap", seed=0).packets) == AUDIO_PACKETS
