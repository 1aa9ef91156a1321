//! Progressive: an idle agent with a slot is held for every attempt.

use super::{Figures, Limit, Pacer, affordable, ringing_max_or, within};

/// Ringing attempts never exceed the idle agents with a slot, so that whoever answers finds one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progressive {
    /// Never more ringing than this.
    pub ringing_max: Option<u32>,
}

impl Pacer for Progressive {
    fn agents_per_line(&self, _budget_spent: bool) -> f64 {
        1.0
    }

    fn place(&self, figures: &Figures) -> u32 {
        let wanted = figures.idle_with_slot.saturating_sub(figures.pending_alike);
        within(wanted.min(affordable(figures)), figures, self.ringing_max)
    }

    fn keep(&self, figures: &Figures) -> u32 {
        figures.idle_with_slot
    }

    fn limit(&self, figures: &Figures) -> Limit {
        ringing_max_or(Limit::AgentsHeld, figures, self.ringing_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_rings_than_agents_are_idle_with_a_slot() {
        let figures = Figures { slots: 5, idle_with_slot: 3, pending_alike: 1, ..Figures::default() };
        assert_eq!(Progressive::default().place(&figures), 2);
        assert_eq!(Progressive { ringing_max: Some(1) }.place(&Figures { pending_own: 1, ..figures }), 0);
        assert_eq!(Progressive::default().place(&Figures { pending_alike: 4, ..figures }), 0);
    }
}
