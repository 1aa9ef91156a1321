//! The balance of agents and customers at a moment to come: agents who will be free, less customers and callers who will
//! want one.
//!
//! Sums of independent chances. Up to a centre of some sixty agents their distribution is computed exactly
//! (Poisson-binomial, by convolution); above that its first three moments are enough. Read [`Balance`] first.

/// Up to so many chances the distribution is exact.
const EXACT_MAX: usize = 96;
/// Probabilities below this are not carried on.
const NEGLIGIBLE: f64 = 1e-9;
/// Weights below this are not summed.
const WEIGHT_MIN: f64 = 1e-3;
/// Values of the moments' distribution that are summed, in standard deviations.
const SPREAD: f64 = 5.0;

/// A random whole number: a known part plus agents who may become free, minus customers and callers who may come.
#[derive(Clone, Debug)]
pub enum Balance {
    /// Its distribution.
    Exact {
        /// The smallest value.
        lowest: i64,
        /// Probabilities of it and those that follow.
        chances: Vec<f64>,
    },
    /// Its moments.
    Moments {
        /// Mean.
        mean: f64,
        /// Variance.
        variance: f64,
        /// Third central moment.
        third: f64,
    },
}

/// Chances that differ by a common factor from what they are at a moment, with the sums that moments need.
#[derive(Clone, Debug, Default)]
pub struct Chances {
    each: Vec<f64>,
    /// Sums of their first, second and third powers.
    powers: [f64; 3],
}

impl Chances {
    /// One more.
    pub fn push(&mut self, chance: f64) {
        self.each.push(chance);
        self.powers[0] += chance;
        self.powers[1] += chance * chance;
        self.powers[2] += chance * chance * chance;
    }
}

impl Balance {
    /// A number that is known. `parts` is how many chances will be added about.
    pub fn known(value: i64, parts: usize) -> Balance {
        if parts <= EXACT_MAX {
            Balance::Exact { lowest: value, chances: vec![1.0] }
        } else {
            Balance::Moments { mean: value as f64, variance: 0.0, third: 0.0 }
        }
    }

    /// One more with this chance.
    pub fn gain(&mut self, chance: f64) {
        match self {
            Balance::Exact { chances, .. } => {
                chances.push(0.0);
                for place in (1..chances.len()).rev() {
                    chances[place] = chances[place] * (1.0 - chance) + chances[place - 1] * chance;
                }
                chances[0] *= 1.0 - chance;
            }
            Balance::Moments { mean, variance, third } => {
                *mean += chance;
                *variance += chance * (1.0 - chance);
                *third += chance * (1.0 - chance) * (1.0 - 2.0 * chance);
            }
        }
    }

    /// One more with each of these chances times a factor, none above `most`.
    pub fn gain_each(&mut self, chances: &Chances, factor: f64, most: f64) {
        match self {
            Balance::Exact { .. } => chances.each.iter().for_each(|chance| self.gain((chance * factor).min(most))),
            Balance::Moments { mean, variance, third } => {
                let [first, second, cubes] = chances.powers;
                let (first, second, cubes) = (first * factor, second * factor * factor, cubes * factor.powi(3));
                *mean += first;
                *variance += (first - second).max(0.0);
                *third += first - 3.0 * second + 2.0 * cubes;
            }
        }
    }

    /// One less with this chance.
    pub fn lose(&mut self, chance: f64) {
        self.gain(1.0 - chance);
        self.shift(-1);
    }

    /// So many less, each with this chance.
    pub fn lose_each(&mut self, chance: f64, count: u32) {
        match self {
            Balance::Exact { .. } => (0..count).for_each(|_| self.lose(chance)),
            Balance::Moments { mean, variance, third } => {
                let count = f64::from(count);
                *mean -= chance * count;
                *variance += chance * (1.0 - chance) * count;
                *third -= chance * (1.0 - chance) * (1.0 - 2.0 * chance) * count;
            }
        }
    }

    /// A Poisson number less.
    pub fn lose_poisson(&mut self, expected: f64) {
        match self {
            Balance::Exact { lowest, chances } => {
                // As many terms as matter; what is left is taken for the last of them.
                let mut terms = Vec::new();
                let (mut term, mut left) = ((-expected).exp(), 1.0);
                while left > NEGLIGIBLE && terms.len() < EXACT_MAX {
                    terms.push(term);
                    left -= term;
                    term *= expected / terms.len() as f64;
                }
                let mut sum = vec![0.0; chances.len() + terms.len().saturating_sub(1)];
                for (lost, term) in terms.iter().enumerate() {
                    for (place, chance) in chances.iter().enumerate() {
                        sum[place + terms.len() - 1 - lost] += chance * term;
                    }
                }
                *lowest -= terms.len() as i64 - 1;
                *chances = sum;
            }
            Balance::Moments { mean, variance, third } => {
                *mean -= expected;
                *variance += expected;
                *third -= expected;
            }
        }
    }

    fn shift(&mut self, by: i64) {
        match self {
            Balance::Exact { lowest, .. } => *lowest += by,
            Balance::Moments { mean, .. } => *mean += by as f64,
        }
    }

    /// Chance that it is 0 or less: whoever answers then finds no agent.
    pub fn none_left(&self) -> f64 {
        match self {
            Balance::Exact { lowest, chances } => {
                let up_to = usize::try_from(1 - lowest).unwrap_or(0).min(chances.len());
                chances[..up_to].iter().sum()
            }
            Balance::Moments { .. } => self.at_most(0),
        }
    }

    /// Mean of ρ^(x−1) over the values x of 1 and more: how much whoever takes an agent then takes from callers, where
    /// each further idle agent makes that ρ times as much.
    pub fn taken_from_callers(&self, rho: f64) -> f64 {
        match self {
            Balance::Exact { lowest, chances } => {
                let begin = usize::try_from(1 - lowest).unwrap_or(0);
                let first = (*lowest - 1).max(0);
                let mut weight = rho.powi(i32::try_from(first).unwrap_or(i32::MAX));
                let mut sum = 0.0;
                for chance in chances.iter().skip(begin) {
                    sum += chance * weight;
                    weight *= rho;
                }
                sum
            }
            Balance::Moments { mean, variance, .. } => {
                let far = SPREAD * variance.sqrt();
                let from = (mean - far).floor().max(1.0) as i64;
                let to = ((mean + far).ceil() as i64).min(from + 64);
                let mut sum = 0.0;
                let mut below = self.at_most(from - 1);
                for value in from..=to {
                    let weight = rho.powi(i32::try_from(value - 1).unwrap_or(i32::MAX));
                    if weight < WEIGHT_MIN {
                        break;
                    }
                    let up_to = self.at_most(value);
                    sum += (up_to - below) * weight;
                    below = up_to;
                }
                sum
            }
        }
    }

    /// Chance that it is at most a value; with moments a normal distribution corrected for skewness (Edgeworth).
    fn at_most(&self, value: i64) -> f64 {
        match self {
            Balance::Exact { lowest, chances } => {
                let up_to = usize::try_from(value + 1 - lowest).unwrap_or(0).min(chances.len());
                chances[..up_to].iter().sum()
            }
            Balance::Moments { mean, variance, third } => {
                let deviation = variance.sqrt();
                if deviation < 1e-6 {
                    return f64::from(u8::from(*mean <= value as f64));
                }
                let z = (value as f64 + 0.5 - mean) / deviation;
                let skewness = third / (variance * deviation);
                let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
                (normal(z) - skewness / 6.0 * (z * z - 1.0) * density).clamp(0.0, 1.0)
            }
        }
    }
}

/// The normal distribution function; Abramowitz & Stegun 7.1.26, accurate to 1.5·10⁻⁷.
fn normal(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let erf = 1.0 - series * (-x * x).exp();
    if z >= 0.0 { 0.5 * (1.0 + erf) } else { 0.5 * (1.0 - erf) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(parts: usize) -> Balance {
        let mut balance = Balance::known(2, parts);
        for n in 0..30 {
            balance.gain(0.1 + f64::from(n) * 0.01);
        }
        for n in 0..20 {
            balance.lose(0.2 + f64::from(n) * 0.01);
        }
        balance.lose_each(0.05, 10);
        balance.lose_poisson(1.5);
        balance
    }

    #[test]
    fn the_exact_distribution_sums_to_one_and_its_tail_is_that_of_the_binomial() {
        let Balance::Exact { chances, .. } = filled(0) else { panic!("few parts are exact") };
        assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-8);
        let mut two = Balance::known(0, 0);
        two.gain(0.5);
        two.gain(0.5);
        assert!((two.none_left() - 0.25).abs() < 1e-12);
        two.lose(1.0);
        assert!((two.none_left() - 0.75).abs() < 1e-12);
        two.lose_poisson(0.0);
        assert!((two.none_left() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn callers_lose_less_the_more_agents_are_idle() {
        let three = Balance::known(3, 0);
        assert!((three.taken_from_callers(0.5) - 0.25).abs() < 1e-12);
        let mut two = Balance::known(1, 0);
        two.gain(0.5);
        assert!((two.taken_from_callers(0.5) - (0.5 + 0.25)).abs() < 1e-12);
        assert_eq!(Balance::known(0, 0).taken_from_callers(0.5), 0.0);
    }

    #[test]
    fn moments_say_nearly_what_the_distribution_says() {
        let (exact, moments) = (filled(0), filled(EXACT_MAX + 1));
        assert!(
            (exact.none_left() - moments.none_left()).abs() < 0.003,
            "{} {}",
            exact.none_left(),
            moments.none_left()
        );
        let (one, other) = (exact.taken_from_callers(0.7), moments.taken_from_callers(0.7));
        assert!((one - other).abs() < 0.01, "{one} {other}");
    }
}
