//! Times of which some were only seen in part.
//!
//! A caller who was answered after 12 s would have waited at least so long; a line that was given up after 8 s would have
//! rung at least so long. Such a time is a lower bound. It is completed as Kaplan and Meier's estimate has it (1958), in
//! Efron's form (1967): its weight goes, in equal parts, to all that were seen to last longer, and on from those that were
//! themselves cut off. For dials, whose end can be of several kinds, the same gives Aalen and Johansen's estimate.

use crate::sim::streams::Stream;

/// One time as it was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Seconds.
    pub s: f64,
    /// Seen to its end; else it lasted longer than `s`.
    pub whole: bool,
}

impl Seen {
    /// A time seen to its end, in seconds.
    pub fn whole(s: f64) -> Seen {
        Seen { s, whole: true }
    }

    /// A time of which only so much was seen, in seconds.
    pub fn at_least(s: f64) -> Seen {
        Seen { s, whole: false }
    }
}

/// What was drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn<T> {
    /// The time; where it is not whole, nothing was seen to end later.
    pub seen: Seen,
    /// What it belongs to.
    pub of: T,
}

/// Times of one kind, with what each belongs to.
#[derive(Clone, Debug, Default)]
pub struct Observations<T> {
    /// Ascending; at one time those that ended come before those that were cut off.
    seen: Vec<Drawn<T>>,
}

impl<T: Copy> Observations<T> {
    /// Of these times.
    pub fn of(times: impl IntoIterator<Item = (Seen, T)>) -> Observations<T> {
        let mut seen: Vec<Drawn<T>> = times.into_iter().map(|(seen, of)| Drawn { seen, of }).collect();
        seen.sort_by(|a, b| a.seen.s.total_cmp(&b.seen.s).then(b.seen.whole.cmp(&a.seen.whole)));
        Observations { seen }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Share that lasts longer than `s` seconds (the product-limit estimate).
    pub fn survival(&self, s: f64) -> f64 {
        let count = self.seen.len();
        let ended = self.seen.iter().enumerate().take_while(|(_, drawn)| drawn.seen.s <= s);
        ended.filter(|(_, drawn)| drawn.seen.whole).fold(1.0, |share, (place, _)| {
            let at_risk = (count - place) as f64;
            share * (1.0 - 1.0 / at_risk)
        })
    }

    /// One of them, completed; `None` if there are none.
    pub fn draw(&self, chance: &mut Stream) -> Option<Drawn<T>> {
        let drawn = self.pick(0, chance)?;
        Some(self.completed(drawn, chance))
    }

    /// A time that is known to be longer than `s` seconds; `None` if none was seen to be.
    pub fn beyond(&self, s: f64, chance: &mut Stream) -> Option<Drawn<T>> {
        let drawn = self.pick(self.later_than(s), chance)?;
        Some(self.completed(drawn, chance))
    }

    /// A time whose end was not seen, completed, in seconds. Beyond the last that is known to have ended, it goes on with the
    /// mean hazard of all; `None` if none ever ended.
    pub fn complete(&self, seen: Seen, chance: &mut Stream) -> Option<f64> {
        if seen.whole {
            return Some(seen.s);
        }
        match self.beyond(seen.s, chance).map_or(seen, |drawn| drawn.seen) {
            Seen { s, whole: true } => Some(s),
            Seen { s, whole: false } => {
                let hazard = self.hazard();
                (hazard > 0.0).then(|| s + chance.exponential() / hazard)
            }
        }
    }

    /// Ends for each second that was seen.
    fn hazard(&self) -> f64 {
        let exposure: f64 = self.seen.iter().map(|drawn| drawn.seen.s).sum();
        let ended = self.seen.iter().filter(|drawn| drawn.seen.whole).count();
        if exposure > 0.0 { ended as f64 / exposure } else { 0.0 }
    }

    fn completed(&self, mut drawn: Drawn<T>, chance: &mut Stream) -> Drawn<T> {
        while !drawn.seen.whole {
            match self.pick(self.later_than(drawn.seen.s), chance) {
                Some(later) => drawn = later,
                None => break,
            }
        }
        drawn
    }

    fn later_than(&self, s: f64) -> usize {
        self.seen.partition_point(|drawn| drawn.seen.s <= s)
    }

    /// One of those from a place on, all alike.
    fn pick(&self, from: usize, chance: &mut Stream) -> Option<Drawn<T>> {
        let count = self.seen.len().checked_sub(from).filter(|count| *count > 0)?;
        let step = ((chance.unit() * count as f64) as usize).min(count - 1);
        self.seen.get(from + step).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::streams::{Kind, Streams};

    /// Six callers: two hung up at 3 s and 10 s, one at 6 s; the others were answered at 4 s, 6 s and 12 s.
    fn callers() -> Observations<()> {
        let times = [
            Seen::whole(3.0),
            Seen::at_least(4.0),
            Seen::whole(6.0),
            Seen::at_least(6.0),
            Seen::whole(10.0),
            Seen::at_least(12.0),
        ];
        Observations::of(times.map(|seen| (seen, ())))
    }

    #[test]
    fn patience_is_the_product_limit_estimate() {
        let callers = callers();
        // 5/6, then 3/4 of it (four are left at 6 s), then 1/2 of that (two are left at 10 s).
        let expected = [(2.9, 1.0), (3.0, 5.0 / 6.0), (5.9, 5.0 / 6.0), (6.0, 0.625), (9.9, 0.625), (10.0, 0.3125)];
        for (s, share) in expected {
            assert!((callers.survival(s) - share).abs() < 1e-12, "{s}: {}", callers.survival(s));
        }
        // As if answered calls had been patience seen to its end: the mistake that this is here to avoid.
        let naive = Observations::of([3.0, 4.0, 6.0, 6.0, 10.0, 12.0].map(|s| (Seen::whole(s), ())));
        assert!(naive.survival(6.0) < 0.34);
    }

    #[test]
    fn what_is_drawn_is_distributed_as_the_estimate_says() {
        let callers = callers();
        let streams = Streams::new(1, 0);
        let count = 40_000;
        let drawn: Vec<f64> = (0..count)
            .map(|index| callers.draw(&mut streams.stream(Kind::Caller, 0, index)).unwrap().seen)
            .map(|seen| if seen.whole { seen.s } else { f64::INFINITY })
            .collect();
        for s in [3.0, 6.0, 10.0] {
            let share = drawn.iter().filter(|it| **it > s).count() as f64 / count as f64;
            assert!((share - callers.survival(s)).abs() < 0.01, "{s}: {share}");
        }
    }

    #[test]
    fn a_caller_answered_after_five_seconds_has_more_patience_than_that() {
        let callers = callers();
        let streams = Streams::new(1, 0);
        let count = 20_000;
        let left: Vec<f64> = (0..count)
            .filter_map(|index| callers.complete(Seen::at_least(5.0), &mut streams.stream(Kind::Caller, 0, index)))
            .collect();
        assert_eq!(left.len(), count as usize);
        assert!(left.iter().all(|s| *s > 5.0));
        // S(6) / S(5) = 3/4 outlive 6 s, S(10) / S(5) = 3/8 outlive 10 s.
        for (s, expected) in [(6.0, 0.75), (10.0, 0.375)] {
            let share = left.iter().filter(|it| **it > s).count() as f64 / count as f64;
            assert!((share - expected).abs() < 0.012, "{s}: {share}");
        }
        // Beyond 12 s nothing is known: 3 ends in 41 s give the mean hazard.
        let beyond: Vec<f64> = left.iter().filter(|s| **s > 12.0).map(|s| s - 12.0).collect();
        let mean = beyond.iter().sum::<f64>() / beyond.len() as f64;
        assert!((mean - 41.0 / 3.0).abs() < 0.5, "{mean}");
    }

    #[test]
    fn where_nobody_ever_hung_up_patience_has_no_end() {
        let all_answered = Observations::of([2.0, 7.0].map(|s| (Seen::at_least(s), ())));
        let mut chance = Streams::new(1, 0).stream(Kind::Caller, 0, 0);
        assert_eq!(all_answered.survival(100.0), 1.0);
        assert_eq!(all_answered.complete(Seen::at_least(1.0), &mut chance), None);
        assert_eq!(all_answered.complete(Seen::whole(1.0), &mut chance), Some(1.0));
        assert!(Observations::<()>::of([]).draw(&mut chance).is_none());
    }
}
