//! Neither sink allocates once it runs, whatever the network does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "support/counting_allocator.rs"]
mod counting_allocator;
#[path = "playout_support/speech_like.rs"]
mod speech_like;
#[path = "playout_support/trace_run.rs"]
mod trace_run;

use counting_allocator::allocations;
use trace_run::{arrivals_of, encode, shipped_trace};
use voicectl_media::opus::{Channels, Decoder};
use voicectl_media::playout::{JitterBuffer, ReceivedFrame, Settings, Sink};

#[test]
fn a_call_on_a_bad_network_does_not_allocate_once_it_runs() {
    let payloads = encode(&speech_like::speech_like(30, 2), true);
    for name in ["lte", "ge5", "gauss20"] {
        let arrivals = arrivals_of(&shipped_trace(name));
        for sink in [Sink::Playout, Sink::Eager] {
            let settings = Settings {
                sink,
                ..Settings::default()
            };
            let decoder = Decoder::new(48_000, Channels::Mono).unwrap();
            let mut buffer = JitterBuffer::new(settings, decoder, 0);
            let mut before = 0;
            for &(now_ns, packet) in &arrivals {
                while let Some(due_ns) = buffer.next_timeout().filter(|&ns| ns <= now_ns) {
                    while buffer.poll(due_ns).is_some() {}
                }
                buffer.insert(
                    &ReceivedFrame {
                        sequence_number: packet.frame as u16,
                        rtp_timestamp: packet.frame * 960,
                        marker: false,
                        payload: &payloads[packet.frame as usize % payloads.len()],
                    },
                    now_ns,
                );
                if now_ns < 20_000_000_000 {
                    before = allocations();
                }
            }
            let after = allocations();
            assert_eq!(after - before, 0, "{name}, {sink:?}");
        }
    }
}
