//! What a simulated network does to packets, in virtual time.

use voicectl_media::netem::{
    Arrival, Blockage, Impairment, Jitter, Link, Loss, Outage, Rate, Trace, TracePacket,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// Sends `count` packets 20 ms apart, and takes out what arrives.
fn sent_through(mut link: Link, count: u64) -> (Link, Vec<Arrival>) {
    let mut arrivals = Vec::new();
    for number in 0..count {
        let now_ns = 5 * SECOND + number * 20 * MS;
        link.send(&number.to_be_bytes(), now_ns);
        while let Some(arrival) = link.poll(now_ns) {
            assert!(arrival.at_ns <= now_ns);
            arrivals.push(arrival);
        }
    }
    while let Some(at_ns) = link.next_timeout() {
        arrivals.extend(link.poll(at_ns));
    }
    (link, arrivals)
}

fn delays_ms(arrivals: &[Arrival]) -> Vec<f64> {
    let delay_ns = |arrival: &Arrival| arrival.at_ns - arrival.sent_ns;
    arrivals.iter().map(|a| delay_ns(a) as f64 / 1e6).collect()
}

fn is_in_order(arrivals: &[Arrival]) -> bool {
    arrivals.windows(2).all(|w| w[0].packet <= w[1].packet)
}

#[test]
fn a_network_without_impairment_delivers_at_once_and_in_order() {
    let (link, arrivals) = sent_through(Link::new(Impairment::default(), 1), 100);
    assert!(delays_ms(&arrivals).iter().all(|&ms| ms == 0.0));
    assert!(is_in_order(&arrivals));
    assert_eq!(link.stats().delivered, 100);
}

#[test]
fn equal_seeds_give_equal_arrivals_and_others_do_not() {
    let impairment = Impairment {
        loss: Loss::Independent(0.1),
        jitter: Jitter::Normal(10 * MS),
        delay_ns: 50 * MS,
        ..Impairment::default()
    };
    let run = |seed| sent_through(Link::new(impairment, seed), 500).1;
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn bursts_have_the_share_and_the_length_that_were_asked_for() {
    let impairment = Impairment {
        loss: Loss::in_bursts(0.05, 3.0),
        ..Impairment::default()
    };
    let (link, arrivals) = sent_through(Link::new(impairment, 3), 100_000);
    let share = link.stats().lost as f64 / 100_000.0;
    assert!((share - 0.05).abs() < 0.005, "{share}");
    let bursts = arrivals
        .windows(2)
        .filter(|w| w[1].sent_ns - w[0].sent_ns > 20 * MS)
        .count();
    let burst = link.stats().lost as f64 / bursts as f64;
    assert!((burst - 3.0).abs() < 0.2, "{burst}");
}

#[test]
fn more_loss_leaves_the_delay_of_the_rest_as_it_was() {
    let with_loss = |share| Impairment {
        loss: Loss::Independent(share),
        jitter: Jitter::Exponential(10 * MS),
        reorder: true,
        ..Impairment::default()
    };
    let (_, all) = sent_through(Link::new(with_loss(0.0), 5), 300);
    let (_, some) = sent_through(Link::new(with_loss(0.3), 5), 300);
    assert!(some.len() < 250);
    assert!(some.iter().all(|arrival| all.contains(arrival)));
}

#[test]
fn jitter_reorders_only_where_it_may() {
    let with_order = |reorder| Impairment {
        delay_ns: 80 * MS,
        jitter: Jitter::Normal(20 * MS),
        reorder,
        ..Impairment::default()
    };
    assert!(is_in_order(
        &sent_through(Link::new(with_order(false), 2), 1_000).1
    ));
    assert!(!is_in_order(
        &sent_through(Link::new(with_order(true), 2), 1_000).1
    ));
}

#[test]
fn a_narrow_link_queues_and_then_drops() {
    // 8 bytes and 28 of headers each 20 ms are 14.4 kbit/s.
    let impairment = Impairment {
        rate: Some(Rate {
            bits_per_second: 10_000,
            queue_ns: 200 * MS,
        }),
        ..Impairment::default()
    };
    let (link, arrivals) = sent_through(Link::new(impairment, 1), 1_000);
    let share = link.stats().dropped as f64 / 1_000.0;
    assert!((share - (1.0 - 10.0 / 14.4)).abs() < 0.03, "{share}");
    let slowest_ms = delays_ms(&arrivals).into_iter().fold(0.0, f64::max);
    assert!(slowest_ms > 200.0 && slowest_ms < 235.0, "{slowest_ms}");
}

#[test]
fn a_blocked_channel_delivers_what_waited_at_once() {
    let impairment = Impairment {
        spikes: Some(Blockage {
            every_ns: 2 * SECOND,
            shortest_ns: 30 * MS,
            longest_ns: 150 * MS,
        }),
        ..Impairment::default()
    };
    let (_, arrivals) = sent_through(Link::new(impairment, 4), 3_000);
    let delays = delays_ms(&arrivals);
    assert!(delays.iter().copied().fold(0.0, f64::max) > 100.0);
    assert!(delays.iter().all(|&ms| ms < 300.0));
    let undisturbed = delays.iter().filter(|&&ms| ms == 0.0).count();
    assert!(undisturbed > 2_700, "{undisturbed}");
}

#[test]
fn a_handover_holds_packets_and_a_blackout_loses_them() {
    let outage = Outage {
        every_ns: 2 * SECOND,
        during_ns: SECOND,
    };
    let held = Impairment {
        handover: Some(outage),
        ..Impairment::default()
    };
    let (link, arrivals) = sent_through(Link::new(held, 1), 150);
    assert_eq!(link.stats().delivered, 150);
    let late: Vec<_> = arrivals.iter().filter(|a| a.at_ns > a.sent_ns).collect();
    assert_eq!(late[0].at_ns - late[0].sent_ns, SECOND);
    assert_eq!(late[1].at_ns - late[0].at_ns, 2 * MS);

    let lost = Impairment {
        blackout: Some(outage),
        ..Impairment::default()
    };
    let (link, _) = sent_through(Link::new(lost, 1), 150);
    assert_eq!(link.stats().lost, 50);
}

fn inversions(arrivals: &[Arrival]) -> usize {
    arrivals
        .windows(2)
        .filter(|w| w[0].packet > w[1].packet)
        .count()
}

#[test]
fn reordering_stopped_after_the_first_handover() {
    let free = Impairment {
        delay_ns: 50 * MS,
        jitter: Jitter::Normal(20 * MS),
        reorder: true,
        ..Impairment::default()
    };
    let held = Impairment {
        handover: Some(Outage {
            every_ns: SECOND,
            during_ns: 20 * MS,
        }),
        ..free
    };
    let (_, without) = sent_through(Link::new(free, 0), 5_000);
    let (_, with) = sent_through(Link::new(held, 0), 5_000);
    // A handover holds one packet in fifty, and puts those that waited in order.
    let (without, with) = (inversions(&without), inversions(&with));
    assert!(with * 10 > without * 9, "{with} of {without}");
}

#[test]
fn packets_that_came_while_no_handover_was_were_kept_two_milliseconds_apart() {
    let held = Impairment {
        delay_ns: 50 * MS,
        jitter: Jitter::Normal(20 * MS),
        reorder: true,
        handover: Some(Outage {
            every_ns: 10 * SECOND,
            during_ns: 100 * MS,
        }),
        ..Impairment::default()
    };
    let free = Impairment {
        handover: None,
        ..held
    };
    let (_, held) = sent_through(Link::new(held, 3), 5_000);
    let (_, free) = sent_through(Link::new(free, 3), 5_000);
    let since_ns = |arrival: &Arrival| (arrival.at_ns - 5 * SECOND) % (10 * SECOND);
    let undisturbed: Vec<_> = free
        .iter()
        .filter(|arrival| since_ns(arrival) > 150 * MS)
        .collect();
    assert!(undisturbed.len() > 4_900);
    assert!(undisturbed.iter().all(|arrival| held.contains(arrival)));
}

#[test]
fn routes_change_back_and_forth_and_clocks_drift() {
    let flap = Impairment {
        flap: Some(Outage {
            every_ns: SECOND,
            during_ns: 32 * MS,
        }),
        ..Impairment::default()
    };
    let delays = delays_ms(&sent_through(Link::new(flap, 1), 150).1);
    assert_eq!((delays[10], delays[60], delays[110]), (0.0, 32.0, 0.0));

    let drift = Impairment {
        drift_ppm: 100.0,
        ..Impairment::default()
    };
    let delays = delays_ms(&sent_through(Link::new(drift, 1), 50 * 100 + 1).1);
    assert!((delays[5_000] - 10.0).abs() < 0.01, "{}", delays[5_000]);
}

#[test]
fn some_packets_come_twice() {
    let impairment = Impairment {
        duplicate: 0.2,
        ..Impairment::default()
    };
    let (link, arrivals) = sent_through(Link::new(impairment, 9), 1_000);
    assert_eq!(arrivals.len() as u64, 1_000 + link.stats().duplicated);
    assert!((150..250).contains(&link.stats().duplicated));
}

#[test]
fn a_trace_happens_again_packet_by_packet() {
    let packet = |frame: u32, arrival_ms: Option<u64>| TracePacket {
        frame,
        send_ns: u64::from(frame) * 20 * MS,
        arrival_ns: arrival_ms.map(|ms| ms * MS),
    };
    let trace = Trace {
        packets: vec![packet(0, Some(30)), packet(1, None), packet(2, Some(75))],
    };
    let (link, arrivals) = sent_through(Link::replaying(trace), 6);
    assert_eq!(delays_ms(&arrivals), [30.0, 35.0, 30.0, 35.0]);
    assert_eq!(link.stats().lost, 2);
    assert_eq!(sent_through(Link::replaying(Trace::default()), 5).1, []);
}
