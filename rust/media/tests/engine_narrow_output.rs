//! An engine for a machine that listens at 16 kHz decodes at 16 kHz.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use voicectl_media::engine::{Codec, Engine, Event, Settings};
use voicectl_media::opus::{Channels, Decoder, Encoder, EncoderSettings};
use voicectl_media::playout::Sink;
use voicectl_media::rtp::{Header, Packet};

const MS: u64 = 1_000_000;
const OPUS: u8 = 111;
const FRAMES: usize = 100;

fn encoded() -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(&EncoderSettings::default()).unwrap();
    let tone = |n: usize| (n as f32 * 700.0 * std::f32::consts::TAU / 48_000.0).sin();
    let mut packets = Vec::new();
    for frame in 0..FRAMES {
        let pcm: Vec<i16> = (0..960)
            .map(|n| (9000.0 * tone(frame * 960 + n)) as i16)
            .collect();
        let mut packet = [0; 1275];
        let bytes = encoder.encode(&pcm, &mut packet).unwrap();
        packets.push(packet[..bytes].to_vec());
    }
    packets
}

/// What an engine hears of packets whose RTP timestamps begin at `first`, without those in `lost`:
/// media time and samples of each event.
fn heard(output_rate_hz: u32, first: u32, lost: &[usize]) -> Vec<(i64, Vec<i16>)> {
    let settings = Settings {
        sink: Sink::Eager,
        output_rate_hz,
        ..Settings::default()
    };
    let mut engine = Engine::new(&settings, 0, 1).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    let mut events = Vec::new();
    for (n, payload) in encoded().iter().enumerate() {
        let now_ns = n as u64 * 20 * MS;
        if !lost.contains(&n) {
            let header = Header {
                marker: n == 0,
                payload_type: OPUS,
                sequence_number: n as u16,
                timestamp: first.wrapping_add(960 * n as u32),
                ssrc: 5,
            };
            let mut datagram = Vec::new();
            Packet::new(header, payload).write(&mut datagram);
            engine.handle_rtp(&datagram, now_ns);
        }
        engine.handle_timeout(now_ns + MS);
        while let Some(event) = engine.poll_event() {
            if let Event::AudioReceived {
                pcm,
                media_time_samples,
                ..
            } = event
            {
                events.push((media_time_samples, pcm.to_vec()));
            }
        }
    }
    events
}

#[test]
fn sixteen_khz_is_what_a_decoder_of_that_rate_gives_wherever_timestamps_begin() {
    let mut decoder = Decoder::new(16_000, Channels::Mono).unwrap();
    let mut expected = Vec::new();
    for packet in encoded() {
        let mut pcm = [0; 320];
        decoder.decode(&packet, &mut pcm).unwrap();
        expected.extend(pcm);
    }
    for first in [0, 1, 2, u32::MAX - 960 * 50] {
        let pcm: Vec<i16> = heard(16_000, first, &[])
            .into_iter()
            .flat_map(|(_, pcm)| pcm)
            .collect();
        assert!(pcm == expected, "timestamps from {first}");
    }
}

#[test]
fn media_time_has_no_seam_at_any_rate_whatever_is_lost() {
    for rate_hz in [8_000, 16_000, 24_000, 48_000] {
        let events = heard(rate_hz, 1, &[20, 40, 41, 60, 61, 62]);
        let mut next = events[0].0;
        assert_eq!(next, 0);
        for (media_time, pcm) in &events {
            assert_eq!(*media_time, next, "at {rate_hz} Hz");
            next += pcm.len() as i64;
        }
        let span = FRAMES as i64 * i64::from(rate_hz) / 50;
        assert!(
            (span - 100..=span).contains(&next),
            "{next} at {rate_hz} Hz"
        );
    }
}
