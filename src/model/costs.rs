//! What a campaign costs: unit costs, and what was used.
//!
//! Not the budget, which stops the dialling ([`super::limits`]); where the budget has a price, it is the same one.

use serde::{Deserialize, Serialize};

/// Unit costs, in the campaign's currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Costs {
    /// Of each SMS, which is a part of a long message.
    pub per_sms: f64,
    /// Of each dial.
    pub per_dial: f64,
    /// Of each minute that a customer and an agent talked.
    pub per_talk_minute: f64,
    /// Of each order that left.
    pub per_delivery: f64,
    /// Of the campaign as a whole.
    pub fixed: f64,
}

/// What was used of what has a price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Usage {
    /// SMS that gateways took, or may have taken; each part of a long message is one.
    pub sms: u64,
    /// Dials that left.
    pub dials: u64,
    /// How long customers and agents talked, in ms.
    pub talk_ms: u64,
    /// Orders that left.
    pub deliveries: u64,
}

impl Costs {
    /// Whether nothing has a price.
    pub fn is_empty(&self) -> bool {
        *self == Costs::default()
    }

    /// What was used costs together, without what is fixed.
    pub fn of(&self, used: Usage) -> f64 {
        self.per_sms * used.sms as f64
            + self.per_dial * used.dials as f64
            + self.per_talk_minute * used.talk_ms as f64 / 60_000.0
            + self.per_delivery * used.deliveries as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_costs_each_price_once() {
        let costs = Costs { per_sms: 0.05, per_dial: 0.02, per_talk_minute: 0.3, per_delivery: 8.0, fixed: 100.0 };
        let used = Usage { sms: 1000, dials: 100, talk_ms: 600_000, deliveries: 2 };
        assert!((costs.of(used) - (50.0 + 2.0 + 3.0 + 16.0)).abs() < 1e-9);
        assert!(Costs::default().is_empty() && !costs.is_empty());
        assert!(Costs::default().of(used).abs() < 1e-12);
    }
}
