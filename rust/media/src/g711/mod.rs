//! G.711: PCM in eight bits, logarithmic (ITU-T G.711 (1988); RFC 3551 §4.5.14).
//!
//! 8 kHz on the wire, 48 kHz to everyone else here: [`Encoder`] and [`Decoder`] convert.

mod decoder;
mod encoder;
mod pitch;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// Samples per second on the wire, and the RTP clock.
pub const SAMPLE_RATE_HZ: u32 = 8_000;

/// Samples of the audio path for one on the wire.
pub const UPSAMPLING: usize = 6;

/// µ-law clips here, on a scale of 14 bits with a bias of 33.
const MU_MAX: i32 = 8158;
const MU_BIAS: i32 = 33;

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// PCMU: North America and Japan.
    Mu,
    /// PCMA: elsewhere.
    A,
}

impl Law {
    /// The 16-bit sample of a code.
    #[must_use]
    pub fn decode(self, code: u8) -> i16 {
        const MU: [i16; 256] = table(Law::Mu);
        const A: [i16; 256] = table(Law::A);
        match self {
            Self::Mu => MU[usize::from(code)],
            Self::A => A[usize::from(code)],
        }
    }

    /// The code of a 16-bit sample: the nearest one, halves away from zero as G.711's decision
    /// values have them.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => encode_mu(sample),
            Self::A => encode_a(sample),
        }
    }

    /// Silence.
    #[must_use]
    pub fn silence(self) -> u8 {
        self.encode(0)
    }
}

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::Mu => decode_mu(code as u8),
            Law::A => decode_a(code as u8),
        };
        code += 1;
    }
    table
}

/// All bits are inverted; a segment is 33 · 2ⁿ - 33 plus steps of 2ⁿ⁺¹, on a scale of 14 bits.
const fn decode_mu(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4 & 7) as i32;
    let step = (code & 0xf) as i32;
    let magnitude = ((2 * step + MU_BIAS) << segment) - MU_BIAS;
    let sample = magnitude << 2;
    (if code & 0x80 == 0 { sample } else { -sample }) as i16
}

/// Even bits are inverted; a scale of 13 bits.
const fn decode_a(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = (code >> 4 & 7) as i32;
    let step = (code & 0xf) as i32;
    let magnitude = if segment == 0 {
        2 * step + 1
    } else {
        (2 * step + 33) << (segment - 1)
    };
    let sample = magnitude << 3;
    (if code & 0x80 == 0 { -sample } else { sample }) as i16
}

fn encode_mu(sample: i16) -> u8 {
    let is_negative = sample < 0;
    let magnitude = (i32::from(sample).abs() >> 2).min(MU_MAX) + MU_BIAS;
    // The highest bit of 33..=8191 is one of 5 to 12.
    let segment = 26 - magnitude.leading_zeros() as i32;
    let step = magnitude >> (segment + 1) & 0xf;
    let code = (segment << 4 | step) as u8 | u8::from(is_negative) << 7;
    !code
}

fn encode_a(sample: i16) -> u8 {
    // Of a negative sample the ones' complement: zero belongs to the positive side.
    let is_positive = sample >= 0;
    let magnitude = i32::from(if is_positive { sample } else { !sample }) >> 4;
    let segment = (28 - magnitude.leading_zeros() as i32).max(0);
    let step = magnitude >> (segment - 1).max(0) & 0xf;
    let code = (segment << 4 | step) as u8 | u8::from(is_positive) << 7;
    code ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From tables 1a, 1b, 2a and 2b of G.711: code, value on the table's scale.
    #[test]
    fn codes_have_the_values_of_the_tables() {
        // µ-law, 14 bits: the ends, the segments' first steps, and both zeros.
        let mu = [
            (0x80, 8031),
            (0x8f, 4191),
            (0x9f, 2079),
            (0xaf, 1023),
            (0xbf, 495),
            (0xcf, 231),
            (0xdf, 99),
            (0xef, 33),
            (0xfe, 2),
            (0xff, 0),
            (0x7f, 0),
            (0x7e, -2),
            (0x6f, -33),
            (0x00, -8031),
        ];
        for (code, value) in mu {
            assert_eq!(Law::Mu.decode(code), value * 4, "{code:#x}");
        }
        // A-law, 13 bits with the sign: the table's values are half of these.
        let a = [
            (0xaa, 4032),
            (0xa5, 2112),
            (0xb5, 1056),
            (0x85, 528),
            (0x95, 264),
            (0xe5, 132),
            (0xf5, 66),
            (0xc5, 33),
            (0xd5, 1),
            (0x55, -1),
            (0x2a, -4032),
        ];
        for (code, value) in a {
            assert_eq!(Law::A.decode(code), value * 8, "{code:#x}");
        }
        assert_eq!((Law::Mu.silence(), Law::A.silence()), (0xff, 0xd5));
    }

    #[test]
    fn every_code_is_the_code_of_its_value() {
        for code in 0..=255 {
            // There are two zeros in µ-law.
            let canonical = if code == 0x7f { 0xff } else { code };
            assert_eq!(Law::Mu.encode(Law::Mu.decode(code)), canonical);
            assert_eq!(Law::A.encode(Law::A.decode(code)), code);
        }
    }

    #[test]
    fn error_of_every_sample_is_within_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            for law in [Law::Mu, Law::A] {
                let error = i32::from(law.decode(law.encode(sample))) - i32::from(sample);
                // A step is 1/16 of a segment, at least 8 (µ) or 16 (A); beyond the end it clips.
                let magnitude = i32::from(sample).abs();
                let bound = (magnitude / 31).max(16) + 4;
                let clips = magnitude > 32_100;
                assert!(error.abs() <= bound || clips, "{law:?} {sample} {error}");
            }
        }
    }
}
