//! Values that change over the day: counts of agents, rates of callers, probabilities.

/// A value that holds from its time until the next; the first also before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    steps: Vec<(f64, f64)>,
}

impl Profile {
    /// The same value all day.
    pub fn constant(value: f64) -> Profile {
        Profile { steps: vec![(0.0, value)] }
    }

    /// Values by the time from which they hold, in seconds; `None` if there is none or the times do not rise.
    pub fn of(steps: Vec<(f64, f64)>) -> Option<Profile> {
        let rises = steps.windows(2).all(|pair| matches!(pair, [(one, _), (other, _)] if one < other));
        (rises && !steps.is_empty()).then_some(Profile { steps })
    }

    /// The value at a time, in seconds.
    pub fn at(&self, at_s: f64) -> f64 {
        let step = self.steps.iter().rev().find(|(from_s, _)| *from_s <= at_s).or(self.steps.first());
        step.map_or(0.0, |(_, value)| *value)
    }

    /// When it changes, in seconds: not at its first time, before which the same holds.
    pub fn changes(&self) -> impl Iterator<Item = f64> + '_ {
        self.steps.iter().skip(1).map(|(at_s, _)| *at_s)
    }

    /// The largest value.
    pub fn largest(&self) -> f64 {
        self.steps.iter().map(|(_, value)| *value).fold(0.0, f64::max)
    }

    /// When as much as `amount` has come together since `from_s`, with the value as a rate per second; `None` if it
    /// never does.
    pub fn gathered(&self, from_s: f64, amount: f64) -> Option<f64> {
        let (mut at_s, mut left) = (from_s, amount);
        loop {
            let rate = self.at(at_s);
            let next = self.changes().find(|change| *change > at_s);
            let needed = if rate > 0.0 { left / rate } else { f64::INFINITY };
            match next {
                Some(next) if at_s + needed > next => {
                    left -= rate * (next - at_s);
                    at_s = next;
                }
                Some(_) => return Some(at_s + needed),
                None if rate > 0.0 => return Some(at_s + needed),
                None => return None,
            }
        }
    }

    /// The same with every value multiplied.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Profile {
        Profile { steps: self.steps.iter().map(|(at_s, value)| (*at_s, value * factor)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_holds_from_its_time_and_the_first_also_before() {
        let profile = Profile::of(vec![(0.0, 16.0), (7200.0, 18.0)]).unwrap();
        assert_eq!([-3600.0, 0.0, 7199.9, 7200.0, 9e9].map(|at| profile.at(at)), [16.0, 16.0, 16.0, 18.0, 18.0]);
        assert_eq!(profile.changes().collect::<Vec<_>>(), [7200.0]);
        assert_eq!(Profile::of(vec![(1.0, 1.0), (1.0, 2.0)]), None);
    }

    #[test]
    fn a_rate_gathers_over_its_steps() {
        let profile = Profile::of(vec![(0.0, 1.0), (10.0, 0.0), (20.0, 2.0)]).unwrap();
        assert_eq!(profile.gathered(-5.0, 10.0), Some(5.0));
        assert_eq!(profile.gathered(5.0, 5.0), Some(10.0));
        assert_eq!(profile.gathered(5.0, 9.0), Some(22.0));
        assert_eq!(Profile::constant(0.0).gathered(0.0, 1.0), None);
    }
}
