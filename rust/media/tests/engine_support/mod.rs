//! Calls of an engine's border, drawn at random.

use proptest::prelude::*;
use voicectl_media::engine::Engine;
use voicectl_media::rtp::{Header, Packet};

/// The payload type of Opus.
pub(crate) const OPUS: u8 = 111;

/// One call of the engine's border.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Rtp { header: Header, payload: Vec<u8> },
    Rtcp(Vec<u8>),
    Timeout,
    Queue { samples: usize, rate: usize },
    Finish,
    Clear,
    Start(u32),
    Report(u32),
    Stop,
    Poll,
}

/// Any of them.
pub(crate) fn calls() -> impl Strategy<Value = Call> {
    let header = (any::<bool>(), any::<u16>(), any::<u32>(), 0..3u32).prop_map(
        |(marker, sequence_number, timestamp, ssrc)| Header {
            marker,
            payload_type: OPUS,
            sequence_number,
            timestamp,
            ssrc,
        },
    );
    let payload = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        4 => (header, payload).prop_map(|(header, payload)| Call::Rtp { header, payload }),
        1 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Call::Rtcp),
        4 => Just(Call::Timeout),
        2 => (0..5000usize, 0..6usize).prop_map(|(samples, rate)| Call::Queue { samples, rate }),
        1 => Just(Call::Finish),
        1 => Just(Call::Clear),
        1 => any::<u32>().prop_map(Call::Start),
        1 => any::<u32>().prop_map(Call::Report),
        1 => Just(Call::Stop),
        2 => Just(Call::Poll),
    ]
}

/// Makes one.
pub(crate) fn make(engine: &mut Engine, call: &Call, now_ns: u64) {
    let rates = voicectl_media::engine::QUEUE_RATES_HZ;
    match call {
        Call::Rtp { header, payload } => {
            let mut datagram = Vec::new();
            Packet::new(*header, payload).write(&mut datagram);
            engine.handle_rtp(&datagram, now_ns);
        }
        Call::Rtcp(datagram) => engine.handle_rtcp(datagram, now_ns),
        Call::Timeout => engine.handle_timeout(now_ns),
        Call::Queue { samples, rate } => {
            let pcm = vec![1000; *samples];
            assert!(engine.queue_audio(&pcm, rates[*rate]).unwrap() <= *samples);
        }
        Call::Finish => engine.finish_audio(),
        Call::Clear => drop(engine.clear_audio(now_ns)),
        Call::Start(ssrc) => engine.start_sending(*ssrc, OPUS, "test").unwrap(),
        Call::Report(ssrc) => engine.start_reporting(*ssrc, "test"),
        Call::Stop => engine.stop_sending(now_ns),
        Call::Poll => while engine.poll_event().is_some() || engine.poll_transmit().is_some() {},
    }
}
