//! A signal with the traits of speech that codecs and jitter buffers go by: a voice of changing
//! pitch with formants, unvoiced consonants, syllables, sentences and pauses over a quiet line.
#![allow(unreachable_pub, dead_code, reason = "each test takes what it needs")]

const SAMPLE_RATE_HZ: f32 = 48_000.0;

struct Random(u64);

impl Random {
    /// xorshift64* (S. Vigna, 2016).
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// A two-pole resonance.
#[derive(Default)]
struct Formant {
    a1: f32,
    a2: f32,
    gain: f32,
    y1: f32,
    y2: f32,
}

impl Formant {
    fn tune(&mut self, frequency_hz: f32, bandwidth_hz: f32) {
        let radius = (-std::f32::consts::PI * bandwidth_hz / SAMPLE_RATE_HZ).exp();
        let angle = 2.0 * std::f32::consts::PI * frequency_hz / SAMPLE_RATE_HZ;
        self.a1 = 2.0 * radius * angle.cos();
        self.a2 = -radius * radius;
        self.gain =
            (1.0 - radius) * (1.0 - 2.0 * radius * (2.0 * angle).cos() + radius * radius).sqrt();
    }

    fn run(&mut self, x: f32) -> f32 {
        let y = self.gain * x + self.a1 * self.y1 + self.a2 * self.y2;
        self.y2 = self.y1;
        self.y1 = y;
        y
    }
}

/// 48 kHz mono. Equal seeds give equal samples.
pub fn speech_like(seconds: usize, seed: u64) -> Vec<i16> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let total = seconds * SAMPLE_RATE_HZ as usize;
    let mut pcm = Vec::with_capacity(total);
    while pcm.len() < total {
        let pitch_hz = random.uniform(95.0, 210.0);
        for _ in 0..random.uniform(8.0, 16.0) as usize {
            syllable(&mut pcm, &mut random, pitch_hz);
        }
        let pause = (random.uniform(0.45, 1.1) * SAMPLE_RATE_HZ) as usize;
        pcm.extend((0..pause).map(|_| random.uniform(-9.0, 9.0) as i16));
    }
    pcm.truncate(total);
    pcm
}

fn syllable(pcm: &mut Vec<i16>, random: &mut Random, pitch_hz: f32) {
    if random.uniform(0.0, 1.0) < 0.6 {
        consonant(pcm, random);
    }
    let samples = (random.uniform(0.09, 0.24) * SAMPLE_RATE_HZ) as usize;
    let glide = random.uniform(-0.15, 0.15);
    let mut formants: [Formant; 4] = Default::default();
    let vowel = [
        (random.uniform(280.0, 800.0), 80.0),
        (random.uniform(900.0, 2300.0), 100.0),
        (random.uniform(2400.0, 3000.0), 140.0),
        (3600.0, 200.0),
    ];
    for (formant, (frequency_hz, bandwidth_hz)) in formants.iter_mut().zip(vowel) {
        formant.tune(frequency_hz, bandwidth_hz);
    }
    let (mut phase, mut tilt) = (0.0_f32, 0.0_f32);
    let level = random.uniform(0.5, 1.0) * 90_000.0;
    for index in 0..samples {
        let progress = index as f32 / samples as f32;
        phase += pitch_hz * (1.0 + glide * progress) / SAMPLE_RATE_HZ;
        let pulse = if phase >= 1.0 {
            phase -= 1.0;
            1.0 + random.uniform(-0.05, 0.05)
        } else {
            0.0
        };
        tilt += 0.08 * (pulse * 12.0 + random.uniform(-0.05, 0.05) - tilt);
        let voice: f32 = formants.iter_mut().map(|f| f.run(tilt)).sum();
        let envelope = (progress * std::f32::consts::PI).sin().powf(0.6);
        pcm.push(
            (voice * level * envelope + random.uniform(-9.0, 9.0)).clamp(-30_000.0, 30_000.0)
                as i16,
        );
    }
}

fn consonant(pcm: &mut Vec<i16>, random: &mut Random) {
    let samples = (random.uniform(0.03, 0.09) * SAMPLE_RATE_HZ) as usize;
    let mut colour = Formant::default();
    colour.tune(random.uniform(2500.0, 6000.0), 1500.0);
    let level = random.uniform(4_000.0, 14_000.0);
    for index in 0..samples {
        let envelope = (index as f32 / samples as f32 * std::f32::consts::PI).sin();
        let noise = colour.run(random.uniform(-1.0, 1.0));
        pcm.push((noise * level * envelope) as i16);
    }
}
