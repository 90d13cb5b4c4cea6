use proptest::prelude::*;

use super::*;

const QUALITIES: [Quality; 2] = [Quality::Standard, Quality::High];

fn filters() -> impl Iterator<Item = (u32, u32, Filter)> {
    let pairs = SAMPLE_RATES_HZ
        .iter()
        .flat_map(|&from| SAMPLE_RATES_HZ.map(|to| (from, to)))
        .filter(|(from, to)| from != to);
    pairs.flat_map(|(from, to)| {
        QUALITIES.map(|quality| (from, to, Filter::design(from, to, quality.delay_ms())))
    })
}

#[test]
fn no_input_overflows_a_lane_or_the_sum_of_lanes() {
    for (from, to, filter) in filters() {
        for phase in 0..filter.phases() {
            let mut lanes = [0_i64; 8];
            for (taps, shift) in filter.phase(phase).iter().zip(filter.shifts()) {
                for (lane, pair) in lanes.iter_mut().zip(taps.as_chunks::<2>().0) {
                    let worst: i64 = pair.iter().map(|tap| i64::from(tap.abs()) << 15).sum();
                    assert!(worst <= i64::from(i32::MAX), "{from} to {to}");
                    *lane += (worst >> shift) + 1;
                }
            }
            assert!(
                lanes.iter().all(|&lane| lane <= i64::from(i32::MAX)),
                "{from} to {to}"
            );
            let sum: i64 = lanes
                .iter()
                .map(|lane| (lane >> portable::LANE_SHIFT) + 1)
                .sum();
            assert!(sum <= i64::from(i32::MAX >> 1), "{from} to {to}");
        }
    }
}

#[test]
fn every_phase_has_unity_gain() {
    for (from, to, filter) in filters() {
        for phase in 0..filter.phases() {
            let blocks = filter.phase(phase).iter().zip(filter.shifts());
            let gain: f64 = blocks
                .map(|(taps, &shift)| {
                    let sum: f64 = taps.iter().map(|&tap| f64::from(tap)).sum();
                    sum / 2_f64.powi(shift + design::SUM_FRACTION_BITS as i32)
                })
                .sum();
            assert!(
                (gain - 1.0).abs() < 2.5e-4,
                "{from} to {to}, phase {phase}: {gain}"
            );
        }
    }
}

#[test]
fn the_delay_is_at_most_what_the_quality_says() {
    for from in SAMPLE_RATES_HZ {
        for to in SAMPLE_RATES_HZ {
            let delay = |quality| Resampler::new(from, to, quality).unwrap().delay_ns();
            assert!(delay(Quality::Standard) <= 2_000_000);
            assert!(delay(Quality::High) <= 3_000_000);
        }
    }
}

#[test]
fn an_unsupported_rate_is_refused() {
    for (from, to) in [(44_000, 48_000), (48_000, 0), (7_999, 8_000)] {
        assert!(Resampler::new(from, to, Quality::Standard).is_err());
    }
}

fn rates() -> impl Strategy<Value = u32> {
    prop::sample::select(&SAMPLE_RATES_HZ[..9])
}

fn loud_noise(samples: usize) -> impl Strategy<Value = Vec<i16>> {
    let sample = prop_oneof![3 => any::<i16>(), 1 => Just(i16::MIN), 1 => Just(i16::MAX)];
    prop::collection::vec(sample, samples)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_vector_kernel_gives_the_portable_kernels_samples(
        from in rates(), to in rates(), input in loud_noise(3000)
    ) {
        let (mut fast, mut portable) = (Vec::new(), Vec::new());
        Resampler::new(from, to, Quality::Standard).unwrap().process(&input, &mut fast);
        Resampler::with_kernel(from, to, Quality::Standard, portable::run)
            .unwrap()
            .process(&input, &mut portable);
        prop_assert!(fast == portable, "{from} to {to}");
    }

    #[test]
    fn the_output_is_the_same_however_the_input_is_cut(
        from in rates(), to in rates(), input in loud_noise(3000),
        cuts in prop::collection::vec(0_usize..500, 1..20)
    ) {
        let mut resampler = Resampler::new(from, to, Quality::High).unwrap();
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        resampler.process(&input, &mut whole);
        resampler.flush(&mut whole);
        let mut rest = &input[..];
        for &cut in &cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            let before = pieces.len();
            resampler.process(piece, &mut pieces);
            prop_assert!(pieces.len() - before <= resampler.max_output_samples(piece.len()));
            rest = after;
        }
        resampler.process(rest, &mut pieces);
        let due = (3000 * to as usize).div_ceil(from as usize);
        prop_assert_eq!(pieces.len(), due, "{} to {}", from, to);
        resampler.flush(&mut pieces);
        prop_assert!(whole == pieces, "{from} to {to}");
    }
}
