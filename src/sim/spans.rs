//! How long the engine took over its inputs: a histogram, since a mean hides the decision that was slow.

use std::time::Duration;

/// Bounds between classes lie this many to an octave, so that a class is 9 % wide.
const PER_OCTAVE: f64 = 8.0;
/// 2^26 ns are 67 ms; what takes longer is in the last class.
const CLASSES: usize = 26 * PER_OCTAVE as usize;

/// Shows how much time has passed since any fixed moment: the simulator reads no clock of its own.
#[derive(Clone, Copy)]
pub struct Watch<'w>(pub &'w (dyn Fn() -> Duration + Sync));

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// Spans of time, counted in classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans {
    classes: Vec<u64>,
    count: u64,
    sum: Duration,
    longest: Duration,
}

impl Default for Spans {
    fn default() -> Spans {
        Spans { classes: vec![0; CLASSES], count: 0, sum: Duration::ZERO, longest: Duration::ZERO }
    }
}

impl Spans {
    /// One more.
    pub fn note(&mut self, span: Duration) {
        let nanos = (span.as_nanos() as f64).max(1.0);
        let class = ((nanos.log2() * PER_OCTAVE) as usize).min(CLASSES - 1);
        self.classes[class] += 1;
        self.count += 1;
        self.sum += span;
        self.longest = self.longest.max(span);
    }

    /// Takes in others.
    pub fn add(&mut self, others: &Spans) {
        for (class, count) in self.classes.iter_mut().zip(&others.classes) {
            *class += count;
        }
        self.count += others.count;
        self.sum += others.sum;
        self.longest = self.longest.max(others.longest);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 where there are none.
    pub fn mean(&self) -> Duration {
        self.sum.checked_div(u32::try_from(self.count).unwrap_or(u32::MAX)).unwrap_or_default()
    }

    /// What this share of them does not exceed, to the next bound between classes.
    pub fn within(&self, share: f64) -> Duration {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        let class = self.classes.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let bound = ((class.unwrap_or_default() + 1) as f64 / PER_OCTAVE).exp2();
        Duration::from_nanos(bound as u64).min(self.longest)
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_to_the_next_bound_and_never_beyond_the_longest() {
        let mut spans = Spans::default();
        for micros in 1..=100 {
            spans.note(Duration::from_micros(micros));
        }
        assert_eq!(spans.count(), 100);
        assert_eq!(spans.mean(), Duration::from_nanos(50_500));
        assert_eq!(spans.longest(), Duration::from_micros(100));
        let median = spans.within(0.5).as_secs_f64() * 1e6;
        assert!((50.0..55.0).contains(&median), "{median}");
        assert_eq!(spans.within(1.0), Duration::from_micros(100));
        let mut twice = spans.clone();
        twice.add(&spans);
        assert_eq!((twice.count(), twice.mean(), twice.within(0.5)), (200, spans.mean(), spans.within(0.5)));
        assert_eq!(Spans::default().within(0.99), Duration::ZERO);
    }
}
