//! Ratio: a fixed number of lines for each idle agent with a slot.

use super::{Figures, Limit, Pacer, affordable, ringing_max_or, within};
use crate::model::campaign::RatioOn;

/// Places `max(0, ⌊lines_per_agent × idle agents with a slot⌋ − pending)` if at least `min_idle_total` agents are idle.
///
/// Within the budget, attempts without an agent held for them never exceed what could still be abandoned: with the budget
/// spent it places no more than progressive dialling would. It gives ringing attempts up only when slots shrink (inbound,
/// pauses, the gate), never because of its own arithmetic; decided on freed agents, it gives none up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Lines per idle agent with a slot.
    pub lines_per_agent: f64,
    /// Idle agents of all groups below which nothing is placed.
    pub min_idle_total: u32,
    /// When it is decided.
    pub on: RatioOn,
    /// Never more ringing than this.
    pub ringing_max: Option<u32>,
    /// The abandon budget limits it.
    pub within_budget: bool,
    /// With nothing on its way it decides whatever `on` says.
    pub restarts: bool,
}

impl Pacer for Ratio {
    fn agents_per_line(&self, budget_spent: bool) -> f64 {
        if self.within_budget && budget_spent { 1.0 } else { 1.0 / self.lines_per_agent.max(1.0) }
    }

    fn place(&self, figures: &Figures) -> u32 {
        // With nothing on its way no agent will ever be freed by it: deciding only on freed agents would stall.
        let decides = match self.on {
            RatioOn::EveryEvent => true,
            RatioOn::AgentFreed => figures.agent_freed || (self.restarts && figures.pending == 0),
        };
        if !decides || figures.idle_total < self.min_idle_total {
            return 0;
        }
        let wanted = self.lines_for(figures.idle_with_slot).saturating_sub(figures.pending_alike);
        within(if self.within_budget { wanted.min(affordable(figures)) } else { wanted }, figures, self.ringing_max)
    }

    fn keep(&self, figures: &Figures) -> u32 {
        match self.on {
            RatioOn::EveryEvent => self.lines_for(figures.slots),
            RatioOn::AgentFreed => u32::MAX,
        }
    }

    fn limit(&self, figures: &Figures) -> Limit {
        let too_few = figures.idle_total < self.min_idle_total;
        ringing_max_or(if too_few { Limit::IdleTotal } else { Limit::Lines }, figures, self.ringing_max)
    }
}

impl Ratio {
    fn lines_for(&self, agents: u32) -> u32 {
        // 1e-9: 1.2 × 5 agents are 6 lines, whatever binary fractions say.
        (self.lines_per_agent * f64::from(agents) + 1e-9).floor().clamp(0.0, f64::from(u32::MAX)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(lines_per_agent: f64, on: RatioOn) -> Ratio {
        Ratio { lines_per_agent, min_idle_total: 0, on, ringing_max: None, within_budget: true, restarts: true }
    }

    fn figures(idle: u32, pending: u32) -> Figures {
        Figures {
            slots: 10,
            idle_with_slot: idle,
            idle_total: idle,
            pending,
            pending_own: pending,
            pending_alike: pending,
            pending_risked: pending,
            abandons_left: 100,
            ..Figures::default()
        }
    }

    #[test]
    fn lines_are_rounded_down_over_all_idle_agents() {
        assert_eq!(ratio(1.5, RatioOn::EveryEvent).place(&figures(3, 0)), 4);
        assert_eq!(ratio(1.5, RatioOn::EveryEvent).place(&figures(3, 3)), 1);
        assert_eq!(ratio(1.2, RatioOn::EveryEvent).place(&figures(5, 0)), 6);
        assert_eq!(ratio(2.0, RatioOn::EveryEvent).place(&figures(0, 0)), 0);
    }

    #[test]
    fn decided_on_freed_agents_it_waits_for_one() {
        let pacer = ratio(2.0, RatioOn::AgentFreed);
        assert_eq!(pacer.place(&figures(2, 1)), 0);
        assert_eq!(pacer.place(&Figures { agent_freed: true, ..figures(2, 1) }), 3);
        assert_eq!(pacer.place(&figures(2, 0)), 4, "with nothing on its way it must not stall");
        assert_eq!(Ratio { restarts: false, ..pacer }.place(&figures(2, 0)), 0, "unless that is what is asked about");
    }

    #[test]
    fn with_the_budget_spent_an_agent_is_held_for_each_dial() {
        let pacer = ratio(3.0, RatioOn::EveryEvent);
        assert_eq!(pacer.place(&Figures { abandons_left: 0, ..figures(2, 1) }), 1);
        assert_eq!(pacer.place(&Figures { abandons_left: 1, ..figures(2, 1) }), 2, "one may be lost, so one is risked");
    }

    #[test]
    fn without_the_budget_it_is_the_bare_rule() {
        let pacer = Ratio { within_budget: false, ..ratio(3.0, RatioOn::EveryEvent) };
        assert_eq!(pacer.place(&Figures { abandons_left: 0, ..figures(2, 1) }), 5);
    }

    #[test]
    fn nothing_is_placed_while_too_few_agents_are_idle_in_all() {
        let pacer = Ratio { min_idle_total: 3, ..ratio(2.0, RatioOn::EveryEvent) };
        assert_eq!(pacer.place(&figures(2, 0)), 0);
        assert_eq!(pacer.place(&figures(3, 0)), 6);
    }
}
