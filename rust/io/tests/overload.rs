//! A thread with more calls than it has time for.
#![cfg(target_os = "linux")]

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use voicectl_io::{Endpoint, HandedBack, Link, Plane, PlaneSettings, Route, now_ns};
use voicectl_media::engine::{Engine, Settings};
use voicectl_media::opus::EncoderSettings;
use voicectl_media::srtp::Profile;
use voicectl_media::vad::DetectorKind;

type Fault = Box<dyn std::error::Error>;

/// Several times what the fastest core of today carries of such calls.
const CALLS: usize = 250;
const RATE_HZ: u32 = 48_000;
const BINDING_REQUEST: [u8; 20] = [
    0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
];

fn dear_engine(seed: usize, pcm: &[i16], peer_ssrc: u32) -> Result<Engine, Fault> {
    let settings = Settings {
        vad: Some(DetectorKind::Silero),
        tap_sent: true,
        frame_ms: 10,
        encoder: EncoderSettings {
            complexity: 10,
            ..EncoderSettings::default()
        },
        ..Settings::default()
    };
    let mut engine = Engine::new(&settings, now_ns(), seed as u64)?;
    engine.set_srtp_keys(Profile::Aes128CmSha1, &[1; 30], &[2; 30])?;
    engine.queue_audio(pcm, RATE_HZ)?;
    engine.start_sending(peer_ssrc, 111, "x")?;
    Ok(engine)
}

#[test]
fn stun_is_handed_back_and_calls_can_be_ended_while_the_thread_has_no_time() -> Result<(), Fault> {
    let plane = Plane::new(PlaneSettings::default())?;
    let sink = UdpSocket::bind("127.0.0.1:0")?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let pcm: Vec<i16> = (0..10 * RATE_HZ)
        .map(|n| ((f64::from(n % 7_919 * (n % 7_919) % 7_919) / 7_919.0 - 0.5) * 8_000.0) as i16)
        .collect();
    let mut links: Vec<Arc<Link>> = Vec::new();
    for n in 0..CALLS {
        let engine = dear_engine(n, &pcm, 9)?;
        let engine = Arc::new(Mutex::new(engine));
        let link = plane.add(engine, vec![socket.try_clone()?.into()], None)?;
        let destination = Some(Endpoint {
            socket: 0,
            address: sink.local_addr()?,
        });
        let accepted = Vec::new();
        plane.set_route(
            link.id(),
            Route {
                accepted,
                destination,
            },
        );
        links.push(link);
    }
    let (_, late_before) = plane.timeouts();
    sink.send_to(&BINDING_REQUEST, socket.local_addr()?)?;
    let is_received = |item: &HandedBack| matches!(item, HandedBack::Received { .. });
    let give_up_ns = now_ns() + 50_000_000_000;
    let handed_back = loop {
        let mut items = links.iter().flat_map(|link| link.take_handed_back());
        if items.any(|item| is_received(&item)) {
            break true;
        }
        if now_ns() > give_up_ns {
            break false;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(handed_back);
    assert!(plane.timeouts().1 > late_before, "it is late and says so");
    for link in &links {
        plane.remove(link.id());
    }
    drop(plane); // waits for the thread
    Ok(())
}
