//! Chance, split so that the i-th caller and the i-th dial are the same whatever the policy does.
//!
//! Every caller, dial, lead, agent and day has a stream of its own, found by seed, replication, kind and index, not by
//! the order in which they are asked for. Read [`Streams`] first.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The day as a whole: how busy it is, and the engine's own seed.
    Day,
    /// An inbound caller.
    Caller,
    /// An agent.
    Agent,
    /// A dial of a campaign.
    Dial,
    /// A lead of a campaign.
    Lead,
    /// An agent's look at a lead.
    Look,
    /// What goes wrong in a trial, and how late its facts come.
    Trial,
}

/// The streams of one replication.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    seed: u64,
    replication: u64,
}

/// One stream of chance.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Streams {
    /// The streams of a replication.
    pub fn new(seed: u64, replication: u64) -> Streams {
        Streams { seed, replication }
    }

    /// The stream of the `index`-th thing of a kind; `part` tells campaigns and agent groups apart.
    pub fn stream(&self, kind: Kind, part: usize, index: u64) -> Stream {
        let kind = match kind {
            Kind::Day => 0,
            Kind::Caller => 1,
            Kind::Agent => 2,
            Kind::Dial => 3,
            Kind::Lead => 4u64,
            Kind::Trial => 5,
            Kind::Look => 6,
        };
        let mut key = [0u8; 32];
        let words = [self.seed, self.replication, kind, part as u64];
        for (place, word) in key.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(index);
        Stream(stream)
    }
}

impl Stream {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number above 0 and below 1: its logarithm is finite.
    pub fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// An exponential of mean 1.
    pub fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }

    /// A standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A gamma of this shape and scale 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = self.unit().powf(1.0 / shape);
            return boost * self.gamma(shape + 1.0);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.unit().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_found_by_what_it_belongs_to_and_not_by_order() {
        let streams = Streams::new(7, 3);
        let bits = |kind, part, index| streams.stream(kind, part, index).bits();
        assert_eq!(bits(Kind::Dial, 0, 5), bits(Kind::Dial, 0, 5));
        let all = [
            bits(Kind::Dial, 0, 5),
            bits(Kind::Dial, 0, 6),
            bits(Kind::Dial, 1, 5),
            bits(Kind::Caller, 0, 5),
            Streams::new(7, 4).stream(Kind::Dial, 0, 5).bits(),
            Streams::new(8, 3).stream(Kind::Dial, 0, 5).bits(),
        ];
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
