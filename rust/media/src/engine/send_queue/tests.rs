use super::*;
use proptest::prelude::*;

const FRAME: usize = 960;

fn ramp(samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (n % 20_000) as i16 + 1).collect()
}

fn fill(queue: &mut SendQueue) -> (Vec<i16>, Filled) {
    let mut frame = [0; FRAME];
    let filled = queue.fill(&mut frame);
    (frame.to_vec(), filled)
}

#[test]
fn finished_utterance_is_padded_with_silence_and_reported_once() {
    let mut queue = SendQueue::new();
    assert_eq!(queue.queue(&ramp(1000), 48_000), Ok(1000));
    queue.finish();
    let (first, filled) = fill(&mut queue);
    assert_eq!(first, ramp(960));
    assert_eq!(
        filled,
        Filled {
            samples: 960,
            drained: false
        }
    );
    let (second, filled) = fill(&mut queue);
    assert_eq!(
        filled,
        Filled {
            samples: 40,
            drained: true
        }
    );
    assert_eq!(second[..40], ramp(1000)[960..]);
    assert!(second[40..].iter().all(|sample| *sample == 0));
    assert_eq!(
        fill(&mut queue).1,
        Filled {
            samples: 0,
            drained: false
        }
    );
}

#[test]
fn unfinished_audio_waits_for_a_whole_frame() {
    let mut queue = SendQueue::new();
    queue.queue(&ramp(500), 48_000).unwrap();
    assert_eq!(fill(&mut queue).1.samples, 0);
    queue.queue(&ramp(1000)[500..], 48_000).unwrap();
    assert_eq!(fill(&mut queue).0, ramp(960));
}

#[test]
fn utterance_without_audio_drains_at_once() {
    let mut queue = SendQueue::new();
    queue.finish();
    assert_eq!(
        fill(&mut queue).1,
        Filled {
            samples: 0,
            drained: true
        }
    );
}

#[test]
fn cleared_queue_fades_within_five_milliseconds_and_then_is_silent() {
    let mut queue = SendQueue::new();
    queue.queue(&vec![10_000; 9600], 48_000).unwrap();
    fill(&mut queue);
    let cleared = queue.clear();
    let expected = ClearedAudio {
        sent_samples: 960 + 240,
        dropped_samples: 9600 - 960 - 240,
    };
    assert_eq!(cleared, expected);
    let (frame, filled) = fill(&mut queue);
    assert_eq!(
        filled,
        Filled {
            samples: 240,
            drained: false
        }
    );
    assert!(frame[..240].is_sorted_by(|a, b| a >= b) && frame[0] > 9900 && frame[239] < 100);
    assert!(frame[240..].iter().all(|sample| *sample == 0));
    assert_eq!(queue.clear(), ClearedAudio::default());
}

#[test]
fn what_was_never_begun_is_cleared_without_a_sound() {
    let mut queue = SendQueue::new();
    queue.queue(&vec![10_000; 9600], 48_000).unwrap();
    let cleared = queue.clear();
    assert_eq!((cleared.sent_samples, cleared.dropped_samples), (0, 9600));
    assert_eq!(fill(&mut queue).0, [0; FRAME]);
}

#[test]
fn queue_refuses_what_exceeds_a_minute() {
    let mut queue = SendQueue::new();
    let half_minute = vec![1; 30 * 24_000];
    assert_eq!(queue.queue(&half_minute, 24_000), Ok(half_minute.len()));
    assert_eq!(queue.queue(&vec![1; 40 * 16_000], 16_000), Ok(30 * 16_000));
    assert_eq!(queue.queue(&[1], 48_000), Ok(0));
    assert_eq!(queue.queued_ns(), 60_000_000_000);
}

proptest! {
    #[test]
    fn every_queued_sample_is_sent_or_dropped(
        pieces in proptest::collection::vec((0..6usize, 0..3000usize), 1..6),
        frames in 0..20usize,
    ) {
        let mut queue = SendQueue::new();
        let mut queued_48k = 0.0;
        for (rate, samples) in pieces {
            let rate_hz = QUEUE_RATES_HZ[rate];
            prop_assert_eq!(queue.queue(&ramp(samples), rate_hz), Ok(samples));
            queued_48k += samples as f64 * 48_000.0 / f64::from(rate_hz);
        }
        let sent: usize = (0..frames).map(|_| fill(&mut queue).1.samples).sum();
        let cleared = queue.clear();
        // The fade may add 5 ms; each change of rate rounds to a sample.
        let account = cleared.sent_samples + cleared.dropped_samples;
        prop_assert!((account as f64 - queued_48k).abs() <= 6.0, "{account} {queued_48k}");
        prop_assert!((sent as u64..=sent as u64 + 240).contains(&cleared.sent_samples));
    }

    #[test]
    fn finished_utterance_has_its_length_at_any_rate(
        rate in 0..6usize,
        samples in 1..5000usize,
    ) {
        let rate_hz = QUEUE_RATES_HZ[rate];
        let mut queue = SendQueue::new();
        queue.queue(&ramp(samples), rate_hz).unwrap();
        queue.finish();
        let mut sent = 0;
        loop {
            let filled = fill(&mut queue).1;
            sent += filled.samples;
            if filled.drained {
                break;
            }
            prop_assert!(filled.samples > 0);
        }
        let expected = samples as f64 * 48_000.0 / f64::from(rate_hz);
        prop_assert!((sent as f64 - expected).abs() <= 1.0, "{sent} {expected}");
    }
}
