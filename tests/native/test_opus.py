"""Opus across the border. What the codec does is tested in Rust; here: arrays, errors, threads."""

import threading

import numpy as np
import pytest
from numpy.typing import NDArray
from support.signals import snr_db, tone, voiced

from voicectl._native import OpusDecoder, OpusEncoder, parse_opus_packet
from voicectl.errors import CodecError

FRAME = 960


def packets_of(pcm: NDArray[np.int16], encoder: OpusEncoder | None = None) -> list[bytes]:
    encoder = encoder or OpusEncoder()
    return [encoder.encode(frame) for frame in pcm.reshape(-1, FRAME)]


def test_frames_become_packets_and_the_same_number_of_samples_again() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    for frame in voiced(10 * FRAME, 48_000).reshape(-1, FRAME):
        packet = encoder.encode(frame)
        assert isinstance(packet, bytes)
        decoded = decoder.decode(packet)
        assert decoded.dtype == np.int16
        assert decoded.shape == (FRAME,)
        assert encoder.final_range == decoder.final_range


def test_decoded_signal_is_the_encoded_one_after_the_lookahead() -> None:
    encoder = OpusEncoder(bitrate_bps=128_000, application="audio", inband_fec=False)
    pcm = tone(440, 48_000, 50 * FRAME)
    decoder = OpusDecoder()
    decoded = np.concatenate([decoder.decode(packet) for packet in packets_of(pcm, encoder)])
    delay = encoder.lookahead_samples
    assert snr_db(pcm[FRAME:-delay], decoded[FRAME + delay :]) > 20


def test_stereo_is_interleaved() -> None:
    encoder = OpusEncoder(channels=2, bitrate_bps=96_000, application="audio")
    decoder = OpusDecoder(channels=2)
    left = tone(440, 48_000, 20 * FRAME)
    stereo = np.stack([left, np.zeros_like(left)], axis=1).ravel()
    decoded = np.concatenate(
        [decoder.decode(encoder.encode(frame)) for frame in stereo.reshape(-1, 2 * FRAME)]
    )
    both = decoded.reshape(-1, 2)[FRAME:].astype(float)
    assert np.mean(both[:, 0] ** 2) > 100 * np.mean(both[:, 1] ** 2)


def test_caller_owned_array_is_written_and_its_beginning_comes_back() -> None:
    packet = packets_of(voiced(FRAME, 48_000))[0]
    out = np.full(5760, 77, np.int16)
    decoded = OpusDecoder().decode(packet, out=out)
    assert np.shares_memory(decoded, out)
    assert decoded.shape == (FRAME,)
    np.testing.assert_array_equal(decoded, OpusDecoder().decode(packet))
    assert np.all(out[FRAME:] == 77)


def test_a_new_array_is_the_callers_own() -> None:
    packets = packets_of(voiced(5 * FRAME, 48_000))
    decoder = OpusDecoder()
    first = decoder.decode(packets[0])
    before = first.copy()
    for packet in packets[1:]:
        decoder.decode(packet)
    np.testing.assert_array_equal(first, before)


def test_an_array_shorter_than_the_packet_is_refused() -> None:
    packet = packets_of(voiced(FRAME, 48_000))[0]
    with pytest.raises(CodecError, match="holds 960 samples, the buffer 959"):
        OpusDecoder().decode(packet, out=np.zeros(959, np.int16))


@pytest.mark.parametrize(
    ("pcm", "error"),
    [
        (np.zeros(FRAME, np.float32), TypeError),
        (np.zeros(FRAME, np.int32), TypeError),
        (np.zeros(FRAME, np.dtype(">i2")), TypeError),
        (np.zeros((FRAME, 1), np.int16), TypeError),
        ([0] * FRAME, TypeError),
        (bytes(2 * FRAME), TypeError),
        (np.zeros(2 * FRAME, np.int16)[::2], ValueError),
    ],
)
def test_pcm_that_is_no_contiguous_int16_array_is_refused(
    pcm: NDArray[np.int16], error: type[Exception]
) -> None:
    with pytest.raises(error, match="PCM must be"):
        OpusEncoder().encode(pcm)


def test_a_read_only_array_is_encoded_and_not_written_to() -> None:
    pcm = voiced(FRAME, 48_000)
    pcm.flags.writeable = False
    packet = OpusEncoder().encode(pcm)
    with pytest.raises(ValueError, match="read-only"):
        OpusDecoder().decode(packet, out=pcm)


def test_pcm_that_is_no_frame_is_a_codec_error() -> None:
    with pytest.raises(CodecError, match="961 samples are no Opus frame"):
        OpusEncoder().encode(np.zeros(961, np.int16))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_rate_hz": 44_100}, "no sample rate of 44100 Hz"),
        ({"channels": 3}, "channels 3"),
        ({"application": "music"}, 'application "music"'),
        ({"bitrate_bps": 1}, "bitrate_bps 1 is outside 500 to 512000"),
        ({"complexity": 11}, "complexity 11"),
        ({"expected_loss_percent": 101}, "expected_loss_percent 101"),
        ({"dred_duration_ms": 2000}, "dred_duration_ms 2000"),
    ],
)
def test_settings_outside_their_range_are_named(settings: dict[str, int], message: str) -> None:
    with pytest.raises(CodecError, match=message):
        OpusEncoder(**settings)  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize("packet", [b"", b"\x03", b"\x03\x00", b"\x01\x01", bytes(1277)])
def test_a_malformed_packet_is_a_codec_error(packet: bytes) -> None:
    decoder = OpusDecoder()
    for call in (decoder.decode, parse_opus_packet, lambda p: decoder.decode_lbrr(p, FRAME)):
        with pytest.raises(CodecError, match="malformed Opus packet"):
            call(packet)


def test_lbrr_fills_a_gap_better_than_concealment() -> None:
    packets = packets_of(voiced(40 * FRAME, 48_000), OpusEncoder(expected_loss_percent=20))
    assert parse_opus_packet(packets[21]).has_lbrr
    whole, repaired, concealed = OpusDecoder(), OpusDecoder(), OpusDecoder()
    for packet in packets[:20]:
        for decoder in (whole, repaired, concealed):
            decoder.decode(packet)
    expected = whole.decode(packets[20])
    by_lbrr = repaired.decode_lbrr(packets[21], FRAME)
    by_guess = concealed.conceal(FRAME)
    assert by_lbrr.shape == by_guess.shape == (FRAME,)
    assert snr_db(expected, by_lbrr) > snr_db(expected, by_guess)


@pytest.mark.parametrize("samples", [0, 1, 119, 5761, 2**40])
def test_a_gap_that_opus_cannot_fill_is_a_codec_error(samples: int) -> None:
    decoder = OpusDecoder()
    packet = packets_of(voiced(FRAME, 48_000))[0]
    with pytest.raises(CodecError, match="gap"):
        decoder.conceal(samples)
    with pytest.raises(CodecError, match="gap"):
        decoder.decode_lbrr(packet, samples)


def test_a_packet_tells_its_layout() -> None:
    packet = OpusEncoder(bitrate_bps=24_000).encode(voiced(FRAME, 48_000))
    layout = parse_opus_packet(packet)
    assert layout.mode in {"silk", "hybrid"}
    assert layout.duration_samples == layout.frame_samples == FRAME
    assert layout.frame_lengths == [len(packet) - 1]
    assert (layout.padding_length, layout.is_stereo) == (0, False)
    assert "silk" in repr(parse_opus_packet(b"\x48\x00"))


def test_python_runs_while_a_frame_is_encoded() -> None:
    """The encoder is met at work, which takes a free GIL: it has none between two calls."""
    encoder = OpusEncoder(complexity=10)
    frame = voiced(5760, 48_000)
    met_at_work, done = False, threading.Event()

    def encode() -> None:
        while not done.is_set():
            encoder.encode(frame)

    worker = threading.Thread(target=encode)
    worker.start()
    try:
        while not met_at_work:
            try:
                encoder.set_complexity(10)
            except RuntimeError as error:
                met_at_work = "borrowed" in str(error)
    finally:
        done.set()
        worker.join()
