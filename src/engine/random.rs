//! The engine's chance: one seeded stream, the same on every machine and in every version.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A seeded stream of chance.
#[derive(Clone, Debug)]
pub struct Chance {
    stream: ChaCha8Rng,
}

impl Chance {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Chance {
        Chance { stream: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// A number from 0 up to, but not including, 1.
    pub fn unit(&mut self) -> f64 {
        /// 53 bits are what a binary fraction holds.
        const SCALE: f64 = 1.0 / (1u64 << 53) as f64;
        (self.bits() >> 11) as f64 * SCALE
    }

    /// One of `0..count`, all equally likely (Lemire's multiplication; its bias is below 2⁻⁵⁰ for any team's size).
    ///
    /// # Panics
    /// If `count` is 0: there is nothing to choose from.
    pub fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "nothing to choose from");
        let wide = u128::from(self.bits()) * count as u128;
        (wide >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_choices_and_all_are_met() {
        let (mut one, mut other) = (Chance::new(7), Chance::new(7));
        let mut met = [0u32; 5];
        for _ in 0..1000 {
            let choice = one.below(5);
            assert_eq!(choice, other.below(5));
            met[choice] += 1;
        }
        assert!(met.iter().all(|&count| count > 150), "{met:?}");
    }
}
