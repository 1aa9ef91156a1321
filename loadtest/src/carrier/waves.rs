//! When callers come: light and heavy load in turns.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// How callers come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waves {
    /// Callers an hour in the light part.
    pub light_per_hour: f64,
    /// Callers an hour in the heavy part.
    pub heavy_per_hour: f64,
    /// Length of a light and a heavy part together, in seconds.
    pub period_s: f64,
    /// Share of the period that is heavy.
    pub heavy_share: f64,
    /// Change in turns at once, or as a sine.
    pub shape: Shape,
    /// Mean time a caller waits before giving up, in seconds (exponential).
    pub patience_s: f64,
    /// Mean time a caller talks before wanting to end, in seconds (lognormal, cv 0.7).
    pub talk_s: f64,
    /// Share of callers who were called before and call back the number they saw.
    pub returning: f64,
}

/// How the load changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// At once.
    Square,
    /// As a sine.
    Sine,
}

impl Waves {
    /// Callers an hour at this second of the run. It begins with the light part.
    pub fn rate_per_hour(&self, at_s: f64) -> f64 {
        let phase = (at_s / self.period_s.max(1.0)).fract();
        match self.shape {
            Shape::Square if phase < 1.0 - self.heavy_share => self.light_per_hour,
            Shape::Square => self.heavy_per_hour,
            Shape::Sine => {
                let height = 0.5 - 0.5 * (phase * std::f64::consts::TAU).cos();
                self.light_per_hour + (self.heavy_per_hour - self.light_per_hour) * height
            }
        }
    }

    /// The second at which the next caller comes after this one (a Poisson process, by thinning).
    pub fn next_after(&self, mut at_s: f64, chance: &mut Chance) -> f64 {
        let highest = self.light_per_hour.max(self.heavy_per_hour).max(1e-6);
        loop {
            at_s += chance.exponential(3600.0 / highest);
            if chance.happens(self.rate_per_hour(at_s) / highest) || at_s > 1e9 {
                return at_s;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_come_in_waves() {
        for shape in [Shape::Square, Shape::Sine] {
            let waves = Waves {
                light_per_hour: 100.0,
                heavy_per_hour: 900.0,
                period_s: 120.0,
                heavy_share: 0.5,
                shape,
                patience_s: 40.0,
                talk_s: 30.0,
                returning: 0.0,
            };
            let mut chance = Chance::of(3, "waves");
            let (mut at, mut light, mut heavy) = (0.0, 0, 0);
            while at < 36_000.0 {
                at = waves.next_after(at, &mut chance);
                let phase = (at / 120.0).fract();
                match shape {
                    Shape::Square if phase < 0.5 => light += 1,
                    Shape::Sine if !(0.25..0.75).contains(&phase) => light += 1,
                    Shape::Square | Shape::Sine => heavy += 1,
                }
            }
            assert!((4500..5500).contains(&(light + heavy)), "{light} + {heavy}");
            assert!(heavy > 3 * light, "{light} against {heavy}");
        }
    }
}
