//! Chance by seed: the same seed and the same question give the same answer, in whatever order questions are asked.
//!
//! Not a statistics library. A [`Chance`] is one stream of draws, made from a seed and a name; what a customer does
//! depends on the number that is called, not on how many were called before.

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The stream of this seed with this name.
    pub fn of(seed: u64, name: &str) -> Chance {
        let mut state = seed ^ 0xcbf2_9ce4_8422_2325;
        for byte in name.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut chance = Chance { state };
        chance.draw(); // FNV alone leaves names that differ in the last letter close together
        chance
    }

    /// Sixty-four bits (SplitMix64, public domain).
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From 0 to below `below`; 0 if that is 0.
    pub fn below(&mut self, below: usize) -> usize {
        ((self.unit() * below as f64) as usize).min(below.saturating_sub(1))
    }

    /// True with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Between two values.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Lognormal with this mean and coefficient of variation.
    pub fn lognormal(&mut self, mean: f64, cv: f64) -> f64 {
        let variance = (1.0 + cv * cv).ln();
        let normal = (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        (mean.ln() - variance / 2.0 + variance.sqrt() * normal).exp()
    }

    /// One of these.
    ///
    /// # Panics
    /// There is nothing to pick from.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        assert!(!from.is_empty(), "nothing to pick from");
        &from[self.below(from.len())]
    }

    /// The index of one of these weights, which need not add up to 1; `None` if all are zero.
    pub fn weighted(&mut self, weights: &[f64]) -> Option<usize> {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            if *weight > 0.0 && left < *weight {
                return Some(index);
            }
            left -= weight;
        }
        weights.iter().rposition(|weight| *weight > 0.0)
    }
}

/// A seed of the operating system's own chance.
pub fn fresh_seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 1, // without a source of chance every run is the same run, which is no harm here
    }
}

/// A password of twenty letters and digits that cannot be misread.
///
/// # Errors
/// The operating system has no chance to give.
pub fn password() -> Result<String, getrandom::Error> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_name_and_nothing_else() {
        let draws = |seed, name: &str| {
            let mut chance = Chance::of(seed, name);
            [chance.draw(), chance.draw(), chance.draw()]
        };
        assert_eq!(draws(7, "+447700900001"), draws(7, "+447700900001"));
        assert_ne!(draws(7, "+447700900001"), draws(7, "+447700900002"));
        assert_ne!(draws(7, "+447700900001"), draws(8, "+447700900001"));
    }

    #[test]
    fn distributions_have_the_means_they_are_asked_for() {
        let mut chance = Chance::of(1, "means");
        let mean = |draw: &mut dyn FnMut() -> f64| (0..20_000).map(|_| draw()).sum::<f64>() / 20_000.0;
        let exponential = mean(&mut || chance.exponential(40.0));
        assert!((38.0..42.0).contains(&exponential), "{exponential}");
        let lognormal = mean(&mut || chance.lognormal(10.0, 0.4));
        assert!((9.7..10.3).contains(&lognormal), "{lognormal}");
        let ones = mean(&mut || chance.weighted(&[1.0, 0.0, 3.0]).map_or(9.0, |index| index as f64 / 2.0));
        assert!((0.73..0.77).contains(&ones), "{ones}");
    }

    #[test]
    fn passwords_are_long_and_differ() {
        let (one, two) = (password().unwrap(), password().unwrap());
        assert_eq!(one.len(), 20);
        assert_ne!(one, two);
    }
}
