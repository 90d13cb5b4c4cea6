//! What a sender sends, decoded.

use super::*;
use crate::opus::{Channels, Decoder};
use crate::rtp::Packet;

/// Everything a sender sends, decoded.
fn sent(settings: &EncoderSettings, pcm: &[i16], frames: usize) -> (Vec<i16>, usize) {
    let mut sender = Sender::new(settings, 20, 0, 1).unwrap();
    let mut transmit = TransmitQueue::default();
    let mut decoder = Decoder::new(SAMPLE_RATE_HZ, Channels::Mono).unwrap();
    let (mut heard, mut packets) = (Vec::new(), 0);
    sender.start(1, 96, 0);
    sender.queue.queue(pcm, SAMPLE_RATE_HZ).unwrap();
    sender.queue.finish();
    for frame in 0..frames {
        if frame == 100 {
            sender.queue.queue(pcm, SAMPLE_RATE_HZ).unwrap();
            sender.queue.finish();
        }
        sender.send_frame(0, &mut transmit);
        let mut block = [0; 960];
        if let Some(outgoing) = transmit.pop() {
            let payload = Packet::parse(outgoing.packet).unwrap().payload;
            assert_eq!(decoder.decode(payload, &mut block).unwrap(), 960);
            packets += 1;
        }
        heard.extend(block);
    }
    (heard, packets)
}

fn tone(samples: usize) -> Vec<i16> {
    let at = |n: usize| (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin();
    (0..samples).map(|n| (8000.0 * at(n)) as i16).collect()
}

fn power(pcm: &[i16]) -> f64 {
    let energy: f64 = pcm.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    energy / pcm.len() as f64
}

#[test]
fn audio_after_a_rest_is_as_loud_and_clean_as_before_it() {
    let (heard, packets) = sent(&EncoderSettings::default(), &tone(48_000), 160);
    assert_eq!(packets, 160);
    let (first, second) = (&heard[9600..40_000], &heard[96_000 + 9600..96_000 + 40_000]);
    assert!((power(second) / power(first) - 1.0).abs() < 0.1);
    // Nothing is heard between them once the first has died away.
    assert!(power(&heard[62_000..95_000]) < 1.0);
}

#[test]
fn resting_stream_with_dtx_sends_next_to_nothing() {
    let settings = EncoderSettings {
        dtx: true,
        ..EncoderSettings::default()
    };
    let (_, packets) = sent(&settings, &tone(9600), 90);
    assert!((11..=30).contains(&packets), "{packets}");
}
