//! The CPU time that inserting a frame and taking its samples out takes without the decoding, per 20 ms frame.
//!
//! `cargo run --release -p voicectl-media --example playout_cost`

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

#[path = "../tests/playout_support/speech_like.rs"]
mod speech_like;
#[path = "../tests/playout_support/trace_run.rs"]
mod trace_run;

use std::hint::black_box;

use trace_run::shipped_trace;
use voicectl_media::playout::{
    DecodeError, FrameDecoder, JitterBuffer, ReceivedFrame, Settings, Sink,
};

/// The clock of [`cpu_us`] may tick as seldom as every 4 ms.
const RUNS: usize = 100;

/// Copies its samples from speech: all else is the buffer's own.
struct Copying<'a>(&'a [i16]);

impl FrameDecoder for Copying<'_> {
    fn duration_samples(&self, _: &[u8]) -> Option<u32> {
        Some(960)
    }

    fn has_lbrr(&self, _: &[u8]) -> bool {
        true
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        let frame = usize::from(u16::from_be_bytes([payload[0], payload[1]]));
        let from = frame * 960 % (self.0.len() - 960);
        pcm[..960].copy_from_slice(&self.0[from..from + 960]);
        Ok(960)
    }

    fn decode_lbrr(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        self.decode(payload, pcm)
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        pcm.fill(0);
    }

    fn reset(&mut self) {}
}

fn main() {
    let speech = speech_like::speech_like(60, 1);
    for name in ["clean", "loss2", "gauss20", "wifi-spikes", "lte"] {
        let arrivals = shipped_trace(name).arrivals();
        for sink in [Sink::Playout, Sink::Eager] {
            let start_us = cpu_us();
            for _ in 0..RUNS {
                once(&arrivals, sink, &speech);
            }
            let frames = RUNS * arrivals.len();
            let each_us = (cpu_us() - start_us) / frames as f64;
            println!("{name:<12} {sink:?}: {each_us:.2} us a frame");
        }
    }
}

fn once(arrivals: &[(u64, voicectl_media::netem::TracePacket)], sink: Sink, speech: &[i16]) {
    let settings = Settings {
        sink,
        ..Settings::default()
    };
    let mut buffer = JitterBuffer::new(settings, Copying(speech), 0);
    for &(now_ns, packet) in arrivals {
        while let Some(due_ns) = buffer.next_timeout().filter(|&ns| ns <= now_ns) {
            while let Some(block) = buffer.poll(due_ns) {
                black_box(block.pcm[0]);
            }
        }
        let payload = (packet.frame as u16).to_be_bytes();
        let payload: [u8; 80] = std::array::from_fn(|index| payload[index % 2]);
        buffer.insert(
            &ReceivedFrame {
                sequence_number: packet.frame as u16,
                rtp_timestamp: packet.frame * 960,
                marker: false,
                payload: &payload,
            },
            now_ns,
        );
    }
}

/// Time on a CPU so far (Linux), whatever else the machine does.
fn cpu_us() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_once(' ').unwrap().0.parse::<f64>().unwrap() / 1e3
}
