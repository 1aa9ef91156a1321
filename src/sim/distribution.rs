//! Distributions of times and factors.
//!
//! Only what is drawn from; how a file writes them is `scenario::read`. Read [`Distribution`] first.

use std::sync::Arc;

use super::streams::Stream;

/// A distribution of non-negative numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant {
        /// That value.
        value: f64,
    },
    /// All between two values alike.
    Uniform {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// Without memory.
    Exponential {
        /// Its mean.
        mean: f64,
    },
    /// The logarithm is normal.
    LogNormal {
        /// Its mean.
        mean: f64,
        /// Standard deviation over mean.
        cv: f64,
    },
    /// Gamma.
    Gamma {
        /// Its shape: 1 / cv².
        shape: f64,
        /// Its mean.
        mean: f64,
    },
    /// Weibull.
    Weibull {
        /// Its shape.
        shape: f64,
        /// Its mean.
        mean: f64,
    },
    /// The sum of `k` exponentials.
    Erlang {
        /// How many.
        k: u32,
        /// The mean of the sum.
        mean: f64,
    },
    /// One of several exponentials.
    Hyperexponential {
        /// Probability and mean of each; the probabilities sum to 1.
        branches: Vec<(f64, f64)>,
    },
    /// One of measured values, all alike.
    Empirical {
        /// The values.
        values: Arc<[f64]>,
    },
}

impl Distribution {
    /// Never anything but nothing.
    pub const ZERO: Distribution = Distribution::Constant { value: 0.0 };

    /// One value.
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        match self {
            Distribution::Constant { value } => *value,
            Distribution::Uniform { min, max } => min + (max - min) * stream.unit(),
            Distribution::Exponential { mean } => mean * stream.exponential(),
            Distribution::LogNormal { mean, cv } => {
                let variance = (1.0 + cv * cv).ln();
                mean * (variance.sqrt() * stream.normal() - variance / 2.0).exp()
            }
            Distribution::Gamma { shape, mean } => mean / shape * stream.gamma(*shape),
            Distribution::Weibull { shape, mean } => {
                let scale = mean / ln_gamma(1.0 + 1.0 / shape).exp();
                scale * stream.exponential().powf(1.0 / shape)
            }
            Distribution::Erlang { k, mean } => {
                let sum: f64 = (0..*k).map(|_| stream.exponential()).sum();
                mean / f64::from(*k) * sum
            }
            Distribution::Hyperexponential { branches } => {
                let mut left = stream.unit();
                let chosen = branches.iter().find(|(probability, _)| {
                    left -= probability;
                    left < 0.0
                });
                let (_, mean) = chosen.or(branches.last()).copied().unwrap_or_default();
                mean * stream.exponential()
            }
            Distribution::Empirical { values } => {
                let place = (stream.unit() * values.len() as f64) as usize;
                values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
            }
        }
    }

    /// The value, if there is only one.
    pub fn constant(&self) -> Option<f64> {
        match self {
            Distribution::Constant { value } => Some(*value),
            Distribution::Uniform { min, max } if min == max => Some(*min),
            Distribution::Uniform { .. }
            | Distribution::Exponential { .. }
            | Distribution::LogNormal { .. }
            | Distribution::Gamma { .. }
            | Distribution::Weibull { .. }
            | Distribution::Erlang { .. }
            | Distribution::Hyperexponential { .. }
            | Distribution::Empirical { .. } => None,
        }
    }

    /// The largest value, if there is one.
    pub fn largest(&self) -> Option<f64> {
        match self {
            Distribution::Constant { value } => Some(*value),
            Distribution::Uniform { max, .. } => Some(*max),
            Distribution::Empirical { values } => values.iter().copied().reduce(f64::max),
            Distribution::Exponential { .. }
            | Distribution::LogNormal { .. }
            | Distribution::Gamma { .. }
            | Distribution::Weibull { .. }
            | Distribution::Erlang { .. }
            | Distribution::Hyperexponential { .. } => None,
        }
    }
}

/// The logarithm of the gamma function of a positive number (Lanczos, g = 7, nine terms).
pub fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let base = x + 7.5;
    let sum = TERMS.iter().zip(1..).fold(0.999_999_999_999_809_9, |sum, (term, i)| sum + term / (x + f64::from(i)));
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * base.ln() - base + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::super::streams::{Kind, Streams};
    use super::*;

    #[test]
    fn each_distribution_has_the_mean_and_spread_it_says() {
        let cases: Vec<(Distribution, f64, f64)> = vec![
            (Distribution::Constant { value: 3.0 }, 3.0, 0.0),
            (Distribution::Uniform { min: 2.0, max: 4.0 }, 3.0, 1.0 / 3.0),
            (Distribution::Exponential { mean: 3.0 }, 3.0, 9.0),
            (Distribution::LogNormal { mean: 3.0, cv: 0.5 }, 3.0, 2.25),
            (Distribution::Gamma { shape: 0.5, mean: 3.0 }, 3.0, 18.0),
            (Distribution::Gamma { shape: 4.0, mean: 3.0 }, 3.0, 2.25),
            (Distribution::Weibull { shape: 2.0, mean: 3.0 }, 3.0, 9.0 * (4.0 / std::f64::consts::PI - 1.0)),
            (Distribution::Erlang { k: 3, mean: 3.0 }, 3.0, 3.0),
            (Distribution::Hyperexponential { branches: vec![(0.5, 1.0), (0.5, 5.0)] }, 3.0, 17.0),
            (Distribution::Empirical { values: Arc::from([1.0, 2.0, 6.0]) }, 3.0, 14.0 / 3.0),
        ];
        let streams = Streams::new(1, 0);
        for (part, (distribution, mean, variance)) in cases.into_iter().enumerate() {
            let mut stream = streams.stream(Kind::Day, part, 0);
            let count = 40_000;
            let values: Vec<f64> = (0..count).map(|_| distribution.draw(&mut stream)).collect();
            let got = values.iter().sum::<f64>() / f64::from(count);
            let spread = values.iter().map(|value| (value - got).powi(2)).sum::<f64>() / f64::from(count);
            assert!((got - mean).abs() < 0.08, "{distribution:?}: mean {got}");
            assert!((spread - variance).abs() < 0.06 * variance + 1e-9, "{distribution:?}: variance {spread}");
        }
    }

    #[test]
    fn the_gamma_function_is_the_factorial() {
        for (n, factorial) in [(1.0, 1.0), (5.0, 24.0), (10.0, 362_880.0f64), (0.5, std::f64::consts::PI.sqrt())] {
            assert!((ln_gamma(n) - factorial.ln()).abs() < 1e-10, "{n}");
        }
    }
}
