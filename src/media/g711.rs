//! G.711: the two laws, their silence, and conversion between them by table.
//!
//! Not a codec in the streaming sense: one byte is one sample at 8 kHz, so everything here is a table built at compile
//! time (ITU-T G.711). Read [`Law`].

use serde::{Deserialize, Serialize};

/// Samples per second of both laws.
pub const SAMPLE_RATE_HZ: u32 = 8_000;
/// Samples in one millisecond.
pub const SAMPLES_PER_MS: u64 = 8;

/// Which of the two G.711 laws a payload is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Law {
    /// µ-law: North America, Japan, and what browsers prefer.
    #[serde(rename = "PCMU")]
    Mu,
    /// A-law: Europe, China and most other carriers.
    #[serde(rename = "PCMA")]
    A,
}

impl Law {
    /// The static RTP payload type (RFC 3551 section 6).
    pub const fn payload_type(self) -> u8 {
        match self {
            Law::Mu => 0,
            Law::A => 8,
        }
    }

    /// The law of a static RTP payload type.
    pub const fn of_payload_type(payload_type: u8) -> Option<Law> {
        match payload_type {
            0 => Some(Law::Mu),
            8 => Some(Law::A),
            _ => None,
        }
    }

    /// The encoding name in SDP (RFC 3551 section 4.5.14).
    pub const fn name(self) -> &'static str {
        match self {
            Law::Mu => "PCMU",
            Law::A => "PCMA",
        }
    }

    /// The byte that is silence.
    pub const fn silence(self) -> u8 {
        match self {
            Law::Mu => 0xFF,
            Law::A => 0xD5,
        }
    }

    /// One byte as a 16-bit linear sample.
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Law::Mu => MU_TO_LINEAR[usize::from(byte)],
            Law::A => A_TO_LINEAR[usize::from(byte)],
        }
    }

    /// One linear sample as a byte.
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Law::Mu => linear_to_mu(sample),
            Law::A => linear_to_a(sample),
        }
    }

    /// The table that turns this law's bytes into `other`'s, or `None` when they are the same.
    pub fn table_to(self, other: Law) -> Option<&'static [u8; 256]> {
        match (self, other) {
            (Law::Mu, Law::A) => Some(&MU_TO_A),
            (Law::A, Law::Mu) => Some(&A_TO_MU),
            (Law::Mu, Law::Mu) | (Law::A, Law::A) => None,
        }
    }

    /// Copies `payload`, which is in this law, into `out` in `other`'s law. Both must have the same length.
    pub fn copy_as(self, other: Law, payload: &[u8], out: &mut [u8]) {
        match self.table_to(other) {
            None => out.copy_from_slice(payload),
            Some(table) => {
                for (to, from) in out.iter_mut().zip(payload) {
                    *to = table[usize::from(*from)];
                }
            }
        }
    }
}

static MU_TO_LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = mu_to_linear(byte as u8);
        byte += 1;
    }
    table
};

static A_TO_LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = a_to_linear(byte as u8);
        byte += 1;
    }
    table
};

static MU_TO_A: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = linear_to_a(mu_to_linear(byte as u8));
        byte += 1;
    }
    table
};

static A_TO_MU: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = linear_to_mu(a_to_linear(byte as u8));
        byte += 1;
    }
    table
};

const MU_BIAS: i32 = 0x84;
const MU_CLIP: i32 = 32_635;

const fn mu_to_linear(byte: u8) -> i16 {
    let bits = !byte;
    let magnitude = ((((bits & 0x0F) as i32) << 3) + MU_BIAS) << ((bits & 0x70) >> 4);
    (if bits & 0x80 == 0 { magnitude - MU_BIAS } else { MU_BIAS - magnitude }) as i16
}

const fn linear_to_mu(sample: i16) -> u8 {
    let wide = sample as i32;
    let (sign, mut magnitude) = if wide < 0 { (0x80u8, -wide) } else { (0, wide) };
    if magnitude > MU_CLIP {
        magnitude = MU_CLIP;
    }
    magnitude += MU_BIAS;
    let segment = (31 - (magnitude as u32).leading_zeros()) as i32 - 7;
    let mantissa = ((magnitude >> (segment + 3)) & 0x0F) as u8;
    !(sign | ((segment as u8) << 4) | mantissa)
}

const fn a_to_linear(byte: u8) -> i16 {
    let bits = byte ^ 0x55;
    let mantissa = ((bits & 0x0F) as i32) << 4;
    let segment = ((bits & 0x70) >> 4) as i32;
    let magnitude = if segment == 0 { mantissa + 8 } else { (mantissa + 0x108) << (segment - 1) };
    (if bits & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

const fn linear_to_a(sample: i16) -> u8 {
    let scaled = (sample >> 3) as i32;
    let (mask, magnitude) = if scaled >= 0 { (0xD5u8, scaled) } else { (0x55, -scaled - 1) };
    if magnitude < 32 {
        return ((magnitude >> 1) as u8) ^ mask;
    }
    let segment = (31 - (magnitude as u32).leading_zeros()) as i32 - 4;
    (((segment as u8) << 4) | ((magnitude >> segment) & 0x0F) as u8) ^ mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points_of_both_laws_are_those_of_the_recommendation() {
        assert_eq!(Law::Mu.decode(0x00), -32_124);
        assert_eq!(Law::Mu.decode(0x80), 32_124);
        assert_eq!(Law::Mu.decode(0xFF), 0);
        assert_eq!(Law::A.decode(0xAA), 32_256);
        assert_eq!(Law::A.decode(0x2A), -32_256);
        assert_eq!(Law::A.decode(0xD5), 8);
        assert_eq!((Law::Mu.encode(0), Law::A.encode(0)), (0xFF, 0xD5));
        assert_eq!((Law::Mu.encode(i16::MIN), Law::Mu.encode(i16::MAX)), (0x00, 0x80));
        assert_eq!((Law::A.encode(i16::MIN), Law::A.encode(i16::MAX)), (0x2A, 0xAA));
    }

    #[test]
    fn every_byte_survives_decoding_and_encoding() {
        for byte in 0..=255u8 {
            assert_eq!(Law::A.encode(Law::A.decode(byte)), byte);
            let again = Law::Mu.encode(Law::Mu.decode(byte));
            assert!(
                again == byte || (byte == 0x7F && again == 0xFF),
                "{byte:02x} {again:02x}: only minus zero may change"
            );
        }
    }

    #[test]
    fn conversion_between_the_laws_stays_within_one_step_of_the_sample() {
        for byte in 0..=255u8 {
            let before = i32::from(Law::Mu.decode(byte));
            let mut out = [0];
            Law::Mu.copy_as(Law::A, &[byte], &mut out);
            let after = i32::from(Law::A.decode(out[0]));
            assert!((before - after).abs() <= 16 + before.abs() / 16, "{byte:02x}: {before} {after}");
        }
    }
}
