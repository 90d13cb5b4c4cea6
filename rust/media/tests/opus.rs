//! What the Opus encoder and decoder do for each other.
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use support::{energy, snr_db, speech};
use voicectl_media::opus::{
    Application, Channels, Decoder, Encoder, EncoderSettings, OpusError, Packet, SAMPLE_RATES_HZ,
    has_lbrr,
};

const FRAME: usize = 960;

fn encode_all(encoder: &mut Encoder, pcm: &[i16], frame: usize) -> Vec<Vec<u8>> {
    pcm.chunks_exact(frame)
        .map(|frame| {
            let mut packet = vec![0; 1500];
            let bytes = encoder.encode(frame, &mut packet).unwrap();
            packet.truncate(bytes);
            packet
        })
        .collect()
}

fn voice_packets(settings: &EncoderSettings) -> Vec<Vec<u8>> {
    encode_all(
        &mut Encoder::new(settings).unwrap(),
        &speech(48_000, 48_000),
        FRAME,
    )
}

#[test]
fn the_decoder_ends_each_packet_in_the_encoders_range_state() {
    for sample_rate_hz in SAMPLE_RATES_HZ {
        for channels in [Channels::Mono, Channels::Stereo] {
            for application in [Application::Voip, Application::Audio, Application::LowDelay] {
                let settings = EncoderSettings {
                    sample_rate_hz,
                    channels,
                    application,
                    ..EncoderSettings::default()
                };
                let mut encoder = Encoder::new(&settings).unwrap();
                let mut decoder = Decoder::new(sample_rate_hz, channels).unwrap();
                let frame = sample_rate_hz as usize / 50 * channels.count();
                let mut packet = [0; 1500];
                let mut pcm = vec![0; frame];
                for input in speech(20 * frame, sample_rate_hz).chunks_exact(frame) {
                    let bytes = encoder.encode(input, &mut packet).unwrap();
                    let samples = decoder.decode(&packet[..bytes], &mut pcm).unwrap();
                    assert_eq!(samples, frame / channels.count());
                    assert_eq!(encoder.final_range(), decoder.final_range(), "{settings:?}");
                }
            }
        }
    }
}

#[test]
fn every_frame_duration_is_encoded_and_decoded_whole() {
    let mut encoder = Encoder::new(&EncoderSettings::default()).unwrap();
    let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
    for quarters in [1, 2, 4, 8, 16, 24, 32, 40, 48] {
        let frame = 120 * quarters;
        let packet = encode_all(&mut encoder, &speech(frame, 48_000), frame).remove(0);
        let parsed = Packet::parse(&packet).unwrap();
        assert_eq!(parsed.duration_samples(48_000) as usize, frame);
        let mut pcm = [0; 5760];
        assert_eq!(decoder.decode(&packet, &mut pcm), Ok(frame));
    }
}

/// Loses every tenth packet of a second and fills the hole as told; gives the SNR of the filled
/// frames against a decoder that lost nothing.
fn fill_holes(packets: &[Vec<u8>], mut fill: impl FnMut(&mut Decoder, &[u8], &mut [i16])) -> f64 {
    let mut whole = Decoder::new(48_000, Channels::Mono).unwrap();
    let mut holed = Decoder::new(48_000, Channels::Mono).unwrap();
    let (mut expected, mut filled) = (Vec::new(), Vec::new());
    let mut pcm = [0; FRAME];
    for (index, packet) in packets.iter().enumerate() {
        whole.decode(packet, &mut pcm).unwrap();
        let lost = index % 10 == 5;
        if lost {
            expected.extend(pcm);
            fill(&mut holed, &packets[index + 1], &mut pcm);
            filled.extend(pcm);
        } else {
            holed.decode(packet, &mut pcm).unwrap();
        }
    }
    assert!(
        energy(&expected) > 1e9,
        "the holes must have speech in them"
    );
    snr_db(&expected, &filled)
}

#[test]
fn lbrr_recovers_a_lost_frame_that_concealment_guesses() {
    let packets = voice_packets(&EncoderSettings {
        expected_loss_percent: 20,
        ..EncoderSettings::default()
    });
    let repeats = packets[2..].iter().filter(|p| has_lbrr(p)).count();
    assert!(
        repeats > packets.len() / 2,
        "{repeats} of {}",
        packets.len()
    );
    let recovered = fill_holes(&packets, |decoder, next, pcm| {
        assert_eq!(decoder.decode_lbrr(next, pcm), Ok(FRAME));
    });
    let concealed = fill_holes(&packets, |decoder, _, pcm| decoder.conceal(pcm).unwrap());
    assert!(
        recovered > concealed + 4.0,
        "recovered {recovered:.1} dB, concealed {concealed:.1} dB"
    );
}

#[test]
fn lbrr_covers_the_end_of_a_longer_gap_and_concealment_its_beginning() {
    let packets = voice_packets(&EncoderSettings {
        expected_loss_percent: 20,
        ..EncoderSettings::default()
    });
    let run = |lbrr: bool| {
        let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
        let mut pcm = [0; FRAME];
        for packet in &packets[..14] {
            decoder.decode(packet, &mut pcm).unwrap();
        }
        let mut gap = [0; 3 * FRAME];
        if lbrr {
            assert_eq!(decoder.decode_lbrr(&packets[17], &mut gap), Ok(3 * FRAME));
        } else {
            decoder.conceal(&mut gap).unwrap();
        }
        gap
    };
    let (recovered, concealed) = (run(true), run(false));
    assert!(recovered[..2 * FRAME] == concealed[..2 * FRAME]);
    assert!(recovered[2 * FRAME..] != concealed[2 * FRAME..]);
}

#[test]
fn no_lbrr_is_sent_without_inband_fec() {
    let packets = voice_packets(&EncoderSettings {
        inband_fec: false,
        expected_loss_percent: 20,
        ..EncoderSettings::default()
    });
    assert!(!packets.iter().any(|packet| has_lbrr(packet)));
}

#[test]
fn concealment_fades_to_silence_in_a_long_gap() {
    for complexity in [0, 5] {
        let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
        decoder.set_complexity(complexity).unwrap();
        let mut pcm = [0; FRAME];
        for packet in &voice_packets(&EncoderSettings::default())[..29] {
            decoder.decode(packet, &mut pcm).unwrap();
        }
        assert!(energy(&pcm) > 1e8);
        let mut gap = vec![0; 48_000];
        decoder.conceal(&mut gap).unwrap();
        assert!(energy(&gap[..FRAME]) > energy(&pcm) / 20.0);
        assert!(energy(&gap[47 * FRAME..]) < energy(&pcm) / 1e4);
    }
}

#[test]
fn the_neural_concealment_is_in_the_build() {
    let conceal = |complexity| {
        let mut decoder = Decoder::new(16_000, Channels::Mono).unwrap();
        decoder.set_complexity(complexity).unwrap();
        let mut pcm = [0; 320];
        for packet in &voice_packets(&EncoderSettings::default())[..16] {
            decoder.decode(packet, &mut pcm).unwrap();
        }
        decoder.conceal(&mut pcm).unwrap();
        pcm
    };
    assert!(conceal(0) != conceal(5));
}

#[test]
fn dtx_sends_next_to_nothing_in_silence_and_bytes_in_speech() {
    let settings = EncoderSettings {
        dtx: true,
        ..EncoderSettings::default()
    };
    let mut encoder = Encoder::new(&settings).unwrap();
    let silence = encode_all(&mut encoder, &vec![0; 100 * FRAME], FRAME);
    assert!(encoder.in_dtx());
    assert!(
        silence[50..]
            .iter()
            .filter(|packet| packet.len() <= 2)
            .count()
            > 40
    );
    let voiced = encode_all(&mut encoder, &speech(20 * FRAME, 48_000), FRAME);
    assert!(voiced.iter().filter(|packet| packet.len() > 20).count() > 10);
}

#[test]
fn dred_travels_in_the_padding_when_lbrr_leaves_it_room() {
    let packets = |dred_duration_ms| {
        voice_packets(&EncoderSettings {
            bitrate_bps: 40_000,
            inband_fec: false,
            expected_loss_percent: 20,
            dred_duration_ms,
            ..EncoderSettings::default()
        })
    };
    let padded = |packets: Vec<Vec<u8>>| {
        packets
            .iter()
            .filter(|packet| !Packet::parse(packet).unwrap().padding().is_empty())
            .count()
    };
    assert_eq!(padded(packets(0)), 0);
    assert!(padded(packets(200)) > 20);
}

#[test]
fn a_malformed_packet_is_an_error_and_leaves_the_decoder_as_it_was() {
    let packets = voice_packets(&EncoderSettings::default());
    let (mut disturbed, mut quiet) = (
        Decoder::new(48_000, Channels::Mono).unwrap(),
        Decoder::new(48_000, Channels::Mono).unwrap(),
    );
    let (mut a, mut b, mut scratch) = ([0; FRAME], [0; FRAME], [0; 5760]);
    for packet in &packets {
        for bad in [&[][..], &[0b11], &[0b11, 0], &[0b01, 1], &[0; 1277]] {
            let refused = disturbed.decode(bad, &mut scratch);
            assert!(
                matches!(refused, Err(OpusError::MalformedPacket(_))),
                "{refused:?}"
            );
            assert!(disturbed.decode_lbrr(bad, &mut scratch).is_err());
        }
        disturbed.decode(packet, &mut a).unwrap();
        quiet.decode(packet, &mut b).unwrap();
        assert_eq!(a, b);
    }
}

#[test]
fn any_bytes_are_decoded_or_refused() {
    let mut decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
    let mut pcm = vec![0; 2 * 5760];
    for seed in 0..2000 {
        let bytes: Vec<u8> = support::noise(seed as usize % 97, 40_000.0, seed)
            .iter()
            .map(|&sample| sample as u8)
            .collect();
        let _ = decoder.decode(&bytes, &mut pcm);
        let _ = decoder.decode_lbrr(&bytes, &mut pcm[..2 * FRAME]);
    }
    assert!(
        decoder
            .decode(&voice_packets(&EncoderSettings::default())[0], &mut pcm)
            .is_ok()
    );
}

#[test]
fn a_buffer_shorter_than_the_packet_is_refused() {
    let packet = &voice_packets(&EncoderSettings::default())[0];
    let refused = Decoder::new(48_000, Channels::Mono)
        .unwrap()
        .decode(packet, &mut [0; FRAME - 1]);
    assert_eq!(
        refused,
        Err(OpusError::BufferTooSmall {
            needed: FRAME,
            available: FRAME - 1
        })
    );
}

#[test]
fn a_gap_that_opus_cannot_fill_is_refused() {
    let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
    for samples in [0, 1, 119, 121] {
        let refused = decoder.conceal(&mut vec![0; samples]);
        assert_eq!(refused, Err(OpusError::GapDuration { samples }));
    }
}

#[test]
fn pcm_that_is_no_frame_is_refused() {
    let mut encoder = Encoder::new(&EncoderSettings::default()).unwrap();
    for samples in [0, 1, 959, 961, 1440, 5761, 11_520] {
        let refused = encoder.encode(&vec![0; samples], &mut [0; 1500]);
        assert_eq!(refused, Err(OpusError::FrameDuration { samples }));
    }
}

#[test]
fn settings_outside_their_range_are_named() {
    let refused = |settings: EncoderSettings| Encoder::new(&settings).err().unwrap().to_string();
    assert!(
        refused(EncoderSettings {
            sample_rate_hz: 44_100,
            ..EncoderSettings::default()
        })
        .contains("44100 Hz")
    );
    assert_eq!(
        refused(EncoderSettings {
            bitrate_bps: 499,
            ..EncoderSettings::default()
        }),
        "bitrate_bps 499 is outside 500 to 512000"
    );
    assert_eq!(
        refused(EncoderSettings {
            dred_duration_ms: 1041,
            ..EncoderSettings::default()
        }),
        "dred_duration_ms 1041 is outside 0 to 1040"
    );
    assert!(Decoder::new(11_025, Channels::Mono).is_err());
}

#[test]
fn a_reset_decoder_decodes_like_a_new_one() {
    let packets = voice_packets(&EncoderSettings::default());
    let mut reset = Decoder::new(48_000, Channels::Mono).unwrap();
    let (mut a, mut b) = ([0; FRAME], [0; FRAME]);
    for packet in &packets[10..30] {
        reset.decode(packet, &mut a).unwrap();
    }
    reset.reset();
    let mut new = Decoder::new(48_000, Channels::Mono).unwrap();
    for packet in &packets[..10] {
        reset.decode(packet, &mut a).unwrap();
        new.decode(packet, &mut b).unwrap();
        assert_eq!(a, b);
    }
}

#[test]
fn a_codec_moves_between_threads() {
    fn moves<T: Send>() {}
    moves::<Encoder>();
    moves::<Decoder>();
}

#[test]
fn a_decoder_that_goes_back_decodes_as_if_it_had_concealed_nothing() {
    for complexity in [0, 10] {
        let packets = voice_packets(&EncoderSettings::default());
        let [mut straight, mut back] = [(); 2].map(|()| {
            let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
            decoder.set_complexity(complexity).unwrap();
            decoder
        });
        let (mut expected, mut heard, mut guess) = ([0; FRAME], [0; FRAME], [0; FRAME]);
        for (number, packet) in packets.iter().enumerate() {
            if number % 10 == 5 {
                back.mark();
                back.conceal(&mut guess).unwrap();
                back.conceal(&mut guess[..480]).unwrap();
                back.go_back();
            }
            straight.decode(packet, &mut expected).unwrap();
            back.decode(packet, &mut heard).unwrap();
            assert_eq!(heard, expected, "packet {number}");
        }
    }
}
