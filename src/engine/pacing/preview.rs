//! Preview: every idle agent with a slot is shown a lead, and starts the call.
//!
//! What is placed are offers; how a lead is shown, started and skipped is `dialer::preview`. An attempt that its agent
//! has started is not counted here: it has its agent.

use super::{Figures, Limit, Pacer, affordable};

/// As many leads are shown as agents are idle with a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preview;

impl Pacer for Preview {
    fn agents_per_line(&self, _budget_spent: bool) -> f64 {
        1.0
    }

    fn place(&self, figures: &Figures) -> u32 {
        figures.idle_with_slot.saturating_sub(figures.pending_alike).min(affordable(figures))
    }

    fn keep(&self, figures: &Figures) -> u32 {
        // Only what lost its agent is counted: another idle one takes it, or it is given up.
        figures.idle_with_slot
    }

    fn limit(&self, _figures: &Figures) -> Limit {
        Limit::AgentsHeld
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_is_shown_to_each_idle_agent_with_a_slot_whom_no_line_needs() {
        let figures = Figures { slots: 5, idle_with_slot: 3, pending_alike: 1, ..Figures::default() };
        assert_eq!(Preview.place(&figures), 2);
        assert_eq!(Preview.place(&Figures { pending_alike: 4, ..figures }), 0);
        assert_eq!(Preview.keep(&figures), 3);
    }
}
