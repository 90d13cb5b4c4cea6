//! A fingerprint of what came out of an engine.

use super::super::event::Event;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a over the events polled, field by field, and over the packets polled.
///
/// Two runs that gave the same audio, events and packets have the same one; it keeps nobody from
/// making another call with the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    pub(super) events: u64,
    pub(super) packets: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            events: FNV_OFFSET,
            packets: FNV_OFFSET,
        }
    }
}

impl Digest {
    pub(super) fn packet(&mut self, packet: &[u8]) {
        update(&mut self.packets, &(packet.len() as u64).to_le_bytes());
        update(&mut self.packets, packet);
    }

    pub(super) fn event(&mut self, event: &Event<'_>) {
        let hash = &mut self.events;
        match *event {
            Event::StreamStarted { ssrc } => fields(hash, 1, &[u64::from(ssrc)]),
            Event::StreamEnded { ssrc } => fields(hash, 2, &[u64::from(ssrc)]),
            Event::AudioReceived {
                pcm,
                at_ns,
                media_time_samples,
                concealed,
            } => {
                fields(hash, 3, &[at_ns, media_time_samples as u64]);
                for range in concealed {
                    fields(hash, 0, &[range.start as u64, range.end as u64]);
                }
                samples(hash, pcm);
            }
            Event::AudioSent { pcm, at_ns } => {
                fields(hash, 4, &[at_ns]);
                samples(hash, pcm);
            }
            Event::SpeechStarted { at_samples } => fields(hash, 5, &[at_samples as u64]),
            Event::SpeechEnded { at_samples } => fields(hash, 6, &[at_samples as u64]),
            Event::AudioDrained { at_ns } => fields(hash, 7, &[at_ns]),
            Event::TelephoneEvent {
                code,
                duration_ns,
                attenuation_db,
                end_was_lost,
                at_ns,
            } => {
                let flags = u64::from(code) << 16
                    | u64::from(attenuation_db) << 8
                    | u64::from(end_was_lost);
                fields(hash, 8, &[flags, duration_ns, at_ns]);
            }
        }
    }
}

fn fields(hash: &mut u64, kind: u8, values: &[u64]) {
    update(hash, &[kind]);
    for value in values {
        update(hash, &value.to_le_bytes());
    }
}

fn samples(hash: &mut u64, pcm: &[i16]) {
    update(hash, &(pcm.len() as u64).to_le_bytes());
    for sample in pcm {
        update(hash, &sample.to_le_bytes());
    }
}

fn update(hash: &mut u64, bytes: &[u8]) {
    for byte in bytes {
        *hash = (*hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    }
}
