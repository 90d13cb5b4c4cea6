//! The audio path does not allocate once it runs.

#[path = "support/counting_allocator.rs"]
mod counting_allocator;

use counting_allocator::allocations;
use voicectl_media::opus::{Channels, Decoder, Encoder, EncoderSettings};
use voicectl_media::resample::{Quality, Resampler};

fn allocations_in(work: impl FnOnce()) -> u32 {
    let before = allocations();
    work();
    allocations() - before
}

#[test]
fn resampling_does_not_allocate() {
    for (from, to) in [(48_000, 16_000), (24_000, 48_000), (44_100, 48_000)] {
        let mut resampler = Resampler::new(from, to, Quality::Standard).unwrap();
        let input = vec![1000; from as usize / 50];
        let mut output = Vec::with_capacity(resampler.max_output_samples(input.len()));
        let allocations = allocations_in(|| {
            for _ in 0..100 {
                output.clear();
                resampler.process(&input, &mut output);
            }
        });
        assert_eq!(allocations, 0, "{from} to {to}");
    }
}

#[test]
fn coding_and_decoding_do_not_allocate() {
    let mut encoder = Encoder::new(&EncoderSettings::default()).unwrap();
    let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
    let mut pcm = vec![1000; 960];
    let mut packet = [0; 1500];
    let allocations = allocations_in(|| {
        for _ in 0..20 {
            let bytes = encoder.encode(&pcm, &mut packet).unwrap();
            decoder.decode(&packet[..bytes], &mut pcm).unwrap();
            decoder.decode_lbrr(&packet[..bytes], &mut pcm).unwrap();
            decoder.conceal(&mut pcm).unwrap();
        }
    });
    assert_eq!(allocations, 0);
}
