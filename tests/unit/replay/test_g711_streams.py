"""G.711 of a capture is decoded as a call decodes it, beside Opus and in its stead."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from support.captures import START_NS, ethernet, g711_payloads, opus_payloads, pcap, rtp, udp4

from voicectl.errors import MediaError
from voicectl.replay.file_bytes import FileBytes
from voicectl.replay.files import Choice, material_of
from voicectl.replay.material import Material
from voicectl.replay.pipeline import Played, Strategy, play

FRAMES = 150
MU_LAW = g711_payloads(FRAMES)
A_LAW = g711_payloads(FRAMES, law="ALAW")
OPUS = opus_payloads(FRAMES)
BOTH_SINKS = pytest.mark.parametrize("strategy", [Strategy.EAGER, Strategy.BALANCED])


def g711(n: int, payload: bytes, payload_type: int = 0) -> bytes:
    return rtp(n, payload, timestamp=n * 160, payload_type=payload_type)


def material(packets: list[bytes | None], *, headers: bool = False) -> Material:
    """Of a packet each 20 ms; None: it was lost."""
    frames = [
        (START_NS + n * 20_000_000, ethernet(udp4(data)))
        for n, data in enumerate(packets)
        if data is not None
    ]
    return material_of(FileBytes(Path("call.pcap"), pcap(frames)), Choice(headers=headers))


def played(material: Material, strategy: Strategy) -> Played:
    run = play(
        material.packets,
        strategy,
        payload_types=material.payload_types,
        frame_samples=material.frame_samples,
        red_payload_type=material.red_payload_type,
    )
    assert run is not None
    return run


def frequency_hz(pcm: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum) * 48_000 / len(pcm))


@BOTH_SINKS
@pytest.mark.parametrize(("law", "payload_type"), [("ULAW", 0), ("ALAW", 8)])
def test_g711_stream_was_refused_though_the_engine_decodes_it(
    law: Literal["ULAW", "ALAW"], payload_type: int, strategy: Strategy
) -> None:
    payloads = {"ULAW": MU_LAW, "ALAW": A_LAW}[law]
    told = material([g711(n, p, payload_type) for n, p in enumerate(payloads)])
    assert told.description["codec"] == {"ULAW": "PCMU", "ALAW": "PCMA"}[law]
    assert told.description["clock_rate_hz"] == 8000
    assert told.frame_samples == 960
    assert told.notes == []
    run = played(told, strategy)
    assert (run.stats.packets_received, run.stats.packets_lost) == (FRAMES, 0)
    assert run.stats.concealed_samples == 0
    heard = run.heard()
    assert abs(len(heard) - FRAMES * 960) <= 960
    assert frequency_hz(heard[48_000:96_000]) == pytest.approx(440, abs=1)
    assert np.abs(heard[48_000:96_000].astype(int)).max() == pytest.approx(8000, rel=0.05)


@BOTH_SINKS
def test_what_is_lost_of_g711_is_concealed_and_counted(strategy: Strategy) -> None:
    lost = (40, 41, 90)
    told = material([None if n in lost else g711(n, p) for n, p in enumerate(MU_LAW)])
    assert (told.sent, told.reception and told.reception.lost) == (FRAMES, 3)
    run = played(told, strategy)
    assert run.stats.packets_lost == 3
    assert run.stats.concealed_samples == pytest.approx(3 * 960, abs=480)


@BOTH_SINKS
@pytest.mark.parametrize("opus_first", [True, False])
def test_call_that_changes_between_opus_and_g711_is_heard_to_the_end(
    opus_first: bool, strategy: Strategy
) -> None:
    packets: list[bytes | None] = [
        rtp(n, OPUS[n]) if (n < 70) == opus_first else g711(n, MU_LAW[n]) for n in range(FRAMES)
    ]
    told = material(packets)
    main = 0 if opus_first else 111
    assert told.description["payload_type"] == main
    assert told.payload_types == {0: "pcmu", 111: "opus"}
    assert told.notes == ["payload types of the stream: 0 PCMU, 111 Opus"]
    assert told.reception is not None
    assert told.reception.max_jitter_ms < 0.1
    run = played(told, strategy)
    stats = run.stats
    assert (stats.packets_received, stats.packets_lost) == (FRAMES, 0)
    # What was buffered when the codec changed goes unheard: a buffer for ears holds some.
    unheard = FRAMES * 960 - len(run.heard())
    assert -960 <= unheard <= (960 if strategy is Strategy.EAGER else 4 * 960)
    # All of it is counted, not only what came after the change.
    assert stats.total_samples_received == pytest.approx(len(run.heard()), abs=960)
    assert sum(w.emitted_samples for w in run.windows) == stats.jitter_buffer_emitted_count
    assert stats.concealed_samples <= 960
    g711_part = (
        run.heard()[80 * 960 : 130 * 960] if opus_first else run.heard()[960 * 10 : 960 * 60]
    )
    assert frequency_hz(g711_part) == pytest.approx(440, abs=2)


def test_keys_beside_g711_are_of_its_clock_and_no_losses() -> None:
    def key(n: int) -> bytes:
        report = b"\x01\x0a" + ((n - 49) * 160).to_bytes(2, "big")
        return rtp(n, report, timestamp=50 * 160, payload_type=101, marker=n == 50)

    told = material([key(n) if 50 <= n < 60 else g711(n, p) for n, p in enumerate(MU_LAW)])
    assert told.payload_types == {0: "pcmu", 101: "telephone-event/8000"}
    run = played(told, Strategy.EAGER)
    assert run.stats.packets_lost == run.stats.concealed_samples == 0


def test_timing_of_a_call_that_changes_its_codec_has_no_gap_where_it_does() -> None:
    packets = [rtp(n, OPUS[n]) if n < 70 else g711(n, MU_LAW[n]) for n in range(FRAMES)]
    told = material([*packets], headers=True)
    first = told.packets[0].timestamp or 0
    frames = [((p.timestamp or 0) - first) // 960 for p in told.packets]
    assert frames == list(range(FRAMES))


def test_encrypted_g711_is_not_played_as_noise() -> None:
    tag = bytes(10)
    with pytest.raises(MediaError) as refused:
        material([g711(n, p + tag) for n, p in enumerate(MU_LAW)])
    assert "holds encrypted RTP" in refused.value.message


def test_codec_that_is_not_decoded_is_named() -> None:
    with pytest.raises(MediaError) as refused:
        material([rtp(n, bytes(20), timestamp=n * 160, payload_type=18) for n in range(100)])
    assert "holds RTP with G729; only Opus and G.711 are decoded" in refused.value.message
